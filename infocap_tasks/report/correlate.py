"""Correlations with benchmarks as a table, and what to know before reading it."""

from collections.abc import Sequence

from infocap_tasks.analysis.correlate import LEAST_MODELS, Correlation
from infocap_tasks.report.answer import Answer


def correlation_answer(found: Sequence[Correlation]) -> Answer:
    """The answer of ``correlate``; people read each note once, below the table."""
    rows = [row._asdict() for row in found]
    shown = [{name: row[name] for name in row if name != "note"} for row in rows]
    return Answer(rows, _lines(found), shown=shown)


def _lines(found: Sequence[Correlation]) -> list[str]:
    notes = dict.fromkeys(note for row in found if row.note for note in row.note.split("; "))
    lines = [f"{note[0].upper()}{note[1:]}." for note in notes]
    if not any(row.within_series for row in found):
        lines.append(
            f"Nothing within series: fewer than {LEAST_MODELS} models share theirs with another."
        )
    return lines
