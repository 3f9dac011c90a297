"""``infocap bias``: the bias at which all sizes of a series have one capacity."""

import argparse

from infocap_tasks.analysis.bias import fit_biases
from infocap_tasks.cli.commands import new_command
from infocap_tasks.cli.options import add_results, comparing, select_runs
from infocap_tasks.cli.output import add_output, count, deliver
from infocap_tasks.report.bias import bias_answer
from infocap_tasks.report.tables import RENDERERS

_DESCRIPTION = """\
Find the bias b at which all sizes of a series have the same information capacity: minus the
intercept of the least-squares line of the compression gain on log2 N. With several series, a last
row pools them: one b for all, and a slope for each series. To score with this b, give
--metadata bias_bits_per_token=B to `infocap eval`.

relative_range is (max - min) / mean of the models' information capacity: before, with the b of the
runs; after, with the b of the series itself; pooled, with the b of all series. The 95 % interval is
over models: it says what other sizes would have given, by Student's t on the residuals. Two models
leave no residual, so they have no interval. --format json adds an interval over texts if the
results hold the documents.
"""


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = new_command(commands, "bias", _DESCRIPTION, run)
    add_results(parser)
    add_output(parser, list(RENDERERS))


def run(options: argparse.Namespace) -> int:
    """Fit and print; the exit status is 1 if a file was left out."""
    selection = select_runs(options)
    runs = comparing(selection.runs).runs
    fits = fit_biases(runs)
    num_models = fits[-1].num_models
    what = count(num_models, "model", len(runs) - num_models)
    deliver(options, bias_answer(runs, fits).render, what)
    return selection.status
