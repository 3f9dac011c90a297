"""Runs to leaderboards: one for each group of comparable runs.

Ranks are by information capacity. The interval and the range of ranks come from one bootstrap over
documents, in which models that were scored on the same documents share the samples.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from infocap_tasks.analysis.comparable import Comparable, Group, comparable
from infocap_tasks.analysis.intervals import (
    NUM_SAMPLES,
    Array,
    Interval,
    Paired,
    bootstrap,
    by_documents,
    document_columns,
    metric_of,
)
from infocap_tasks.analysis.ranks import RankRange, rank_ranges
from infocap_tasks.errors import InfocapError
from infocap_tasks.metrics import METRICS
from infocap_tasks.results.run import Run

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
    """

    group: Group
    rows: list[Row]
    benchmarks: list[str]
    sort: str

    @property
    def shared(self) -> Comparable:
        """What the runs share."""
        return self.group.shared


def boards(runs: Iterable[Run], sort: str = "information_capacity") -> list[Board]:
    """The boards of these runs, one for each group of comparable ones.

    Raises:
        InfocapError: there are no runs, or no metric has this name.
    """
    groups = comparable(runs)
    if not groups:
        raise InfocapError("no runs to rank: give results of infocap tasks, or --published")
    ordered = sorted(groups, key=lambda group: (group.shared.is_partial, str(group.shared)))
    return [board_of(group, sort) for group in ordered]


def board_of(group: Group, sort: str = "information_capacity") -> Board:
    """The board of a group of comparable runs, its rows in the order of ``sort``.

    Raises:
        InfocapError: no metric has this name.
    """
    if sort not in SORTABLE:
        raise InfocapError(f"--sort {sort}: no such metric; choose one of {', '.join(SORTABLE)}")
    benchmarks = sorted({name for run in group.runs for name in run.benchmarks})
    return Board(group, _sorted(_ranked(group.runs), sort), benchmarks, sort)


def _ranked(runs: Sequence[Run]) -> list[Row]:
    values = np.array([run.information_capacity for run in runs])
    intervals, replicates = _bootstrapped(runs)
    ranges = rank_ranges(values, replicates)
    return [
        Row(
            run,
            1 + int((values > value).sum()),
            ranges[index] if index in intervals else None,
            intervals.get(index),
        )
        for index, (run, value) in enumerate(zip(runs, values, strict=True))
    ]


def _bootstrapped(runs: Sequence[Run]) -> tuple[dict[int, Interval], Array]:
    """Intervals by the run's number, and replicates of all runs, NaN for those without."""
    groups = [group for group in by_documents(runs) if len(runs[group[0]].documents or ()) > 1]
    indices = [index for group in groups for index in group]
    replicates = np.full((NUM_SAMPLES, len(runs)), np.nan)
    if not indices:
        return {}, replicates

    def capacities(sums: Sequence[Paired]) -> Array:
        flat = [of_run for group in sums for of_run in group]
        return np.stack(
            [
                metric_of("information_capacity", of_run, runs[index])
                for index, of_run in zip(indices, flat, strict=True)
            ],
            axis=1,
        )

    columns = [[document_columns(runs[index]) for index in group] for group in groups]
    found = bootstrap(capacities, columns)
    replicates[:, indices] = found.replicates
    return dict(zip(indices, found.intervals, strict=True)), replicates


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
        "information_capacity_low": low,
        "information_capacity_high": high,
        **{name: run.metric(name) for name in METRICS if name != "information_capacity"},
        "active_params": run.active_params,
        "num_documents": run.num_documents,
        "num_documents_of_corpus": run.num_documents_of_corpus,
        "is_partial": run.is_partial,
        "task": run.task,
        "source": run.source,
        **{name: run.benchmarks.get(name) for name in benchmarks},
    }
