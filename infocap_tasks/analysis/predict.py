"""The compression gain of one size of a series from another size of it.

Information capacity is the same at all sizes of a series, so G = IC_reference log2 N - b, and
H = C - G, with the C of the size itself if it is known, else that of the reference (a series shares
its tokenizer).

Predictions are compared with two baselines, which use all other sizes: a power law a N^-p, fitted
by least squares in logarithms to H if it is known for all of the series, else to G; and the value
of the size nearest in log N. Relative errors are (predicted - measured) / measured.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from infocap_tasks.analysis.intervals import (
    Array,
    Interval,
    Paired,
    count_texts,
    estimate,
    margin_factor,
    metric_of,
    text_columns,
)
from infocap_tasks.analysis.prediction import Prediction
from infocap_tasks.errors import InfocapError
from infocap_tasks.results.run import Run, gain_of_capacity

OVER_MODELS = "models"
OVER_DOCUMENTS = "documents"

FROM_CAPACITY = "information capacity of one other size"
FROM_POWER_LAW = "power law through all other sizes"
FROM_NEAREST = "same as the nearest size"

ALL_SERIES = "all series"
SHARED_SIZES = "all series, shared sizes"


def predict_others(reference: Run, series: Sequence[Run]) -> list[Prediction]:
    """Every other size of the series from the reference.

    The interval of a size uses the scatter of IC over the remaining sizes alone.
    """
    return [_held_out(reference, target, series) for target in series if target is not reference]


def predict_new(
    reference: Run, series: Sequence[Run], model: str, flops_per_token: float
) -> Prediction:
    """A size that is not run yet, from the reference; all sizes of the series give the scatter.

    Raises:
        InfocapError: N is not a number above 1.
    """
    if not 1 < flops_per_token < math.inf:
        raise InfocapError(
            f"{model}: N must be a finite number above 1; give the FLOPs to decode one token, such "
            "as 6e10"
        )
    return _predict(reference, series, model, flops_per_token, reference.text_size_bits_per_token)


def leave_one_out(series: Sequence[Run]) -> dict[str, list[Prediction]]:
    """Every size predicted from the others alone, by all three methods.

    From information capacity, each size is predicted from each other one. The power law needs two
    others; where there are fewer, its list is empty.

    Raises:
        InfocapError: the series has only one size.
    """
    if len(series) < 2:
        raise InfocapError(
            f"series {series[0].series}: has one size, {series[0].model}, so no prediction can be "
            "compared with a measurement; give results of another size, or ask for a new one with "
            "--target-flops N or --target CONFIG"
        )
    return {
        FROM_CAPACITY: [p for reference in series for p in predict_others(reference, series)],
        FROM_POWER_LAW: power_law(series),
        FROM_NEAREST: nearest(series),
    }


def survey(series: Mapping[str, Sequence[Run]]) -> dict[str, dict[str, list[Prediction]]]:
    """``leave_one_out`` of each series with two sizes or more, then of all series together.

    The last entry, ``SHARED_SIZES``, has only the sizes that every method predicts, so that the
    methods can be compared.

    Raises:
        InfocapError: no series has two sizes.
    """
    found = {name: leave_one_out(runs) for name, runs in series.items() if len(runs) > 1}
    if not found:
        raise InfocapError("no series here has two sizes, so there is nothing to predict from")
    shared = [_of_shared_targets(by_method) for by_method in found.values()]
    return found | {ALL_SERIES: _together(list(found.values())), SHARED_SIZES: _together(shared)}


def _together(series: Sequence[Mapping[str, Sequence[Prediction]]]) -> dict[str, list[Prediction]]:
    return {
        method: [prediction for by_method in series for prediction in by_method[method]]
        for method in series[0]
    }


def _of_shared_targets(
    by_method: Mapping[str, Sequence[Prediction]],
) -> dict[str, list[Prediction]]:
    """The predictions of a series for only the sizes that every method predicts."""
    shared = set.intersection(*({p.model for p in found} for found in by_method.values()))
    return {
        method: [prediction for prediction in found if prediction.model in shared]
        for method, found in by_method.items()
    }


def power_law(series: Sequence[Run]) -> list[Prediction]:
    """Each size from a N^-p through all others; none for a series of fewer than three."""
    of_nll = all(run.nll_bits_per_token is not None for run in series)
    name = "nll_bits_per_token" if of_nll else "compression_gain_bits_per_token"
    predictions = []
    for target, others in _each_left_out(series):
        value = _power_law_at(target, others, name)
        if value is not None:
            gain = (target.text_size_bits_per_token or 0.0) - value if of_nll else value
            predictions.append(_baseline(target, gain))
    return predictions


def nearest(series: Sequence[Run]) -> list[Prediction]:
    """Each size as if it were the one nearest in log N."""
    return [
        _baseline(target, _nearest(target, others).compression_gain_bits_per_token)
        for target, others in _each_left_out(series)
    ]


def _each_left_out(series: Sequence[Run]) -> Iterator[tuple[Run, list[Run]]]:
    for target in series:
        yield target, [run for run in series if run is not target]


def _power_law_at(target: Run, others: Sequence[Run], name: str) -> float | None:
    """None if the others do not determine two parameters, or have values without a logarithm."""
    flops = np.array([run.flops_per_token for run in others])
    values = np.array([getattr(run, name) for run in others])
    if len(set(flops)) < 2 or values.min() <= 0:
        return None
    slope, intercept = np.polyfit(np.log(flops), np.log(values), 1)
    return math.exp(intercept + slope * math.log(target.flops_per_token))


def _nearest(target: Run, others: Sequence[Run]) -> Run:
    return min(others, key=lambda run: abs(math.log(run.flops_per_token / target.flops_per_token)))


def _baseline(target: Run, gain_bits_per_token: float) -> Prediction:
    return Prediction(
        model=target.model,
        reference=None,
        flops_per_token=target.flops_per_token,
        predicted_gain_bits_per_token=gain_bits_per_token,
        predicted_nll_bits_per_token=_less(target.text_size_bits_per_token, gain_bits_per_token),
        gain_bits_per_token=target.compression_gain_bits_per_token,
        nll_bits_per_token=target.nll_bits_per_token,
    )


def _held_out(reference: Run, target: Run, series: Sequence[Run]) -> Prediction:
    text_size = target.text_size_bits_per_token
    if text_size is None:
        text_size = reference.text_size_bits_per_token
    others = [run for run in series if run is not target]
    prediction = _predict(reference, others, target.model, target.flops_per_token, text_size)
    return replace(
        prediction,
        gain_bits_per_token=target.compression_gain_bits_per_token,
        nll_bits_per_token=target.nll_bits_per_token,
    )


def _predict(
    reference: Run,
    known: Sequence[Run],
    model: str,
    flops_per_token: float,
    text_size_bits_per_token: float | None,
) -> Prediction:
    """G = IC_reference log2 N - b; ``known`` are the sizes that the scatter of IC is taken from."""
    gain = gain_of_capacity(
        reference.information_capacity, flops_per_token, reference.bias_bits_per_token
    )
    interval = _interval_over_models(gain, reference, known, flops_per_token)
    over: str | None = OVER_MODELS
    if interval is None:
        interval = _interval_over_documents(reference, flops_per_token)
        over = OVER_DOCUMENTS if interval else None
    return Prediction(
        model=model,
        reference=reference.model,
        flops_per_token=flops_per_token,
        predicted_gain_bits_per_token=gain,
        predicted_nll_bits_per_token=_less(text_size_bits_per_token, gain),
        interval=interval,
        interval_over=over,
    )


def _interval_over_models(
    gain: float, reference: Run, known: Sequence[Run], flops_per_token: float
) -> Interval | None:
    """G +- t * sqrt(2) * s * log2 N, s the standard deviation of IC over the known sizes.

    Both sizes scatter about the series, hence the 2. That the reference is one of the known sizes
    makes it wider than it need be, never narrower.
    """
    degrees = len(known) - 1
    if degrees < 1:
        return None
    capacities = [run.capacity_with(reference.bias_bits_per_token) for run in known]
    scatter = float(np.std(capacities, ddof=1))
    margin = margin_factor(degrees) * math.sqrt(2) * scatter * math.log2(flops_per_token)
    return Interval(gain - margin, gain + margin)


def _interval_over_documents(reference: Run, flops_per_token: float) -> Interval | None:
    if count_texts(reference) < 2:
        return None
    statistic = partial(_gain_of_sums, reference, flops_per_token)
    return estimate(statistic, [text_columns([reference])]).intervals()[0]


def _gain_of_sums(reference: Run, flops_per_token: float, groups: Sequence[Paired]) -> Array:
    capacity = metric_of("information_capacity", groups[0][0], reference)
    gain: Array = capacity * math.log2(flops_per_token) - reference.bias_bits_per_token
    return gain[:, np.newaxis]


def _less(text_size_bits_per_token: float | None, gain_bits_per_token: float) -> float | None:
    """H = C - G; None if C is not known."""
    if text_size_bits_per_token is None:
        return None
    return text_size_bits_per_token - gain_bits_per_token
