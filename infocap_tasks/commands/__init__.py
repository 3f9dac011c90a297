"""Sub-commands of ``infocap``, one module each: ``add`` declares it, ``run`` does it."""
