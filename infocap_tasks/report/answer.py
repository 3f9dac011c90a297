"""The answer to a question about runs: a table, sentences on it, and the record for machines."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from infocap_tasks.report.tables import RENDERERS, Rows, as_json


class Answer(NamedTuple):
    """What a command says, in whatever format it is asked for.

    Attributes:
        rows: the table; CSV holds it as it is.
        lines: sentences below the table, for people.
        record: what JSON holds; None for the rows.
        shown: the rows as people read them; None for the rows.
    """

    rows: Rows
    lines: Sequence[str] = ()
    record: Any = None
    shown: Rows | None = None

    def render(self, name: str) -> str:
        """The text of the answer in the format ``name``, one of ``tables.RENDERERS``."""
        if name == "json":
            return as_json(self.rows if self.record is None else self.record)
        if name == "csv":
            return RENDERERS[name](self.rows)
        table = RENDERERS[name](self.shown or self.rows)
        return "\n".join([table, "", *self.lines]) if self.lines else table
