"""Predictions and their errors as tables."""

from collections.abc import Mapping, Sequence
from typing import Any

from infocap_tasks.analysis.intervals import count_texts, few_texts_remark
from infocap_tasks.analysis.predict import OVER_DOCUMENTS, Errors, Prediction, errors_of
from infocap_tasks.report.answer import Answer
from infocap_tasks.report.tables import without_empty_columns
from infocap_tasks.results.run import Run

_ABOUT_SHARED = (
    "The power law needs three sizes. Shared sizes are those that all methods predict: the last "
    "rows compare like with like."
)


def survey_answer(found: Mapping[str, Mapping[str, Sequence[Prediction]]]) -> Answer:
    """The errors of each method on each series, as ``analysis.predict.survey`` gives them."""
    record = [
        {"series": name, **_with_each_error(method, predictions)}
        for name, by_method in found.items()
        for method, predictions in by_method.items()
    ]
    rows = [{name: row[name] for name in row if name != "errors"} for row in record]
    return Answer(rows, [_ABOUT_SHARED], record)


def prediction_answer(
    reference: Run,
    series: Sequence[Run],
    predictions: Sequence[Prediction],
    left_out: Mapping[str, Sequence[Prediction]],
) -> Answer:
    """Sizes of one series from its reference.

    Args:
        reference: the size that they are predicted from.
        series: all known sizes.
        predictions: a row each.
        left_out: by method, each known size from the others, whose errors stand below the table;
            empty where sizes are predicted that are not run yet.
    """
    rows = [_row(prediction) for prediction in predictions]
    record = {
        "series": reference.series,
        "reference": reference.model,
        "bias_bits_per_token": reference.bias_bits_per_token,
        "information_capacity": reference.information_capacity,
        "predictions": rows,
        "leave_one_out": [_with_each_error(*item) for item in left_out.items()],
    }
    lines = _lines(reference, predictions)
    if left_out:
        lines += ["", f"Each of the {len(series)} sizes from the others; mean and largest error:"]
        lines += [_error_line(errors_of(*item)) for item in left_out.items()]
    return Answer(rows, lines, record, without_empty_columns([_shown(row) for row in rows]))


def _with_each_error(method: str, predictions: Sequence[Prediction]) -> dict[str, Any]:
    """The errors of a method, and those of its predictions one by one."""
    each = [
        {"reference": p.reference, "target": p.model, "gain_error": p.gain_error,
         "nll_error": p.nll_error}
        for p in predictions
    ]  # fmt: skip
    return errors_of(method, predictions)._asdict() | {"errors": each}


def _row(prediction: Prediction) -> dict[str, Any]:
    gain_low, gain_high = prediction.interval or (None, None)
    nll_low, nll_high = prediction.nll_interval or (None, None)
    return {
        "model": prediction.model,
        "flops_per_token": prediction.flops_per_token,
        "predicted_compression_gain_bits_per_token": prediction.predicted_gain_bits_per_token,
        "predicted_gain_low": gain_low,
        "predicted_gain_high": gain_high,
        "compression_gain_bits_per_token": prediction.gain_bits_per_token,
        "compression_gain_error": prediction.gain_error,
        "predicted_nll_bits_per_token": prediction.predicted_nll_bits_per_token,
        "predicted_nll_low": nll_low,
        "predicted_nll_high": nll_high,
        "nll_bits_per_token": prediction.nll_bits_per_token,
        "nll_error": prediction.nll_error,
        "interval_over": prediction.interval_over,
    }


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """As people read it: intervals behind their values."""
    shown = {name: row[name] for name in row if not name.endswith(("_low", "_high", "_over"))}
    for quantity, name in (("gain", "compression_gain"), ("nll", "nll")):
        value, low, high = (
            row[f"predicted_{column}"]
            for column in (f"{name}_bits_per_token", f"{quantity}_low", f"{quantity}_high")
        )
        if low is not None:
            shown[f"predicted_{name}_bits_per_token"] = f"{value:.4f} [{low:.4f}, {high:.4f}]"
    return shown


def _lines(reference: Run, predictions: Sequence[Prediction]) -> list[str]:
    lines = [
        f"Predicted from {reference.model}: IC = {reference.information_capacity:.4f}, "
        f"b = {reference.bias_bits_per_token:g}."
    ]
    if any(prediction.interval_over == OVER_DOCUMENTS for prediction in predictions):
        lines.append("The interval is over the reference's documents: IC may also differ by size.")
        if few := few_texts_remark(count_texts(reference)):
            lines.append(few)
    if any(prediction.interval is None for prediction in predictions):
        lines.append("No interval: too few other sizes, and no documents in the results.")
    return lines


def _error_line(error: Errors) -> str:
    parts = (
        ("gain", error.mean_gain_error, error.largest_gain_error),
        ("nll", error.mean_nll_error, error.largest_nll_error),
    )
    known = [
        f"{name} {mean:7.2%} {largest:7.2%}"
        for name, mean, largest in parts
        if mean is not None and largest is not None
    ]
    return f"  {error.method:<40} {'   '.join(known) or 'too few sizes'}"
