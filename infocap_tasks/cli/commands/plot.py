"""``infocap plot``: figures for papers."""

import argparse
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from infocap_tasks.analysis.correlate import scores_by_benchmark
from infocap_tasks.analysis.leaderboard import Board, board_of
from infocap_tasks.cli.options import add_results, comparing, say, select_runs
from infocap_tasks.cli.output import add_output
from infocap_tasks.report.figures import frontier, series, style
from infocap_tasks.report.figures.benchmarks import benchmarks_figure
from infocap_tasks.report.figures.capacity import capacity_figure
from infocap_tasks.report.figures.flops import Counted, flops_figure
from infocap_tasks.results.run import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DESCRIPTION = """\
  capacity    information capacity over FLOPs per token, a line a series, 95 % intervals
  frontier    bits per byte over FLOPs per byte, and the Pareto frontier
  flops       where each model's FLOPs go, by component
  series      information capacity relative to the mean of its series
  benchmarks  benchmark scores found beside the runs over information capacity
"""


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = commands.add_parser(
        "plot",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("figure", choices=list(FIGURES), metavar="FIGURE", help=", ".join(FIGURES))
    add_results(parser)
    add_output(parser, [], chart="draw it")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Draw and write; the exit status is 1 where a file was left out."""
    selection = select_runs(options)
    with style.drawing():
        style.save(FIGURES[options.figure](selection.runs), options.output)
    return selection.status


def _capacity(runs: Sequence[Run]) -> "Figure":
    return capacity_figure(_board(runs))


def _frontier(runs: Sequence[Run]) -> "Figure":
    board = _board(runs)
    figure = frontier.frontier_figure(board)
    _say_left_out("models whose C and H are not known", frontier.left_out(board))
    return figure


def _series(runs: Sequence[Run]) -> "Figure":
    board = _board(runs)
    figure = series.series_figure(board)
    _say_left_out("series of one model", series.alone(board))
    return figure


def _flops(runs: Sequence[Run]) -> "Figure":
    return flops_figure(
        [Counted(r.model, r.flops_per_token, r.provenance.flop_breakdown) for r in runs]
    )


def _benchmarks(runs: Sequence[Run]) -> "Figure":
    group = comparing(runs)
    return benchmarks_figure(group.runs, scores_by_benchmark(group.runs))


FIGURES: Mapping[str, Callable[[Sequence[Run]], "Figure"]] = {
    "capacity": _capacity,
    "frontier": _frontier,
    "flops": _flops,
    "series": _series,
    "benchmarks": _benchmarks,
}


def _board(runs: Sequence[Run]) -> Board:
    return board_of(comparing(runs))


def _say_left_out(what: str, names: Sequence[str]) -> None:
    if names:
        shown = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
        say(f"left out: {len(names)} {what} ({shown})")
