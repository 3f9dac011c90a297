"""The difference of two runs in words: its parts as a table, the difference below it."""

from collections.abc import Sequence
from typing import Any

from infocap_tasks.analysis.compare import Comparison
from infocap_tasks.analysis.intervals import few_texts_remark
from infocap_tasks.report.answer import Answer
from infocap_tasks.report.tables import without_empty_columns
from infocap_tasks.results.run import Run

TOTAL = "difference"


def comparison_answer(a: Run, b: Run, comparison: Comparison) -> Answer:
    """The answer of ``compare`` and ``explain``."""
    rows = _rows(comparison)
    record = {
        "run_a": _about(a, comparison.capacity_a),
        "run_b": _about(b, comparison.capacity_b),
        "difference": comparison.difference,
        "interval": comparison.interval,
        "probability": comparison.probability,
        "num_documents": comparison.num_documents,
        "num_texts": comparison.num_texts,
        "parts": rows[:-1],
    }
    return Answer(rows, _lines(a, b, comparison), record, without_empty_columns(rows))


def _rows(comparison: Comparison) -> list[dict[str, Any]]:
    """A row for each factor, and one for IC and the difference that the parts sum to."""
    rows = [
        {
            "source": part.source,
            "factor": part.factor,
            "run_a": part.a,
            "run_b": part.b,
            "information_capacity": part.information_capacity,
            "low": part.interval and part.interval.low,
            "high": part.interval and part.interval.high,
        }
        for part in comparison.parts
        if part.factor != "bias_bits_per_token" or part.a != part.b
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
        "information_capacity_margin": run.information_capacity_margin,
        "source": run.source,
    }


def _lines(a: Run, b: Run, comparison: Comparison) -> Sequence[str]:
    names = [f"A = {a.model}, B = {b.model}; parts are Shapley values of A less B."]
    names += [_about_missing(run) for run in (a, b) if run.metric("bits_per_byte") is None]
    if comparison.interval is None or comparison.probability is None:
        return [*names, "No intervals: the results do not hold the documents of both."]
    held = max(len(a.documents or ()), len(b.documents or ()))
    of_all = "" if held == comparison.num_documents else f" of {held}, those that both runs have"
    if comparison.num_texts < comparison.num_documents:
        of_all += f", {comparison.num_texts} distinct texts"
    few = few_texts_remark(comparison.num_texts)
    low, high = comparison.interval
    return [
        *names,
        f"{a.model} less {b.model}: {comparison.difference:+.4f} [{low:+.4f}, {high:+.4f}], "
        f"better with probability {comparison.probability:.3f}, "
        f"over {comparison.num_documents} documents{of_all}.",
        *([few] if few else []),
    ]


def _about_missing(run: Run) -> str:
    margin = run.information_capacity_margin
    read_off = "" if margin is None else f", read off a figure, good to {margin:.0e}"
    return (
        f"C and H of {run.model} are not known (its source has IC alone{read_off}): tokenizer and "
        "prediction are one part."
    )
