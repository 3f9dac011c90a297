"""``infocap correlate``: information capacity beside benchmark scores."""

import argparse
from collections.abc import Sequence

from infocap_tasks.analysis.correlate import (
    LEAST_DEGREES,
    LEAST_MODELS,
    Correlation,
    correlate,
    scores_by_benchmark,
)
from infocap_tasks.cli.options import add_results, comparing, emit, select_runs
from infocap_tasks.cli.output import add_output, draws
from infocap_tasks.report.figures import style
from infocap_tasks.report.figures.benchmarks import benchmarks_figure
from infocap_tasks.report.tables import RENDERERS

_DESCRIPTION = f"""\
Pearson's, Spearman's and Kendall's coefficient of information capacity, bits per byte and log2 N
with each benchmark that stands beside the runs, and with the benchmarks' mean: over all models, and
within series, where each series' mean is taken off both. Intervals (95 %) are percentiles of a
bootstrap over models, which takes the series' means off each sample anew; {LEAST_MODELS} models at
least, and for an interval within series {LEAST_DEGREES} more models than series. Scored in one go
by `infocap eval --tasks infocap_local,arc_easy,hellaswag`.
"""


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
    rows = [row._asdict() for row in found]
    shown = [{name: row[name] for name in row if name != "note"} for row in rows]
    emit(options, rows, _lines(found), shown=shown)
    return selection.status


def _lines(found: Sequence[Correlation]) -> list[str]:
    notes = dict.fromkeys(note for row in found if row.note for note in row.note.split("; "))
    lines = [f"{note[0].upper()}{note[1:]}." for note in notes]
    if not any(row.within_series for row in found):
        lines.append(
            f"Nothing within series: fewer than {LEAST_MODELS} models share theirs with another."
        )
    return lines
