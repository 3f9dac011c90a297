"""Information capacity over FLOPs per token: the paper's figure."""

from collections import defaultdict
from typing import TYPE_CHECKING

from infocap_tasks.analysis.leaderboard import Board, Row
from infocap_tasks.report.figures.axes import (
    WIDTH_INCHES,
    clean_axes,
    hollow_remark,
    log_flops,
    mark_runs,
)
from infocap_tasks.report.figures.labels import Label, place_labels
from infocap_tasks.report.figures.style import caption, drawing, new_figure
from infocap_tasks.report.looks import Look, looks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@drawing()
def capacity_figure(board: Board) -> "Figure":
    """A line for each series with its name at the line's end; 95 % intervals where known."""
    figure = new_figure(WIDTH_INCHES, 4.2)
    axes = figure.add_subplot()
    series = rows_by_series(board)
    look = looks(series)
    for name, rows in series.items():
        draw_line(axes, rows, look[name])
    axes.margins(x=0.1, y=0.06)
    clean_axes(axes, "FLOPs per token (logarithmic)", "Information capacity (higher is better)")
    log_flops(axes)
    place_labels(axes, [_label(name, rows[-1], look[name]) for name, rows in series.items()])
    runs = [row.run for row in board.rows]
    intervals = "Vertical lines: 95 % intervals" if any(row.interval for row in board.rows) else ""
    caption(figure, str(board.shared), intervals, hollow_remark(runs))
    return figure


def rows_by_series(board: Board) -> dict[str, list[Row]]:
    """Rows of each series by rising FLOPs; the series of the best model first."""
    found: dict[str, list[Row]] = defaultdict(list)
    for row in sorted(board.rows, key=lambda row: row.rank):
        found[row.run.series].append(row)
    return {
        name: sorted(rows, key=lambda row: row.run.flops_per_token) for name, rows in found.items()
    }


def draw_line(axes: "Axes", rows: list[Row], look: Look) -> None:
    """A line through the models of a series, with their intervals."""
    x = [row.run.flops_per_token for row in rows]
    y = [row.run.information_capacity for row in rows]
    axes.plot(x, y, linewidth=1.2, color=look.colour)
    mark_runs(axes, [row.run for row in rows], x, y, look, 4.5)
    intervals = [(row.run.flops_per_token, *row.interval) for row in rows if row.interval]
    if intervals:
        x_known, low, high = zip(*intervals, strict=True)
        axes.vlines(x_known, low, high, color=look.colour, linewidth=1)


def _label(series: str, last: Row, look: Look) -> Label:
    return Label(last.run.flops_per_token, last.run.information_capacity, series, look.colour)
