"""Files that are written whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from stat import S_IMODE

from infocap_tasks.errors import InfocapError

_MODE = 0o644


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A temporary file beside ``path``, which replaces it at the end or is removed on failure.

    Where ``path`` is a symbolic link, the file that it points to is replaced. A file that is
    there keeps its permissions.

    Raises:
        InfocapError: ``path`` cannot be written, or is no plain file.
    """
    target, mode = _replaced(path)
    with _complaints_about(path):
        handle, name = tempfile.mkstemp(dir=target.parent, suffix=target.suffix)
        os.close(handle)
        unfinished = Path(name)
        try:
            yield unfinished
            unfinished.chmod(mode)
            unfinished.replace(target)
        finally:
            unfinished.unlink(missing_ok=True)


def require_replaceable(path: Path) -> None:
    """Refuse a path at which something stands that is no plain file, such as a pipe.

    Raises:
        InfocapError: it is one, or the path cannot be followed.
    """
    _replaced(path)


def _replaced(path: Path) -> tuple[Path, int]:
    """The file that is replaced, and the mode that the new one gets."""
    with _complaints_about(path):
        target = Path(os.path.realpath(path))
        if not os.path.lexists(target):
            return target, _MODE
        mode = target.stat().st_mode
    if not target.is_file():
        what = "a folder" if target.is_dir() else "no plain file"
        raise InfocapError(f"{path}: cannot be written ({what}); name a new file, or a plain one")
    return target, S_IMODE(mode)


@contextmanager
def _complaints_about(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InfocapError(
            f"{path}: cannot be written ({error.strerror or error}); name a file in a folder that "
            "exists, is writable and has space"
        ) from error
