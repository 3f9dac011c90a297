"""Predictions and their errors: what they say in a sentence, and as tables."""

from collections.abc import Mapping, Sequence
from typing import Any

from infocap_tasks.analysis.intervals import Interval, count_texts, few_texts_remark
from infocap_tasks.analysis.predict import (
    ALL_SERIES,
    FROM_CAPACITY,
    FROM_NEAREST,
    FROM_POWER_LAW,
    OVER_DOCUMENTS,
    SHARED_SIZES,
)
from infocap_tasks.analysis.prediction import Errors, Prediction, errors_of
from infocap_tasks.report.answer import Answer
from infocap_tasks.report.tables import si, without_empty_columns
from infocap_tasks.results.run import Run

_ABOUT_SHARED = (
    "Mean and largest error of H and of G, relative to what was measured. The power law needs "
    "three sizes. Shared sizes are those that all methods predict: the last rows compare like with "
    "like."
)


def survey_answer(found: Mapping[str, Mapping[str, Sequence[Prediction]]]) -> Answer:
    """The errors of each method on each series, as ``analysis.predict.survey`` gives them."""
    record = [
        {"series": name, **_with_each_error(method, predictions)}
        for name, by_method in found.items()
        for method, predictions in by_method.items()
    ]
    rows = [{name: row[name] for name in row if name != "errors"} for row in record]
    shown = [_shown_errors(row) for row in rows]
    return Answer(rows, [_ABOUT_SHARED], record, shown, [_survey_headline(found)])


_SHORT_NAMES = {
    FROM_CAPACITY: "information capacity",
    FROM_POWER_LAW: "power law",
    FROM_NEAREST: "nearest size",
}


def _shown_errors(row: Mapping[str, Any]) -> dict[str, Any]:
    """The errors of a method as people read them."""
    return {
        "series": row["series"],
        "method": _SHORT_NAMES[row["method"]],
        **{
            f"{symbol}, {short}": _percent(row[f"{which}_{name}_error"])
            for name, symbol in (("nll", "H"), ("gain", "G"))
            for which, short in (("mean", "mean"), ("largest", "max"))
        },
        "predictions": row["num_predictions"],
        "of H": row["num_nll_predictions"],
    }


def _percent(value: float | None) -> str | None:
    return None if value is None else f"{value:.1%}" if value >= 0.01 else f"{value:.2%}"


def _survey_headline(found: Mapping[str, Mapping[str, Sequence[Prediction]]]) -> str:
    """How far predictions from information capacity are off, beside the baselines."""
    own = errors_of(FROM_CAPACITY, found[ALL_SERIES][FROM_CAPACITY])._asdict()
    name, symbol = ("gain", "G") if own["mean_nll_error"] is None else ("nll", "H")
    shared = {
        short: errors_of(method, found[SHARED_SIZES][method])._asdict()[f"mean_{name}_error"]
        for method, short in _SHORT_NAMES.items()
    }
    beside = ", ".join(
        f"{_percent(error)} ({short})" for short, error in shared.items() if error is not None
    )
    of_shared = f"; at the sizes that all methods predict, by {beside}" if beside else ""
    return (
        f"From the information capacity of one other size, {symbol} is off by "
        f"{_percent(own[f'mean_{name}_error'])} on average and by "
        f"{_percent(own[f'largest_{name}_error'])} at most{of_shared}."
    )


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
    headline = _headline_of_new(reference, predictions[0])
    if left_out:
        headline = _headline_of_known(reference, predictions)
    if left_out:
        lines += ["", f"Each of the {len(series)} sizes from the others; mean and largest error:"]
        lines += [_error_line(errors_of(*item)) for item in left_out.items()]
    shown = without_empty_columns(
        [_shown(row, p) for row, p in zip(rows, predictions, strict=True)]
    )
    return Answer(rows, lines, record, shown, [headline])


def _headline_of_new(reference: Run, prediction: Prediction) -> str:
    """What a size that is not run yet will reach."""
    parts = [f"G = {_with_interval(prediction.predicted_gain_bits_per_token, prediction.interval)}"]
    if prediction.predicted_bits_per_byte is not None:
        interval = prediction.bits_per_byte_interval
        per_byte = _with_interval(prediction.predicted_bits_per_byte, interval)
        nll = _with_interval(prediction.predicted_nll_bits_per_token, prediction.nll_interval)
        parts = [f"{per_byte} bits per byte", f"H = {nll}", *parts]
    return (
        f"{reference.series} at {prediction.model}: {', '.join(parts)} bits per token, predicted "
        f"from {reference.model}."
    )


def _headline_of_known(reference: Run, predictions: Sequence[Prediction]) -> str:
    """How far the predictions of the known sizes are off."""
    errors = errors_of(FROM_CAPACITY, predictions)
    number = f"{len(predictions)} other sizes" if len(predictions) > 1 else "the other size"
    said = [
        f"{symbol} of {number} with errors of at most {_percent(largest)}"
        for symbol, number, largest in (
            ("G", number, errors.largest_gain_error),
            ("H", f"{errors.num_nll_predictions} of them", errors.largest_nll_error),
        )
        if largest is not None
    ]
    return f"{reference.model} predicts {', and '.join(said)}."


def _with_interval(value: float | None, interval: Interval | None) -> str:
    if interval is None:
        return f"{value:.4f}"
    return f"{value:.4f} [{interval.low:.4f}, {interval.high:.4f}]"


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
    byte_low, byte_high = prediction.bits_per_byte_interval or (None, None)
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
        "predicted_bits_per_byte": prediction.predicted_bits_per_byte,
        "predicted_bits_per_byte_low": byte_low,
        "predicted_bits_per_byte_high": byte_high,
        "bits_per_byte": prediction.bits_per_byte,
        "interval_over": prediction.interval_over,
    }


def _shown(row: Mapping[str, Any], prediction: Prediction) -> dict[str, Any]:
    """As people read it: bits per byte first, intervals behind their values."""
    shown = {"model": row["model"], "FLOPs per token": si(row["flops_per_token"])}
    for title, name, interval, error in (
        ("bits per byte", "bits_per_byte", prediction.bits_per_byte_interval, "nll_error"),
        ("H", "nll_bits_per_token", prediction.nll_interval, None),
        ("G", "compression_gain_bits_per_token", prediction.interval, "compression_gain_error"),
    ):
        if row[f"predicted_{name}"] is not None:
            predicted = _with_interval(row[f"predicted_{name}"], interval)
            shown |= {f"{title}, predicted": predicted, f"{title}, measured": row[name]}
        if error and row[error] is not None:
            shown[f"{title}, error"] = f"{row[error]:+.2%}"
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
    return f"  {_SHORT_NAMES[error.method]:<22} {'   '.join(known) or 'too few sizes'}"
