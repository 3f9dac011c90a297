"""Figures of several tasks: a panel a task, in which a series looks the same, and one legend."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from infocap_tasks.analysis.comparable import Group
from infocap_tasks.analysis.correlate import scores_by_benchmark
from infocap_tasks.analysis.leaderboard import Board, board_of
from infocap_tasks.errors import InfocapError
from infocap_tasks.report.figures.axes import SMALL, WIDTH_INCHES, clean_axes, log_flops
from infocap_tasks.report.figures.benchmarks import draw_scores
from infocap_tasks.report.figures.capacity import draw_line, rows_by_series
from infocap_tasks.report.figures.frontier import draw_points, pareto_frontier, points_of
from infocap_tasks.report.figures.series import draw_relative
from infocap_tasks.report.figures.style import drawing, new_figure
from infocap_tasks.report.looks import LINE, Look, looks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_PANELS = 12

Looks = Mapping[str, Look]


class Panel(NamedTuple):
    """One panel: its title, the series in it, and what draws it."""

    title: str
    series: Sequence[str]
    draw: Callable[["Axes", Looks], None]


@drawing()
def panels_figure(panels: Sequence[Panel]) -> "Figure":
    """The panels in two columns, of more than four in three."""
    columns = 2 if len(panels) <= 4 else 3
    lines = math.ceil(len(panels) / columns)
    figure = new_figure(WIDTH_INCHES, 0.8 + (2.4 if columns == 2 else 1.9) * lines)
    grid = figure.subplots(lines, columns, squeeze=False).ravel()
    look = looks(dict.fromkeys(name for panel in panels for name in panel.series))
    for axes, panel in zip(grid, panels, strict=False):
        panel.draw(axes, look)
        axes.set_title(panel.title, fontsize=SMALL)
    for axes in grid[len(panels) :]:
        axes.set_visible(False)
    _add_legend(figure, look)
    return figure


def _add_legend(figure: "Figure", look: Looks) -> None:
    from matplotlib.lines import Line2D

    marks = [
        Line2D([], [], color=x.colour, marker=x.marker, linestyle="None") for x in look.values()
    ]
    figure.legend(
        marks, look.keys(), loc="outside upper center", ncols=4, frameon=False, fontsize=SMALL
    )


# A decade is divided at these; a narrow panel has room for a few ticks only.
_DIVISIONS = ((1.0,), (1.0, 3.0), (1.0, 2.0, 5.0), (1.0, 1.5, 2.0, 3.0, 5.0, 7.0))
_MOST_TICKS = 3


def _few_ticks(axes: "Axes") -> None:
    """Make x a logarithmic axis of FLOPs with the finest division that fits."""
    from matplotlib.ticker import EngFormatter, FixedLocator

    log_flops(axes)
    low, high = axes.get_xlim()
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)))
    divided = [
        [tick for decade in decades for part in parts if low <= (tick := part * 10**decade) <= high]
        for parts in _DIVISIONS
    ]
    fitting = [found for found in divided if 0 < len(found) <= _MOST_TICKS]
    middle = float(f"{math.sqrt(low * high):.2g}")
    ticks = fitting[-1] if fitting else divided[0][::2] or [middle]
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_major_formatter(EngFormatter(sep=" "))


# ------------------------------------------------------------------ what is in a panel


def capacity_panels(groups: Iterable[Group]) -> list[Panel]:
    """Information capacity over FLOPs per token."""

    def draw(board: Board, axes: "Axes", look: Looks) -> None:
        for name, rows in rows_by_series(board).items():
            draw_line(axes, rows, look[name])
        clean_axes(axes, "FLOPs per token (log)", "Information capacity")
        _few_ticks(axes)

    return [_of_board(board_of(group), draw) for group in groups]


def frontier_panels(groups: Iterable[Group]) -> list[Panel]:
    """Bits per byte over FLOPs per byte, of tasks on which C and H of some model are known."""

    def draw(board: Board, axes: "Axes", look: Looks) -> None:
        points = points_of(board)
        frontier = pareto_frontier(points, lambda point: point[0], lambda point: point[1])
        draw_points(axes, points, frontier, look)
        clean_axes(axes, "FLOPs per byte (log)", "Bits per byte")
        _few_ticks(axes)

    return [_of_board(board, draw) for board in map(board_of, groups) if points_of(board)]


def series_panels(groups: Iterable[Group]) -> list[Panel]:
    """Information capacity relative to the mean of its series, of series of two models or more."""

    def draw(board: Board, axes: "Axes", look: Looks) -> None:
        axes.axhline(0, color=LINE, linewidth=0.8)
        for name, rows in rows_by_series(board).items():
            if len(rows) > 1:
                draw_relative(axes, rows, look[name])
        clean_axes(axes, "FLOPs per token (log)", "IC, % from series’ mean")
        _few_ticks(axes)

    boards = [board_of(group) for group in groups]
    with_lines = [b for b in boards if any(len(rows) > 1 for rows in rows_by_series(b).values())]
    return [_of_board(board, draw) for board in with_lines]


def benchmark_panels(
    groups: Iterable[Group], benchmarks: Sequence[str] | None = None
) -> list[Panel]:
    """Each benchmark over the information capacity on each task that enough models have."""
    panels = []
    for group in groups:
        try:
            scores = scores_by_benchmark(group.runs, benchmarks)
        except InfocapError:
            continue
        panels += [_of_scores(group, name, by_model) for name, by_model in scores.items()]
    return panels


PANELS: Mapping[str, Callable[[Sequence[Group]], list[Panel]]] = {
    "capacity": capacity_panels,
    "frontier": frontier_panels,
    "series": series_panels,
    "benchmarks": benchmark_panels,
}


def _of_board(board: Board, draw: Callable[[Board, "Axes", Looks], None]) -> Panel:
    series = list(rows_by_series(board))
    return Panel(board.shared.task, series, lambda axes, look: draw(board, axes, look))


def _of_scores(group: Group, benchmark: str, scores: Mapping[str, float]) -> Panel:
    runs = [run for run in group.runs if run.model in scores]
    return Panel(
        group.shared.task,
        [run.series for run in runs],
        lambda axes, look: draw_scores(axes, benchmark, runs, scores, look),
    )
