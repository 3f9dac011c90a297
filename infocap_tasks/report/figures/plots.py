"""Figures by name: from runs to a figure, and remarks on what it assumes and leaves out.

All of them take comparable runs, except ``flops``, which shows each model by itself.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from infocap_tasks.analysis.comparable import require_comparable
from infocap_tasks.analysis.correlate import scores_by_benchmark
from infocap_tasks.analysis.leaderboard import Board, board_of
from infocap_tasks.report.figures import frontier, series
from infocap_tasks.report.figures.benchmarks import benchmarks_figure
from infocap_tasks.report.figures.capacity import capacity_figure
from infocap_tasks.report.figures.flops import Counted, flops_figure
from infocap_tasks.report.figures.style import caption
from infocap_tasks.results.run import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Plot(NamedTuple):
    """A figure, and a line for each thing that it assumes or leaves out."""

    figure: "Figure"
    remarks: Sequence[str] = ()


def _capacity(runs: Sequence[Run]) -> Plot:
    board = _board(runs)
    return Plot(capacity_figure(board), board.remarks)


def _frontier(runs: Sequence[Run]) -> Plot:
    board = _board(runs)
    left_out = _left_out("models whose C and H are not known", frontier.left_out(board))
    return Plot(frontier.frontier_figure(board), [*board.remarks, *left_out])


def _series(runs: Sequence[Run]) -> Plot:
    board = _board(runs)
    left_out = _left_out("series of one model", series.alone(board))
    return Plot(series.series_figure(board), [*board.remarks, *left_out])


def _flops(runs: Sequence[Run]) -> Plot:
    # FLOPs are those of each model by itself, whatever it was scored on.
    counted = [Counted(r.model, r.flops_per_token, r.provenance.flop_breakdown) for r in runs]
    figure = flops_figure(counted)
    lengths = ", ".join(f"{length:,}" for length in sorted({run.max_tokens for run in runs}))
    caption(
        figure,
        f"FLOPs to decode a token, mean over the positions 1 to L = {lengths}",
        "No text and no b is in them",
    )
    return Plot(figure)


def _benchmarks(runs: Sequence[Run]) -> Plot:
    group = require_comparable(runs)
    figure = benchmarks_figure(group, scores_by_benchmark(group.runs))
    return Plot(figure, group.remarks)


FIGURES: Mapping[str, Callable[[Sequence[Run]], Plot]] = {
    "capacity": _capacity,
    "frontier": _frontier,
    "flops": _flops,
    "series": _series,
    "benchmarks": _benchmarks,
}


def _board(runs: Sequence[Run]) -> Board:
    return board_of(require_comparable(runs))


def _left_out(what: str, names: Sequence[str]) -> list[str]:
    if not names:
        return []
    shown = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
    return [f"left out: {len(names)} {what} ({shown})"]
