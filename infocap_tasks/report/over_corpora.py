"""Models by corpora as text, CSV and JSON."""

from collections.abc import Callable, Sequence
from itertools import islice, takewhile
from typing import Any

from infocap_tasks.analysis.over_corpora import OverCorpora, record
from infocap_tasks.report import tables

_UNKNOWN = "-"
_FIXED = ("Model", "Rank", "Mean IC", "95 % interval")


def heading(table: OverCorpora) -> str:
    """What the table is of."""
    which = f" {prefix}*," if (prefix := _prefix(table)) else ""
    return f"Mean of {len(table.corpora)} corpora,{which} regime {table.regime}"


def lines(table: OverCorpora) -> list[str]:
    """What to know before reading the table, a sentence each."""
    said = ["Each corpus counts the same in the mean, by which models are ranked."]
    without = sum(row.mean is None for row in table.rows)
    if without:
        said.append(f"Without a mean (-): {without}, which are not ranked on all corpora.")
    if table.left_out:
        said.append(f"Not in the mean: {'; '.join(map(str, table.left_out))}.")
    return said


def cells(table: OverCorpora) -> list[dict[str, str]]:
    """The table as people read it."""
    shown = []
    for row in table.rows:
        low, high = (row.mean.interval if row.mean else None) or (None, None)
        values = (
            row.model,
            str(row.mean.rank) if row.mean else _UNKNOWN,
            f"{row.mean.value:.4f}" if row.mean else _UNKNOWN,
            _UNKNOWN if low is None else f"{low:.4f} to {high:.4f}",
            *(f"{run.information_capacity:.4f}" if run else _UNKNOWN for run in row.runs),
        )
        shown.append(dict(zip([*_FIXED, *_short_names(table)], values, strict=True)))
    return shown


def as_text(table: OverCorpora, render: Callable[[tables.Rows], str]) -> str:
    """The table under its heading, in the form of the boards."""
    rows = cells(table)
    blocks = _blocks(rows) if render is tables.as_table else [rows]
    fold = str if render is tables.as_markdown else tables.wrapped
    return "\n\n".join([heading(table), *map(render, blocks), "\n".join(map(fold, lines(table)))])


def csv_rows(table: OverCorpora) -> list[dict[str, Any]]:
    """Means as rows of boards; those of the corpora are rows of their boards."""
    return [
        {
            "corpus": f"mean of {len(table.corpora)} corpora",
            "task": " ".join(table.names),
            "regime": table.regime,
            "rank": row.mean.rank,
            "series": row.series,
            "model": row.model,
            "information_capacity": row.mean.value,
            "information_capacity_low": row.mean.interval and row.mean.interval.low,
            "information_capacity_high": row.mean.interval and row.mean.interval.high,
        }
        for row in table.rows
        if row.mean
    ]


def json_record(table: OverCorpora) -> dict[str, Any]:
    """The whole table in full precision."""
    return {
        "corpora": [shared._asdict() for shared in table.corpora],
        "regime": table.regime,
        "rows": [record(table, row) for row in table.rows],
        "left_out": [shared._asdict() for shared in table.left_out],
    }


def _prefix(table: OverCorpora) -> str:
    """The words that all names of the corpora begin with."""
    words = zip(*(name.split("_")[:-1] for name in table.names), strict=False)
    return "".join(f"{word[0]}_" for word in takewhile(lambda word: len({*word}) == 1, words))


def _short_names(table: OverCorpora) -> list[str]:
    """Of the corpora, without what all of them begin with."""
    prefix = _prefix(table)
    return [
        name.removeprefix(prefix) + (" (partial)" if shared.is_partial else "")
        for name, shared in zip(table.names, table.corpora, strict=True)
    ]


def _blocks(rows: Sequence[dict[str, str]]) -> list[list[dict[str, str]]]:
    """The columns in blocks that fit the width, each with the model."""
    first, *names = rows[0]
    blocks: list[list[dict[str, str]]] = []
    rest = iter(names)
    taken = list(islice(rest, len(_FIXED) - 1))
    for name in rest:
        if _width(rows, [first, *taken, name]) > tables.WIDTH:
            blocks.append(_columns(rows, [first, *taken]))
            taken = []
        taken.append(name)
    return [*blocks, _columns(rows, [first, *taken])]


def _columns(rows: Sequence[dict[str, str]], names: Sequence[str]) -> list[dict[str, str]]:
    return [{name: row[name] for name in names} for row in rows]


def _width(rows: Sequence[dict[str, str]], names: Sequence[str]) -> int:
    return max(map(len, tables.as_wide_table(_columns(rows, names)).split("\n")))
