"""What the axes of figures share: size, names, spines and the scale of FLOPs."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from infocap_tasks.report.looks import GRID, LINE, Look
from infocap_tasks.results.run import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH_INCHES = 6.5
SMALL = 8  # points


def clean_axes(axes: "Axes", x: str = "", y: str = "") -> None:
    """Name the axes; leave two spines, a faint grid behind the data and small ticks."""
    axes.set_xlabel(x, fontsize=9)
    axes.set_ylabel(y, fontsize=9)
    axes.spines[["left", "bottom"]].set_color(LINE)
    axes.grid(axis="y", color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=SMALL, color=LINE, length=3)


def mark_runs(
    axes: "Axes",
    runs: Sequence[Run],
    xs: Sequence[float],
    ys: Sequence[float],
    look: Look,
    size: float,
) -> None:
    """A mark for each run, hollow where its information capacity was read off a figure."""
    for is_hollow, face in ((False, look.colour), (True, "white")):
        chosen = [i for i, run in enumerate(runs) if is_read_off(run) == is_hollow]
        if not chosen:
            continue
        axes.plot(
            [xs[index] for index in chosen],
            [ys[index] for index in chosen],
            linestyle="None",
            marker=look.marker,
            markersize=size,
            markeredgewidth=0.9,
            color=look.colour,
            markerfacecolor=face,
        )


def is_read_off(run: Run) -> bool:
    """Whether the information capacity of a run was read off a figure."""
    return run.information_capacity_margin is not None


def hollow_remark(runs: Sequence[Run]) -> str:
    """What hollow marks mean, without a full stop; empty if there are none."""
    margins = [run.information_capacity_margin for run in runs if is_read_off(run)]
    return f"Hollow: read off a figure, good to {max(filter(None, margins)):.0e}" if margins else ""


def log_flops(axes: "Axes") -> None:
    """Make x a logarithmic axis of FLOPs, with ticks such as 500 M, 1 G and 2 G.

    Over more than a factor of 300 only powers of ten get a tick.
    """
    from matplotlib.ticker import EngFormatter, LogLocator, NullLocator

    axes.set_xscale("log")
    low, high = axes.get_xlim()
    steps = (1.0, 2.0, 5.0) if high < 300 * low else (1.0,)
    axes.xaxis.set_major_locator(LogLocator(subs=steps))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(EngFormatter(places=0, sep=" "))
