"""Benchmark scores over information capacity: one panel a benchmark, one mark a model."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from infocap_tasks.analysis.comparable import Group
from infocap_tasks.analysis.correlate import pearson
from infocap_tasks.report.figures.axes import (
    SMALL,
    WIDTH_INCHES,
    clean_axes,
    hollow_remark,
    mark_runs,
)
from infocap_tasks.report.figures.labels import Label, place_labels
from infocap_tasks.report.figures.style import caption, drawing, new_figure
from infocap_tasks.report.looks import Look, looks
from infocap_tasks.results.run import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Beyond this many models a panel has no room for their names; the legend still tells the series.
_MOST_LABELS = 10


@drawing()
def benchmarks_figure(group: Group, scores: Mapping[str, Mapping[str, float]]) -> "Figure":
    """A panel for each benchmark with the models that have a score, its r and n.

    Args:
        group: Comparable runs, one for each model.
        scores: By benchmark and model, as ``analysis.correlate.scores_by_benchmark`` gives them.
    """
    runs = group.runs
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
    _add_legend(figure, look)
    for panel, by_model in zip(panels, scores.values(), strict=False):
        if len(by_model) <= _MOST_LABELS:
            _name(panel, [run for run in runs if run.model in by_model], by_model, look)
    caption(
        figure,
        str(group.shared),
        "Higher is better",
        "r is Pearson’s coefficient over n models",
        hollow_remark(runs),
    )
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
        x = [run.information_capacity for run in members]
        mark_runs(axes, members, x, [scores[run.model] for run in members], look[name], 5)
    axes.margins(0.15)
    axes.locator_params(axis="x", nbins=4)  # more numbers of four decimals would collide
    axes.set_title(_coefficient(runs, scores), fontsize=SMALL)
    clean_axes(axes, "Information capacity (higher is better)", f"Score: {benchmark}")


def _coefficient(runs: Sequence[Run], scores: Mapping[str, float]) -> str:
    x = np.array([[run.information_capacity for run in runs]])
    r = float(pearson(x, np.array([[scores[run.model] for run in runs]]))[0])
    return f"r = {r:.2f}, n = {len(runs)}" if np.isfinite(r) else f"r unknown, n = {len(runs)}"


def _add_legend(figure: "Figure", look: Mapping[str, Look]) -> None:
    """One legend for all panels, with each series once."""
    from matplotlib.lines import Line2D

    figure.legend(
        [
            Line2D([], [], color=one.colour, marker=one.marker, markersize=5, linestyle="None")
            for one in look.values()
        ],
        list(look),
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
