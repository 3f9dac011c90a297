"""``infocap predict``: other sizes of a series from one of them."""

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

from infocap_tasks.analysis.bias import by_series
from infocap_tasks.analysis.predict import (
    OVER_DOCUMENTS,
    Errors,
    Prediction,
    errors_of,
    leave_one_out,
    of_shared_targets,
    predict_new,
    predict_others,
)
from infocap_tasks.cli.options import add_results, comparing, emit, select_runs
from infocap_tasks.cli.output import add_output
from infocap_tasks.errors import InfocapError
from infocap_tasks.report.tables import RENDERERS, without_empty_columns
from infocap_tasks.results.run import Run

_DESCRIPTION = """\
The compression gain G (and code length H) of the sizes of a series, from one of them:
G = IC_reference log2 N - b, H = C - G. Information capacity is the same at all sizes.

Several series give a table of errors; its last rows are those on the sizes that every method
predicts, so that methods compare. Of one series (--series NAME), every other size that is known
is predicted and held against its measurement; below the table, the errors with every size as the
reference in turn, and those of two baselines that see all other sizes: a power law in N (of H where
H is known for all, else of G), and the value of the nearest size in log N. Errors are
(predicted - measured) / measured. Those of G look small, since G is mostly -b: where H is known,
judge by its errors.

The interval (95 %) is from the scatter of IC over the sizes that are not the target; with fewer
than two of them, it is over the reference's documents alone, where the results hold them. That of H
is C less that of G. --format json has the errors of all predictions, one by one.
"""


_ALL = "all series"
_SHARED = "all series, shared sizes"
_ABOUT_SHARED = (
    "The power law needs three sizes. Shared sizes are those that all methods predict: the last "
    "rows compare like with like."
)


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = commands.add_parser(
        "predict",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_results(parser)
    parser.add_argument(
        "--reference", metavar="MODEL", help="the size to predict from (default: the cheapest)"
    )
    target = parser.add_mutually_exclusive_group()
    target.add_argument(
        "--target-flops", type=float, metavar="N", help="predict a size of N FLOPs per token"
    )
    target.add_argument(
        "--target",
        metavar="CONFIG",
        help="predict the model of this config: a folder, config.json, .gguf file or hub id",
    )
    parser.add_argument(
        "--trust_remote_code", action="store_true", help="run code that the target's repository has"
    )
    add_output(parser, list(RENDERERS))
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Predict and print; the exit status is 1 where a file was left out."""
    selection = select_runs(options)
    series = by_series(comparing(selection.runs))
    if len(series) == 1:
        _predict(options, next(iter(series.values())))
    elif options.reference or options.target or options.target_flops is not None:
        raise InfocapError(
            f"sizes are predicted within one series, and here are {len(series)}; choose one with "
            f"--series NAME: {', '.join(series)}"
        )
    else:
        _survey(options, list(series.values()))
    return selection.status


def _survey(options: argparse.Namespace, series: Sequence[Sequence[Run]]) -> None:
    """Errors of every series with two sizes and more, and over all of them."""
    found = {runs[0].series: leave_one_out(runs) for runs in series if len(runs) > 1}
    if not found:
        raise InfocapError("no series here has two sizes, so there is nothing to predict from")
    shared = [of_shared_targets(by_method) for by_method in found.values()]
    found |= {_ALL: _together(list(found.values())), _SHARED: _together(shared)}
    record = [
        {"series": name, **_with_each_error(method, predictions)}
        for name, by_method in found.items()
        for method, predictions in by_method.items()
    ]
    rows = [{name: row[name] for name in row if name != "errors"} for row in record]
    emit(options, rows, [_ABOUT_SHARED], record)


def _together(series: Sequence[Mapping[str, Sequence[Prediction]]]) -> dict[str, list[Prediction]]:
    return {
        method: [prediction for by_method in series for prediction in by_method[method]]
        for method in series[0]
    }


def _with_each_error(method: str, predictions: Sequence[Prediction]) -> dict[str, Any]:
    """The errors of a method, and those of its predictions one by one."""
    each = [
        {"reference": p.reference, "target": p.model, "gain_error": p.gain_error,
         "nll_error": p.nll_error}
        for p in predictions
    ]  # fmt: skip
    return errors_of(method, predictions)._asdict() | {"errors": each}


def _predict(options: argparse.Namespace, series: Sequence[Run]) -> None:
    """The sizes of one series from its reference."""
    reference = _reference(series, options.reference)
    left_out: dict[str, list[Prediction]] = {}
    if options.target or options.target_flops is not None:
        name, flops = _target(options, reference)
        predictions = [predict_new(reference, series, name, flops)]
    else:
        left_out = leave_one_out(series)
        predictions = predict_others(reference, series)
    rows = [_row(prediction) for prediction in predictions]
    record = {
        "series": reference.series,
        "reference": reference.model,
        "bias_bits_per_token": reference.bias_bits_per_token,
        "information_capacity": reference.information_capacity,
        "predictions": rows,
        "leave_one_out": [_with_each_error(*item) for item in left_out.items()],
    }
    lines = _lines(reference, series, predictions, [errors_of(*item) for item in left_out.items()])
    emit(options, rows, lines, record, without_empty_columns([_shown(row) for row in rows]))


def _reference(series: Sequence[Run], name: str | None) -> Run:
    if name is None:
        return series[0]
    for run in series:
        if run.model == name:
            return run
    raise InfocapError(
        f"--reference {name}: not among the models of {series[0].series}: "
        f"{', '.join(run.model for run in series)}"
    )


def _target(options: argparse.Namespace, reference: Run) -> tuple[str, float]:
    """Name and FLOPs per token of the size to predict, counted as those of the reference were."""
    if options.target_flops is not None:
        return f"{options.target_flops:.4g} FLOPs per token", options.target_flops
    from transformers.utils import logging

    from infocap_tasks.flops.count import count_model
    from infocap_tasks.flops.published import reference_flops_per_token
    from infocap_tasks.models.pretrained import Pretrained, load_config

    logging.set_verbosity_error()  # remarks on fields that do not bear on FLOPs
    model = Pretrained.from_file_or_id(options.target, options.trust_remote_code)
    if reference.regime != "reference":
        return options.target, count_model(model, reference.max_tokens).flops_per_token
    config = load_config(model)
    flops = reference_flops_per_token(config)
    if flops is None:
        raise InfocapError(
            f"--target {options.target}: there is no published formula for {config.model_type}, "
            "and the runs are of the regime reference; state its cost with --target-flops N"
        )
    return options.target, flops


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


def _lines(
    reference: Run,
    series: Sequence[Run],
    predictions: Sequence[Prediction],
    errors: Sequence[Errors],
) -> list[str]:
    lines = [
        f"Predicted from {reference.model}: IC = {reference.information_capacity:.4f}, "
        f"b = {reference.bias_bits_per_token:g}."
    ]
    if any(prediction.interval_over == OVER_DOCUMENTS for prediction in predictions):
        lines.append("The interval is over the reference's documents: IC may also differ by size.")
    if any(prediction.interval is None for prediction in predictions):
        lines.append("No interval: too few other sizes, and no documents in the results.")
    if errors:
        lines += ["", f"Each of the {len(series)} sizes from the others; mean and largest error:"]
        lines += [_error_line(error) for error in errors]
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
