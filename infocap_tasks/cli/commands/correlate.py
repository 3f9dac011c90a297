"""``infocap correlate``: information capacity beside benchmark scores."""

import argparse

from infocap_tasks.analysis.correlate import (
    LEAST_DEGREES,
    LEAST_MODELS,
    correlate,
    scores_by_benchmark,
)
from infocap_tasks.cli.commands import new_command
from infocap_tasks.cli.options import add_results, comparing, select_runs
from infocap_tasks.cli.output import add_output, deliver, draws
from infocap_tasks.report.correlate import correlation_answer
from infocap_tasks.report.figures import style
from infocap_tasks.report.figures.benchmarks import benchmarks_figure
from infocap_tasks.report.tables import RENDERERS

_DESCRIPTION = f"""\
Correlate information capacity, bits per byte and log2 N with each benchmark whose scores are in the
results, and with the mean of the benchmarks: Pearson's, Spearman's and Kendall's coefficients over
all models, and within series, after subtracting the mean of each series from both sides. The 95 %
intervals are percentiles of a bootstrap over models, which subtracts the means of each sample's
series again. At least {LEAST_MODELS} models are needed, and for an interval within series
{LEAST_DEGREES} more models than series. To score both in one run:
`infocap eval --tasks infocap_local,arc_easy,hellaswag`.
"""


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = new_command(commands, "correlate", _DESCRIPTION, run)
    add_results(parser)
    parser.add_argument(
        "--benchmarks",
        type=lambda text: text.split(","),
        metavar="A,B",
        help=f"only these (default: all that {LEAST_MODELS} models have)",
    )
    add_output(parser, list(RENDERERS), chart="draws the scores over information capacity")


def run(options: argparse.Namespace) -> int:
    """Correlate and print, and draw if asked; the exit status is 1 if a file was left out."""
    selection = select_runs(options)
    group = comparing(selection.runs)
    runs = group.runs
    found = correlate(runs, options.benchmarks)
    if draws(options):
        with style.drawing():
            figure = benchmarks_figure(group, scores_by_benchmark(runs, options.benchmarks))
            style.save(figure, options.output)
    deliver(options, correlation_answer(found).render)
    return selection.status
