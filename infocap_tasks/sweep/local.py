"""Rows on this machine: each gets the GPUs that it needs; on a CPU, one after the other."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from infocap_tasks.backend.processes import PARENT
from infocap_tasks.errors import InfocapError
from infocap_tasks.sweep.row_folder import RowFolder
from infocap_tasks.sweep.study import Row, Study

_SECONDS_BETWEEN_LOOKS = 0.1


@dataclass(frozen=True)
class _Running:
    process: subprocess.Popen[bytes]
    gpus: list[str]


def gpus_here() -> list[str]:
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [name for name in visible.split(",") if name.strip()]
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return []
    return [
        str(n) for n in range(sum(line.startswith("GPU ") for line in listed.stdout.split("\n")))
    ]


def gpus_needed(row: Row, gpus: Sequence[str]) -> int:
    """How many GPUs a row gets: what the study says, else one, and none on a server's client."""
    if row.gpus is not None:
        return row.gpus
    return 1 if gpus and "base_url" not in row.config["model_args"] else 0


def run_here(
    study: Study,
    folders: Sequence[RowFolder],
    jobs: int | None,
    retries: int,
    look: Callable[[], None],
) -> None:
    """Run rows until none is left; the largest of equal GPUs first, as its folder tells.

    Args:
        study: that they are of.
        folders: of the rows to run.
        jobs: rows at once; None for one, or as many as the GPUs hold.
        retries: how often a row that failed is tried again.
        look: is called again and again meanwhile.

    Raises:
        InfocapError: a row needs more GPUs than there are.
    """
    free = gpus_here()
    most = jobs or max(1, len(free))
    for folder in folders:
        if gpus_needed(folder.row, free) > len(free):
            raise InfocapError(
                f"{folder.row.place}: gpus: {folder.row.gpus}: there are {len(free)} here; lower "
                "it, or run the row elsewhere, such as on a server (base_url:)"
            )
    waiting = sorted(folders, key=lambda folder: -gpus_needed(folder.row, free))
    running: list[_Running] = []
    try:
        while waiting or running:
            for folder in list(waiting):
                need = gpus_needed(folder.row, free)
                if len(running) < most and need <= len(free):
                    given, free = free[:need], free[need:]
                    running.append(_Running(_start(study, folder.row, retries, given), given))
                    waiting.remove(folder)
            time.sleep(_SECONDS_BETWEEN_LOOKS)
            for one in [one for one in running if one.process.poll() is not None]:
                running.remove(one)
                free = free + one.gpus
            look()
    finally:
        for one in running:
            one.process.send_signal(signal.SIGTERM)
        for one in running:
            one.process.wait()


def _start(study: Study, row: Row, retries: int, gpus: list[str]) -> "subprocess.Popen[bytes]":
    # A session of its own: Ctrl-C comes here first, which ends it in order.
    told = {PARENT: str(os.getpid())}
    if gpus:
        told["CUDA_VISIBLE_DEVICES"] = ",".join(gpus)
    return subprocess.Popen(
        row_command(study, row, retries), env=os.environ | told, start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def row_command(study: Study, row: Row, retries: int) -> list[str]:
    """The command of one row, which any scheduler can start."""
    command = [sys.executable, "-m", "infocap_tasks", "sweep", "row", str(study.path), row.name]
    return [*command, "--retries", str(retries)]
