"""Results files of the harness to runs; below this package nothing reads their JSON.

A run's scores on the harness's standard tasks, from the same file or others, are its
benchmarks. Files are read whole or not at all: a complaint names each one that cannot be used, and
nothing of it is taken.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from infocap_tasks.errors import InfocapError
from infocap_tasks.results.aliases import aliased
from infocap_tasks.results.file import ResultsFile, read_file
from infocap_tasks.results.labels import Identity, identity_of, labels, short_names
from infocap_tasks.results.run import Run
from infocap_tasks.results.series import series_of
from infocap_tasks.results.values import Unusable

Names = Mapping[Identity, str]


class Reading(NamedTuple):
    """The runs that were read, a line on each file that was not, and one on each choice made."""

    runs: list[Run]
    complaints: list[str]
    notes: list[str]


def read_runs(
    paths: Iterable[str | Path],
    series: Mapping[str, str] | None = None,
    aliases: Mapping[str, str] | None = None,
) -> Reading:
    """The runs in results files, and in those of folders and all folders in them.

    Of several runs of one model on one task, corpus, regime and L the one of most documents is
    taken, of these the newest, and a note says so. Two files with the same content count as one.

    Args:
        paths: what ``--output_path`` was given, or single files.
        series: series by model, which override the rules of ``series.py``.
        aliases: names of models by other names of theirs, as of a server.

    Raises:
        InfocapError: a path does not exist, or is neither a folder nor a plain file, or an alias
            is of no run.
    """
    read: list[ResultsFile] = []
    complaints = []
    for path in _result_files(paths):
        try:
            read.append(read_file(path))
        except Unusable as error:
            complaints.append(f"{path}: {error}; the file is left out")
    short = short_names(file.model for file in read)
    by_model = defaultdict(list)
    for file in read:
        by_model[file.model].append(file)
    runs, notes = _newest(_labelled(read, by_model, short, series, aliases or {}))
    notes += [
        f"{short[model]}: only benchmark scores were read, no run of an infocap task"
        for model, files in by_model.items()
        if any(file.benchmarks for file in files) and not any(file.runs for file in files)
    ]
    return Reading(runs, complaints, notes)


def _labelled(
    read: Sequence[ResultsFile],
    by_model: Mapping[str, Sequence[ResultsFile]],
    short: Mapping[str, str],
    series: Mapping[str, str] | None,
    aliases: Mapping[str, str],
) -> list[Run]:
    """All runs, with labels, series and benchmark scores."""
    runs = [run for file in read for run in file.runs]
    names = labels(map(identity_of, runs), short)
    same = aliased(names, short, aliases)
    names |= {identity: names.get(model, model.model) for identity, model in same.items()}
    files_called: dict[str, dict[str, Sequence[ResultsFile]]] = defaultdict(dict)
    for identity, label in names.items():
        files_called[label][identity.model] = by_model[identity.model]
    return [
        replace(
            run,
            model=(label := names[identity := identity_of(run)]),
            series=series_of(same.get(identity, identity).model, series),
            benchmarks=_benchmarks(chain(*files_called[label].values()), label, names),
        )
        for run in runs
    ]


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


def _newest(runs: Sequence[Run]) -> tuple[list[Run], list[str]]:
    """One run for each measurement, the newest on most documents, and a note on each choice."""
    groups: dict[tuple[Any, ...], list[Run]] = defaultdict(list)
    for run in runs:
        groups[(run.model, run.task, run.corpus_sha256, run.regime, run.max_tokens)].append(run)
    kept, notes = [], []
    for group in groups.values():
        newest = max(group, key=_age)
        taken = max(group, key=lambda run: (*_coverage(run), *_age(run)))
        kept.append(taken)
        if any(replace(run, source=taken.source) != taken for run in group):
            why = "the newest is taken"
            if taken is not newest:
                why = f"the newest has only {newest.num_documents} documents; a fuller is taken"
            notes.append(f"{taken.model}, {taken.task}: {len(group)} runs; {why}, {taken.source}")
    return kept, notes


def _age(run: Run) -> tuple[bool, float, str]:
    return run.date is not None, run.date or 0.0, run.source


def _coverage(run: Run) -> tuple[bool, int]:
    """How much of its corpus a run scored; whole runs are alike, whatever their files say."""
    return not run.is_partial, (run.num_documents or 0) if run.is_partial else 0


def _benchmarks(files: Iterable[ResultsFile], label: str, names: Names) -> dict[str, float]:
    """Scores by standard task, the newest file's last, without those of variants of the model."""
    scores: dict[str, float] = {}
    for file in sorted(files, key=lambda file: file.date or 0.0):
        if not file.runs or label in {names[identity_of(run)] for run in file.runs}:
            scores |= file.benchmarks
    return scores
