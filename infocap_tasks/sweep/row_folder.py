"""What a row leaves behind: results, answers, its log, and what became of it.

A row is done where results of its tasks with its settings lie there and can be read; no marker
says so. Results of other settings lie in folders of their own.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from filelock import FileLock, Timeout

from infocap_tasks.errors import InfocapError
from infocap_tasks.report.files import whole_file
from infocap_tasks.results.file import read_file
from infocap_tasks.results.values import Unusable
from infocap_tasks.sweep.study import Row, Study

_LOOK_S = 2.0


class Busy(Exception):
    """Another process runs the row."""


class Outcome(NamedTuple):
    """What became of a row the last time.

    Attributes:
        settings: digest of the settings with which it ran.
        cause: why it failed; None while it runs, so that one that was killed leaves none.
        attempts: how often it was tried.
        seconds: how long it took, all attempts together; None while it runs.
    """

    settings: str
    cause: str | None
    attempts: int
    seconds: float | None


class RowFolder:
    """The folder of a row.

    Args:
        study: that the row is of.
        row: whose folder it is.
    """

    def __init__(self, study: Study, row: Row) -> None:
        self.row = row
        self.path = study.folder / "rows" / row.name
        self.log = self.path / "log.txt"
        self.answers = self.path / "answers"
        self.settings = _digest(row)
        self.results = self.path / "results" / self.settings
        self._outcome = self.path / "outcome.json"
        self._lock = self.path / "lock"

    def make(self) -> None:
        """Make the folder.

        Raises:
            InfocapError: it cannot be made.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InfocapError(
                f"output_path: {self.path} cannot be made ({error.strerror}); name a folder that "
                "can be written"
            ) from None

    @contextmanager
    def locked(self, wait_s: float = _LOOK_S) -> Iterator[None]:
        """Keep other processes out, until the block or this process ends.

        Args:
            wait_s: a process that is in so long runs the row; others only look whether one does.

        Raises:
            Busy: another process runs the row.
        """
        try:
            with FileLock(self._lock, timeout=wait_s):
                yield
        except Timeout:
            raise Busy from None

    def is_busy(self) -> bool:
        """Whether a process runs the row."""
        if not self._lock.exists():
            return False
        try:
            with self.locked(wait_s=0):
                return False
        except Busy:
            return True

    def write_config(self, tasks: list[str], **changed: Any) -> Path:
        """The file that the harness reads, for these of the row's tasks."""
        path = self.path / "config.yaml"
        content = {**self.row.config, **changed, "tasks": tasks}
        with whole_file(path) as unfinished:
            unfinished.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True))
        return path

    def note(self, outcome: Outcome) -> None:
        """Write down what became of the row."""
        with whole_file(self._outcome) as unfinished:
            unfinished.write_text(json.dumps(outcome._asdict()))

    def outcome(self) -> Outcome | None:
        """What became of the row with these settings; None if it has not been tried."""
        try:
            outcome = Outcome(**json.loads(self._outcome.read_text("utf-8")))
        except (OSError, ValueError, TypeError):  # none, or not of this release
            return None
        return outcome if outcome.settings == self.settings else None

    def missing_tasks(self) -> list[str]:
        """The row's tasks that have no results that can be read."""
        found: set[str] = set()
        for file in sorted(self.results.rglob("results_*.json")):
            found |= _tasks_in(file)
        return [task for task in self.row.tasks if not _is_in(task, found)]


def _tasks_in(file: Path) -> set[str]:
    """Tasks and groups in a results file; none where a part of it cannot be read."""
    try:
        read_file(file)
        content = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError, Unusable):
        return set()
    return {*content["results"], *content.get("group_subtasks", {})}


def _is_in(task: str, found: set[str]) -> bool:
    """Whether a task is among these; of a pattern it is not known how many tasks it stands for."""
    return task in found or any(fnmatch(name, task) for name in found)


def _digest(row: Row) -> str:
    """Hex digits that differ by all settings but tasks, and by the texts of local corpora."""
    settings = {key: value for key, value in row.config.items() if key != "tasks"}
    texts = _file_digests(row.config["metadata"].get("corpus_path"))
    everything = json.dumps([settings, texts, row.label], sort_keys=True, default=str)
    return hashlib.sha256(everything.encode()).hexdigest()[:12]


def _file_digests(corpus_path: Any) -> list[str]:
    if not isinstance(corpus_path, str):
        return []
    path = Path(corpus_path).expanduser()
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    return [hashlib.sha256(file.read_bytes()).hexdigest() for file in files if file.is_file()]
