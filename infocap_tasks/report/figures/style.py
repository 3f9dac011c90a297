"""The look that all figures share, and how they are written: whole or not at all."""

import importlib.util
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from infocap_tasks.errors import InfocapError, missing_package
from infocap_tasks.report.files import whole_file
from infocap_tasks.report.looks import SOFT_INK

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.transforms import BboxBase

# What each format would otherwise say about the time at which it was written.
_UNDATED = {".png": None, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
SUFFIXES = tuple(_UNDATED)

_DOTS_PER_INCH = 150
_CAPTION_POINTS, _CAPTION_CHARACTERS_PER_INCH = 7.5, 17
_GAP_INCHES = 0.06


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


def caption(figure: "Figure", *sentences: str) -> None:
    """Write below the figure what it shows; ``save`` makes room for it."""
    text = " ".join(f"{sentence}." for sentence in sentences if sentence)
    width, height = figure.get_size_inches()
    lines = textwrap.wrap(text, int(width * _CAPTION_CHARACTERS_PER_INCH))
    place = _GAP_INCHES / width, (_drawn(figure).y0 - _GAP_INCHES) / height
    figure.text(*place, "\n".join(lines), fontsize=_CAPTION_POINTS, color=SOFT_INK, va="top")


def entitle(figure: "Figure", title: str) -> None:
    """Write a title above the figure; ``save`` makes room for it."""
    width, height = figure.get_size_inches()
    place = _GAP_INCHES / width, (_drawn(figure).y1 + _GAP_INCHES) / height
    figure.text(*place, title, fontsize=11, va="bottom")


def _drawn(figure: "Figure") -> "BboxBase":
    """The box around all that is drawn, in inches from the lower left of the figure."""
    figure.draw_without_rendering()
    return figure.get_tightbbox()


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
        figure.savefig(
            unfinished,
            format=suffix[1:],
            dpi=_DOTS_PER_INCH,
            metadata=_UNDATED[suffix],
            bbox_inches="tight",  # with the title above and the caption below
        )
