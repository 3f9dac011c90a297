"""A waterfall: from one model's information capacity to another's, factor by factor."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from infocap_tasks.analysis.compare import Comparison, Part
from infocap_tasks.report.figures.axes import clean_axes, is_read_off
from infocap_tasks.report.figures.style import caption, drawing, new_figure
from infocap_tasks.report.looks import COLOURS, INK, LINE, SOFT_INK
from infocap_tasks.results.run import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_TOTAL, _UP, _DOWN = SOFT_INK, COLOURS[0], COLOURS[1]
_BAR_WIDTH = 0.6
_READ_OFF = "*"


@drawing()
def waterfall(a: Run, b: Run, comparison: Comparison) -> "Figure":
    """Bars from B's information capacity, through the parts of the difference, to A's."""
    parts = [part for part in comparison.parts if part.a != part.b]
    last = len(parts) + 1
    figure = new_figure(5.5, 3.4)
    axes = figure.add_subplot()
    clean_axes(axes, y="Information capacity (higher is better)")
    axes.bar(0, comparison.capacity_b, color=_TOTAL, width=_BAR_WIDTH)
    level = _draw_parts(axes, parts, comparison.capacity_b)
    _connect(axes, last, level)
    axes.bar(last, comparison.capacity_a, color=_TOTAL, width=_BAR_WIDTH)
    axes.axhline(0, color=LINE, linewidth=0.8)
    labels = [
        _total(b, comparison.capacity_b),
        *(f"{part.source}\n{part.information_capacity:+.4f}" for part in parts),
        _total(a, comparison.capacity_a),
    ]
    axes.set_xticks(range(len(labels)), labels)
    axes.margins(y=0.12)
    caption(figure, *_sentences(a, b))
    return figure


def _total(run: Run, capacity: float) -> str:
    mark = _READ_OFF if is_read_off(run) else ""
    return f"{_two_lines(run.model)}\n{capacity:.4f}{mark}"


def _sentences(a: Run, b: Run) -> list[str]:
    """What the runs share, and what the mark means."""
    biases = " and ".join(f"{run.bias_bits_per_token:g}" for run in (a, b))
    same = a.bias_bits_per_token == b.bias_bits_per_token
    terms = f"{a.corpus}, task {a.task}, regime {a.regime}, L = {a.max_tokens} tokens, b = "
    terms += f"{a.bias_bits_per_token:g} bits per token" if same else f"{biases} bits per token"
    margins = [run.information_capacity_margin or 0.0 for run in (a, b) if is_read_off(run)]
    read_off = f"{_READ_OFF} read off a figure, good to {max(margins):.0e}" if margins else ""
    return [terms, read_off]


def _draw_parts(axes: "Axes", parts: Sequence[Part], level: float) -> float:
    """Draw each part from where the one before ended; the level at the end."""
    for index, part in enumerate(parts, start=1):
        step = part.information_capacity
        colour = _UP if step >= 0 else _DOWN
        axes.bar(index, step, bottom=level, color=colour, width=_BAR_WIDTH)
        _connect(axes, index, level)
        level += step
        if part.interval:
            below, above = step - part.interval.low, part.interval.high - step
            errors = [[max(below, 0.0)], [max(above, 0.0)]]
            axes.errorbar(index, level, yerr=errors, color=INK, linewidth=0.8, capsize=2)
    return level


def _connect(axes: "Axes", index: int, level: float) -> None:
    """A line at this height from the bar before to this one."""
    half = _BAR_WIDTH / 2
    axes.plot([index - 1 - half, index + half], [level, level], color=_TOTAL, linewidth=0.6)


def _two_lines(label: str) -> str:
    """A long name broken at the hyphen nearest to its middle."""
    hyphens = [index for index, letter in enumerate(label) if letter == "-"]
    if len(label) <= 14 or not hyphens:
        return label
    at = min(hyphens, key=lambda index: abs(index - len(label) / 2))
    return f"{label[: at + 1]}\n{label[at + 1 :]}"
