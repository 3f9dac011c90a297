"""What the axes of figures share: size, names, spines and the scale of FLOPs."""

from typing import TYPE_CHECKING

from infocap_tasks.report.looks import GRID, LINE

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
