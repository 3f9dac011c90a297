"""Saves processor time while libraries are imported."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_NEW_OBJECTS = 100_000


@contextmanager
def rare_collections() -> Iterator[None]:
    """Let Python look for unreachable cycles once in 100,000 new objects inside the block.

    By default it looks once in some hundreds to thousands, which takes a sixth of the time in which
    torch and transformers are imported, whose objects all stay.
    """
    before = gc.get_threshold()
    gc.set_threshold(_NEW_OBJECTS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
