"""Figures by name: from runs to a figure, and remarks on what it assumes and leaves out.

All of them take comparable runs, except ``flops``, which shows each model by itself. Runs of
several tasks get a panel a task.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from infocap_tasks.analysis.comparable import comparable_by_task, require_comparable
from infocap_tasks.analysis.correlate import scores_by_benchmark
from infocap_tasks.analysis.leaderboard import Board, board_of
from infocap_tasks.report.figures import frontier, series
from infocap_tasks.report.figures.axes import hollow_remark
from infocap_tasks.report.figures.benchmarks import benchmarks_figure
from infocap_tasks.report.figures.capacity import capacity_figure
from infocap_tasks.report.figures.flops import Counted, flops_figure
from infocap_tasks.report.figures.panels import MOST_PANELS, PANELS, panels_figure
from infocap_tasks.report.figures.style import caption
from infocap_tasks.results.run import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Plot(NamedTuple):
    """A figure, a line for each thing that it assumes or leaves out, and the models left out."""

    figure: "Figure"
    remarks: Sequence[str] = ()
    left_out: Sequence[str] = ()


def _capacity(runs: Sequence[Run]) -> Plot:
    board = _board(runs)
    return Plot(capacity_figure(board), board.remarks, _kept_out(board))


def _frontier(runs: Sequence[Run]) -> Plot:
    board = _board(runs)
    unknown = frontier.left_out(board)
    said = _left_out("models whose C and H are not known", unknown)
    left_out = [*unknown, *_kept_out(board)]
    return Plot(frontier.frontier_figure(board), [*board.remarks, *said], left_out)


def _series(runs: Sequence[Run]) -> Plot:
    board = _board(runs)
    alone = series.alone(board)
    left_out = [row.run.model for row in board.rows if row.run.series in alone]
    remarks = [*board.remarks, *_left_out("series of one model", alone)]
    return Plot(series.series_figure(board), remarks, [*left_out, *_kept_out(board)])


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
    scores = scores_by_benchmark(group.runs)
    drawn = {model for by_model in scores.values() for model in by_model}
    left_out = [run.model for run in group.runs if run.model not in drawn]
    return Plot(benchmarks_figure(group, scores), group.remarks, left_out)


FIGURES: Mapping[str, Callable[[Sequence[Run]], Plot]] = {
    "capacity": _capacity,
    "frontier": _frontier,
    "flops": _flops,
    "series": _series,
    "benchmarks": _benchmarks,
}


# What a figure of several panels says below of their axes.
_DIRECTIONS: Mapping[str, Sequence[str]] = {
    "capacity": ["Higher is better"],
    "frontier": ["Neither axis holds b", "Lower left is better"],
    "series": ["Higher is better"],
    "benchmarks": ["Further right is the higher information capacity"],
}


def plot(name: str, runs: Sequence[Run]) -> Plot:
    """The figure of ``FIGURES``; of several tasks, a panel a task.

    Raises:
        InfocapError: there is nothing to draw, or the runs of a task are not comparable.
    """
    if name not in PANELS or len({run.task for run in runs}) < 2:
        return FIGURES[name](runs)
    groups = comparable_by_task(runs)
    panels = PANELS[name](groups)
    if not panels:
        FIGURES[name](groups[0].runs)  # says why of the first task
    drawn = panels[:MOST_PANELS]
    beyond = [panel.title for panel in panels[MOST_PANELS:]]
    titles = {panel.title for panel in panels}
    empty = [group.shared.task for group in groups if group.shared.task not in titles]
    figure = panels_figure(drawn)
    shared = dict.fromkeys(str(group.shared) for group in groups if group.shared.task in titles)
    caption(figure, *shared, *_DIRECTIONS[name], hollow_remark(runs))
    return Plot(
        figure,
        [
            *(f"{group.shared.task}: {line}" for group in groups for line in group.remarks),
            *_left_out(f"panels beyond {MOST_PANELS}", beyond),
            *_left_out("tasks without anything to draw", empty),
        ],
    )


def _board(runs: Sequence[Run]) -> Board:
    return board_of(require_comparable(runs))


def _kept_out(board: Board) -> list[str]:
    return [run.model for run in board.kept_out]


def _left_out(what: str, names: Sequence[str]) -> list[str]:
    if not names:
        return []
    shown = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
    return [f"left out: {len(names)} {what} ({shown})"]
