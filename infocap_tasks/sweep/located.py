"""A YAML file whose values know their lines, so that a complaint says where to look."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from infocap_tasks.errors import InfocapError, one_line

Key = str | int


class Located:
    """What a YAML file holds, and the line of each value.

    Args:
        path: of the file, whose root must be a mapping.

    Raises:
        InfocapError: it cannot be read, is no YAML, holds no mapping, or has a key twice.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            text = path.read_text("utf-8")
        except (OSError, ValueError) as error:  # ValueError: no UTF-8, or no path
            why = getattr(error, "strerror", None) or one_line(error)
            raise InfocapError(f"{path}: cannot be read ({why}); give a study") from None
        try:
            root = yaml.compose(text, yaml.SafeLoader)
            self.content: Any = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise InfocapError(_no_yaml(path, text, error)) from None
        except ValueError as error:  # a date or a number that there is not, such as 2025-02-30
            raise InfocapError(f"{path}: is no YAML ({one_line(error)})") from None
        except RecursionError:
            raise InfocapError(f"{path}: is nested too deeply") from None
        if not isinstance(root, yaml.MappingNode):
            raise InfocapError(f"{path}:1: holds no keys; a study has tasks: and models:")
        self._root = root
        for node, fault in _faults(root, set(), set()):
            raise InfocapError(f"{path}:{node.start_mark.line + 1}: {fault}")

    def place(self, *keys: Key) -> str:
        """``FILE:LINE`` of the value at these keys, or of the nearest one that holds it."""
        node: yaml.Node = self._root
        line = node.start_mark.line
        for key in keys:
            found = _child(node, key)
            if found is None:
                break
            line, node = found
        return f"{self.path}:{line + 1}"


def _child(node: yaml.Node, key: Key) -> tuple[int, yaml.Node] | None:
    """Line and node of what a mapping or a list holds at a key."""
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            if name.value == str(key):
                return name.start_mark.line, value
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
        return node.value[key].start_mark.line, node.value[key]
    return None


def _faults(node: yaml.Node, above: set[int], visited: set[int]) -> Iterator[tuple[yaml.Node, str]]:
    """Keys that a mapping has before already, and values that hold themselves.

    YAML would silently take the last value of a key.
    """
    if id(node) in above:
        yield node, "holds itself by its anchor; take the anchor away"
    if id(node) in visited:  # anchors can lead to one place very often
        return
    visited.add(id(node))
    inside = above | {id(node)}
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                yield key, f"{' '.join(key.value.split())}: stands there twice"
            seen.add(str(key.value))
            yield from _faults(value, inside, visited)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _faults(value, inside, visited)


def _no_yaml(path: Path, text: str, error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    # Of a character that YAML does not allow, only the position is told.
    line = mark.line if mark else text[: getattr(error, "position", 0)].count("\n")
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or one_line(error)
    return f"{path}:{line + 1}: is no YAML ({' '.join(str(problem).split())})"
