"""``infocap bias``: the bias that makes series flat."""

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

from infocap_tasks.analysis.bias import POOLED, Bias, by_series, fit_biases, relative_range
from infocap_tasks.cli.options import add_results, comparing, emit, select_runs
from infocap_tasks.cli.output import add_output
from infocap_tasks.report.tables import RENDERERS
from infocap_tasks.results.run import Run

_DESCRIPTION = """\
The bias b at which the information capacity of a series is the same at all its sizes: minus the
intercept of the least-squares line of the compression gain on log2 N. With several series, a last
row pools them: one b, a slope for each series. Give --metadata bias_bits_per_token=B to
`infocap eval` to score with it.

relative_range is (max - min) / mean of the models' information capacity: before, with the b that
the runs have; after, with the series' own b; pooled, with the b of all series. The interval (95 %)
is over models: what other sizes would have given, Student's t on the residuals. Two models leave
no residual and have none. --format json has an interval over texts too, where the results hold the
documents.
"""


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = commands.add_parser(
        "bias",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_results(parser)
    add_output(parser, list(RENDERERS))
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Fit and print; the exit status is 1 where a file was left out."""
    selection = select_runs(options)
    runs = comparing(selection.runs)
    series, fits = by_series(runs), fit_biases(runs)
    lines = _lines(series, fits)
    emit(options, [_row(fit, series, fits) for fit in fits], lines, [_record(fit) for fit in fits])
    return selection.status


def _row(fit: Bias, series: Mapping[str, Sequence[Run]], fits: Sequence[Bias]) -> dict[str, Any]:
    pooled = fits[-1].bias_bits_per_token
    low, high = fit.interval or (None, None)
    row = {
        "series": fit.series,
        "num_models": fit.num_models,
        "bias_bits_per_token": fit.bias_bits_per_token,
        "low": low,
        "high": high,
        "information_capacity": None,
        "relative_range_before": fit.relative_range_before,
        "relative_range_after": fit.relative_range_after,
    }
    if fit.series != POOLED:
        row["information_capacity"] = fit.information_capacity[fit.series]
        row["relative_range_pooled"] = relative_range(series[fit.series], pooled)
    else:
        row["relative_range_pooled"] = fit.relative_range_after
    return row


def _record(fit: Bias) -> dict[str, Any]:
    return {
        "series": fit.series,
        "num_models": fit.num_models,
        "bias_bits_per_token": fit.bias_bits_per_token,
        "information_capacity": dict(fit.information_capacity),
        "relative_range_before": fit.relative_range_before,
        "relative_range_after": fit.relative_range_after,
        "interval": fit.interval,
        "interval_reason": None if fit.interval else "two models leave no residual",
        "interval_over_documents": fit.interval_over_documents,
    }


def _lines(series: Mapping[str, Sequence[Run]], fits: Sequence[Bias]) -> list[str]:
    lines = []
    if any(fit.interval is None for fit in fits):
        lines.append("No interval (-): two models leave no residual.")
    alone = [name for name, runs in series.items() if len(runs) < 2]
    if alone:
        lines.append(f"Left out, with one model each: {', '.join(alone)}.")
    return lines
