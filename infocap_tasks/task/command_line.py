"""The harness's own command line, ``lm_eval run``; its modules are private, and used here only."""

import argparse
import sys
from collections.abc import Sequence

from lm_eval._cli import HarnessCLI


def parse(arguments: Sequence[str], program: str) -> argparse.Namespace:
    """The flags of ``lm_eval run``, parsed by the harness.

    Args:
        arguments: the flags.
        program: what messages call the program.

    Raises:
        SystemExit: the harness refused the flags, or printed its help.
    """
    before = sys.argv
    try:
        sys.argv = [program, "run", *arguments]  # the harness's parser reads them nowhere else
        return HarnessCLI().parse_args()
    finally:
        sys.argv = before


def execute(options: argparse.Namespace) -> None:
    """Run the harness: score, print the table, write the results file."""
    HarnessCLI().execute(options)
