"""Files that are written whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infocap_tasks.errors import InfocapError


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A temporary file beside ``path``, which replaces it at the end or is removed on failure.

    Raises:
        InfocapError: ``path`` cannot be written.
    """
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, suffix=path.suffix)
        os.close(handle)
        unfinished = Path(name)
        try:
            yield unfinished
            unfinished.chmod(0o644)
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
    except OSError as error:
        raise InfocapError(
            f"{path}: cannot be written ({error.strerror}); name a file in a folder that exists "
            "and is writable"
        ) from error
