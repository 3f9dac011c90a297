"""Boards to one self-contained HTML page: a table that sorts and filters, and two charts."""

from collections.abc import Sequence
from importlib.resources import files
from typing import TYPE_CHECKING, Any, NamedTuple

from infocap_tasks import __version__
from infocap_tasks.analysis.comparable import Comparable
from infocap_tasks.analysis.leaderboard import Board, record
from infocap_tasks.analysis.over_corpora import over_corpora
from infocap_tasks.report import over_corpora as means
from infocap_tasks.report.leaderboard import UNKNOWN, Column, known_columns, read_off_legend
from infocap_tasks.report.looks import Look, looks
from infocap_tasks.report.page.chart import (
    BROUGHT_OUT,
    CIRCLE,
    GREY,
    MOST_SERIES,
    capacity_chart,
    frontier_chart,
    runtime,
)

if TYPE_CHECKING:
    from jinja2 import Environment


class _View(NamedTuple):
    """What the template of a board shows, its sentences without their last full stop."""

    id: str
    name: str
    board: Board
    terms: str
    assumption: str | None
    ties: str
    lossy: str
    looks: dict[str, Look]
    capacity_summary: str
    frontier_summary: str
    columns: list[Column]
    rows: list[dict[str, Any]]
    unknown: str
    read_off: str
    cut: str


TITLE = "Information capacity of language models"


def page(boards: Sequence[Board], title: str | None = None) -> str:
    """The whole page as HTML; the same boards always give the same bytes.

    Args:
        boards: A table and two charts each.
        title: Its heading; None for the usual one.

    Raises:
        InfocapError: vl-convert-python is not installed.
    """
    views = [_view(f"board-{index}", board) for index, board in enumerate(boards, start=1)]
    return (
        _environment()
        .get_template("template.html")
        .render(
            title=title or TITLE,
            views=views,
            means=[
                {
                    "id": f"means-{index}",
                    "heading": means.heading(table),
                    "rows": means.cells(table),
                    "lines": means.lines(table),
                }
                for index, table in enumerate(over_corpora(boards), start=1)
            ],
            data={"boards": [_data(view) for view in views]},
            runtime=runtime(),
            version=__version__,
        )
    )


def _environment() -> "Environment":
    """Templates that escape all that is put in, since names in results files may be anything."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    environment = Environment(
        loader=FunctionLoader(_resource),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(
        unknown=UNKNOWN, most_series=MOST_SERIES, brought_out=BROUGHT_OUT, grey=GREY, circle=CIRCLE
    )
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "allow_nan": False}
    return environment


def _resource(name: str) -> str:
    return files("infocap_tasks.report.page").joinpath(name).read_text("utf-8")


def _view(board_id: str, board: Board) -> _View:
    columns, unknown = known_columns(board)
    return _View(
        id=board_id,
        name=f"{board.shared.corpus}, {board_id.replace('-', ' ')}",  # no two are alike
        board=board,
        terms=_terms(board.shared),
        assumption=board.group.assumption,
        ties=board.ties_remark,
        lossy=board.lossy_remark if board.kept_out else "",
        looks=looks(_series(board)),
        capacity_summary=capacity_summary(board),
        frontier_summary=frontier_summary(board),
        columns=columns,
        rows=[record(row, board.benchmarks) for row in board.rows],
        unknown=f"Not known for any model here: {', '.join(unknown)}" if unknown else "",
        read_off=_read_off(board),
        cut=board.cut_remark,
    )


def _series(board: Board) -> list[str]:
    """The series of a board in the order of their best models."""
    by_rank = sorted(board.rows, key=lambda row: row.rank)
    return list(dict.fromkeys(row.run.series for row in by_rank))


# ------------------------------------------------------------------ what the script needs

_IN_CHARTS = (
    "series", "model", "information_capacity", "information_capacity_low",
    "information_capacity_high", "flops_per_token", "bits_per_byte", "flops_per_byte",
)  # fmt: skip


def _data(view: _View) -> dict[str, Any]:
    """Rows and charts of a board; a row's key is that of its line in the table."""
    return {
        "id": view.id,
        "rows": [
            {"key": str(index), "is_read_off": values["information_capacity_margin"] is not None}
            | {name: values[name] for name in _IN_CHARTS}
            for index, values in enumerate(view.rows)
        ],
        "charts": {
            "capacity": capacity_chart(list(view.looks)),
            "frontier": frontier_chart(list(view.looks)),
        },
    }


# ------------------------------------------------------------------ sentences


def _terms(shared: Comparable) -> str:
    terms = (
        f"Task {shared.task}, regime {shared.regime}, texts cut at {shared.max_tokens} tokens, "
        f"b = {shared.bias_bits_per_token:g} bits per token"
    ).replace("b = -", "b = −")
    return terms + (f"; partial: {shared.documents} documents" if shared.is_partial else "")


def _read_off(board: Board) -> str:
    legend = read_off_legend(board)
    return f"{legend}; hollow in the chart" if legend else ""


def capacity_summary(board: Board) -> str:
    """What the first chart shows, in words."""
    by_rank = sorted(board.rows, key=lambda row: row.rank)
    first, last = by_rank[0].run, by_rank[-1].run
    text = (
        "Higher is better; compute on a logarithmic axis. "
        f"{_models(len(by_rank))} of {len(_series(board))} series."
    )
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
    text = (
        "Lower left is better; compute on a logarithmic axis; no bias is in it. "
        "The dashed line is the Pareto frontier."
    )
    if missing:
        text += f" {_models(missing)} without known C and H left out."
    return text


def _models(count: int) -> str:
    return "1 model" if count == 1 else f"{count} models"
