"""That results reach the disk: asked before a model is scored, and looked at afterwards.

The harness's tracker writes them. What hinders it there it logs at INFO level, and the run ends as
if all were well; so the tracker is replaced by one of ours while a run lasts.
"""

import json
import logging
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import lm_eval.loggers
from lm_eval.loggers.evaluation_tracker import EvaluationTracker, GeneralConfigTracker
from lm_eval.utils import sanitize_model_name

from infocap_tasks.errors import FaultyFiles, InfocapError

# A block of a file system: an empty file can be made on a full disk too.
_PROBE = b"\0" * 4096


def require_writable(output_path: str, model_args: Mapping[str, Any]) -> None:
    """Refuse an ``--output_path`` where the results could not be written, by writing there.

    Folders that were made for it stay, since the results go there.

    Raises:
        InfocapError: a folder cannot be made, or a file in it cannot be written.
    """
    name = GeneralConfigTracker._get_model_name(dict(model_args))
    folder = _folder(Path(output_path), name and sanitize_model_name(name))
    made: list[Path] = []
    try:
        made += [path for path in (folder, *folder.parents) if not path.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(_PROBE)
            probe.flush()
            os.fsync(probe.fileno())
    except OSError as error:
        for path in made:
            with suppress(OSError):
                path.rmdir()
        raise InfocapError(
            f"--output_path {output_path}: results could not be written to {folder} "
            f"({error.strerror}); name another folder, or a file NAME.json in one"
        ) from error


def _folder(output_path: Path, model: str | None) -> Path:
    """Where the harness puts the files: beside NAME.json, else in a folder named by the model."""
    return output_path.parent if output_path.suffix == ".json" else output_path / (model or "")


@contextmanager
def results_kept(model_args: Mapping[str, Any], kept_answers: str | None) -> Iterator[None]:
    """While this lasts, results that the harness could not write, or did not, are an error.

    Args:
        model_args: of the model that is scored.
        kept_answers: where the run keeps the model's answers; None if nowhere.

    Raises:
        InfocapError: before the model is loaded, if nothing can be written to ``--output_path``.
        FaultyFiles: at the end, when the harness has printed its table, if a file was not written
            whole; what there was of it is removed.
    """
    lost: list[str] = []

    class Tracker(_Tracker):
        arguments = model_args
        complaints = lost

    before = lm_eval.loggers.EvaluationTracker
    lm_eval.loggers.EvaluationTracker = Tracker  # type: ignore[misc]
    try:
        yield
    finally:
        lm_eval.loggers.EvaluationTracker = before  # type: ignore[misc]
    if lost:
        again = (
            f"the answers are kept in {kept_answers}: run again with another --output_path"
            if kept_answers
            else "the answers were not kept: run again with another --output_path, and --cache DIR"
        )
        raise FaultyFiles(f"{'; '.join(lost)}; only the table above is left; {again}")


class _Tracker(EvaluationTracker):
    """The harness's tracker, with a look at each file that it is to write."""

    arguments: Mapping[str, Any]
    complaints: list[str]

    def __init__(self, output_path: str | None = None, **others: Any) -> None:
        super().__init__(output_path, **others)
        if output_path:
            require_writable(output_path, self.arguments)

    def save_results_aggregated(
        self, results: dict[str, Any], samples: dict[str, Any] | None = None
    ) -> None:
        with _swallowed_errors() as errors:
            super().save_results_aggregated(results, samples)
        if self.output_path:
            output = Path(self.output_path)
            stem = output.stem if output.suffix == ".json" else "results"
            self._require_whole(f"{stem}_{self._date}.json", 1, errors)

    def save_results_samples(self, task_name: str, samples: list[dict[str, Any]]) -> None:
        with _swallowed_errors() as errors:
            super().save_results_samples(task_name, samples)
        if self.output_path:
            self._require_whole(f"samples_{task_name}_{self._date}.jsonl", len(samples), errors)

    @property
    def _date(self) -> str:
        return getattr(self, "date_id", "")  # missing if it failed before it came to the file

    def _require_whole(self, name: str, num_records: int, errors: list[BaseException]) -> None:
        model = self.general_config_tracker.model_name_sanitized
        path = _folder(Path(self.output_path or ""), model) / name
        if _is_whole(path, num_records):
            return
        reason = getattr(errors[-1], "strerror", None) or str(errors[-1]) if errors else "cut short"
        self.complaints.append(f"{path}: could not be written ({reason})")
        with suppress(OSError):  # below a file, or where nothing can be written, there is none
            path.unlink()


def _is_whole(path: Path, num_records: int) -> bool:
    """Whether the file holds so many JSON documents: one in all, or one a line."""
    try:
        with path.open(encoding="utf-8") as file:
            if path.suffix == ".json":
                json.load(file)
                return True
            return sum(bool(json.loads(line)) for line in file) == num_records
    except (OSError, ValueError):
        return False


@contextmanager
def _swallowed_errors() -> Iterator[list[BaseException]]:
    """The exceptions during whose handling the harness's tracker logs something."""
    errors: list[BaseException] = []

    def note(_: logging.LogRecord) -> bool:
        if (error := sys.exc_info()[1]) is not None:
            errors.append(error)
        return True

    log = logging.getLogger(EvaluationTracker.__module__)
    log.addFilter(note)
    try:
        yield errors
    finally:
        log.removeFilter(note)
