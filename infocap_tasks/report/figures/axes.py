"""Axes and series that look alike in all figures of models, and on the page."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from infocap_tasks.report.figures.style import clean_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# At least 3:1 on white and on the page's dark background; series take colours and marks in turn,
# so that the first 42 all look different.
COLOURS = ("#1f77c9", "#d55e00", "#0a8f6c", "#b8609a", "#a07800", "#7a5fd0", "#737f8c")
MARKERS = ("o", "s", "^", "D", "v", "P")

WIDTH_INCHES = 6.5
SMALL = 8


def look(index: int) -> tuple[str, str]:
    """Colour and marker of the series with this number."""
    return COLOURS[index % len(COLOURS)], MARKERS[index % len(MARKERS)]


def looks(series: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Colour and marker by series, in the order in which they are first named."""
    return {name: look(index) for index, name in enumerate(dict.fromkeys(series))}


def clean(axes: "Axes", x: str, y: str) -> None:
    """Name the axes and take off what is no data."""
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    clean_axes(axes)


def log_flops(axes: "Axes") -> None:
    """A logarithmic axis of FLOPs with ticks at 1, 2 and 5 times powers of ten: 500 M, 1 G."""
    from matplotlib.ticker import EngFormatter, LogLocator, NullLocator

    axes.set_xscale("log")
    low, high = axes.get_xlim()
    steps = (1.0, 2.0, 5.0) if high < 300 * low else (1.0,)
    axes.xaxis.set_major_locator(LogLocator(subs=steps))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(EngFormatter(places=0, sep=" "))
