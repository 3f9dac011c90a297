"""The harness's own command line, ``lm_eval run``; its modules are private, and used here only."""

import argparse
import sys
from collections.abc import Sequence
from contextlib import nullcontext

from lm_eval._cli import HarnessCLI

from infocap_tasks.backend.checkpoint import whole_checkpoints
from infocap_tasks.task.results_kept import results_kept


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
    """Run the harness: score, print the table, write the results file.

    Raises:
        InfocapError: results could not be written; asked before the model is scored.
        FaultyFiles: results were not written, or not whole.
    """
    # infocap-hf has it built in, so that it holds in Python and under plain lm_eval too.
    checked = nullcontext() if options.model == "infocap-hf" else whole_checkpoints()
    with (
        checked,
        results_kept(options.model_args, options.model_args.get("cache") or options.use_cache),
    ):
        HarnessCLI().execute(options)
