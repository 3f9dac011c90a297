"""Bits and tokens of each language relative to the baseline: a mark and interval for each."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from infocap_tasks.analysis.languages import Languages
from infocap_tasks.report.figures.axes import SMALL, clean_axes
from infocap_tasks.report.figures.style import caption, drawing, new_figure
from infocap_tasks.report.looks import LINE, look

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_NAMES = {
    "nll_bits": "bits",
    "num_tokens": "tokens",
    "bits_per_byte": "bits per byte",
    "tokens_per_byte": "tokens per byte",
}


@drawing()
def ratios(models: Sequence[Languages]) -> "Figure":
    """A panel for each model, a row for each language; the baseline is the line at 1."""
    heights = [len(model.languages) for model in models]
    figure = new_figure(5.5, 0.9 + 0.5 * len(models) + 0.42 * sum(heights))
    panels = figure.subplots(
        len(models), 1, sharex=True, squeeze=False, gridspec_kw={"height_ratios": heights}
    )
    for axes, model in zip(panels[:, 0], models, strict=True):
        _panel(axes, model)
    first, last = panels[0, 0], panels[-1, 0]
    first.legend(fontsize=SMALL, frameon=False, ncols=3, loc="lower left", bbox_to_anchor=(0, 1.12))
    last.set_xlabel(f"relative to {models[0].languages[0].language}, 95 % intervals over passages")
    is_parallel = all(model.is_parallel for model in models)
    caption(
        figure,
        "The same passages in each language" if is_parallel else "Not the same passages",
        "Fewer is better",
        "No b is in them",
    )
    return figure


def _panel(axes: "Axes", model: Languages) -> None:
    clean_axes(axes)
    measures = list(model.variation)
    for index, name in enumerate(measures):
        offset = 0.22 * (index - (len(measures) - 1) / 2)
        found = [language.ratios[name] for language in model.languages]
        values = [estimate.value for estimate in found]
        errors = [
            [max(e.value - e.interval.low, 0.0) for e in found],
            [max(e.interval.high - e.value, 0.0) for e in found],
        ]
        axes.errorbar(
            values, [row + offset for row in range(len(found))], xerr=errors,
            fmt=look(index).marker, color=look(index).colour, markersize=4, linewidth=1, capsize=2,
            label=_NAMES[name],
        )  # fmt: skip
    axes.axvline(1, color=LINE, linewidth=0.8)
    axes.set_yticks(range(len(model.languages)), [x.language for x in model.languages])
    axes.set_ylim(len(model.languages) - 0.5, -0.5)
    axes.set_title(model.model, fontsize=9, loc="left")
