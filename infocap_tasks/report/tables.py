"""Rows as an aligned table, Markdown, CSV or JSON; numbers with SI prefixes."""

import csv
import io
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Rows = Sequence[Mapping[str, Any]]

_HEADER_WIDTH = 12


def as_table(rows: Rows) -> str:
    """An aligned table: the first column to the left, all others to the right.

    Long headers are broken at underscores and spaces.
    """
    header, *body = _cells(rows)
    broken = [
        _broken(name, max([_HEADER_WIDTH, *map(len, column)]))
        for name, column in zip(header, zip(*body, strict=True), strict=True)
    ]
    height = max(map(len, broken))
    upper = zip(*([""] * (height - len(name)) + name for name in broken), strict=True)
    return aligned([*upper, *body])


def aligned(lines: Sequence[Sequence[str]]) -> str:
    """Lines of cells in columns: the first to the left, all others to the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if index else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def as_markdown(rows: Rows) -> str:
    """A Markdown table with the numbers of the aligned one."""
    header, *body = _cells(rows)
    rule = ["---", *["---:"] * (len(header) - 1)]
    escaped = [[cell.replace("|", "\\|") for cell in line] for line in (header, rule, *body)]
    return "\n".join(f"| {' | '.join(line)} |" for line in escaped)


def as_csv(rows: Rows) -> str:
    """A header and one line for each row; numbers in full precision, unknown cells empty."""
    out = io.StringIO()
    writer = csv.DictWriter(out, _columns(rows), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().rstrip("\n")


def as_json(record: Any) -> str:
    """A record as indented JSON; numbers in full precision, unknown ones null."""
    return json.dumps(record, indent=2, allow_nan=False, ensure_ascii=False)


RENDERERS: Mapping[str, Callable[[Rows], str]] = {
    "table": as_table,
    "json": as_json,
    "csv": as_csv,
    "md": as_markdown,
}


def without_empty_columns(rows: Rows) -> list[dict[str, Any]]:
    """The rows without the columns that are empty in every row."""
    used = [name for name in _columns(rows) if any(row.get(name) is not None for row in rows)]
    return [{name: row.get(name) for name in used} for row in rows]


def _columns(rows: Rows) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))


def _cells(rows: Rows) -> list[list[str]]:
    columns = _columns(rows)
    return [columns, *([_cell(row.get(name)) for name in columns] for row in rows)]


def _broken(name: str, width: int) -> list[str]:
    """A name in lines of at most this width where underscores and spaces allow it."""
    lines = [""]
    for part in re.findall(r"[^_ ]*[_ ]|[^_ ]+", name):
        if lines[-1] and len((lines[-1] + part).rstrip()) > width:
            lines.append("")
        lines[-1] += part
    return [line.rstrip() for line in lines]


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) >= 1e5 else f"{value:.4f}"
    return str(value)


# ------------------------------------------------------------------ numbers

_PREFIXES = ("", "k", "M", "G", "T", "P", "E")


def si(value: float) -> str:
    """Three significant digits and an SI prefix, or a power of ten beyond the prefixes."""
    if not 1 <= abs(value) < 1e21:
        return f"{value:.3g}"
    digits = f"{value:.2e}"
    mantissa, exponent = digits.split("e")
    group, shift = divmod(int(exponent), 3)
    number = f"{float(mantissa) * 10**shift:.{2 - shift}f}"
    return f"{number} {_PREFIXES[group]}".rstrip()
