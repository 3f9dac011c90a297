"""``infocap languages``: what a model takes to say the same in each language."""

import argparse
from collections.abc import Sequence
from typing import Any

from infocap_tasks.analysis.languages import Estimate, Languages, languages
from infocap_tasks.cli.options import add_results, emit, select_runs
from infocap_tasks.cli.output import add_output, draws
from infocap_tasks.report.tables import RENDERERS

_DESCRIPTION = """\
Bits and tokens that a model takes to say the same in each language, and relative to the baseline
(English: the task or corpus that ends in _en or _en_reference). A language is a task, or a corpus
where several were scored with one task, as infocap_custom. Corpora whose documents have names of
their own (corpus_id_field) and share them, as those of infocap_parallel, are parallel: passages are
paired, and those that are missing or were cut in some language are left out. Of other corpora only
bits and tokens per byte are compared.

flops_per_token_times_num_tokens is N times the tokens. It weighs tokens between models; it is not
what the passages cost, since N is the mean over all positions up to L and passages are shorter.

Linguistic bias is standard deviation over mean of the languages' bits (and of their tokens): 0
where all languages take the same. Intervals (95 %) are over passages.
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
        "--baseline",
        metavar="LANGUAGE",
        help="what ratios are relative to: a language as it is printed, or a task "
        "(default: ends in _en or _en_reference)",
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
        from infocap_tasks.report.figures.languages import ratios
        from infocap_tasks.report.figures.style import save

        save(ratios(found), options.output)
    return selection.status


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
    return lines


def _record(of_model: Languages) -> dict[str, Any]:
    return {
        "model": of_model.model,
        "is_parallel": of_model.is_parallel,
        "num_documents": of_model.num_documents,
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
