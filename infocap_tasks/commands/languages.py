"""``infocap languages``: what it costs a model to say the same in each language."""

import argparse
from collections.abc import Sequence
from typing import Any

from infocap_tasks.analysis.languages import Estimate, Languages, languages
from infocap_tasks.commands.output import add_output, draws
from infocap_tasks.commands.shared import add_results, emit, select_runs
from infocap_tasks.tables import RENDERERS

_DESCRIPTION = """\
Bits, tokens and FLOPs that a model takes to say the same in each language, and relative to the
baseline (English, the task that ends in _en). Corpora whose documents have the same names, as those
of infocap_parallel, are parallel: their passages are paired, and passages that were cut in some
language are left out. Of other corpora only what a byte costs is compared. FLOPs are N times the
tokens, so their ratio is that of the tokens.

Linguistic bias is standard deviation over mean of the languages' bits (and of their tokens): 0
where all languages cost the same. Intervals (95 %) are over passages.
"""


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = commands.add_parser(
        "languages",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_results(parser)
    parser.add_argument(
        "--baseline", metavar="TASK", help="what ratios are relative to (default: ends in _en)"
    )
    add_output(parser, list(RENDERERS), chart="draws the ratios")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Measure, print and draw; the exit status is 1 where a file was left out."""
    selection = select_runs(options)
    found = languages(selection.runs, options.baseline)
    emit(
        options,
        [row for of_model in found for row in _rows(of_model)],
        [line for of_model in found for line in _lines(of_model)],
        [_record(of_model) for of_model in found],
        [row for of_model in found for row in _shown(of_model)],
    )
    if draws(options):
        from infocap_tasks.figures.languages import ratios
        from infocap_tasks.figures.style import save

        save(ratios(found), options.output)
    return selection.status


def _rows(of_model: Languages) -> list[dict[str, Any]]:
    rows = []
    for language in of_model.languages:
        flops_name, flops = language.flops
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


def _lines(of_model: Languages) -> Sequence[str]:
    kind = "parallel passages" if of_model.is_parallel else "documents, not parallel"
    lines = [
        f"{of_model.model}: {len(of_model.languages)} languages, {of_model.num_documents} {kind}; "
        "linguistic bias "
        + ", ".join(f"{_with_interval(v)} in {name}" for name, v in of_model.variation.items())
        + "."
    ]
    if of_model.num_cut:
        lines.append(f"  {of_model.num_cut} passages left out: L may have cut them.")
    if of_model.left_out:
        lines.append(f"  Left out, with other documents: {', '.join(of_model.left_out)}.")
    return lines


def _record(of_model: Languages) -> dict[str, Any]:
    return {
        "model": of_model.model,
        "is_parallel": of_model.is_parallel,
        "num_documents": of_model.num_documents,
        "num_cut": of_model.num_cut,
        "left_out": of_model.left_out,
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
