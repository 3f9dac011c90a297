"""Figures by name: from runs to a figure, and a sentence on what it leaves out.

All of them take comparable runs, except ``flops``, which shows each model by itself.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from infocap_tasks.analysis.correlate import scores_by_benchmark
from infocap_tasks.analysis.leaderboard import Board, boards
from infocap_tasks.report.figures import frontier, series
from infocap_tasks.report.figures.benchmarks import benchmarks_figure
from infocap_tasks.report.figures.capacity import capacity_figure
from infocap_tasks.report.figures.flops import Counted, flops_figure
from infocap_tasks.results.provenance import provenance_of
from infocap_tasks.results.read import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Plot(NamedTuple):
    """A figure, and a sentence on what it leaves out, empty if nothing."""

    figure: "Figure"
    left_out: str = ""


def _capacity(runs: Sequence[Run]) -> Plot:
    return Plot(capacity_figure(_board(runs)))


def _frontier(runs: Sequence[Run]) -> Plot:
    board = _board(runs)
    left_out = _left_out("models whose C and H are not known", frontier.left_out(board))
    return Plot(frontier.frontier_figure(board), left_out)


def _series(runs: Sequence[Run]) -> Plot:
    board = _board(runs)
    return Plot(series.series_figure(board), _left_out("series of one model", series.alone(board)))


def _flops(runs: Sequence[Run]) -> Plot:
    return Plot(
        flops_figure(
            [Counted(r.model, r.flops_per_token, provenance_of(r).flop_breakdown) for r in runs]
        )
    )


def _benchmarks(runs: Sequence[Run]) -> Plot:
    return Plot(benchmarks_figure(runs, scores_by_benchmark(runs)))


FIGURES: Mapping[str, Callable[[Sequence[Run]], Plot]] = {
    "capacity": _capacity,
    "frontier": _frontier,
    "flops": _flops,
    "series": _series,
    "benchmarks": _benchmarks,
}


def _board(runs: Sequence[Run]) -> Board:
    (board,) = boards(runs)
    return board


def _left_out(what: str, names: Sequence[str]) -> str:
    if not names:
        return ""
    shown = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
    return f"left out: {len(names)} {what} ({shown})"
