"""``infocap correlate``: information capacity beside benchmark scores."""

import argparse
from collections.abc import Sequence

from infocap_tasks.analysis.correlate import (
    LEAST_MODELS,
    Correlation,
    correlate,
    scores_by_benchmark,
)
from infocap_tasks.commands.output import add_output, draws
from infocap_tasks.commands.shared import add_results, comparing, emit, select_runs
from infocap_tasks.figures import style
from infocap_tasks.figures.benchmarks import benchmarks_figure
from infocap_tasks.tables import RENDERERS

_DESCRIPTION = f"""\
Pearson's, Spearman's and Kendall's coefficient of information capacity, bits per byte and log2 N
with each benchmark that stands beside the runs, and with the benchmarks' mean: over all models, and
within series, where each series' mean is taken off both. Intervals (95 %) are percentiles of a
bootstrap over models; {LEAST_MODELS} models at least. Scored in one go by
`infocap eval --tasks infocap_local,arc_easy,hellaswag`.
"""
_FEW = 10


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = commands.add_parser(
        "correlate",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_results(parser)
    parser.add_argument(
        "--benchmarks",
        type=lambda text: text.split(","),
        metavar="A,B",
        help=f"only these (default: all that {LEAST_MODELS} models have)",
    )
    add_output(parser, list(RENDERERS), chart="draws the scores over information capacity")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Correlate and print, or draw; the exit status is 1 where a file was left out."""
    selection = select_runs(options)
    runs = comparing(selection.runs)
    found = correlate(runs, options.benchmarks)
    if draws(options):
        with style.drawing():
            figure = benchmarks_figure(runs, scores_by_benchmark(runs, options.benchmarks))
            style.save(figure, options.output)
    emit(options, [row._asdict() for row in found], _lines(found))
    return selection.status


def _lines(found: Sequence[Correlation]) -> list[str]:
    fewest = min(row.num_models for row in found)
    lines = []
    if fewest < _FEW:
        lines.append(
            f"With {fewest} models these say little: chance alone makes coefficients near 1, and "
            "intervals over so few models are a rough guide."
        )
    if any(row.value is None for row in found):
        lines.append("-: one side does not vary.")
    if not any(row.within_series for row in found):
        lines.append(
            f"Nothing within series: fewer than {LEAST_MODELS} models share theirs with another."
        )
    return lines
