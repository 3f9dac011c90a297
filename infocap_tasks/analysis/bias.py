"""The bias b that makes the information capacity of a series the same at all its sizes.

IC = (G + b) / log2 N is constant over the sizes of a series exactly if G = IC log2 N - b, so b is
minus the intercept of the least-squares line of G on log2 N. Series of one corpus share b: pooled,
each series has its own slope, which is its IC, and all have one intercept.

The interval says what other sizes of the same series would have given: Student's t on the residuals
about the line. A line through two models leaves no residual, so there is no such interval. If the
documents of all runs are known, a second interval says what other texts would have given.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from infocap_tasks.analysis.intervals import (
    Array,
    Interval,
    Paired,
    by_documents,
    count_texts,
    estimate,
    margin_factor,
    metric_of,
    text_columns,
)
from infocap_tasks.errors import InfocapError
from infocap_tasks.results.run import Run

POOLED = "all series"


@dataclass(frozen=True)
class Bias:
    """The bias that makes one or more series flat.

    Attributes:
        series: the name of the series, or ``POOLED``.
        num_models: the number of models in the fit.
        bias_bits_per_token: b.
        information_capacity: IC by series: the slopes of the fit.
        relative_range_before: (max - min) / mean of the models' IC with the runs' own b; of several
            series, the mean over them.
        relative_range_after: the same with the b that was fitted.
        interval: of b, over models; None with two models of one series.
        interval_over_documents: of b, over texts; None if the documents are not known.
    """

    series: str
    num_models: int
    bias_bits_per_token: float
    information_capacity: Mapping[str, float]
    relative_range_before: float
    relative_range_after: float
    interval: Interval | None
    interval_over_documents: Interval | None


def by_series(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Runs by series, each from the cheapest model to the most expensive one."""
    groups = defaultdict(list)
    for run in sorted(runs, key=lambda run: run.flops_per_token):
        groups[run.series].append(run)
    return dict(groups)


def fit_biases(runs: Sequence[Run]) -> list[Bias]:
    """The bias of each series of two models or more, then of all of them pooled.

    Raises:
        InfocapError: no series has two models, or those of one all have the same FLOPs per token.
    """
    series = {name: group for name, group in by_series(runs).items() if len(group) > 1}
    if not series:
        raise InfocapError(
            "a bias needs a series of at least two sizes, and no series here has two; give more "
            "results, or name their series with --series FILE.csv"
        )
    fits = [fit_bias({name: group}) for name, group in series.items()]
    return [*fits, fit_bias(series)] if len(series) > 1 else fits


def fit_bias(series: Mapping[str, Sequence[Run]]) -> Bias:
    """One bias for these series, each of two models or more.

    Raises:
        InfocapError: the models of a series all have the same FLOPs per token.
    """
    runs = [run for group in series.values() for run in group]
    names = list(series)
    design = _design(runs, names)
    gains = np.array([run.compression_gain_bits_per_token for run in runs])
    solve: Array = np.linalg.pinv(design).astype(np.float64)
    *slopes, bias = map(float, solve @ gains)
    return Bias(
        series=names[0] if len(names) == 1 else POOLED,
        num_models=len(runs),
        bias_bits_per_token=bias,
        information_capacity=dict(zip(names, slopes, strict=True)),
        relative_range_before=_mean_relative_range(series, None),
        relative_range_after=_mean_relative_range(series, bias),
        interval=_interval_over_models(design, solve, gains),
        interval_over_documents=_interval_over_documents(runs, solve),
    )


def relative_range(runs: Sequence[Run], bias_bits_per_token: float | None = None) -> float:
    """(max - min) / |mean| of the models' IC, with the runs' own b or another."""
    capacities = [
        run.information_capacity
        if bias_bits_per_token is None
        else run.capacity_with(bias_bits_per_token)
        for run in runs
    ]
    return float(np.ptp(capacities) / abs(np.mean(capacities)))


def _mean_relative_range(series: Mapping[str, Sequence[Run]], bias: float | None) -> float:
    return float(np.mean([relative_range(group, bias) for group in series.values()]))


def _design(runs: Sequence[Run], names: Sequence[str]) -> Array:
    """The matrix of G = IC_series log2 N - b: a column for each series, and one of -1 for b."""
    design = np.full((len(runs), len(names) + 1), -1.0)
    for row, run in zip(design, runs, strict=True):
        row[:-1] = [np.log2(run.flops_per_token) if name == run.series else 0.0 for name in names]
    for name in names:
        if len({run.flops_per_token for run in runs if run.series == name}) < 2:
            raise InfocapError(
                f"series {name}: all its models have the same FLOPs per token, so no line can be "
                "fitted; leave it out, or add another size"
            )
    return design


def _interval_over_models(design: Array, solve: Array, gains: Array) -> Interval | None:
    """b +- t * s * |row of the pseudoinverse|, s^2 the residuals' sum of squares over their d.f."""
    degrees = design.shape[0] - design.shape[1]
    if degrees < 1:
        return None
    coefficients = solve @ gains
    residuals = gains - design @ coefficients
    scale = np.sqrt((residuals**2).sum() / degrees)
    margin = margin_factor(degrees) * scale * np.linalg.norm(solve[-1])
    return Interval(float(coefficients[-1] - margin), float(coefficients[-1] + margin))


def _interval_over_documents(runs: Sequence[Run], solve: Array) -> Interval | None:
    """The fit done again without each text; b is linear in the runs' G."""
    if any(count_texts(run) < 2 for run in runs):
        return None
    groups = by_documents(runs)
    order = [index for group in groups for index in group]
    columns = [text_columns([runs[index] for index in group]) for group in groups]
    return estimate(partial(_bias_of_sums, runs, order, solve[-1]), columns).intervals()[0]


def _bias_of_sums(
    runs: Sequence[Run], order: Sequence[int], row: Array, groups: Sequence[Paired]
) -> Array:
    sums = [of_run for group in groups for of_run in group]
    gains = [
        row[index] * metric_of("compression_gain_bits_per_token", of_run, runs[index])
        for index, of_run in zip(order, sums, strict=True)
    ]
    total: Array = np.sum(gains, axis=0)
    return total[:, np.newaxis]
