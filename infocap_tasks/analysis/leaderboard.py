"""Runs to leaderboards: one for each group of comparable runs.

Ranks are by information capacity; what differs by no more than rounding is a tie. The interval and
the range of ranks are over texts; differences of models that were scored on the same documents are
paired.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from infocap_tasks.analysis.comparable import Comparable, Group, comparable
from infocap_tasks.analysis.intervals import (
    Array,
    Interval,
    Paired,
    by_documents,
    count_texts,
    degrees_of_freedom,
    estimate,
    few_texts_remark,
    metric_of,
    text_columns,
)
from infocap_tasks.analysis.ranks import RankRange, rank_ranges, ranks
from infocap_tasks.analysis.resolution import coarsest, resolution_of
from infocap_tasks.errors import InfocapError, did_you_mean
from infocap_tasks.metrics import METRICS
from infocap_tasks.results.run import Run

# A single text that a tokenizer changes, as one that writes out SentencePiece's own mark of a
# space, says nothing against a run; a tokenizer that loses capitals or words changes nearly all.
TOLERATED_LOSSY_SHARE = 0.05

SORTABLE = {name: metric.higher_is_better for name, metric in METRICS.items()} | {
    "active_params": False
}


class Row(NamedTuple):
    """A model on a board; interval and ranks are None if the documents are not known."""

    run: Run
    rank: int
    ranks: RankRange | None
    interval: Interval | None


class Board(NamedTuple):
    """A ranking of comparable runs.

    Attributes:
        group: the runs, what they share and what was assumed to put them together.
        rows: in the order of the metric ``sort``.
        benchmarks: names of those found beside the runs.
        sort: one of ``SORTABLE``.
        kept_out: runs of the group that are not ranked, since their tokenizers lose text.
        num_cut: how many ranked rows ``top`` took away.
    """

    group: Group
    rows: list[Row]
    benchmarks: list[str]
    sort: str
    kept_out: Sequence[Run] = ()
    num_cut: int = 0

    @property
    def shared(self) -> Comparable:
        """What the runs share."""
        return self.group.shared

    @property
    def remarks(self) -> list[str]:
        """What was assumed to put these runs together, and what their intervals are worth."""
        num_texts = min((count_texts(row.run) for row in self.rows if row.interval), default=None)
        few = None if num_texts is None else few_texts_remark(num_texts)
        lossy = [self.lossy_remark] if self.kept_out else []
        cut = [self.cut_remark] if self.num_cut else []
        ties = [self.ties_remark] if self.ties_remark else []
        return [*self.group.remarks, *ties, *lossy, *([few] if few else []), *cut]

    @property
    def ties_remark(self) -> str:
        """Which rows differ by no more than rounding; empty if none do."""
        runs = sorted((row.run for row in self.rows), key=lambda run: -run.information_capacity)
        tied = [pair for pair in pairwise(runs) if _is_tie(*pair)]
        if not tied:
            return ""
        named = "; ".join(f"{a.model} and {b.model}" for a, b in tied)
        return (
            "ties, since the difference of their IC is below what "
            f"{coarsest(run for pair in tied for run in pair)}: {named}"
        )

    @property
    def cut_remark(self) -> str:
        """How many rows were taken away; empty if none were."""
        if not self.num_cut:
            return ""
        return f"the first {len(self.rows)} of {len(self.rows) + self.num_cut} models are shown"

    @property
    def lossy_remark(self) -> str:
        """Which runs are not ranked since their tokenizers lose text."""
        named = ", ".join(
            f"{run.model} ({run.lossy_share:.0%} of its texts)" for run in self.kept_out
        )
        return (
            "kept out of the ranks, since the tokens do not give the texts back, whose bytes are "
            f"credited all the same: {named}; leaderboard --include_lossy ranks them too"
        )


def is_lossy(run: Run) -> bool:
    """Whether the run's tokenizer loses text, for whose bytes the model is credited nevertheless.

    A low number of bits is then no merit: they do not carry the text.
    """
    return run.lossy_share is not None and run.lossy_share > TOLERATED_LOSSY_SHARE


def boards(
    runs: Iterable[Run], sort: str = "information_capacity", include_lossy: bool = False
) -> list[Board]:
    """The boards of these runs, one for each group of comparable ones.

    Args:
        runs: any runs.
        sort: the order of the rows, one of ``SORTABLE``.
        include_lossy: rank the runs whose tokenizers lose text too. A group of only such runs is
            ranked in any case, since the best of them stands above no other.

    Raises:
        InfocapError: there are no runs, or no metric has this name.
    """
    groups = comparable(runs)
    if not groups:
        raise InfocapError("no runs to rank: give results of infocap tasks, or --published")
    ordered = sorted(groups, key=lambda group: (group.shared.is_partial, str(group.shared)))
    return [board_of(group, sort, include_lossy) for group in ordered]


def board_of(
    group: Group, sort: str = "information_capacity", include_lossy: bool = False
) -> Board:
    """The board of a group of comparable runs, as ``boards`` makes it.

    Raises:
        InfocapError: no metric has this name.
    """
    if sort not in SORTABLE:
        raise InfocapError(
            f"--sort {sort}: no such metric; {did_you_mean(sort, SORTABLE)}"
            f"choose from {', '.join(SORTABLE)}"
        )
    lossy = [] if include_lossy else [run for run in group.runs if is_lossy(run)]
    ranked = [run for run in group.runs if run not in lossy]
    if not ranked:
        ranked, lossy = list(group.runs), []
    benchmarks = sorted({name for run in ranked for name in run.benchmarks})
    return Board(
        replace(group, runs=ranked), _sorted(_ranked(ranked), sort), benchmarks, sort, lossy
    )


def top(board: Board, count: int) -> Board:
    """The board with its first ``count`` rows, whose ranks stay those among all models."""
    rows = board.rows[:count]
    held = [row.run for row in rows]
    group = replace(board.group, runs=[run for run in board.group.runs if run in held])
    return board._replace(group=group, rows=rows, num_cut=len(board.rows) - len(rows))


def _ranked(runs: Sequence[Run]) -> list[Row]:
    values = np.array([run.information_capacity for run in runs])
    intervals, influences, degrees = _over_texts(runs)
    resolutions = np.array([resolution_of(run).information_capacity for run in runs])
    ranges = rank_ranges(values, influences, degrees, resolutions=resolutions)
    return [
        Row(run, rank, ranges[index] if index in intervals else None, intervals.get(index))
        for index, (run, rank) in enumerate(zip(runs, ranks(values, resolutions), strict=True))
    ]


def _is_tie(a: Run, b: Run) -> bool:
    """Whether their IC differ, but by no more than rounding."""
    difference = abs(a.information_capacity - b.information_capacity)
    return 0 < difference <= coarsest([a, b]).information_capacity


def _over_texts(runs: Sequence[Run]) -> tuple[dict[int, Interval], Array, float]:
    """Intervals by the run's number; influences of texts on all runs, NaN on those without; d.f.

    Of several groups of runs on other texts, the fewest degrees of freedom count.
    """
    intervals, blocks, degrees = {}, [np.zeros((0, len(runs)))], []
    for group in by_documents(runs):
        columns = text_columns([runs[index] for index in group])
        if len(columns[0].num_tokens) < 2:
            continue
        block = np.zeros((len(columns[0].num_tokens), len(runs)))
        for index, column in zip(group, columns, strict=True):
            found = estimate(partial(_capacity, runs[index]), [[column]])
            intervals[index] = found.intervals()[0]
            block[:, index] = found.influences[:, 0]
        blocks.append(block)
        degrees.append(degrees_of_freedom(columns))
    influences = np.concatenate(blocks)
    influences[:, [index for index in range(len(runs)) if index not in intervals]] = np.nan
    return intervals, influences, min(degrees, default=1.0)


def _capacity(run: Run, groups: Sequence[Paired]) -> Array:
    return metric_of("information_capacity", groups[0][0], run)[:, np.newaxis]


def _sorted(rows: list[Row], sort: str) -> list[Row]:
    sign = -1.0 if SORTABLE[sort] else 1.0

    def key(row: Row) -> tuple[bool, float, int, str]:
        value = row.run.active_params if sort == "active_params" else row.run.metric(sort)
        return value is None, sign * (value or 0.0), row.rank, row.run.model

    return sorted(rows, key=key)


def record(row: Row, benchmarks: Sequence[str]) -> dict[str, Any]:
    """A row as one flat record in full precision; None is what is not known."""
    run = row.run
    low, high = row.interval or (None, None)
    best, worst = row.ranks or (None, None)
    return {
        "rank": row.rank,
        "rank_best": best,
        "rank_worst": worst,
        "series": run.series,
        "model": run.model,
        "information_capacity": run.information_capacity,
        "information_capacity_margin": run.information_capacity_margin,
        "information_capacity_resolution": resolution_of(run).information_capacity,
        "information_capacity_low": low,
        "information_capacity_high": high,
        **{name: run.metric(name) for name in METRICS if name != "information_capacity"},
        "active_params": run.active_params,
        "num_documents": run.num_documents,
        "num_documents_of_corpus": run.num_documents_of_corpus,
        "is_partial": run.is_partial,
        "lossy_share": run.lossy_share,
        "task": run.task,
        "engine": run.provenance.engine,
        "engine_version": run.provenance.engine_version,
        "dtype": run.provenance.dtype,
        "source": run.source,
        **{name: run.benchmarks.get(name) for name in benchmarks},
    }
