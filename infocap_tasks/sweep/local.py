"""Rows on this machine: each gets the GPUs that it needs; on a CPU, one after the other."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import IO

from infocap_tasks.backend.processes import PARENT
from infocap_tasks.errors import InfocapError
from infocap_tasks.sweep.row_folder import BUSY, Outcome, RowFolder
from infocap_tasks.sweep.study import Row, Study

_SECONDS_BETWEEN_LOOKS = 0.1


@dataclass(frozen=True)
class _Running:
    process: subprocess.Popen[bytes]
    folder: RowFolder
    gpus: list[str]
    said: IO[bytes]


def gpus_here() -> list[str]:
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [name for name in visible.split(",") if name.strip()]
    try:
        command = ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"]
        listed = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return []
    return listed.stdout.split()


def gpus_needed(row: Row, gpus: Sequence[str]) -> int:
    """How many of the GPUs a row gets: as it is told, else one, and none for a server's client."""
    if row.gpus_told is not None:
        return row.gpus_told
    return 1 if gpus and "base_url" not in row.config["model_args"] else 0


def run_here(
    study: Study,
    folders: Sequence[RowFolder],
    jobs: int | None,
    retries: int,
    look: Callable[[], None],
) -> None:
    """Run rows until none is left, those that need most GPUs first.

    Args:
        study: that they are of.
        folders: of the rows to run.
        jobs: rows at once; None for one, or as many as the GPUs hold.
        retries: how often a row that failed is tried again.
        look: is called again and again meanwhile.

    Raises:
        InfocapError: a row needs more GPUs than there are.
    """
    gpus = gpus_here()
    for folder in folders:
        if (need := gpus_needed(folder.row, gpus)) > len(gpus):
            raise InfocapError(
                f"{folder.row.place}: gpus: {need}: there are {len(gpus)} here; lower it, or run "
                "the row elsewhere, such as on a server (base_url:)"
            )
    most, free = jobs or max(1, len(gpus)), list(gpus)
    waiting = sorted(folders, key=lambda folder: -gpus_needed(folder.row, gpus))
    running: list[_Running] = []
    try:
        while waiting or running:
            for folder in list(waiting):
                need = gpus_needed(folder.row, gpus)
                if len(running) < most and need <= len(free):
                    given, free = free[:need], free[need:]
                    running.append(_start(study, folder, retries, given if gpus else None))
                    waiting.remove(folder)
            time.sleep(_SECONDS_BETWEEN_LOOKS)
            for one in [one for one in running if one.process.poll() is not None]:
                running.remove(one)
                free = free + one.gpus
                if one.process.returncode == BUSY:  # done or failed when the other is through
                    waiting.append(one.folder)
                _note_end(one)
            look()
    finally:
        for one in running:
            one.process.send_signal(signal.SIGTERM)
        for one in running:
            one.process.wait()


def _start(study: Study, folder: RowFolder, retries: int, gpus: list[str] | None) -> _Running:
    """Start a row with these GPUs; None where none is known, so that others are not hidden."""
    told = {} if gpus is None else {"CUDA_VISIBLE_DEVICES": ",".join(gpus)}
    said = tempfile.TemporaryFile()  # noqa: SIM115  (closed when the row's process has ended)
    process = subprocess.Popen(
        row_command(study, folder.row, retries),
        env=os.environ | told | {PARENT: str(os.getpid())},
        # A session of its own: Ctrl-C comes here first, which ends it in order.
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=said,
    )
    return _Running(process, folder, gpus or [], said)


def _note_end(one: _Running) -> None:
    """Note why a row's process ended where it could not do that itself."""
    status, outcome = one.process.returncode, one.folder.outcome()
    with one.said:
        one.said.seek(0)
        lines = one.said.read().decode("utf-8", "replace").split("\n")
    if status in (0, BUSY) or (outcome is not None and outcome.cause):
        return
    last = next((line for line in reversed(lines) if line.strip()), f"exit status {status}")
    cause = f"killed by {signal.Signals(-status).name}" if status < 0 else last
    attempts = outcome.attempts if outcome else 1
    one.folder.note(Outcome(one.folder.settings, f"its process: {cause}", attempts))


def row_command(study: Study, row: Row, retries: int) -> list[str]:
    """The command of one row, which any scheduler can start."""
    command = [sys.executable, "-m", "infocap_tasks", "sweep", "row", str(study.path), row.name]
    return [*command, "--retries", str(retries)]
