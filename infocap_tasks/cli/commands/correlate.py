"""``infocap correlate``: information capacity beside benchmark scores."""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from infocap_tasks.analysis.comparable import Group
from infocap_tasks.analysis.correlate import (
    LEAST_DEGREES,
    LEAST_MODELS,
    Correlation,
    correlate,
    scores_by_benchmark,
)
from infocap_tasks.cli.commands import new_command
from infocap_tasks.cli.options import add_results, comparing_by_task, select_runs
from infocap_tasks.cli.output import add_output, count, deliver, draw, draws, say
from infocap_tasks.errors import InfocapError
from infocap_tasks.report.by_task import render_by_task
from infocap_tasks.report.correlate import correlation_answer
from infocap_tasks.report.figures.benchmarks import benchmarks_figure
from infocap_tasks.report.figures.panels import MOST_PANELS, benchmark_panels, panels_figure
from infocap_tasks.report.tables import RENDERERS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DESCRIPTION = f"""\
Correlate information capacity, bits per byte and log2 N with each benchmark whose scores are in the
results, and with the mean of the benchmarks: Pearson's, Spearman's and Kendall's coefficients over
all models, and within series, after subtracting the mean of each series from both sides. The 95 %
intervals are percentiles of a bootstrap over models, which subtracts the means of each sample's
series again. At least {LEAST_MODELS} models are needed, and for an interval within series
{LEAST_DEGREES} more models than series. The table is a matrix of benchmarks by quantities, one a
task; with --wide, each coefficient has a row with its interval. To score both in one run:
`infocap eval --tasks infocap_local,arc_easy,hellaswag`.
"""


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = new_command(commands, "correlate", _DESCRIPTION, run)
    add_results(parser)
    parser.add_argument(
        "--benchmarks",
        type=lambda text: text.split(","),
        metavar="A,B",
        help=f"only these (default: all that {LEAST_MODELS} models have)",
    )
    add_output(parser, list(RENDERERS), chart="draws the scores over information capacity")


def run(options: argparse.Namespace) -> int:
    """Correlate and print, and draw if asked; the exit status is 1 if a file was left out."""
    selection = select_runs(options)
    groups = comparing_by_task(selection.runs)
    found = _by_task(groups, options.benchmarks)
    used = [group for group in groups if group.shared.task in found]
    what = _count(used, groups, options.benchmarks)
    if draws(options):
        draw(options, _figure(used, options.benchmarks), what)
    answers = {task: correlation_answer(rows) for task, rows in found.items()}
    deliver(options, lambda name: render_by_task(answers, name), what)
    return selection.status


def _by_task(
    groups: Sequence[Group], benchmarks: Sequence[str] | None
) -> dict[str, list[Correlation]]:
    """The coefficients on each task; one on which nothing can be correlated is said.

    Raises:
        InfocapError: nothing can be correlated on any.
    """
    found, refusals = {}, {}
    for group in groups:
        try:
            found[group.shared.task] = correlate(group.runs, benchmarks)
        except InfocapError as error:
            refusals[group.shared.task] = error
    if not found:
        raise next(iter(refusals.values()))
    for task, refusal in refusals.items():
        say(f"left out {task}: {refusal}")
    return found


def _count(used: Sequence[Group], groups: Sequence[Group], benchmarks: Sequence[str] | None) -> str:
    """How many models have a score that was used, and how many have none."""
    scores = [scores_by_benchmark(group.runs, benchmarks) for group in used]
    scored = {model for of_task in scores for by_model in of_task.values() for model in by_model}
    models = {run.model for group in groups for run in group.runs}
    return count(len(scored), "model", len(models - scored))


def _figure(groups: Sequence[Group], benchmarks: Sequence[str] | None) -> "Figure":
    if len(groups) > 1:
        panels = benchmark_panels(groups, benchmarks)
        if len(panels) > MOST_PANELS:
            say(f"drawn: {MOST_PANELS} of {len(panels)} panels; choose with --task or --benchmarks")
        return panels_figure(panels[:MOST_PANELS])
    (group,) = groups
    return benchmarks_figure(group, scores_by_benchmark(group.runs, benchmarks))
