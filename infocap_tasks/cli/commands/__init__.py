"""The commands of ``infocap``, one module each: ``add`` describes its flags, ``run`` does it."""

import argparse
from collections.abc import Callable


def new_command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    description: str,
    run: Callable[[argparse.Namespace], int | None],
) -> argparse.ArgumentParser:
    """Register a command whose description is printed as it is written.

    Args:
        commands: the commands of ``infocap``.
        name: what is typed.
        description: the text above the flags in its help.
        run: does what was asked for; its result is the exit status, None for 0.
    """
    parser = commands.add_parser(
        name, description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.set_defaults(run=run)
    return parser
