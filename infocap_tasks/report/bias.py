"""Fitted biases as a table, and the reasons for what it lacks."""

from collections.abc import Mapping, Sequence
from typing import Any

from infocap_tasks.analysis.bias import POOLED, Bias, by_series, relative_range
from infocap_tasks.report.answer import Answer
from infocap_tasks.results.run import Run


def bias_answer(runs: Sequence[Run], fits: Sequence[Bias]) -> Answer:
    """The answer of ``bias``: what ``analysis.bias.fit_biases`` found for these runs."""
    series = by_series(runs)
    rows = [_row(fit, series, fits[-1].bias_bits_per_token) for fit in fits]
    return Answer(rows, _lines(series, fits), [_record(fit) for fit in fits])


def _row(fit: Bias, series: Mapping[str, Sequence[Run]], pooled_bias: float) -> dict[str, Any]:
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
        row["relative_range_pooled"] = relative_range(series[fit.series], pooled_bias)
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
