"""How flat each series is: information capacity relative to the mean of its series."""

import math
from typing import TYPE_CHECKING

from infocap_tasks.analysis.leaderboard import Board, Row
from infocap_tasks.errors import InfocapError
from infocap_tasks.report.figures.axes import (
    WIDTH_INCHES,
    clean_axes,
    hollow_remark,
    log_flops,
    mark_runs,
)
from infocap_tasks.report.figures.capacity import rows_by_series
from infocap_tasks.report.figures.style import caption, drawing, new_figure
from infocap_tasks.report.looks import LINE, Look, looks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLUMNS = 3


@drawing()
def series_figure(board: Board) -> "Figure":
    """A panel for each series of two models or more, all on one scale, with its range in %.

    Raises:
        InfocapError: no series has two models.
    """
    every = rows_by_series(board)
    series = {name: rows for name, rows in every.items() if len(rows) > 1}
    if not series:
        raise InfocapError(
            f"{board.shared}: no series has two models; give more results, or say with "
            "--series FILE.csv which models belong together"
        )
    look = looks(every)
    columns = min(_COLUMNS, len(series))
    lines = math.ceil(len(series) / columns)
    figure = new_figure(WIDTH_INCHES, max(2.4, 0.5 + 1.45 * lines))
    panels = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for panel, (name, rows) in zip(panels, series.items(), strict=False):
        _draw(panel, name, rows, look[name])
    for panel in panels[len(series) :]:
        panel.set_visible(False)
        panels[list(panels).index(panel) - columns].tick_params(labelbottom=True)
    figure.supxlabel("FLOPs per token (logarithmic)", fontsize=9)
    figure.supylabel("IC, % from the series’ mean", fontsize=9)
    drawn = [row.run for rows in series.values() for row in rows]
    caption(figure, str(board.shared), "Higher is better", hollow_remark(drawn))
    return figure


def alone(board: Board) -> list[str]:
    """Names of the series of one model, which the figure leaves out."""
    return [name for name, rows in rows_by_series(board).items() if len(rows) < 2]


def _draw(axes: "Axes", name: str, rows: list[Row], look: Look) -> None:
    axes.axhline(0, color=LINE, linewidth=0.8)
    relative = draw_relative(axes, rows, look)
    axes.set_title(f"{name}: range {max(relative) - min(relative):.1f} %", fontsize=8)
    clean_axes(axes)
    log_flops(axes)


def draw_relative(axes: "Axes", rows: list[Row], look: Look) -> list[float]:
    """A line through IC relative to the mean of the series, in %; returns these values."""
    values = [row.run.information_capacity for row in rows]
    mean = sum(values) / len(values)
    relative = [100 * (value / mean - 1) for value in values]
    flops = [row.run.flops_per_token for row in rows]
    axes.plot(flops, relative, linewidth=1.2, color=look.colour)
    mark_runs(axes, [row.run for row in rows], flops, relative, look, 4)
    return relative
