"""What all figures share: size, type, colours, and files that are whole or absent."""

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infocap_tasks.errors import InfocapError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Told apart with every kind of colour blindness and legible on white: Okabe and Ito's colours, the
# light ones darkened, the yellow left out.
PALETTE = ["#0072b2", "#d55e00", "#009e73", "#b3588f", "#946c00", "#3a9bdc", "#5c5c5c"]

FORMATS = ("png", "svg", "pdf")


def new_figure(width_inches: float, height_inches: float) -> "Figure":
    """An empty figure of this size, without pyplot and its global state."""
    figure_class = _figure_class()
    return figure_class(figsize=(width_inches, height_inches), dpi=200, layout="constrained")


def clean_axes(axes: "Axes") -> None:
    """Two spines, a faint grid behind the data, small ticks."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#888888")
    axes.grid(color="#e4e4e4", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=8, color="#888888", length=3)
    axes.xaxis.label.set_fontsize(9)
    axes.yaxis.label.set_fontsize(9)


def save(figure: "Figure", path: Path) -> None:
    """Write the figure in the format that the file's name ends in, whole or not at all.

    Raises:
        InfocapError: the name ends in no format that is known, or the file cannot be written.
    """
    image_format = path.suffix.lower().removeprefix(".")
    if image_format not in FORMATS:
        raise InfocapError(f"{path}: figures are written as .png, .svg or .pdf; choose one of them")
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=path.suffix)
        os.close(handle)
    except OSError as error:
        raise InfocapError(f"{path}: cannot be written ({error.strerror}); choose -o") from error
    try:
        figure.savefig(temporary, format=image_format, metadata=_undated(image_format))
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    finally:
        Path(temporary).unlink(missing_ok=True)


def _undated(image_format: str) -> dict[str, Any]:
    """Metadata without the time, so that the same table gives the same file."""
    return {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(image_format, {})


def _figure_class() -> "type[Figure]":
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise InfocapError(
            'figures need matplotlib, which is not installed; pip install "infocap-tasks[report]"'
        ) from error
    return Figure
