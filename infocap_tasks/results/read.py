"""Results files of the harness to runs; below this package nothing reads their JSON.

A run's scores on the harness's standard tasks, from the same file or others, are its
benchmarks. Files are read whole or not at all: a complaint names each one that cannot be used, and
nothing of it is taken.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from infocap_tasks.errors import InfocapError
from infocap_tasks.results.file import ResultsFile, read_file
from infocap_tasks.results.run import Run
from infocap_tasks.results.series import series_of
from infocap_tasks.results.values import Unusable


class Reading(NamedTuple):
    """The runs that were read, a line on each file that was not, and one on each choice made."""

    runs: list[Run]
    complaints: list[str]
    notes: list[str]


def read_runs(paths: Iterable[str | Path], series: Mapping[str, str] | None = None) -> Reading:
    """The runs in results files, and in those of folders and all folders in them.

    Of several runs of one model on one task, corpus, regime and L the newest is taken, and a note
    says so. Two files with the same content count as one.

    Args:
        paths: what ``--output_path`` was given, or single files.
        series: series by model, which override the rules of ``series.py``.

    Raises:
        InfocapError: a path does not exist, or is neither a folder nor a plain file.
    """
    read: list[ResultsFile] = []
    complaints = []
    for path in _result_files(paths):
        try:
            read.append(read_file(path))
        except Unusable as error:
            complaints.append(f"{path}: {error}; the file is left out")
    names = _short_names({file.model for file in read})
    runs, notes = _newest([run for file in read for run in file.runs])
    benchmarks = _benchmarks(read)
    notes += [
        f"{names[model]}: only benchmark scores were read, no run of an infocap task"
        for model in benchmarks.keys() - {run.model for run in runs}
    ]
    found = [
        replace(
            run,
            model=names[run.model],
            series=series_of(run.model, series),
            benchmarks=benchmarks.get(run.model, {}),
        )
        for run in runs
    ]
    return Reading(found, complaints, notes)


def _result_files(paths: Iterable[str | Path]) -> list[Path]:
    """Files named as the harness names them, each once; a file that is given itself, always."""
    found: dict[Path, None] = {}
    for path in paths:
        given = Path(path)
        if not str(path):  # to Path it would be the folder that one stands in
            raise InfocapError("an empty path: give results_*.json files or a folder of them")
        if given.is_dir():
            # With --output_path NAME.json the harness writes NAME_DATE.json.
            patterns = ("results*.json", "*_????-??-??T*.json")
            found |= dict.fromkeys(
                sorted({p for pattern in patterns for p in given.rglob(pattern)})
            )
        elif given.is_file():
            found[given] = None
        elif given.exists():  # reading a pipe or a device may never end
            raise InfocapError(f"{given}: is no plain file; give results_*.json files or a folder")
        else:
            raise InfocapError(
                f"{given}: no such file or folder; give results_*.json files of the harness or "
                "the folder of --output_path"
            )
    return list({file.resolve(): file for file in found}.values())


def _short_names(names: set[str]) -> dict[str, str]:
    """The part after the last slash, or the whole name where two would else be the same."""
    by_leaf = defaultdict(list)
    for name in names:
        by_leaf[name.rstrip("/").rpartition("/")[2] or name].append(name)
    return {
        name: leaf if len(same) == 1 else name for leaf, same in by_leaf.items() for name in same
    }


def _newest(runs: Sequence[Run]) -> tuple[list[Run], list[str]]:
    """One run for each measurement, the newest, and a note on each choice."""
    groups: dict[tuple[Any, ...], list[Run]] = defaultdict(list)
    for run in runs:
        groups[(run.model, run.task, run.corpus_sha256, run.regime, run.max_tokens)].append(run)
    kept, notes = [], []
    for group in groups.values():
        newest = max(group, key=lambda run: (run.date is not None, run.date or 0.0, run.source))
        kept.append(newest)
        if any(replace(run, source=newest.source) != newest for run in group):
            notes.append(
                f"{newest.model}, {newest.task}: {len(group)} runs; the newest is taken, "
                f"{newest.source}"
            )
    return kept, notes


def _benchmarks(read: Sequence[ResultsFile]) -> dict[str, dict[str, float]]:
    """Scores by model and standard task, the newest file's last."""
    scores: dict[str, dict[str, float]] = defaultdict(dict)
    for file in sorted(read, key=lambda file: file.date or 0.0):
        if file.benchmarks:
            scores[file.model] |= file.benchmarks
    return dict(scores)
