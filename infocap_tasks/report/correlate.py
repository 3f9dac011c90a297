"""Correlations with benchmarks: a matrix for people, all coefficients as a table."""

from collections.abc import Sequence
from typing import Any

from infocap_tasks.analysis.correlate import LEAST_MODELS, MEAN, Correlation
from infocap_tasks.report.answer import Answer

_SYMBOLS = {"pearson": "r", "spearman": "rho", "kendall": "tau"}
_QUANTITIES = {
    "information_capacity": "IC",
    "bits_per_byte": "bits per byte",
    "log2_flops_per_token": "log2 N",
}
_ABOUT_SYMBOLS = "r, rho and tau are the coefficients of Pearson, Spearman and Kendall."


def correlation_answer(found: Sequence[Correlation]) -> Answer:
    """The answer of ``correlate``; people read each note once, below the table."""
    rows = [row._asdict() for row in found]
    return Answer(
        rows,
        _lines(found),
        shown=[{name: row[name] for name in row if name != "note"} for row in rows],
        headlines=[_headline(found)],
        brief=_matrix(found),
    )


def _headline(found: Sequence[Correlation]) -> str:
    """How IC correlates with the mean of the benchmarks, or with each of them."""
    of_capacity = [row for row in found if not row.within_series and _column(row) == "IC, r"]
    means = [row for row in of_capacity if row.benchmark == MEAN]
    named = {MEAN: f"the mean of {len(of_capacity) - 1} benchmarks"}
    said = ", ".join(
        f"{_r(row)} with {named.get(row.benchmark, row.benchmark)} over {row.num_models} models"
        for row in means or of_capacity
    )
    return f"IC correlates: {said}."


def _r(row: Correlation) -> str:
    if row.value is None:
        return "nothing is known (one side does not vary)"
    return f"r = {row.value:.2f} [{row.low:.2f}, {row.high:.2f}]"


def _matrix(found: Sequence[Correlation]) -> list[dict[str, Any]]:
    """A row for each benchmark, over models and within series; a column for each quantity."""
    rows: dict[tuple[str, bool], dict[str, Any]] = {}
    for of_pair in found:
        row = rows.setdefault((of_pair.benchmark, of_pair.within_series), _empty_row(of_pair))
        if of_pair.value is not None:
            fewer = f" (n = {of_pair.num_models})" if of_pair.num_models != row["n"] else ""
            row[_column(of_pair)] = f"{of_pair.value:.2f}{fewer}"
        if _column(of_pair) == "IC, r" and of_pair.low is not None:
            row["95 % interval"] = f"{of_pair.low:.2f} to {of_pair.high:.2f}"
    return list(rows.values())


def _empty_row(of_pair: Correlation) -> dict[str, Any]:
    pearson = [f"{quantity}, r" for quantity in _QUANTITIES.values()]
    return {
        "benchmark": of_pair.benchmark,
        "over": "in series" if of_pair.within_series else "models",
        "n": of_pair.num_models,
        **dict.fromkeys([pearson[0], "95 % interval", *pearson[1:], "IC, rho", "IC, tau"]),
    }


def _column(of_pair: Correlation) -> str:
    return f"{_QUANTITIES[of_pair.quantity]}, {_SYMBOLS[of_pair.coefficient]}"


def _lines(found: Sequence[Correlation]) -> list[str]:
    notes = dict.fromkeys(note for row in found if row.note for note in row.note.split("; "))
    lines = [_ABOUT_SYMBOLS, *(f"{note[0].upper()}{note[1:]}." for note in notes)]
    if not any(row.within_series for row in found):
        lines.append(
            f"Nothing within series: fewer than {LEAST_MODELS} models share theirs with another."
        )
    return lines
