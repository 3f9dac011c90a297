"""Labels beside points, clear of points, lines and one another."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from infocap_tasks.report.looks import INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = npt.NDArray[np.float64]


class Label(NamedTuple):
    """A text that belongs to the point at x and y."""

    x: float
    y: float
    text: str
    colour: str = INK


def place_labels(axes: "Axes", labels: Sequence[Label], size: float = 8) -> None:
    """Write each label near its point and join the two with a thin line.

    Labels are placed in their order, each at the nearest free place; the same points always give
    the same places. Call it last: the figure's layout and limits are settled first and kept, since
    what is free depends on them.

    Args:
        axes: The axes with all their points and lines.
        labels: What to write.
        size: Of the letters, in points.
    """
    import textalloc

    figure: Any = axes.figure
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    axes.autoscale(False)
    points = np.concatenate([np.empty((0, 2)), *(line.get_xydata() for line in axes.get_lines())])
    lines = _lines(axes)
    colours = [label.colour for label in labels]
    textalloc.allocate(
        axes,
        [label.x for label in labels],
        [label.y for label in labels],
        [label.text for label in labels],
        x_scatter=points[:, 0],
        y_scatter=points[:, 1],
        x_lines=[line[:, 0] for line in lines],
        y_lines=[line[:, 1] for line in lines],
        textsize=size,
        textcolor=colours,
        linecolor=colours,
        linewidth=0.5,
        va="center",
        max_distance=0.25,
        avoid_label_lines_overlap=True,
    )


def _lines(axes: "Axes") -> list[Array]:
    """Corners of all lines that are drawn: those that join points, and intervals."""
    from matplotlib.collections import LineCollection

    joining = [line for line in axes.get_lines() if line.get_linestyle() != "None"]
    corners = [np.asarray(line.get_xydata()) for line in joining]
    for collection in axes.collections:
        if isinstance(collection, LineCollection):
            corners += collection.get_segments()
    return [line for line in corners if len(line) > 1]
