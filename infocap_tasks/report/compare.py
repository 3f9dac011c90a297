"""The difference of two runs in words, and its parts as a table."""

from collections.abc import Mapping, Sequence
from typing import Any

from infocap_tasks.analysis.compare import Comparison, Part
from infocap_tasks.analysis.intervals import few_texts_remark
from infocap_tasks.metrics import METRICS
from infocap_tasks.report.answer import Answer
from infocap_tasks.report.tables import si, without_empty_columns
from infocap_tasks.results.run import Run

TOTAL = "difference"
_TITLES = {name: metric.title for name, metric in METRICS.items()} | {
    "bias_bits_per_token": "b, bits per token"
}


def comparison_answer(a: Run, b: Run, comparison: Comparison) -> Answer:
    """The answer of ``compare`` and ``explain``."""
    rows = _rows(comparison)
    record = {
        "run_a": _about(a, comparison.capacity_a),
        "run_b": _about(b, comparison.capacity_b),
        "difference": comparison.difference,
        "interval": comparison.interval,
        "probability": comparison.probability,
        "is_tie": comparison.is_tie,
        "resolution": comparison.resolution._asdict(),
        "num_documents": comparison.num_documents,
        "num_texts": comparison.num_texts,
        "parts": rows[:-1],
    }
    return Answer(
        rows,
        _lines(a, b, comparison),
        record,
        without_empty_columns([_shown(row) for row in rows]),
        _headlines(a, b, comparison),
    )


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
        for part in _telling(comparison)
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


def _telling(comparison: Comparison) -> list[Part]:
    """The parts, without that of the bias where both runs have one."""
    return [p for p in comparison.parts if p.factor != "bias_bits_per_token" or p.a != p.b]


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as people read it."""
    return {
        "source": row["source"],
        "factor": _TITLES[row["factor"]],
        "A": _value(row["factor"], row["run_a"]),
        "B": _value(row["factor"], row["run_b"]),
        "adds to IC": f"{row['information_capacity']:+.4f}",
        "95 % interval": None if row["low"] is None else f"{row['low']:+.4f} to {row['high']:+.4f}",
    }


def _value(factor: str, value: float) -> str:
    return si(value) if factor == "flops_per_token" else f"{value:.4f}"


def _about(run: Run, information_capacity: float) -> dict[str, Any]:
    return {
        "model": run.model,
        "task": run.task,
        "regime": run.regime,
        "information_capacity": information_capacity,
        "information_capacity_margin": run.information_capacity_margin,
        "engine": run.provenance.engine,
        "engine_version": run.provenance.engine_version,
        "dtype": run.provenance.dtype,
        "source": run.source,
    }


def _headlines(a: Run, b: Run, comparison: Comparison) -> list[str]:
    """Which of the two is better, how surely, and why."""
    parts = sorted(_telling(comparison), key=lambda part: -abs(part.information_capacity))
    sources = ", ".join(f"{part.source} {part.information_capacity:+.4f}" for part in parts)
    return [_verdict(a, b, comparison), f"It comes from {sources}."]


def _verdict(a: Run, b: Run, comparison: Comparison) -> str:
    better, worse = f"{a.model} (A)", f"{b.model} (B)"
    high, low = f"{comparison.capacity_a:.4f}", f"{comparison.capacity_b:.4f}"
    if comparison.difference < 0:
        better, worse, high, low = worse, better, low, high
    difference = f"A less B is {comparison.difference:+.4f}"
    if comparison.is_tie and (comparison.difference or comparison.interval):
        return _tie(a, b, comparison)
    if comparison.interval is None or comparison.probability is None:
        if comparison.difference == 0:
            return f"{better} and {worse} have the same IC: {high}."
        return f"{better} has a higher IC than {worse}: {high} against {low}; {difference}."
    least, most = comparison.interval
    is_open = least <= 0 <= most
    verdict = f"{better} is {'not clearly ' if is_open else ''}better than {worse}"
    return (
        f"{verdict}: IC {high} against {low}; {difference} [{least:+.4f}, {most:+.4f}], over "
        f"{_documents(a, b, comparison)}. A is better with probability "
        f"{comparison.probability:.3f}."
    )


def _tie(a: Run, b: Run, comparison: Comparison) -> str:
    over = f", over {_documents(a, b, comparison)}" if comparison.num_documents else ""
    return (
        f"Tie: the difference is below what {comparison.resolution}. {a.model} (A) has IC "
        f"{comparison.capacity_a:.5f} and {b.model} (B) {comparison.capacity_b:.5f}{over}."
    )


def _documents(a: Run, b: Run, comparison: Comparison) -> str:
    held = max(len(a.documents or ()), len(b.documents or ()))
    text = f"{comparison.num_documents} documents"
    if held > comparison.num_documents:
        text += f" of {held}, those that both runs have"
    if comparison.num_texts < comparison.num_documents:
        text += f", {comparison.num_texts} distinct texts"
    return text


def _lines(a: Run, b: Run, comparison: Comparison) -> Sequence[str]:
    lines = ["The parts are Shapley values of A less B, and sum to the difference."]
    lines += [_about_missing(run) for run in (a, b) if run.metric("bits_per_byte") is None]
    ran_a, ran_b = _how_it_ran(a), _how_it_ran(b)
    if ran_a and ran_b and ran_a != ran_b:
        lines.append(f"A ran on {ran_a}, B on {ran_b}.")
    if comparison.interval is None:
        return [*lines, "No intervals: the results do not hold the documents of both."]
    few = few_texts_remark(comparison.num_texts)
    return [*lines, *([few] if few else [])]


def _how_it_ran(run: Run) -> str | None:
    """Engine, release, dtype and quantisation, as far as they are known."""
    told = run.provenance
    if told.engine is None:
        return None
    dtype = told.dtype and told.dtype.removeprefix("torch.")
    weights = told.quantization if told.quantization != dtype else None
    precision = dtype and f"in {dtype}"
    return " ".join(filter(None, [told.engine, told.engine_version, weights, precision]))


def _about_missing(run: Run) -> str:
    margin = run.information_capacity_margin
    read_off = "" if margin is None else f", read off a figure, good to {margin:.0e}"
    return (
        f"C and H of {run.model} are not known (its source has IC alone{read_off}): tokenizer and "
        "prediction are one part."
    )
