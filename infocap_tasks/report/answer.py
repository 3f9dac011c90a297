"""The answer to a question about runs: sentences, a table, and the record for machines."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from infocap_tasks.report.tables import RENDERERS, WIDE, Rows, as_json, wrapped


class Answer(NamedTuple):
    """What a command says, in whatever format it is asked for.

    Attributes:
        rows: the table; CSV holds it as it is.
        lines: sentences below the table, for people.
        record: what JSON holds; None for the rows.
        shown: the rows as people read them, the columns that matter first; None for the rows.
        headlines: sentences above the table, which answer the question.
        brief: the rows of the table without --wide; None for those that are shown.
    """

    rows: Rows
    lines: Sequence[str] = ()
    record: Any = None
    shown: Rows | None = None
    headlines: Sequence[str] = ()
    brief: Rows | None = None

    def render(self, name: str) -> str:
        """The text of the answer in the format ``name``, one of ``tables.RENDERERS``."""
        if name == "json":
            return as_json(self.rows if self.record is None else self.record)
        if name == "csv":
            return RENDERERS[name](self.rows)
        rows = self.shown or self.rows
        if name == "table" and self.brief:
            rows = self.brief
        fold = wrapped if name in ("table", WIDE) else str
        parts = ["\n".join(map(fold, lines)) for lines in (self.headlines, self.lines)]
        return "\n\n".join(part for part in (parts[0], RENDERERS[name](rows), parts[1]) if part)
