"""``infocap compare``: which of two models is better, how surely, and why."""

import argparse

from infocap_tasks.analysis.compare import compare
from infocap_tasks.cli.commands import new_command
from infocap_tasks.cli.options import add_pair, select_pair
from infocap_tasks.cli.output import add_output, count, deliver
from infocap_tasks.report.compare import comparison_answer
from infocap_tasks.report.tables import RENDERERS

_DESCRIPTION = """\
Compare run A with run B on the documents that both have, paired by name: the difference of their
information capacities with its 95 % interval, the probability that A is better (1 less the
one-sided p-value of the same t), and what each factor adds to the difference, as in
`infocap explain`. A difference below what the arithmetic of the runs resolves is a tie. Both must
have been scored on the same corpus, with the same L and regime.
"""


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = new_command(commands, "compare", _DESCRIPTION, run)
    add_pair(parser)
    add_output(parser, list(RENDERERS))


def run(options: argparse.Namespace) -> int:
    """Compare and print; the exit status is 1 if a file was left out."""
    (a, b), status = select_pair(options)
    deliver(options, comparison_answer(a, b, compare(a, b)).render, count(2, "model"))
    return status
