"""Labels beside points, placed where they cover the least; the same points give the same places."""

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = npt.NDArray[np.float64]

_RADII_POINTS = (6.0, 11.0, 18.0, 27.0, 38.0, 50.0)
_DIRECTIONS = 16
_LEADER_FROM_POINTS = 12.0
_MARGIN_POINTS = 1.5


class Label(NamedTuple):
    """A text that belongs to the point at x and y."""

    x: float
    y: float
    text: str
    colour: str = "#333333"


class _Box(NamedTuple):
    left: float
    bottom: float
    right: float
    top: float


def place_labels(axes: "Axes", labels: Sequence[Label], size: float = 8) -> None:
    """Write each label near its point, clear of points, lines and other labels.

    Labels are placed in their order; each takes, of a fixed list of places around its point, the
    nearest one with the least covered. A label that ends up far away gets a line to its point.
    The figure's layout is settled first and kept.
    """
    figure: Any = axes.figure
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    pixels = figure.dpi / 72
    marks = _marks(axes)
    placed: list[_Box] = []
    for label in labels:
        note = axes.annotate(
            label.text,
            (label.x, label.y),
            xytext=(0, 0),
            textcoords="offset points",
            color=label.colour,
            fontsize=size,
            ha="center",
            va="center",
        )
        extent = note.get_window_extent(figure.canvas.get_renderer())
        note.remove()
        anchor = axes.transData.transform((label.x, label.y))
        offset, box = _best(anchor, extent.width, extent.height, pixels, marks, placed, axes.bbox)
        placed.append(box)
        axes.annotate(
            label.text,
            (label.x, label.y),
            xytext=offset,
            textcoords="offset points",
            color=label.colour,
            fontsize=size,
            ha="center",
            va="center",
            arrowprops=_leader(anchor, box, pixels, label.colour),
        )


def _marks(axes: "Axes") -> Array:
    """Pixels that labels should leave free: points of all lines, and what lies between them."""
    pieces = []
    for line in axes.get_lines():
        points = axes.transData.transform(np.column_stack(line.get_data()).astype(float))
        points = points[np.isfinite(points).all(axis=1)]
        pieces += [points] * 3  # a covered point is worse than a covered line
        if line.get_linestyle() != "None":
            pieces += [np.linspace(a, b, 60) for a, b in pairwise(points)]
    pieces += [axes.transData.transform(np.asarray(c.get_offsets())) for c in axes.collections]
    return np.concatenate([np.empty((0, 2)), *pieces])


def _best(
    anchor: Array,
    width: float,
    height: float,
    pixels: float,
    marks: Array,
    placed: Sequence[_Box],
    frame: Any,
) -> tuple[tuple[float, float], _Box]:
    """Offset in points and box in pixels of the cheapest place."""
    options = []
    for dx, dy in _offsets(width / pixels, height / pixels):
        x, y = anchor[0] + dx * pixels, anchor[1] + dy * pixels
        margin = _MARGIN_POINTS * pixels
        box = _Box(
            x - width / 2 - margin,
            y - height / 2 - margin,
            x + width / 2 + margin,
            y + height / 2 + margin,
        )
        options.append(((dx, dy), box))
    costs = [_cost(box, marks, placed, frame) for _, box in options]
    return options[int(np.argmin(np.array(costs) + np.arange(len(costs)) * 0.1))]


def _offsets(width: float, height: float) -> Iterator[tuple[float, float]]:
    """From the point to the middle of the label, in points; the nearest first, from the right."""
    for radius in _RADII_POINTS:
        for step in range(_DIRECTIONS):
            turn = (step + 1) // 2 * (1 if step % 2 else -1)
            angle = 2 * math.pi * turn / _DIRECTIONS
            dx, dy = math.cos(angle), math.sin(angle)
            yield dx * (radius + width / 2), dy * (radius + height / 2)


def _cost(box: _Box, marks: Array, placed: Sequence[_Box], frame: Any) -> float:
    inside = (
        (marks[:, 0] > box.left)
        & (marks[:, 0] < box.right)
        & (marks[:, 1] > box.bottom)
        & (marks[:, 1] < box.top)
    )
    overlaps = sum(
        box.left < other.right
        and other.left < box.right
        and box.bottom < other.top
        and other.bottom < box.top
        for other in placed
    )
    outside = (
        box.left < frame.x0 or box.right > frame.x1 or box.bottom < frame.y0 or box.top > frame.y1
    )
    return float(inside.sum()) + 100 * overlaps + 1000 * outside


def _leader(anchor: Array, box: _Box, pixels: float, colour: str) -> dict[str, Any] | None:
    """A thin line to the point, where the label is not right beside it."""
    aside = max(box.left - anchor[0], anchor[0] - box.right, 0.0)
    above = max(box.bottom - anchor[1], anchor[1] - box.top, 0.0)
    if math.hypot(aside, above) < _LEADER_FROM_POINTS * pixels:
        return None
    return {
        "arrowstyle": "-",
        "color": colour,
        "linewidth": 0.5,
        "relpos": (0.5, 0.5),
        "shrinkA": 1,
        "shrinkB": 3,
    }
