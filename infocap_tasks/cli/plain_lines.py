"""Progress bars as plain lines, for logs: one in 30 s, and the last state of a bar that had one."""

import io
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from typing import TextIO

_SECONDS_APART = 30.0
_TERMINAL_CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@contextmanager
def plain_lines_in_logs() -> Iterator[None]:
    """While the block runs, bars on stderr are lines if stderr is no terminal."""
    if sys.stderr.isatty():
        yield
        return
    with redirect_stderr(PlainLines(sys.stderr)):
        yield


class PlainLines(io.TextIOBase):
    """A stream that passes lines on and thins out what bars write after a carriage return.

    Args:
        stream: where the lines go.
        clock: the time in seconds.
    """

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._bar = ""  # the state of the bar that is being drawn
        self._shown_at: float | None = None  # when a bar last had a line, or began
        self._has_line = False

    def write(self, text: str) -> int:
        """Take text as any stream does; a bar's states go on at most every 30 s."""
        for part in re.split(r"(?=\r)|(?<=\n)", text):
            if part.startswith("\r"):
                self._take_state(part)
            elif self._bar and part == "\n":  # tqdm closes a bar that it leaves on the screen
                self._end_bar()
            elif part:
                self._stream.write(_TERMINAL_CODES.sub("", part))
        return len(text)

    def flush(self) -> None:
        """Pass what was written on to the file."""
        self._stream.flush()

    def fileno(self) -> int:
        """The file behind it, which faulthandler and child processes write to."""
        return self._stream.fileno()

    def _take_state(self, part: str) -> None:
        state = _TERMINAL_CODES.sub("", part).strip()
        if not state:  # tqdm wipes a bar that it does not leave
            self._bar = ""
            return
        now = self._clock()
        if not self._bar:
            self._shown_at, self._has_line = now, False
        self._bar = state
        if self._shown_at is not None and now - self._shown_at >= _SECONDS_APART:
            self._show(now)
        if part.endswith("\n"):
            self._end_bar()

    def _show(self, now: float) -> None:
        self._stream.write(self._bar + "\n")
        self._shown_at, self._has_line = now, True

    def _end_bar(self) -> None:
        if self._has_line:
            self._stream.write(self._bar + "\n")
        self._bar = ""
