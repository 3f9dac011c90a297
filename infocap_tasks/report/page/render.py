"""Boards to one self-contained HTML page: a table that sorts and filters, and two charts."""

import json
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

from infocap_tasks import __version__
from infocap_tasks.analysis.leaderboard import Board, Row, record
from infocap_tasks.report.leaderboard import UNKNOWN, Column, known_columns
from infocap_tasks.report.page.chart import capacity_chart, frontier_chart, look, runtime


def page(boards: Sequence[Board]) -> str:
    """The whole page; the same boards always give the same bytes."""
    ids = [f"board-{index}" for index in range(1, len(boards) + 1)]
    parts = list(zip(ids, boards, strict=True))
    return Template(_resource("template.html")).substitute(
        style=_resource("page.css").strip(),
        contents=_contents(parts),
        boards="\n".join(_board(board_id, board) for board_id, board in parts),
        version=escape(__version__),
        data=_script_json({"boards": [_data(board_id, board) for board_id, board in parts]}),
        runtime=runtime(),
        script=_resource("page.js").strip(),
    )


def _resource(name: str) -> str:
    return files("infocap_tasks.report.page").joinpath(name).read_text("utf-8")


def _script_json(value: Any) -> str:
    """JSON that cannot end the script element it stands in, whatever strings it holds."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _contents(parts: Sequence[tuple[str, Board]]) -> str:
    if len(parts) == 1:
        return ""
    items = "\n".join(
        f'<li><a href="#{board_id}">{escape(str(board.shared))}</a>' for board_id, board in parts
    )
    return f'<nav aria-label="Leaderboards"><ul>\n{items}\n</ul></nav>'


# ------------------------------------------------------------------ what the script needs


def _data(board_id: str, board: Board) -> dict[str, Any]:
    series = _series(board)
    return {
        "id": board_id,
        "rows": [_chart_row(key, row) for key, row in _keyed(board)],
        "charts": {
            "capacity": capacity_chart(series),
            "frontier": frontier_chart(series),
        },
    }


def _keyed(board: Board) -> list[tuple[str, Row]]:
    return [(str(index), row) for index, row in enumerate(board.rows)]


_IN_CHARTS = (
    "series", "model", "information_capacity", "information_capacity_low",
    "information_capacity_high", "flops_per_token", "bits_per_byte", "flops_per_byte",
)  # fmt: skip


def _chart_row(key: str, row: Row) -> dict[str, Any]:
    values = record(row, [])
    return {"key": key} | {name: values[name] for name in _IN_CHARTS}


def _series(board: Board) -> list[str]:
    """The series of a board in the order of their best models."""
    by_rank = sorted(board.rows, key=lambda row: row.rank)
    return list(dict.fromkeys(row.run.series for row in by_rank))


# ------------------------------------------------------------------ one board


def _board(board_id: str, board: Board) -> str:
    shared = board.shared
    terms = (
        f"Task {shared.task}, regime {shared.regime}, texts cut at {shared.max_tokens} tokens, "
        f"b = {shared.bias_bits_per_token:g} bits per token"
    ).replace("b = -", "b = −")
    return f"""<section class="board" id="{board_id}" aria-labelledby="{board_id}-title">
<h2 id="{board_id}-title">{escape(shared.corpus)}</h2>
<p class="terms">{escape(terms)}</p>{_paragraph(board.group.assumption)}
{_filters(board_id, board)}
<div class="charts">
{_figure("capacity", "Information capacity over compute", capacity_summary(board))}
{_figure("frontier", "Bits per byte over compute", frontier_summary(board))}
</div>
{_table(board_id, board)}
</section>"""


def _filters(board_id: str, board: Board) -> str:
    boxes = "\n".join(_box(index, name) for index, name in enumerate(_series(board)))
    return f"""<form class="filters" role="search" onsubmit="return false">
<div class="find"><label for="{board_id}-find">Find a model</label>
<input type="search" id="{board_id}-find" autocomplete="off" spellcheck="false">
<button type="button" class="all">Uncheck all</button>
<p class="count" role="status"></p></div>
<fieldset><legend>Series</legend><div class="series">
{boxes}
</div></fieldset>
</form>"""


def _box(index: int, series: str) -> str:
    colour, shape = look(index)
    mark = (
        f'<svg viewBox="-1.1 -1.1 2.2 2.2" aria-hidden="true">'
        f'<path d="{shape}" fill="{colour}"/></svg>'
    )
    name = escape(series)
    return f'<label><input type="checkbox" value="{name}" checked>{mark}{name}</label>'


def _figure(chart: str, title: str, summary: str) -> str:
    label = escape(f"Chart: {title}. {summary} All values are in the table below.")
    return f"""<figure><h3>{title}</h3>
<div role="img" aria-label="{label}"><div class="chart" data-chart="{chart}"></div></div>
<figcaption>{escape(summary)}</figcaption></figure>"""


def capacity_summary(board: Board) -> str:
    """What the first chart shows, in words."""
    by_rank = sorted(board.rows, key=lambda row: row.rank)
    first, last = by_rank[0].run, by_rank[-1].run
    text = f"{_models(len(by_rank))} of {len(_series(board))} series."
    if len(by_rank) > 1:
        text += (
            f" Highest: {first.model} at {first.information_capacity:.4f};"
            f" lowest: {last.model} at {last.information_capacity:.4f}."
        )
    unknown = sum(row.interval is None for row in by_rank)
    if unknown:
        text += f" The interval of {_models(unknown)} is not known."
    return text


def frontier_summary(board: Board) -> str:
    """What the second chart shows, in words."""
    missing = sum(row.run.metric("bits_per_byte") is None for row in board.rows)
    text = "Lower left is better; no bias is in it. The dashed line is the Pareto frontier."
    if missing:
        text += f" {_models(missing)} without known C and H left out."
    return text


def _models(count: int) -> str:
    return "1 model" if count == 1 else f"{count} models"


# ------------------------------------------------------------------ the table


def _table(board_id: str, board: Board) -> str:
    records = [(key, record(row, board.benchmarks)) for key, row in _keyed(board)]
    columns, unknown = known_columns(board)
    head = "".join(_header(column, column.field == board.sort) for column in columns)
    body = "\n".join(_row(key, values, columns) for key, values in records)
    note = f"Not known for any model here: {', '.join(unknown)}" if unknown else None
    return f"""<div class="scroll" role="region" aria-labelledby="{board_id}-title" tabindex="0">
<table><caption class="hidden-visually">{escape(str(board.shared))}. Headers sort.</caption>
<thead><tr>{head}</tr></thead>
<tbody>
{body}
</tbody></table>
<p class="empty" hidden>No model matches. Clear the search or check more series.</p>
</div>
{_paragraph(note)}"""


def _paragraph(sentence: str | None) -> str:
    return f'<p class="terms">{escape(sentence)}.</p>' if sentence else ""


def _header(column: Column, is_sorted: bool) -> str:
    sort = f' aria-sort="{column.first}"' * is_sorted
    classes = " ".join(["model"] * (column.header == "Model") + ["text"] * column.is_text)
    return (
        f'<th scope="col" class="{classes}" data-first="{column.first}"{sort}>'
        f'<button type="button">{escape(column.header)}</button></th>'
    )


def _row(key: str, values: dict[str, Any], columns: Sequence[Column]) -> str:
    cells = "".join(_cell(column, values) for column in columns)
    return f'<tr data-key="{key}">{cells}</tr>'


def _cell(column: Column, values: dict[str, Any]) -> str:
    value = values[column.field]
    data = "" if value is None else escape(str(value))
    shown = escape(column.shown(values))
    if column.header == "Model":
        return f'<th scope="row" data-value="{data}">{shown}</th>'
    classes = " ".join(["text"] * column.is_text + ["unknown"] * (shown == UNKNOWN))
    return f'<td class="{classes}" data-value="{data}">{shown}</td>'
