"""Records as JSON, CSV or columns of text."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any


def as_json(records: Sequence[Mapping[str, Any]]) -> str:
    """One object for one record, a list for several."""
    return json.dumps(records[0] if len(records) == 1 else records, indent=2)


def as_csv(records: Sequence[Mapping[str, Any]]) -> str:
    """A header and one row a record; a column for each field that some record has."""
    out = io.StringIO()
    fields = list(dict.fromkeys(field for record in records for field in record))
    writer = csv.DictWriter(out, fields, lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return out.getvalue().rstrip("\n")


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Cells in columns, the first one to the left and all others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if index else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
