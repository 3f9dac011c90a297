"""Benchmark scores over information capacity: one panel a benchmark, one mark a model."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from infocap_tasks.report.figures.axes import SMALL, WIDTH_INCHES, clean_axes
from infocap_tasks.report.figures.labels import Label, place_labels
from infocap_tasks.report.figures.style import drawing, new_figure
from infocap_tasks.report.looks import Look, looks
from infocap_tasks.results.run import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Beyond this many models a panel has no room for their names; the legend still tells the series.
_MOST_LABELS = 10


@drawing()
def benchmarks_figure(runs: Sequence[Run], scores: Mapping[str, Mapping[str, float]]) -> "Figure":
    """A panel for each benchmark with the models that have a score.

    Args:
        runs: One for each model.
        scores: By benchmark and model, as ``analysis.correlate.scores_by_benchmark`` gives them.
    """
    columns = min(len(scores), 2)
    lines = math.ceil(len(scores) / columns)
    figure = new_figure(WIDTH_INCHES, 0.6 + (3.4 if columns == 1 else 2.6) * lines)
    panels = figure.subplots(lines, columns, squeeze=False).ravel()
    look = looks(run.series for run in runs)
    for panel, (benchmark, by_model) in zip(panels, scores.items(), strict=False):
        draw_scores(
            panel, benchmark, [run for run in runs if run.model in by_model], by_model, look
        )
    for panel in panels[len(scores) :]:
        panel.set_visible(False)
    _add_legend(figure)
    for panel, by_model in zip(panels, scores.values(), strict=False):
        if len(by_model) <= _MOST_LABELS:
            _name(panel, [run for run in runs if run.model in by_model], by_model, look)
    return figure


def draw_scores(
    axes: "Axes",
    benchmark: str,
    runs: Sequence[Run],
    scores: Mapping[str, float],
    look: Mapping[str, Look],
) -> None:
    """A mark for each model."""
    for name in dict.fromkeys(run.series for run in runs):
        members = [run for run in runs if run.series == name]
        axes.plot(
            [run.information_capacity for run in members],
            [scores[run.model] for run in members],
            marker=look[name].marker,
            linestyle="None",
            markersize=5,
            color=look[name].colour,
            label=name,
        )
    axes.margins(0.15)
    clean_axes(axes, "Information capacity", f"Score: {benchmark}")


def _add_legend(figure: "Figure") -> None:
    """One legend for all panels, with each series once."""
    handles = {
        text: handle
        for panel in figure.axes
        for handle, text in zip(*panel.get_legend_handles_labels(), strict=True)
    }
    figure.legend(
        handles.values(),
        handles.keys(),
        loc="outside upper center",
        ncols=4,
        frameon=False,
        fontsize=SMALL,
    )


def _name(
    axes: "Axes",
    runs: Sequence[Run],
    scores: Mapping[str, float],
    look: Mapping[str, Look],
) -> None:
    labels = [
        Label(run.information_capacity, scores[run.model], run.model, look[run.series].colour)
        for run in runs
    ]
    place_labels(axes, labels, size=7)
