"""``infocap predict``: other sizes of a series from one of them."""

import argparse
from collections.abc import Sequence

from infocap_tasks.analysis.bias import by_series
from infocap_tasks.analysis.predict import leave_one_out, predict_new, predict_others, survey
from infocap_tasks.cli.commands import new_command
from infocap_tasks.cli.options import add_results, add_trust_remote_code, comparing, select_runs
from infocap_tasks.cli.output import add_output, count, deliver
from infocap_tasks.errors import InfocapError, did_you_mean
from infocap_tasks.report.answer import Answer
from infocap_tasks.report.predict import prediction_answer, survey_answer
from infocap_tasks.report.tables import RENDERERS
from infocap_tasks.results.run import Run

_DESCRIPTION = """\
Predict the compression gain G, the code length H and the bits per byte of the sizes of a series
from one of them: G = IC_reference log2 N - b, H = C - G, bits per byte = 8 H / C. Information
capacity is the same at all sizes.

For several series, print a table of errors; its last rows cover only the sizes that every method
predicts, so that the methods can be compared. For one series (--series NAME), predict every other
known size and compare it with its measurement. Below the table are the errors with each size as the
reference in turn, and those of two baselines that use all other sizes: a power law in N (of H if it
is known for all sizes, else of G), and the value of the nearest size in log N. An error is
(predicted - measured) / measured. Errors of G look small, since G is mostly -b: if H is known,
judge by its errors.

The 95 % interval comes from the scatter of IC over the sizes that are not the target; with fewer
than two of them, it covers only the documents of the reference, if the results hold them. The
interval of H is C less that of G, and that of bits per byte follows from it. --format json lists
the error of every prediction.
"""


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = new_command(commands, "predict", _DESCRIPTION, run)
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
    add_trust_remote_code(parser)
    add_output(parser, list(RENDERERS))


def run(options: argparse.Namespace) -> int:
    """Predict and print; the exit status is 1 if a file was left out."""
    selection = select_runs(options)
    series = by_series(comparing(selection.runs).runs)
    if len(series) == 1:
        answer = _of_one_series(options, next(iter(series.values())))
    elif options.reference or options.target or options.target_flops is not None:
        raise InfocapError(
            f"sizes are predicted within one series, and here are {len(series)}; choose one with "
            f"--series NAME: {', '.join(series)}"
        )
    else:
        answer = survey_answer(survey(series))
    deliver(options, answer.render, count(len(series), "series"))
    return selection.status


def _of_one_series(options: argparse.Namespace, series: Sequence[Run]) -> Answer:
    """The sizes of one series from its reference."""
    reference = _reference(series, options.reference)
    if options.target or options.target_flops is not None:
        name, flops = _target(options, reference)
        return prediction_answer(
            reference, series, [predict_new(reference, series, name, flops)], {}
        )
    left_out = leave_one_out(series)
    return prediction_answer(reference, series, predict_others(reference, series), left_out)


def _reference(series: Sequence[Run], name: str | None) -> Run:
    if name is None:
        return series[0]
    for run in series:
        if run.model == name:
            return run
    known = [run.model for run in series]
    raise InfocapError(
        f"--reference {name}: not among the models of {series[0].series}; "
        f"{did_you_mean(name, known)}choose from {', '.join(known)}"
    )


def _target(options: argparse.Namespace, reference: Run) -> tuple[str, float]:
    """Name and FLOPs per token of the size to predict, counted like those of the reference."""
    if options.target_flops is not None:
        return f"{options.target_flops:.4g} FLOPs per token", options.target_flops
    from transformers.utils import logging

    from infocap_tasks.flops.count import count_model
    from infocap_tasks.flops.published import reference_flops_per_token
    from infocap_tasks.models.pretrained import Pretrained, load_config

    logging.set_verbosity_error()  # it warns of fields that do not affect FLOPs
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
