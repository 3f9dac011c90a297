"""Questions to runs, as the commands ask them: for notebooks and scripts.

The functions that answer take for granted that runs are comparable. Here those that are not are
refused first, and what a command says beside its output is a warning.
"""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from infocap_tasks.analysis import compare as comparison
from infocap_tasks.analysis import correlate as correlation
from infocap_tasks.analysis import shared_documents
from infocap_tasks.analysis.bias import Bias, fit_biases
from infocap_tasks.analysis.comparable import (
    Group,
    require_comparable,
    require_comparable_pair,
)
from infocap_tasks.analysis.compare import Comparison
from infocap_tasks.analysis.correlate import Correlation
from infocap_tasks.analysis.leaderboard import Board, boards
from infocap_tasks.analysis.predict import predict_new, predict_others
from infocap_tasks.analysis.prediction import Prediction
from infocap_tasks.results import read
from infocap_tasks.results.run import Run


def read_runs(
    paths: str | Path | Iterable[str | Path],
    series: Mapping[str, str] | None = None,
    aliases: Mapping[str, str] | None = None,
) -> list[Run]:
    """The runs in results files and in folders of them, one for each measurement.

    A warning names each file that could not be read, and each choice among several runs of one
    model on one task, of which the one of most documents is taken, of these the newest.

    Args:
        paths: what ``--output_path`` was given, or single files.
        series: the series by model, where its name does not tell.
        aliases: names of models by other names of theirs, as of a server.

    Raises:
        InfocapError: a path does not exist, or an alias is of no run.
    """
    given = [paths] if isinstance(paths, str | Path) else paths
    reading = read.read_runs(given, series, aliases)
    _warn([*reading.notes, *reading.complaints])
    return reading.runs


def on_shared_documents(runs: Iterable[Run]) -> list[Run]:
    """Each run on the documents that all runs of its task, corpus, regime and L have.

    So full and partial runs can be compared. A warning says how many documents are left.

    Raises:
        InfocapError: runs share fewer than two documents, or documents of a run share a name.
    """
    taken, lines = shared_documents.on_shared_documents(runs)
    _warn(lines)
    return taken


def leaderboard(
    runs: Iterable[Run], sort: str = "information_capacity", include_lossy: bool = False
) -> list[Board]:
    """Runs ranked by information capacity, a board for each group of comparable runs.

    Args:
        runs: one or more.
        sort: the metric that orders the rows, the better first.
        include_lossy: rank runs whose tokenizers lose text too.

    Raises:
        InfocapError: there are no runs, or no metric has this name.
    """
    found = boards(list(runs), sort, include_lossy)
    _warn([remark for board in found for remark in board.remarks])
    return found


def compare(run_a: Run, run_b: Run) -> Comparison:
    """IC of run A less IC of run B over the documents that both have, and why.

    Raises:
        InfocapError: the runs are not comparable, or share fewer than two documents.
    """
    _runs_of(require_comparable_pair(run_a, run_b))
    return comparison.compare(run_a, run_b)


def explain(run_a: Run, run_b: Run) -> Comparison:
    """As ``compare``; of the totals, without intervals, where a run holds no documents.

    Raises:
        InfocapError: the runs are not comparable.
    """
    _runs_of(require_comparable_pair(run_a, run_b))
    return comparison.explain(run_a, run_b)


def fit_bias(runs: Iterable[Run]) -> list[Bias]:
    """The bias b at which IC is the same at all sizes: of each series, then of all pooled.

    Raises:
        InfocapError: the runs are not comparable, or no series has two sizes.
    """
    return fit_biases(_comparable(runs))


def predict(
    reference: Run, runs: Iterable[Run], flops_per_token: float | None = None
) -> list[Prediction]:
    """The compression gain of other sizes of a series from one size, in bits per token.

    Args:
        reference: the size to predict from.
        runs: sizes whose scatter gives the interval; those of other series are left out.
        flops_per_token: N of a size that is not run yet; where it is None, each of the ``runs`` is
            predicted and held against its measurement.

    Raises:
        InfocapError: the runs are not comparable, or N is not a number above 1.
    """
    others = [
        run for run in runs if run.series == reference.series and run.model != reference.model
    ]
    series = _comparable([reference, *sorted(others, key=lambda run: run.flops_per_token)])
    if flops_per_token is None:
        return predict_others(reference, series)
    name = f"{flops_per_token:.4g} FLOPs per token"
    return [predict_new(reference, series, name, flops_per_token)]


def correlate(runs: Iterable[Run], benchmarks: Sequence[str] | None = None) -> list[Correlation]:
    """Coefficients of IC, bits per byte and log2 N with benchmark scores beside the runs.

    Args:
        runs: one a model.
        benchmarks: names of standard tasks; all that at least four models have where it is None.

    Raises:
        InfocapError: the runs are not comparable, a benchmark is unknown, or fewer than four
            models have one.
    """
    return correlation.correlate(_comparable(runs), benchmarks)


def _comparable(runs: Iterable[Run]) -> Sequence[Run]:
    """The runs, without the published ones of models that were read, if they are comparable."""
    return _runs_of(require_comparable(list(runs)), stacklevel=5)


def _runs_of(group: Group, stacklevel: int = 4) -> Sequence[Run]:
    _warn(group.remarks, stacklevel)
    return group.runs


def _warn(lines: Iterable[str], stacklevel: int = 3) -> None:
    """Warnings about what the caller of the public function gave."""
    for line in lines:
        warnings.warn(line, stacklevel=stacklevel)
