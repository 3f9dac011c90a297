"""What a row leaves behind: results, answers, its log, and what became of it.

A row is done where results of its tasks with its settings lie there and can be read; no marker
says so. Results of other settings lie in folders of their own.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import filter as matching
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from filelock import FileLock, Timeout

from infocap_tasks.errors import InfocapError
from infocap_tasks.report.files import whole_file
from infocap_tasks.results.file import read_content
from infocap_tasks.results.groups import task_groups
from infocap_tasks.results.values import Unusable
from infocap_tasks.sweep.study import Row, Study
from infocap_tasks.task.listing import task_metadata

_LOOK_S = 2.0
ATTEMPT = "== infocap sweep: attempt"  # begins a line of the log before each one
BUSY = 75  # the exit status of a row's process that found another one; as in sysexits.h


class Busy(Exception):
    """Another process runs the row."""


class Outcome(NamedTuple):
    """What became of a row the last time.

    Attributes:
        settings: digest of the settings with which it ran.
        cause: why it failed; None while it runs, so that one that was killed leaves none.
        attempts: how often it was tried.
    """

    settings: str
    cause: str | None
    attempts: int


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
            unfinished.write_text(yaml.safe_dump(content, sort_keys=False), "utf-8")
        return path

    def note(self, outcome: Outcome) -> None:
        """Write down what became of the row."""
        with whole_file(self._outcome) as unfinished:
            unfinished.write_text(json.dumps(outcome._asdict()))

    def forget(self) -> None:
        """Forget what became of the row, since it will be run again."""
        self._outcome.unlink(missing_ok=True)

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
        content = json.loads(file.read_text("utf-8"))
        read_content(content, str(file))
    except (OSError, ValueError, Unusable):
        return set()
    return {*content["results"], *content.get("group_subtasks", {})}


def _is_in(task: str, found: set[str]) -> bool:
    """Whether a task is among these, or each task of ours that a pattern stands for.

    How many tasks of the harness a pattern stands for is not known here; one is enough.
    """
    if task in found:
        return True
    ours = matching(_our_names(), task)
    return found.issuperset(ours) if ours else any(matching(found, task))


@cache
def _our_names() -> list[str]:
    return [*task_metadata(), *task_groups()]


def _digest(row: Row) -> str:
    """Hex digits that differ by all settings but tasks, and by local weights and texts.

    Files are told apart by size and time, since weights are large. One that was only written anew
    costs little: the row's answers are kept.
    """
    settings = {key: value for key, value in row.config.items() if key != "tasks"}
    files = [*_files(row.model), *_files(str(row.config["metadata"].get("corpus_path", "")))]
    stats = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    everything = json.dumps([settings, row.label, stats], sort_keys=True, default=str)
    return hashlib.sha256(everything.encode()).hexdigest()[:12]


def _files(path: str) -> list[Path]:
    """A file or all files of a folder; none where this is another kind of name."""
    place = Path(path).expanduser()
    if path and place.is_dir():
        return sorted(file for file in place.rglob("*") if file.is_file())
    return [place] if place.is_file() else []
