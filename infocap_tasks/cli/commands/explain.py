"""``infocap explain``: where the difference of two runs comes from, as a table and a chart."""

import argparse

from infocap_tasks.analysis.compare import explain
from infocap_tasks.cli.commands.compare import add_pair, select_pair, show
from infocap_tasks.cli.output import add_output, draws
from infocap_tasks.report.tables import RENDERERS

_DESCRIPTION = """\
How much of the difference in information capacity between run A and run B comes from the tokenizer
(text size C), from prediction (bits per byte), from cost (FLOPs N), and from the bias b where it
differs. A part is a Shapley value: what changing the factor from B's value to A's adds, averaged
over all orders of changing them; the parts sum to the difference. The same table as
`infocap compare`, also for results without documents, and -o draws it as a waterfall.
"""


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = commands.add_parser(
        "explain",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_pair(parser)
    add_output(parser, list(RENDERERS), chart="draws a waterfall")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Explain, print and draw; the exit status is 1 where a file was left out."""
    a, b, status = select_pair(options)
    comparison = explain(a, b)
    show(options, a, b, comparison)
    if draws(options):
        from infocap_tasks.report.figures.explain import waterfall
        from infocap_tasks.report.figures.style import save

        save(waterfall(a, b, comparison), options.output)
    return status
