"""Leaderboards as aligned text, Markdown, CSV and JSON; before those of several corpora, means."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from infocap_tasks.analysis.leaderboard import SORTABLE, Board, record
from infocap_tasks.analysis.over_corpora import over_corpora
from infocap_tasks.metrics import METRICS
from infocap_tasks.report import over_corpora as means
from infocap_tasks.report import tables
from infocap_tasks.report.tables import si
from infocap_tasks.results.run import Run

UNKNOWN = "unknown"
_READ_OFF = "*"


class Column(NamedTuple):
    """A column of the printed table and of the page.

    Attributes:
        header: Its name for readers.
        field: The field of a row's record that it sorts by.
        shown: Formats its cell from the record of a row.
        first: The direction in which the better comes first.
        is_text: Whether it sorts as text.
    """

    header: str
    field: str
    shown: Callable[[Mapping[str, Any]], str]
    first: str = "ascending"
    is_text: bool = False


def known_columns(board: Board) -> tuple[list[Column], list[str]]:
    """The columns with a value on this board, and the headers of those without."""
    records = [record(row, board.benchmarks) for row in board.rows]
    columns = _columns(board)
    held = [any(values[column.field] is not None for values in records) for column in columns]
    known = [column for column, holds in zip(columns, held, strict=True) if holds]
    return known, [c.header for c, holds in zip(columns, held, strict=True) if not holds]


def as_table(boards: Sequence[Board]) -> str:
    """Boards one below the other, as aligned text of at most 80 characters a line."""
    shown = (
        _board_as_text(b, partial(_narrow, sort=b.sort), tables.as_table, tables.wrapped)
        for b in boards
    )
    return "\n\n".join([*_means(boards, tables.as_table), *shown])


def as_wide_table(boards: Sequence[Board]) -> str:
    """Boards one below the other, as aligned text with all columns."""
    shown = (_board_as_text(board, list, tables.as_wide_table, tables.wrapped) for board in boards)
    return "\n\n".join([*_means(boards, tables.as_wide_table), *shown])


def as_markdown(boards: Sequence[Board]) -> str:
    """Boards one below the other, each as a Markdown table under its heading."""
    shown = [*_means(boards, tables.as_markdown)]
    shown += [_board_as_text(board, list, tables.as_markdown) for board in boards]
    return "\n\n".join(f"## {text}" for text in shown)


def _means(boards: Sequence[Board], render: Callable[[tables.Rows], str]) -> list[str]:
    """Models by corpora, for each regime of which there are several."""
    return [means.as_text(table, render) for table in over_corpora(boards)]


def as_csv(boards: Sequence[Board]) -> str:
    """One line for each row, in full precision; the first columns identify its board."""
    benchmarks = sorted({name for board in boards for name in board.benchmarks})
    rows = [
        board.shared._asdict() | record(row, benchmarks) for board in boards for row in board.rows
    ]
    of_means = [row for table in over_corpora(boards) for row in means.csv_rows(table)]
    return tables.as_csv([dict.fromkeys(rows[0]) | row for row in of_means] + rows)


def as_json(boards: Sequence[Board]) -> str:
    """A list of boards, in full precision; unknown values are null.

    Before them come models by corpora, if there are several; these have ``corpora``.
    """
    return tables.as_json(
        [means.json_record(table) for table in over_corpora(boards)]
        + [
            board.shared._asdict()
            | {
                "rows": [record(row, board.benchmarks) for row in board.rows],
                "kept_out": [_kept_out(run) for run in board.kept_out],
            }
            for board in boards
        ]
    )


def _kept_out(run: Run) -> dict[str, Any]:
    """A run that is not ranked, and why."""
    names = ("model", "information_capacity", "lossy_share", "source")
    return {name: getattr(run, name) for name in names}


RENDERERS: Mapping[str, Callable[[Sequence[Board]], str]] = {
    "table": as_table,
    tables.WIDE: as_wide_table,
    "md": as_markdown,
    "csv": as_csv,
    "json": as_json,
}


# What a narrow table has first: the leftmost columns that fit are shown.
_FIRST = (
    "model",
    "rank",
    "information_capacity",
    "lossy_share",
    "information_capacity_low",
    "rank_best",
    "bits_per_byte",
    "flops_per_token",
    "num_documents",
)


def _narrow(columns: Sequence[Column], sort: str = "information_capacity") -> list[Column]:
    """The columns that matter first, with the one that orders the rows behind IC."""
    named = {column.field: column for column in columns}
    first = [*_FIRST[:3], sort, *_FIRST[3:]]
    order = [name for name in dict.fromkeys([*first, *named]) if name in named]
    return [named[name] for name in order]


def _board_as_text(
    board: Board,
    arrange: Callable[[Sequence[Column]], list[Column]],
    render: Callable[[tables.Rows], str],
    fold: Callable[[str], str] = str,
) -> str:
    columns, unknown = known_columns(board)
    records = [record(row, board.benchmarks) for row in board.rows]
    rows = [
        {column.header: column.shown(values) for column in arrange(columns)} for values in records
    ]
    parts = [fold(str(board.shared)), render(rows)]
    if unknown:
        parts.append(fold(f"Not known for any model here: {', '.join(unknown)}."))
    if board.ties_remark:
        parts.append(fold(f"{board.ties_remark[0].upper()}{board.ties_remark[1:]}."))
    if board.kept_out:
        parts.append(fold(f"{board.lossy_remark[0].upper()}{board.lossy_remark[1:]}."))
    if legend := read_off_legend(board):
        parts.append(f"{legend}.")
    return "\n\n".join(parts)


def _columns(board: Board) -> list[Column]:
    columns = [
        Column("Model", "model", lambda r: r["model"], is_text=True),
        Column("Rank", "rank", lambda r: str(r["rank"])),
        Column(
            METRICS["information_capacity"].title, "information_capacity", _capacity, "descending"
        ),
        Column("95 % interval", "information_capacity_low", _interval, "descending"),
        Column("Ranks, 95 %", "rank_best", _ranks),
        Column("Series", "series", lambda r: r["series"], is_text=True),
        _metric("bits_per_byte", "{:.4f}".format),
        _metric("text_size_bits_per_token", "{:.2f}".format),
        _metric("nll_bits_per_token", "{:.3f}".format),
        _metric("flops_per_token", si),
        _metric("flops_per_byte", si),
        _number("Active parameters", "active_params", si),
        Column("Documents", "num_documents", _documents, "descending"),
        *(_number(name, name, "{:.4f}".format) for name in board.benchmarks),
    ]
    if any(row.run.lossy_share for row in board.rows):
        columns.append(_number("Texts lost", "lossy_share", "{:.1%}".format))
    if board.sort in {column.field for column in columns}:
        return columns
    return [*columns, _metric(board.sort, "{:.4f}".format)]


def _metric(name: str, shown: Callable[[float], str]) -> Column:
    return _number(METRICS[name].title, name, shown)


def _number(header: str, field: str, shown: Callable[[float], str]) -> Column:
    def text(values: Mapping[str, Any]) -> str:
        return UNKNOWN if values[field] is None else shown(values[field])

    return Column(header, field, text, "descending" if SORTABLE.get(field, True) else "ascending")


def read_off_legend(board: Board) -> str:
    """What the mark beside some IC means, without a full stop; empty if none has it."""
    margins = [row.run.information_capacity_margin for row in board.rows]
    known = [margin for margin in margins if margin is not None]
    return f"{_READ_OFF} read off a figure, good to {max(known):.0e}" if known else ""


def _capacity(values: Mapping[str, Any]) -> str:
    mark = "" if values["information_capacity_margin"] is None else _READ_OFF
    return f"{values['information_capacity']:.4f}{mark}"


def _interval(values: Mapping[str, Any]) -> str:
    low, high = values["information_capacity_low"], values["information_capacity_high"]
    return UNKNOWN if low is None else f"{low:.4f} to {high:.4f}"


def _documents(values: Mapping[str, Any]) -> str:
    if values["num_documents"] is None:
        return UNKNOWN
    of_all = f" of {values['num_documents_of_corpus']}" if values["is_partial"] else ""
    return f"{values['num_documents']}{of_all}"


def _ranks(values: Mapping[str, Any]) -> str:
    best, worst = values["rank_best"], values["rank_worst"]
    if best is None:
        return UNKNOWN
    return str(best) if best == worst else f"{best} to {worst}"
