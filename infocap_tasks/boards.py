"""Boards as people read them, and as files: aligned text, Markdown, CSV, JSON."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from infocap_tasks import tables
from infocap_tasks.analysis.leaderboard import Board, record
from infocap_tasks.quantities import si

UNKNOWN = "unknown"


class Column(NamedTuple):
    """A column for people: its header, what it sorts by, what it shows, the first direction."""

    header: str
    value: Callable[[Mapping[str, Any]], Any]
    shown: Callable[[Mapping[str, Any]], str]
    first: str = "descending"
    is_text: bool = False


def known_columns(board: Board) -> tuple[list[Column], list[str]]:
    """The columns that hold something on this board, and the headers of the others."""
    records = [record(row, board.benchmarks) for row in board.rows]
    columns = _columns(board.benchmarks)
    held = [any(column.value(values) is not None for values in records) for column in columns]
    known = [column for column, holds in zip(columns, held, strict=True) if holds]
    return known, [c.header for c, holds in zip(columns, held, strict=True) if not holds]


def as_table(boards: Sequence[Board]) -> str:
    """Boards under each other, set by width."""
    return _as_text(boards, lambda rows: tables.as_table(_breakable(rows)), "")


def as_markdown(boards: Sequence[Board]) -> str:
    """Boards under each other, each a Markdown table under its heading."""
    return _as_text(boards, tables.as_markdown, "## ")


def as_csv(boards: Sequence[Board]) -> str:
    """One line a row in full precision; the first columns say which board it is on."""
    benchmarks = sorted({name for board in boards for name in board.benchmarks})
    return tables.as_csv(
        [board.shared._asdict() | record(row, benchmarks) for board in boards for row in board.rows]
    )


def as_json(boards: Sequence[Board]) -> str:
    """A list of boards in full precision; what is not known is null."""
    return tables.as_json(
        [
            board.shared._asdict() | {"rows": [record(row, board.benchmarks) for row in board.rows]}
            for board in boards
        ]
    )


RENDERERS: Mapping[str, Callable[[Sequence[Board]], str]] = {
    "table": as_table,
    "md": as_markdown,
    "csv": as_csv,
    "json": as_json,
}


def _as_text(boards: Sequence[Board], render: Callable[[tables.Rows], str], heading: str) -> str:
    return "\n\n".join(_board_as_text(board, render, heading) for board in boards)


def _board_as_text(board: Board, render: Callable[[tables.Rows], str], heading: str) -> str:
    columns, unknown = known_columns(board)
    records = [record(row, board.benchmarks) for row in board.rows]
    rows = [{column.header: column.shown(values) for column in columns} for values in records]
    parts = [f"{heading}{board.shared}", render(rows)]
    if unknown:
        parts.append(f"Not known for any model here: {', '.join(unknown)}.")
    return "\n\n".join(parts)


def _columns(benchmarks: Sequence[str]) -> list[Column]:
    return [
        Column("Model", lambda r: r["model"], lambda r: r["model"], "ascending", True),
        Column("Rank", lambda r: r["rank"], lambda r: str(r["rank"]), "ascending"),
        _number("IC", "information_capacity", "{:.4f}".format),
        Column("95 % interval", lambda r: r["information_capacity_low"], _interval),
        Column("Ranks, 95 %", lambda r: r["rank_best"], _ranks, "ascending"),
        Column("Series", lambda r: r["series"], lambda r: r["series"], "ascending", True),
        _number("Bits per byte", "bits_per_byte", "{:.4f}".format, "ascending"),
        _number("C, bits per token", "text_size_bits_per_token", "{:.2f}".format),
        _number("H, bits per token", "nll_bits_per_token", "{:.3f}".format, "ascending"),
        _number("FLOPs per token", "flops_per_token", si, "ascending"),
        _number("FLOPs per byte", "flops_per_byte", si, "ascending"),
        _number("Active parameters", "active_params", si, "ascending"),
        *(_number(name, name, "{:.4f}".format) for name in benchmarks),
    ]


def _breakable(rows: tables.Rows) -> tables.Rows:
    """Headers with underscores, where a plain table breaks them."""
    return [{re.sub(r"\W+", "_", name): cell for name, cell in row.items()} for row in rows]


def _number(
    header: str, field: str, shown: Callable[[float], str], first: str = "descending"
) -> Column:
    def text(values: Mapping[str, Any]) -> str:
        return UNKNOWN if values[field] is None else shown(values[field])

    return Column(header, lambda values: values[field], text, first)


def _interval(values: Mapping[str, Any]) -> str:
    low, high = values["information_capacity_low"], values["information_capacity_high"]
    return UNKNOWN if low is None else f"{low:.4f} to {high:.4f}"


def _ranks(values: Mapping[str, Any]) -> str:
    best, worst = values["rank_best"], values["rank_worst"]
    if best is None:
        return UNKNOWN
    return str(best) if best == worst else f"{best} to {worst}"
