"""Rows as an aligned table, Markdown, CSV or JSON; numbers with SI prefixes."""

import csv
import io
import json
import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Rows = Sequence[Mapping[str, Any]]

WIDTH = 80  # of a terminal, in characters; the same wherever the output goes
WIDE = "wide"

_HEADER_WIDTH = 12
_NARROW_HEADER_WIDTH = 8
_LEAST_LABEL_WIDTH = 24
_LONGEST_CELL = 28
_GAP = 2


def as_table(rows: Rows) -> str:
    """An aligned table of at most 80 characters: the first column to the left, others to the right.

    Headers are broken at underscores and spaces. Where that is not enough, long names lose their
    middle, and the last columns are left out and named below. So the columns that matter come
    first in the rows.
    """
    cells = _cells(rows)
    for header_width in (_HEADER_WIDTH, _NARROW_HEADER_WIDTH):
        table = _laid_out(cells, header_width)
        if max(map(len, table.split("\n"))) <= WIDTH:
            return table
    return _narrowed(cells)


def as_wide_table(rows: Rows) -> str:
    """The aligned table with all columns and whole names, however long its lines get."""
    return _laid_out(_cells(rows), _HEADER_WIDTH)


def _laid_out(cells: Sequence[Sequence[str]], header_width: int) -> str:
    header, *body = cells
    broken = [
        _broken(name, max([header_width, *map(len, column)]))
        for name, column in zip(header, zip(*body, strict=True), strict=True)
    ]
    height = max(map(len, broken))
    upper = zip(*([""] * (height - len(name)) + name for name in broken), strict=True)
    return aligned([*upper, *body])


def _narrowed(cells: Sequence[Sequence[str]]) -> str:
    header, *body = (
        [line[0], *(shortened(cell, _LONGEST_CELL) for cell in line[1:])] for line in cells
    )
    labels = [line[0] for line in body]
    widths = [_width(column) for column in zip(header, *body, strict=True)][1:]
    label_width = _least_width(labels, WIDTH - widths[0])
    num_kept = sum(label_width + sum(widths[: n + 1]) <= WIDTH for n in range(len(widths)))
    room = WIDTH - sum(widths[:num_kept])
    kept = [[shortened(line[0], room), *line[1 : num_kept + 1]] for line in (header, *body)]
    left_out = cells[0][num_kept + 1 :]
    table = _laid_out(kept, _NARROW_HEADER_WIDTH)
    note = wrapped(f"With --wide: {'; '.join(left_out)}.") if left_out else ""
    return f"{table}\n\n{note}".rstrip("\n")


def _width(column: Sequence[str]) -> int:
    """What a column takes with the gap to its left."""
    name, *values = column
    longest = max(map(len, values))
    return _GAP + max(longest, *map(len, _broken(name, max(_NARROW_HEADER_WIDTH, longest))))


def _least_width(labels: Sequence[str], most: int) -> int:
    """The least at which names that differ still do without their middle."""
    longest = min(max(map(len, labels)), most)
    for width in range(min(_LEAST_LABEL_WIDTH, longest), longest):
        if len({shortened(label, width) for label in labels}) == len(set(labels)):
            return width
    return longest


def shortened(text: str, width: int) -> str:
    """The text without its middle if it is longer than ``width``."""
    if len(text) <= width:
        return text
    head = (width - 1) // 2
    return f"{text[:head]}…{text[len(text) - (width - 1 - head) :]}"


def wrapped(line: str) -> str:
    """A sentence in lines of at most 80 characters; words that are longer lose their middle."""
    if len(line) <= WIDTH:
        return line
    indent = " " * (len(line) - len(line.lstrip()))
    words = " ".join(shortened(word, WIDTH - len(indent)) for word in line.strip().split(" "))
    return textwrap.fill(
        words,
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def aligned(lines: Sequence[Sequence[str]]) -> str:
    """Lines of cells in columns: the first to the left, all others to the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        (" " * _GAP)
        .join(
            cell.rjust(width) if index else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        .rstrip()
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
    WIDE: as_wide_table,
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
