"""The look that all figures share, and how they are written: whole or not at all."""

import importlib.util
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infocap_tasks.errors import InfocapError
from infocap_tasks.report.files import whole_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SUFFIXES = (".png", ".svg", ".pdf")

# Okabe and Ito's colours, told apart with any colour vision.
PALETTE = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#000000", "#F0E442")
# From light to dark in one direction, also in grey.
SEQUENTIAL = "YlOrBr"

_DOTS_PER_INCH = 150


def require(path: Path) -> None:
    """Refuse, before any work, a figure that could not be written in the end.

    Raises:
        InfocapError: the suffix is unknown, the folder is missing, or matplotlib is.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise InfocapError(
            f"figure {path}: its format is told by the suffix, which must be one of "
            f"{', '.join(SUFFIXES)}; name it {path.stem}.png"
        )
    if not path.absolute().parent.is_dir():
        raise InfocapError(f"figure {path}: there is no folder {path.parent}; make it first")
    if importlib.util.find_spec("matplotlib") is None:
        raise InfocapError(
            f"figure {path}: needs matplotlib, which is not installed; "
            'run `pip install "infocap-tasks[report]"`'
        )


@contextmanager
def drawing() -> Iterator[None]:
    """Inside, figures get this look; pyplot's state is never touched."""
    import matplotlib
    from cycler import cycler

    look: Any = {
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
        "axes.prop_cycle": cycler(color=PALETTE),
        "svg.hashsalt": "infocap",  # the same file each time
    }
    with matplotlib.rc_context(look):
        yield


def new_figure(width_inches: float, height_inches: float) -> "Figure":
    """An empty figure of this size that draws to memory, without pyplot.

    Raises:
        InfocapError: matplotlib is not installed.
    """
    if importlib.util.find_spec("matplotlib") is None:
        raise InfocapError(
            "figures need matplotlib, which is not installed; "
            'run `pip install "infocap-tasks[report]"`'
        )
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width_inches, height_inches), dpi=_DOTS_PER_INCH, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def clean_axes(axes: "Axes") -> None:
    """Two spines, a faint grid behind the data, small ticks and names."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#888888")
    axes.grid(axis="y", color="#e6e6e6", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=8, color="#888888", length=3)
    axes.xaxis.label.set_fontsize(9)
    axes.yaxis.label.set_fontsize(9)


def readable_on(background: Sequence[float]) -> str:
    """Black or white, whichever stands out more from a colour (red, green, blue from 0 to 1)."""
    red, green, blue = (part**2.2 for part in background[:3])
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return "black" if (luminance + 0.05) ** 2 > 1.05 * 0.05 else "white"


def save(figure: "Figure", path: Path) -> None:
    """Write the figure in the format that the suffix names, whole or not at all.

    Raises:
        InfocapError: the suffix is unknown, or the file cannot be written.
    """
    require(path)
    kind = path.suffix[1:].lower()
    undated = {"png": None, "svg": {"Date": None}, "pdf": {"CreationDate": None}}[kind]
    with whole_file(path) as unfinished, drawing():
        figure.savefig(unfinished, format=kind, dpi=_DOTS_PER_INCH, metadata=undated)
