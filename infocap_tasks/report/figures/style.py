"""The look that all figures share, and how they are written: whole or not at all."""

import importlib.util
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from infocap_tasks.errors import InfocapError, missing_package
from infocap_tasks.report.files import whole_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# What each format would otherwise say about the time at which it was written.
_UNDATED = {".png": None, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
SUFFIXES = tuple(_UNDATED)

_DOTS_PER_INCH = 150


def is_figure(path: Path) -> bool:
    """Whether the name of a file ends as a figure's does."""
    return path.suffix.lower() in SUFFIXES


def require_matplotlib() -> None:
    """Refuse to draw, before any work, where matplotlib is not installed.

    Raises:
        InfocapError: it is not installed.
    """
    if importlib.util.find_spec("matplotlib") is None:
        raise missing_package("matplotlib", "report", "A figure")


@contextmanager
def drawing() -> Iterator[None]:
    """Give figures that are made inside one look, without touching pyplot's state.

    Raises:
        InfocapError: matplotlib is not installed.
    """
    require_matplotlib()
    import matplotlib

    with matplotlib.rc_context(
        {
            "font.family": "sans-serif",
            "font.sans-serif": ["DejaVu Sans"],  # comes with matplotlib, the same everywhere
            "font.size": 10,
            "axes.titlesize": 11,
            "axes.titlelocation": "left",
            "axes.labelsize": 10,
            "xtick.labelsize": 10,
            "ytick.labelsize": 10,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "svg.hashsalt": "infocap",  # the same file each time
        }
    ):
        yield


def new_figure(width_inches: float, height_inches: float) -> "Figure":
    """An empty figure of this size that draws to memory, without pyplot."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width_inches, height_inches), dpi=_DOTS_PER_INCH, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def readable_on(background: Sequence[float]) -> str:
    """Black or white, whichever stands out more from a colour (red, green, blue from 0 to 1)."""
    red, green, blue = (part**2.2 for part in background[:3])
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return "black" if (luminance + 0.05) ** 2 > 1.05 * 0.05 else "white"


def save(figure: "Figure", path: Path) -> None:
    """Write the figure in the format that the ending of ``path`` names, whole or not at all.

    Raises:
        InfocapError: the ending is unknown, or the file cannot be written.
    """
    if not is_figure(path):
        raise InfocapError(
            f"figure {path}: ends in none of {', '.join(SUFFIXES)}; name it {path.stem}.png"
        )
    suffix = path.suffix.lower()
    with whole_file(path) as unfinished, drawing():
        figure.savefig(unfinished, format=suffix[1:], dpi=_DOTS_PER_INCH, metadata=_UNDATED[suffix])
