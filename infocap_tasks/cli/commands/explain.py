"""``infocap explain``: where the difference of two runs comes from, as a table and a chart."""

import argparse

from infocap_tasks.analysis.compare import explain
from infocap_tasks.cli.commands import new_command
from infocap_tasks.cli.options import add_pair, select_pair
from infocap_tasks.cli.output import add_output, count, deliver, draw, draws
from infocap_tasks.report.compare import comparison_answer
from infocap_tasks.report.tables import RENDERERS

_DESCRIPTION = """\
Explain how much of the difference in information capacity between run A and run B comes from the
tokenizer (text size C), from prediction (bits per byte), from cost (FLOPs N), and from the bias b
if it differs. A part is a Shapley value: what changing the factor from B's value to A's adds,
averaged over all orders of changing them; the parts sum to the difference. Where C is not known of
a model, as of published ones read off a figure, tokenizer and prediction are one part. The table is
that of `infocap compare`, also for results without documents, and -o draws it as a waterfall.
"""


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = new_command(commands, "explain", _DESCRIPTION, run)
    add_pair(parser)
    add_output(parser, list(RENDERERS), chart="draws a waterfall")


def run(options: argparse.Namespace) -> int:
    """Explain and print, and draw if asked; the exit status is 1 if a file was left out."""
    (a, b), status = select_pair(options)
    comparison = explain(a, b)
    what = count(2, "model")
    deliver(options, comparison_answer(a, b, comparison).render, what)
    if draws(options):
        from infocap_tasks.report.figures.explain import waterfall

        draw(options, waterfall(a, b, comparison), what)
    return status
