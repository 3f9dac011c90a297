"""The colours and marks of figures and page: one palette, so that a series looks alike in both."""

from collections.abc import Iterable
from typing import NamedTuple

# Any two differ by at least 10 (CIEDE2000) for readers with deuteranopia, protanopia or tritanopia,
# as simulated after Machado et al. (2009), and by 20 for others. Each has a contrast of at least
# 3:1 on white and on the page's dark background. tests/report/test_looks.py checks all of this.
COLOURS = ("#2989f1", "#b44900", "#318c69", "#b46299", "#ab8910", "#6e54c6", "#606f70")

INK, SOFT_INK, LINE, GRID = "#222222", "#555555", "#888888", "#e6e6e6"

# From light to dark in one direction, also in grey: matplotlib's name of a colour map.
SEQUENTIAL = "YlOrBr"

# matplotlib's marks, and the same outlines as SVG paths in a box from -1 to 1.
_MARKS = {
    "o": "M-0.8,0A0.8,0.8,0,1,1,0.8,0A0.8,0.8,0,1,1,-0.8,0Z",
    "s": "M-0.7,-0.7L0.7,-0.7L0.7,0.7L-0.7,0.7Z",
    "^": "M0,-0.95L0.9,0.65L-0.9,0.65Z",
    "D": "M0,-1L0.9,0L0,1L-0.9,0Z",
    "v": "M0,0.95L0.9,-0.65L-0.9,-0.65Z",
    "P": "M-0.3,-0.9L0.3,-0.9L0.3,-0.3L0.9,-0.3L0.9,0.3L0.3,0.3L0.3,0.9L-0.3,0.9L-0.3,0.3L-0.9,0.3"
    "L-0.9,-0.3L-0.3,-0.3Z",
}


class Look(NamedTuple):
    """How a series looks: its colour, and its mark for matplotlib and as an SVG path."""

    colour: str
    marker: str
    path: str


def look(index: int) -> Look:
    """The look of the series with this number.

    Colours and marks are taken in turn. Their numbers have no common divisor, so the first 42
    series all look different.
    """
    marker, path = list(_MARKS.items())[index % len(_MARKS)]
    return Look(COLOURS[index % len(COLOURS)], marker, path)


def looks(series: Iterable[str]) -> dict[str, Look]:
    """Looks by series, in the order in which the series are first named."""
    return {name: look(index) for index, name in enumerate(dict.fromkeys(series))}
