"""Bits per byte over FLOPs per byte, with the Pareto frontier; no bias is in it."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from infocap_tasks.analysis.leaderboard import Board
from infocap_tasks.errors import InfocapError
from infocap_tasks.report.figures.axes import WIDTH_INCHES, clean_axes, log_flops
from infocap_tasks.report.figures.capacity import rows_by_series
from infocap_tasks.report.figures.labels import Label, place_labels
from infocap_tasks.report.figures.style import caption, drawing, new_figure
from infocap_tasks.report.looks import SOFT_INK, Look, looks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Beyond this many models only those on the frontier are named.
_MOST_LABELS = 16

Item = TypeVar("Item")
Point = tuple[float, float, str, str]  # FLOPs per byte, bits per byte, model, series


@drawing()
def frontier_figure(board: Board) -> "Figure":
    """A point for each model with known C and H; dashed steps join those on the frontier.

    Raises:
        InfocapError: C and H of no model are known.
    """
    points = points_of(board)
    if not points:
        raise InfocapError(
            f"{board.shared}: C and H of no model are known, and the frontier needs them; "
            "score models with infocap eval"
        )
    figure = new_figure(WIDTH_INCHES, 4.0)
    axes = figure.add_subplot()
    frontier = pareto_frontier(points, lambda point: point[0], lambda point: point[1])
    look = looks(rows_by_series(board))
    draw_points(axes, points, frontier, look)
    axes.legend(loc="upper right", frameon=False, fontsize=8)
    axes.margins(x=0.15, y=0.12)
    clean_axes(axes, "FLOPs per byte (logarithmic)", "Bits per byte (lower is better)")
    log_flops(axes)
    named = points if len(points) <= _MOST_LABELS else frontier
    place_labels(axes, [Label(x, y, model, look[series].colour) for x, y, model, series in named])
    caption(figure, str(board.shared), "Neither axis holds b", "Lower left is better")
    return figure


def left_out(board: Board) -> list[str]:
    """Names of the models that the figure leaves out, since their C and H are not known."""
    return [row.run.model for row in board.rows if row.run.metric("bits_per_byte") is None]


def points_of(board: Board) -> list[Point]:
    """The models whose C and H are known."""
    found = []
    for row in board.rows:
        flops, bits = row.run.metric("flops_per_byte"), row.run.metric("bits_per_byte")
        if flops is not None and bits is not None:
            found.append((flops, bits, row.run.model, row.run.series))
    return found


def draw_points(
    axes: "Axes", points: list[Point], frontier: list[Point], look: Mapping[str, Look]
) -> None:
    """A mark for each model, and dashed steps through those on the frontier."""
    # A model's loss holds until the cost of the next one on the frontier is reached.
    xs = [point[0] for point in frontier for _ in range(2)][1:]
    ys = [point[1] for point in frontier for _ in range(2)][:-1]
    dashes = (0, (4, 3))
    axes.plot(xs, ys, linestyle=dashes, linewidth=1, color=SOFT_INK, label="Pareto frontier")
    for x, y, _, series in points:
        colour, marker, _ = look[series]
        axes.plot([x], [y], marker=marker, markersize=5.5, color=colour, linestyle="None")


def pareto_frontier(
    items: Sequence[Item], cost: Callable[[Item], float], loss: Callable[[Item], float]
) -> list[Item]:
    """The items whose loss is lower than that of all that cost as much or less, cheapest first."""
    best = float("inf")
    frontier = []
    for item in sorted(items, key=lambda item: (cost(item), loss(item))):
        if loss(item) < best:
            frontier.append(item)
            best = loss(item)
    return frontier
