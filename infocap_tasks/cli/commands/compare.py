"""``infocap compare``: which of two models is better, how surely, and why."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from infocap_tasks.analysis.comparable import assumption, require_comparable
from infocap_tasks.analysis.compare import Comparison, compare
from infocap_tasks.analysis.explain import Factors
from infocap_tasks.cli.options import add_choice, emit, say, select_one
from infocap_tasks.cli.output import add_output
from infocap_tasks.report.tables import RENDERERS, without_empty_columns
from infocap_tasks.results.run import Run

_DESCRIPTION = """\
Information capacity of run A less that of run B, over the documents that both have, paired by name:
the difference with its 95 % interval, the probability that A is better (the share of bootstrap
samples of documents on which it is), and what each factor adds to it, as `infocap explain`. Both
must have been measured on the same corpus, cut alike, in one regime.
"""

TOTAL = "difference"


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = commands.add_parser(
        "compare",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_pair(parser)
    add_output(parser, list(RENDERERS))
    parser.set_defaults(run=run)


def add_pair(parser: argparse.ArgumentParser) -> None:
    """RUN_A and RUN_B, and which of the runs in them count."""
    for name in ("run_a", "run_b"):
        parser.add_argument(
            name,
            metavar=name.upper(),
            help="a results file, or a folder that holds one run; published:MODEL is one of the "
            "published models",
        )
    add_choice(parser)


def select_pair(options: argparse.Namespace) -> tuple[Run, Run, int]:
    """The two runs, which measure the same, and the exit status."""
    (a,), status_a = select_one(options.run_a, options)
    (b,), status_b = select_one(options.run_b, options)
    # Another bias is one of the sources of a difference, not a reason to refuse it.
    pair = [a, replace(b, bias_bits_per_token=a.bias_bits_per_token)]
    require_comparable(pair)
    line = assumption(pair)
    if line:
        say(line)
    return a, b, max(status_a, status_b)


def run(options: argparse.Namespace) -> int:
    """Compare and print; the exit status is 1 where a file was left out."""
    a, b, status = select_pair(options)
    show(options, a, b, compare(a, b))
    return status


def show(options: argparse.Namespace, a: Run, b: Run, comparison: Comparison) -> None:
    """The parts as a table, the difference in words below it."""
    rows = rows_of(comparison)
    record = {
        "run_a": _about(a, comparison.capacity_a),
        "run_b": _about(b, comparison.capacity_b),
        "difference": comparison.difference,
        "interval": comparison.interval,
        "probability": comparison.probability,
        "num_documents": comparison.num_documents,
        "parts": rows[:-1],
    }
    emit(options, rows, _lines(a, b, comparison), record, without_empty_columns(rows))


def rows_of(comparison: Comparison) -> list[dict[str, Any]]:
    """A row for each factor, and one for IC and the difference that the parts sum to."""
    rows = [
        {
            "source": part.source,
            "factor": factor,
            "run_a": part.a,
            "run_b": part.b,
            "information_capacity": part.information_capacity,
            "low": part.interval and part.interval.low,
            "high": part.interval and part.interval.high,
        }
        for factor, part in zip(Factors._fields, comparison.parts, strict=True)
        if factor != "bias_bits_per_token" or part.a != part.b
    ]
    total = {
        "source": TOTAL,
        "factor": "information_capacity",
        "run_a": comparison.capacity_a,
        "run_b": comparison.capacity_b,
        "information_capacity": comparison.difference,
        "low": comparison.interval and comparison.interval.low,
        "high": comparison.interval and comparison.interval.high,
    }
    return [*rows, total]


def _about(run: Run, information_capacity: float) -> dict[str, Any]:
    return {
        "model": run.model,
        "task": run.task,
        "regime": run.regime,
        "information_capacity": information_capacity,
        "source": run.source,
    }


def _lines(a: Run, b: Run, comparison: Comparison) -> Sequence[str]:
    names = [f"A = {a.model}, B = {b.model}; parts are Shapley values of A less B."]
    if comparison.interval is None or comparison.probability is None:
        return [*names, "No intervals: the results do not hold the documents of both."]
    held = max(len(a.documents or ()), len(b.documents or ()))
    of_all = "" if held == comparison.num_documents else f" of {held}, those that both runs have"
    low, high = comparison.interval
    return [
        *names,
        f"{a.model} less {b.model}: {comparison.difference:+.4f} [{low:+.4f}, {high:+.4f}], "
        f"better with probability {comparison.probability:.3f}, "
        f"over {comparison.num_documents} documents{of_all}.",
    ]
