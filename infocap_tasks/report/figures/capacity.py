"""Information capacity over FLOPs per token: the paper's figure."""

from collections import defaultdict
from typing import TYPE_CHECKING

from infocap_tasks.analysis.leaderboard import Board, Row
from infocap_tasks.report.figures.axes import WIDTH_INCHES, clean, log_flops, looks
from infocap_tasks.report.figures.labels import Label, place_labels
from infocap_tasks.report.figures.style import new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def capacity_figure(board: Board) -> "Figure":
    """One line a series with its name beside it; 95 % intervals over documents where known."""
    figure = new_figure(WIDTH_INCHES, 4.2)
    axes = figure.add_subplot()
    series = rows_by_series(board)
    look = looks(list(series))
    for name, rows in series.items():
        _draw(axes, rows, *look[name])
    axes.margins(x=0.1, y=0.06)
    clean(axes, "FLOPs per token", "Information capacity")
    log_flops(axes)
    place_labels(
        axes,
        [
            Label(
                rows[-1].run.flops_per_token, rows[-1].run.information_capacity, name, look[name][0]
            )
            for name, rows in series.items()
        ],
    )
    return figure


def rows_by_series(board: Board) -> dict[str, list[Row]]:
    """Rows of each series by rising FLOPs; the series of the best model first."""
    found: dict[str, list[Row]] = defaultdict(list)
    for row in sorted(board.rows, key=lambda row: row.rank):
        found[row.run.series].append(row)
    return {
        name: sorted(rows, key=lambda row: row.run.flops_per_token) for name, rows in found.items()
    }


def _draw(axes: "Axes", rows: list[Row], colour: str, marker: str) -> None:
    x = [row.run.flops_per_token for row in rows]
    y = [row.run.information_capacity for row in rows]
    axes.plot(x, y, marker=marker, markersize=4.5, linewidth=1.2, color=colour)
    known = [row for row in rows if row.interval]
    if known:
        axes.vlines(
            [row.run.flops_per_token for row in known],
            [row.interval.low for row in known if row.interval],
            [row.interval.high for row in known if row.interval],
            color=colour,
            linewidth=1,
        )
