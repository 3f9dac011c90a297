"""A function of a model's code replaced while a block runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def replaced(owner: Any, name: str, stand_in: Any) -> Iterator[None]:
    """``owner.name`` is ``stand_in`` inside the block, and afterwards what it was before.

    Args:
        owner: a module of a model, such as its output layer, or a Python module.
        name: the function to replace, such as ``forward``.
        stand_in: what is called in its place, without ``self``.
    """
    # A module's forward usually belongs to its class, but accelerate's hooks put one on the
    # instance: that one has to come back, and a class's must not be left on the instance.
    is_own, before = name in vars(owner), getattr(owner, name)
    setattr(owner, name, stand_in)
    try:
        yield
    finally:
        if is_own:
            setattr(owner, name, before)
        else:
            delattr(owner, name)
