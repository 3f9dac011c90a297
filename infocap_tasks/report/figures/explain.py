"""A waterfall: from one model's information capacity to another's, factor by factor."""

from typing import TYPE_CHECKING

from infocap_tasks.analysis.compare import Comparison
from infocap_tasks.report.figures.style import PALETTE, clean_axes, new_figure
from infocap_tasks.results.run import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_TOTAL, _UP, _DOWN = PALETTE[6], PALETTE[0], PALETTE[1]


def waterfall(a: Run, b: Run, comparison: Comparison) -> "Figure":
    """Bars from B's information capacity, through the parts of the difference, to A's."""
    parts = [part for part in comparison.parts if part.a != part.b]
    figure = new_figure(5.5, 3.4)
    axes = figure.add_subplot()
    clean_axes(axes)
    level = comparison.capacity_b
    labels = [
        f"{_two_lines(b.model)}\n{level:.4f}",
        *(f"{part.source}\n{part.information_capacity:+.4f}" for part in parts),
        f"{_two_lines(a.model)}\n{comparison.capacity_a:.4f}",
    ]
    axes.bar(0, level, color=_TOTAL, width=0.6)
    for index, part in enumerate(parts, start=1):
        step = part.information_capacity
        axes.bar(index, step, bottom=level, color=_UP if step >= 0 else _DOWN, width=0.6)
        _connect(axes, index, level)
        level += step
        if part.interval:
            below, above = step - part.interval.low, part.interval.high - step
            errors = [[max(below, 0.0)], [max(above, 0.0)]]
            axes.errorbar(index, level, yerr=errors, color="#222222", linewidth=0.8, capsize=2)
    _connect(axes, len(parts) + 1, level)
    axes.bar(len(parts) + 1, comparison.capacity_a, color=_TOTAL, width=0.6)
    axes.axhline(0, color="#888888", linewidth=0.8)
    axes.set_xticks(range(len(labels)), labels)
    axes.set_ylabel("information capacity")
    axes.margins(y=0.12)
    return figure


def _connect(axes: "Axes", index: int, level: float) -> None:
    """A line at this height from the bar before to this one."""
    axes.plot([index - 1.3, index + 0.3], [level, level], color=_TOTAL, linewidth=0.6)


def _two_lines(label: str) -> str:
    """A long name broken at the hyphen nearest to its middle."""
    hyphens = [index for index, letter in enumerate(label) if letter == "-"]
    if len(label) <= 14 or not hyphens:
        return label
    at = min(hyphens, key=lambda index: abs(index - len(label) / 2))
    return f"{label[: at + 1]}\n{label[at + 1 :]}"
