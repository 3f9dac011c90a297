"""One row: ``infocap eval`` in a process of its own, its time, its failures and its retries.

This process stays small and holds no model: GPU memory is only given back when a process ends.
"""

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from infocap_tasks.backend.names import BACKENDS
from infocap_tasks.backend.processes import PARENT
from infocap_tasks.sweep.row_folder import ATTEMPT, Outcome, RowFolder

_SECONDS_BETWEEN_LOOKS = 0.2
_SECONDS_TO_END = 10.0
_ABANDONED = "abandoned"


def run_row(folder: RowFolder, retries: int) -> str | None:
    """Score what is missing of a row; None if it is done, else why it failed.

    Raises:
        Busy: another process runs it.
        InfocapError: its folder cannot be written.
    """
    folder.make()
    with folder.locked():
        batch_size = folder.row.config.get("batch_size")
        for attempt in range(1, retries + 2):
            missing = folder.missing_tasks()
            if not missing:
                return None
            folder.note(Outcome(folder.settings, None, attempt))
            changed = {} if batch_size is None else {"batch_size": batch_size}
            cause = _attempt(folder, folder.write_config(missing, **changed))
            if cause == _ABANDONED:  # what became of it is not known, as if it had been killed
                return cause
            if cause is None and folder.missing_tasks():
                cause = f"no results of {', '.join(folder.missing_tasks())}"
            folder.note(Outcome(folder.settings, cause or "", attempt))
            if cause is None:
                return None
            if "out of memory" in cause.lower():
                batch_size = _half(batch_size)
    return cause


def _half(batch_size: Any) -> int:
    """Of what memory did not hold; ``auto`` is not known, so that the least is taken."""
    return max(1, int(batch_size) // 2) if str(batch_size or "").isdigit() else 1


def _attempt(folder: RowFolder, config: Path) -> str | None:
    """Run the row once; None if it ended well, else why it did not."""
    command = [sys.executable, "-m", "infocap_tasks", "eval", "--config", str(config)]
    command += ["--output_path", str(folder.results)]
    if folder.row.config.get("model", "infocap-hf") in BACKENDS:
        command += ["--cache", str(folder.answers)]
    if folder.row.label:
        command += ["--name", folder.row.label]
    with folder.log.open("ab") as log:
        log.write(f"{ATTEMPT} on {time.strftime('%Y-%m-%d %H:%M:%S')}\n".encode())
        log.flush()
        begin = log.tell()
        process = subprocess.Popen(
            command, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
            env=os.environ | {PARENT: str(os.getpid())}, start_new_session=True,
        )  # fmt: skip
        try:
            ended = _wait(process, folder.row.timeout_s)
        finally:
            _end(process)
    if ended is not None:
        return ended
    return None if process.returncode == 0 else _cause(process.returncode, folder.log, begin)


def _wait(process: subprocess.Popen[bytes], timeout_s: float | None) -> str | None:
    """Wait for the process; why it must be ended, or None if it ended."""
    parent, started_s = os.environ.get(PARENT), time.monotonic()
    while True:
        try:
            process.wait(_SECONDS_BETWEEN_LOOKS)
        except subprocess.TimeoutExpired:
            pass
        else:
            return None
        if timeout_s is not None and time.monotonic() - started_s > timeout_s:
            return f"timed out after {timeout_s:g} s"
        if parent is not None and os.getppid() != int(parent):
            return _ABANDONED  # the sweep was killed


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process and all that it started, also where it ended before them."""
    if process.poll() is None:
        _send(process, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_SECONDS_TO_END)
    _send(process, signal.SIGKILL)
    process.wait()


def _send(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _cause(exit_status: int, log: Path, begin: int) -> str:
    """The last error in what was logged since ``begin``, else how the process ended."""
    if exit_status < 0:
        name = signal.Signals(-exit_status).name
        hint = ", perhaps since the machine had no memory left" if name == "SIGKILL" else ""
        return f"killed by {name}{hint}"
    with log.open("rb") as file:
        file.seek(begin)
        text = file.read().decode("utf-8", "replace")
    errors = re.findall(r"^infocap: error: (.+)$", text, re.MULTILINE)
    lines = [line for line in re.split(r"[\r\n]+", text) if line.strip()]
    return errors[-1] if errors else (lines[-1].strip() if lines else f"exit status {exit_status}")
