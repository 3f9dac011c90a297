"""Values of a results file's JSON, looked up and checked."""

import sys
from collections.abc import Mapping
from typing import Any


class Unusable(ValueError):
    """Why a results file cannot be used, as the end of a sentence that begins with its path."""


def at(record: Any, *keys: str) -> Any:
    """The value at the end of a path of keys; None if one of them is missing."""
    for key in keys:
        record = record.get(key) if isinstance(record, dict) else None
    return record


def is_number(value: Any) -> bool:
    """Whether the value is a number that float64 holds."""
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and abs(value) <= sys.float_info.max
    )


def finite(value: Any, name: str) -> float:
    """The value as a finite number.

    Raises:
        Unusable: it is none.
    """
    if not is_number(value):
        raise Unusable(f"its {name} is {value}, not a finite number")
    return float(value)


def number(record: Mapping[str, Any], name: str) -> float:
    """The finite number ``name`` of a record.

    Raises:
        Unusable: it is missing, or no finite number.
    """
    return finite(record.get(name), name)


def text_or_none(value: Any, name: str) -> str | None:
    """The value as a text; None if it is not said.

    Raises:
        Unusable: it is neither.
    """
    if value is not None and not isinstance(value, str):
        raise Unusable(f"its {name} is {value}, not a text")
    return value


def above(least: float, value: Any, name: str) -> float:
    """The value as a finite number above ``least``.

    Raises:
        Unusable: it is none.
    """
    if finite(value, name) <= least:
        raise Unusable(f"its {name} is {value}, not above {least}")
    return float(value)


def metric_values(row: Mapping[str, Any]) -> dict[str, float]:
    """Metrics by name without the filter; of several filters ``none``, else the first counts."""
    values: dict[str, float] = {}
    for key in sorted(row, key=lambda key: not key.endswith(",none")):
        if is_number(row[key]):
            values.setdefault(key.partition(",")[0], float(row[key]))
    return values
