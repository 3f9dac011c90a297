"""What a model takes in each language as a table, and what was left out of it."""

from collections.abc import Sequence
from typing import Any

from infocap_tasks.analysis.intervals import few_texts_remark
from infocap_tasks.analysis.languages import Estimate, Languages
from infocap_tasks.report.answer import Answer


def languages_answer(models: Sequence[Languages]) -> Answer:
    """The answer of ``languages``, of one model or more."""
    return Answer(
        [row for model in models for row in _rows(model)],
        [line for model in models for line in _lines(model)],
        [_record(model) for model in models],
        [row for model in models for row in _shown(model)],
    )


def _rows(of_model: Languages) -> list[dict[str, Any]]:
    rows = []
    for language in of_model.languages:
        flops_name, flops = language.flops_times_tokens
        row = {
            "model": of_model.model,
            "language": language.language,
            "task": language.run.task,
            "information_capacity": language.run.information_capacity,
            **language.values,
            flops_name: flops,
        }
        for name, ratio in language.ratios.items():
            row |= {
                f"{name}_ratio": ratio.value,
                f"{name}_ratio_low": ratio.interval.low,
                f"{name}_ratio_high": ratio.interval.high,
            }
        rows.append(row)
    return rows


def _shown(of_model: Languages) -> list[dict[str, Any]]:
    """As people read them: whole counts, and intervals behind their ratios."""
    shown = []
    for row, language in zip(_rows(of_model), of_model.languages, strict=True):
        is_baseline = language is of_model.languages[0]
        cells = {name: row[name] for name in row if "_ratio" not in name and name != "task"}
        for name in ("nll_bits", "num_tokens"):
            if name in cells:
                cells[name] = f"{cells[name]:,.0f}"
        for name, ratio in language.ratios.items():
            cells[f"{name}_ratio"] = "1" if is_baseline else _with_interval(ratio)
        shown.append(cells)
    return shown


_NO_PAIRS = "fewer than two documents have a name of their own that the baseline has too"


def _lines(of_model: Languages) -> Sequence[str]:
    kind = "parallel passages" if of_model.is_parallel else "documents, not parallel"
    lines = [
        f"{of_model.model}: {len(of_model.languages)} languages, {of_model.num_documents} {kind}; "
        "linguistic bias "
        + ", ".join(f"{_with_interval(v)} in {name}" for name, v in of_model.variation.items())
        + "."
    ]
    if not of_model.is_parallel:
        lines.append(f"  Not paired: {_NO_PAIRS}.")
    if of_model.num_missing:
        lines.append(f"  {of_model.num_missing} passages left out: not in every language.")
    if of_model.num_cut:
        lines.append(f"  {of_model.num_cut} passages left out: L may have cut them.")
    if of_model.left_out:
        lines.append(f"  Left out, {', '.join(of_model.left_out)}: {_NO_PAIRS}.")
    if few := few_texts_remark(of_model.num_texts):
        lines.append(f"  {few}")
    return lines


def _record(of_model: Languages) -> dict[str, Any]:
    return {
        "model": of_model.model,
        "is_parallel": of_model.is_parallel,
        "num_documents": of_model.num_documents,
        "num_texts": of_model.num_texts,
        "num_missing": of_model.num_missing,
        "num_cut": of_model.num_cut,
        "left_out": list(of_model.left_out),
        "baseline": of_model.languages[0].language,
        "variation": {
            name: {"value": estimate.value, "interval": estimate.interval}
            for name, estimate in of_model.variation.items()
        },
        "languages": _rows(of_model),
    }


def _with_interval(estimate: Estimate) -> str:
    low, high = estimate.interval
    return f"{estimate.value:.3f} [{low:.3f}, {high:.3f}]"
