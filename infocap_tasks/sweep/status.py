"""The state of each row, read from what lies in its folder."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from infocap_tasks.sweep.row_folder import ATTEMPT, RowFolder

DONE, RUNNING, FAILED, STOPPED, WAITING = "done", "running", "failed", "stopped", "waiting"

_TAIL_BYTES = 4096
# What the scorer's bar says last: per cent, time left and speed.
_BAR = re.compile(
    r"scoring \([^)]*\): +(\d+)%\|[^|]*\|[^\[]*\[[\d:]+<([\d:?]+), +([\d.]+[kM]?) tok"
)


class RowState(NamedTuple):
    """What is known of a row.

    Attributes:
        name: of the row.
        state: ``done``, ``running``, ``failed``, ``stopped`` (killed, or by Ctrl-C) or ``waiting``.
        share: of its tokens that are scored, from 0 to 1, while it runs; None before.
        tokens_per_second: as the scorer's bar says it, such as ``1.2k``.
        time_left: the same, such as ``03:12``.
        attempts: how often it was tried.
        cause: why it failed.
        log: the file that it wrote.
    """

    name: str
    state: str
    share: float | None = None
    tokens_per_second: str | None = None
    time_left: str | None = None
    attempts: int | None = None
    cause: str | None = None
    log: str | None = None

    def shown(self) -> dict[str, Any]:
        """A row of the table."""
        return {
            "row": self.name,
            "state": self.state,
            "scored": None if self.share is None else f"{self.share:.0%}",
            "tokens/s": self.tokens_per_second,
            "left": self.time_left,
        }


def state_of(folder: RowFolder) -> RowState:
    """The state of one row."""
    name = folder.row.name
    if folder.is_busy():
        return RowState(name, RUNNING, *_said_by_bar(folder), log=str(folder.log))
    if not folder.missing_tasks():
        return RowState(name, DONE, 1.0)
    outcome = folder.outcome()
    if outcome is None or outcome.cause == "":  # the tasks that it had then are done
        return RowState(name, WAITING)
    if outcome.cause is None:  # it has not lived to say one
        return RowState(name, STOPPED, attempts=outcome.attempts, log=str(folder.log))
    return RowState(
        name, FAILED, attempts=outcome.attempts, cause=outcome.cause, log=str(folder.log)
    )


def _said_by_bar(folder: RowFolder) -> tuple[float | None, str | None, str | None]:
    try:
        with folder.log.open("rb") as file:
            file.seek(max(0, folder.log.stat().st_size - _TAIL_BYTES))
            tail = file.read().decode("utf-8", "replace")
    except OSError:
        return None, None, None
    said = _BAR.findall(tail.rpartition(ATTEMPT)[2])
    if not said:
        return None, None, None
    per_cent, left, speed = said[-1]
    return int(per_cent) / 100, speed, left


def share_done(states: Sequence[RowState]) -> float:
    """The share of all rows that is scored, from 0 to 1; each row counts the same."""
    return sum(state.share or 0.0 for state in states) / len(states)


def counts(states: Sequence[RowState]) -> str:
    """How many rows are in which state, such as ``3 done, 1 failed``."""
    order = (DONE, RUNNING, WAITING, STOPPED, FAILED)
    found = Counter(state.state for state in states)
    return ", ".join(f"{found[state]} {state}" for state in order if found[state])


def failures(states: Sequence[RowState]) -> list[str]:
    """A line for each row that failed: why, and where its log is."""
    return [
        f"{state.name}: {state.cause} (attempts: {state.attempts}, log: {state.log})"
        for state in states
        if state.state == FAILED
    ]
