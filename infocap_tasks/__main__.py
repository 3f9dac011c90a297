"""``python -m infocap_tasks``: the ``infocap`` command, for launchers that take a module."""

import sys

from infocap_tasks.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
