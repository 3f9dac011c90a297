"""What people type: the ``infocap`` command."""
