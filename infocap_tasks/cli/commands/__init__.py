"""The commands of ``infocap``, one module each: ``add`` describes its flags, ``run`` does it."""
