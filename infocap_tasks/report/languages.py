"""What a model takes in each language as a table, and what was left out of it."""

from collections.abc import Sequence
from typing import Any

from infocap_tasks.analysis.intervals import few_texts_remark
from infocap_tasks.analysis.languages import Estimate, Languages
from infocap_tasks.report.answer import Answer
from infocap_tasks.report.tables import si


def languages_answer(models: Sequence[Languages]) -> Answer:
    """The answer of ``languages``, of one model or more."""
    return Answer(
        [row for model in models for row in _rows(model)],
        [line for model in models for line in _lines(model)],
        [_record(model) for model in models],
        [row for model in models for row in _shown(model, len(models) > 1)],
        [_headline(model) for model in models],
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


_TITLES = {
    "nll_bits": "bits",
    "num_tokens": "tokens",
    "bits_per_byte": "bits per byte",
    "tokens_per_byte": "tokens per byte",
    "flops_per_token_times_num_tokens": "FLOPs per token times tokens",
    "flops_per_byte": "FLOPs per byte",
}


def _headline(of_model: Languages) -> str:
    """The language that takes the most, and how much more than the baseline."""
    baseline, *others = of_model.languages
    most = max(others, key=lambda language: next(iter(language.ratios.values())).value)
    times = " and ".join(
        f"{ratio.value:.2f} times the {_TITLES[name]}"
        for name, ratio in most.ratios.items()
        if name != "bits_per_byte" or not of_model.is_parallel
    )
    of_all = f", the most bits of {len(others)} other languages" if len(others) > 1 else ""
    return (
        f"{of_model.model} takes {times} in {most.language} that it takes in {baseline.language}"
        f"{of_all}."
    )


def _shown(of_model: Languages, with_model: bool) -> list[dict[str, Any]]:
    """As people read them: ratios with intervals first, then whole counts."""
    shown = []
    for language in of_model.languages:
        is_baseline = language is of_model.languages[0]
        cells: dict[str, Any] = {"model": of_model.model} if with_model else {}
        cells["language"] = language.language
        for name, ratio in language.ratios.items():
            cells[f"{_TITLES[name]}, ratio"] = "1" if is_baseline else _with_interval(ratio)
        for name, value in language.values.items():
            is_count = name in ("nll_bits", "num_tokens")
            cells[_TITLES[name]] = f"{value:,.0f}" if is_count else value
        flops_name, flops = language.flops_times_tokens
        cells |= {"IC": language.run.information_capacity, _TITLES[flops_name]: si(flops)}
        shown.append(cells)
    return shown


_NO_PAIRS = "fewer than two documents have a name of their own that the baseline has too"


def _lines(of_model: Languages) -> Sequence[str]:
    kind = "parallel passages" if of_model.is_parallel else "documents, not parallel"
    lines = [
        f"{of_model.model}: {len(of_model.languages)} languages, {of_model.num_documents} {kind}; "
        "linguistic bias "
        + ", ".join(
            f"{_with_interval(found)} in {_TITLES[name]}"
            for name, found in of_model.variation.items()
        )
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
