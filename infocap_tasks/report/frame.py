"""Runs and boards as data frames of pandas."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from infocap_tasks.analysis.leaderboard import Board, record
from infocap_tasks.analysis.over_corpora import OverCorpora
from infocap_tasks.analysis.over_corpora import record as record_of_means
from infocap_tasks.report.export import column_type, flat_rows
from infocap_tasks.results.run import Run

if TYPE_CHECKING:
    from pandas import DataFrame

_RANKS = frozenset({"rank", "rank_best", "rank_worst"})


def to_frame(runs: Iterable[Run] | Board | OverCorpora) -> "DataFrame":
    """A row a run: every metric with its standard error, where it comes from, benchmark scores.

    Args:
        runs: the runs; or a board of ``leaderboard``, whose rows have ranks and intervals instead;
            or a table of ``over_corpora``, whose rows are models.
    """
    from pandas import DataFrame  # half a second, for those who ask for it

    if isinstance(runs, Board):
        rows = [record(row, runs.benchmarks) for row in runs.rows]
    elif isinstance(runs, OverCorpora):
        rows = [record_of_means(runs, row) for row in runs.rows]
    else:
        rows = flat_rows(list(runs))
    frame = DataFrame(rows)
    # A column has one type also where all of it is unknown.
    return frame.astype({name: _type(name) for name in frame if column_type(name) is not str})


def _type(column: str) -> str:
    if column_type(column) is bool:
        return "bool"
    return "Int64" if column in _RANKS or column_type(column) is int else "float64"
