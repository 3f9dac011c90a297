"""Values of a results file's JSON, looked up and checked."""

import json
import re
import sys
from collections.abc import Mapping
from typing import Any

# What a column of a table of integers holds, as in Parquet.
_MOST = 2**63 - 1


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


def name_or_none(value: Any, name: str) -> str | None:
    """The value as a text that stands in one line of a table or a figure; None if it is not said.

    Raises:
        Unusable: it is no text, or breaks or controls the line that it is printed in.
    """
    if (text := text_or_none(value, name)) and re.search(r"[\x00-\x1f\x7f-\x9f]", text):
        raise Unusable(f"its {name} is {text!r}, with control characters")
    return text


def is_count(value: Any) -> bool:
    """Whether the value is a number from 0 that 64 bits hold as an integer."""
    return is_number(value) and 0 <= value <= _MOST


def count(value: Any, name: str) -> int:
    """The value as an integer, its fraction cut off.

    Raises:
        Unusable: it is below 0, no number, or more than 64 bits hold.
    """
    if not is_count(value):
        raise Unusable(f"its {name} is {value}, not a number from 0 to {_MOST:,}")
    return int(value)


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


def refuse_lone_surrogates(content: Any, text: str) -> None:
    """Refuse half of a character: no table, figure or file could hold the name it stands in.

    Args:
        content: what the JSON in ``text`` says.
        text: JSON in which whole pairs may be spelled out too.

    Raises:
        Unusable: some text in the content holds one.
    """
    if not re.search(r"\\u[dD][89a-fA-F]", text):
        return
    texts = json.dumps(content, ensure_ascii=False)
    try:
        texts.encode()
    except UnicodeEncodeError as error:
        before = texts[max(0, error.start - 30) : error.start]
        raise Unusable(
            f"is damaged: {texts[error.start]!a} after {before!r} is a lone surrogate, no character"
        ) from None
