"""Boards of several corpora side by side: models by corpora, ranked by their unweighted mean.

Each corpus counts the same, however long it is. Corpora are independent samples of texts, so the
variance of the mean is that of its parts; where corpora are parallel, the same passages in other
languages, a passage is left out of all of them at once.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from infocap_tasks.analysis.comparable import Comparable
from infocap_tasks.analysis.intervals import (
    Array,
    Interval,
    Paired,
    document_names,
    estimate,
    metric_of,
    text_columns,
)
from infocap_tasks.analysis.leaderboard import Board
from infocap_tasks.analysis.ranks import ranks
from infocap_tasks.analysis.resolution import resolution_of
from infocap_tasks.results.run import Run


class Mean(NamedTuple):
    """The unweighted mean IC of a model over all corpora.

    Attributes:
        value: of the information capacity.
        rank: by it; 1 is the highest.
        standard_error: over texts; None if those of some corpus are not known.
        interval: at 95 %, over texts; None as the standard error is.
    """

    value: float
    rank: int
    standard_error: float | None
    interval: Interval | None


class ModelRow(NamedTuple):
    """A model's runs in the order of the corpora, None where it is not ranked.

    ``mean`` is None if it is not ranked on all of them.
    """

    model: str
    series: str
    runs: Sequence[Run | None]
    mean: Mean | None


class OverCorpora(NamedTuple):
    """Models by corpora.

    Attributes:
        regime: that of all runs, since it is how documents are weighted.
        corpora: what the runs of each corpus share.
        rows: by the mean; then those without one.
        left_out: other boards of these corpora.
    """

    regime: str
    corpora: Sequence[Comparable]
    rows: Sequence[ModelRow]
    left_out: Sequence[Comparable]

    @property
    def names(self) -> list[str]:
        """Of the corpora: that of the task, with the corpus where several have one task."""
        tasks = Counter(shared.task for shared in self.corpora)
        return [
            shared.task if tasks[shared.task] == 1 else f"{shared.task} {shared.corpus}"
            for shared in self.corpora
        ]


def over_corpora(boards: Iterable[Board]) -> list[OverCorpora]:
    """Models by corpora, for each regime in which some model is on the boards of two corpora.

    Of several boards of one corpus, the one of all documents is taken, of these the one of most
    models.

    Args:
        boards: as ``leaderboard`` gives them.
    """
    by_regime: dict[str, list[Board]] = defaultdict(list)
    for board in boards:
        by_regime[board.shared.regime].append(board)
    found = [_of_regime(regime, alike) for regime, alike in by_regime.items()]
    return [table for table in found if any(_num_known(row) > 1 for row in table.rows)]


def _of_regime(regime: str, boards: Sequence[Board]) -> OverCorpora:
    by_corpus: dict[tuple[str, str | None], list[Board]] = defaultdict(list)
    for board in sorted(
        boards, key=lambda board: (board.shared.is_partial, -len(board.group.runs))
    ):
        by_corpus[(board.shared.task, board.shared.corpus_sha256)].append(board)
    # The order of the boards that were given.
    chosen = [board for board in boards if any(board is alike[0] for alike in by_corpus.values())]
    left_out = [board.shared for board in boards if not any(board is taken for taken in chosen)]
    return OverCorpora(regime, [board.shared for board in chosen], _rows(chosen), left_out)


def _rows(boards: Sequence[Board]) -> list[ModelRow]:
    by_board = [{run.model: run for run in board.group.runs} for board in boards]
    runs = {model: [runs.get(model) for runs in by_board] for runs in by_board for model in runs}
    means = _means({model: known for model, of_model in runs.items() if (known := _all(of_model))})
    rows = [
        ModelRow(model, next(run.series for run in of_model if run), of_model, means.get(model))
        for model, of_model in runs.items()
    ]
    return sorted(rows, key=_order)


def _all(runs: Sequence[Run | None]) -> list[Run] | None:
    known = [run for run in runs if run]
    return known if len(known) == len(runs) else None


def _order(row: ModelRow) -> tuple[float, int, str]:
    return row.mean.rank if row.mean else np.inf, -_num_known(row), row.model


def _num_known(row: ModelRow) -> int:
    return sum(run is not None for run in row.runs)


def _means(by_model: dict[str, list[Run]]) -> dict[str, Mean]:
    values = {
        model: sum(run.information_capacity for run in runs) / len(runs)
        for model, runs in by_model.items()
    }
    resolutions = [
        float(np.mean([resolution_of(run).information_capacity for run in by_model[model]]))
        for model in values
    ]
    found = ranks(np.array(list(values.values())), np.array(resolutions))
    return {
        model: Mean(value, rank, *_over_texts(by_model[model]))
        for (model, value), rank in zip(values.items(), found, strict=True)
    }


def _over_texts(runs: Sequence[Run]) -> tuple[float, Interval] | tuple[None, None]:
    """Standard error of the mean IC over these runs, and its interval."""
    groups = _dependent(runs)
    columns = [text_columns(group) for group in groups]
    if any(len(of_group[0].num_tokens) < 2 for of_group in columns):
        return None, None
    found = estimate(partial(_mean_capacity, groups), columns)
    return float(found.standard_errors[0]), found.intervals()[0]


def _dependent(runs: Sequence[Run]) -> list[list[Run]]:
    """Runs on parallel texts together, all others by themselves."""
    groups: dict[Any, list[Run]] = defaultdict(list)
    for number, run in enumerate(runs):
        groups[tuple(document_names(run)) if run.has_named_documents else number].append(run)
    return list(groups.values())


def _mean_capacity(runs: Sequence[Sequence[Run]], groups: Sequence[Paired]) -> Array:
    """The mean over all runs, a row a set of texts."""
    capacities = [
        metric_of("information_capacity", sums, run)
        for of_group, group in zip(runs, groups, strict=True)
        for run, sums in zip(of_group, group, strict=True)
    ]
    mean: Array = np.mean(np.broadcast_arrays(*capacities), axis=0)
    return mean[:, np.newaxis]


def record(table: OverCorpora, row: ModelRow) -> dict[str, Any]:
    """A row as one flat record in full precision; None is what is not known."""
    mean = row.mean
    low, high = (mean.interval if mean else None) or (None, None)
    return {
        "rank": mean.rank if mean else None,
        "series": row.series,
        "model": row.model,
        "mean_information_capacity": mean.value if mean else None,
        "mean_information_capacity_stderr": mean.standard_error if mean else None,
        "mean_information_capacity_low": low,
        "mean_information_capacity_high": high,
        **{
            name: run.information_capacity if run else None
            for name, run in zip(table.names, row.runs, strict=True)
        },
    }
