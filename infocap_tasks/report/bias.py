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
    return Answer(
        rows,
        _lines(series, fits),
        [_record(fit) for fit in fits],
        [_shown(row) for row in rows],
        [_headline(fits)],
    )


def _headline(fits: Sequence[Bias]) -> str:
    """The b at which the sizes of all these series have the most nearly one IC."""
    fit = fits[-1]
    sizes = (
        f"all sizes of {fit.series}"
        if fit.series != POOLED
        else f"all sizes of each of the {len(fits) - 1} series"
    )
    interval = "" if fit.interval is None else f" [{fit.interval.low:.2f}, {fit.interval.high:.2f}]"
    return (
        f"With b = {fit.bias_bits_per_token:.2f}{interval} bits per token, {sizes} have the same "
        f"IC as nearly as can be: it ranges over {fit.relative_range_after:.1%} of its mean, and "
        f"over {fit.relative_range_before:.1%} with the b of the runs."
    )


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as people read it."""
    return {
        "series": row["series"],
        "sizes": row["num_models"],
        "b": f"{row['bias_bits_per_token']:.2f}",
        "95 % interval": None if row["low"] is None else f"{row['low']:.2f} to {row['high']:.2f}",
        "IC": row["information_capacity"],
        **{
            f"range {when}": f"{row[f'relative_range_{when}']:.1%}"
            for when in ("before", "after", "pooled")
        },
    }


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
