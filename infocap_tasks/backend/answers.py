"""Finished answers of a model on disk, so that a killed run can be resumed.

One SQLite file for each model and process, named by the fingerprint of all that an answer depends
on. A batch's answers are written in one transaction: they are there as a whole or not at all.
"""

import hashlib
import json
import logging
import sqlite3
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from infocap_tasks.errors import InfocapError

log = logging.getLogger("lm_eval.infocap_tasks")

_FORMAT = "<d?"  # log-likelihood in nats, float64; whether each token was the likeliest


class Answer(NamedTuple):
    """Log-likelihood of a continuation in nats, and whether greedy decoding would write it."""

    loglikelihood_nats: float
    is_greedy: bool


def request_key(kind: str, context: Sequence[int], continuation: Sequence[int]) -> bytes:
    """SHA-256 of what is asked and of the token ids."""
    return hashlib.sha256(json.dumps([kind, context, continuation]).encode()).digest()


class AnswerStore:
    """The answers of one model: reads those of all processes, adds those of this one.

    Raises:
        InfocapError: the folder cannot be written, or the disk is full.
    """

    def __init__(self, folder: str, fingerprint: str, process_index: int) -> None:
        self._folder = Path(folder)
        self._answers: dict[bytes, Answer] = {}
        own = self._folder / f"{fingerprint}-{process_index}.sqlite"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            for path in sorted(self._folder.glob(f"{fingerprint}-*.sqlite")):
                self._read(path, is_own=path == own)
            self._connection = _open(own)
        except (OSError, sqlite3.Error) as error:
            raise InfocapError(f"--cache {folder}: {error}; give a folder to write to") from error

    def __len__(self) -> int:
        return len(self._answers)

    def get(self, key: bytes) -> Answer | None:
        """The answer to a request, or None."""
        return self._answers.get(key)

    def add(self, answers: Mapping[bytes, Answer]) -> None:
        """Store the answers of a batch, which are on disk when this returns."""
        rows = [(key, _packed(key, answer)) for key, answer in answers.items()]
        try:
            with self._connection:
                self._connection.executemany("INSERT OR REPLACE INTO answers VALUES (?, ?)", rows)
        except sqlite3.Error as error:
            raise InfocapError(
                f"--cache {self._folder}: {error}; the answers before this batch are kept: "
                "free some space and start the same command again"
            ) from error
        self._answers.update(answers)

    def _read(self, path: Path, is_own: bool) -> None:
        # Not read-only: opening a file rolls back what a killed process left unfinished.
        connection = sqlite3.connect(f"file:{path}?mode=rw", uri=True, timeout=60)
        try:
            (verdict,) = connection.execute("PRAGMA quick_check").fetchone()
            if verdict != "ok":
                raise sqlite3.DatabaseError(verdict)
            if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'answers'").fetchone():
                rows = connection.execute("SELECT key, value FROM answers").fetchall()
                self._answers.update({key: _unpacked(key, value) for key, value in rows})
        except sqlite3.OperationalError:
            raise
        except (sqlite3.DatabaseError, ValueError, struct.error, TypeError) as error:
            connection.close()
            self._set_aside(path, error, is_own)
        finally:
            connection.close()

    def _set_aside(self, path: Path, error: Exception, is_own: bool) -> None:
        if not is_own:  # the process that writes this file moves it; the others ignore it
            log.warning("cache file %s is damaged (%s) and not used", path, error)
            return
        aside = path.with_name(f"{path.name}.damaged")
        path.replace(aside)
        path.with_name(path.name + "-journal").unlink(missing_ok=True)
        log.warning("cache file %s is damaged (%s): moved to %s, not used", path, error, aside)


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=60)
    connection.execute(
        "CREATE TABLE IF NOT EXISTS answers (key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID"
    )
    connection.commit()
    return connection


def _packed(key: bytes, answer: Answer) -> bytes:
    value = struct.pack(_FORMAT, *answer)
    return value + hashlib.sha256(key + value).digest()[:8]


def _unpacked(key: bytes, packed: bytes) -> Answer:
    value = packed[:-8]
    if hashlib.sha256(key + value).digest()[:8] != packed[-8:]:
        raise ValueError("an answer does not match its checksum")
    return Answer(*struct.unpack(_FORMAT, value))
