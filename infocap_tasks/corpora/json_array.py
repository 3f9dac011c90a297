"""The items of a JSON array, one after another, from text that is read piece by piece.

ijson would do the same, but its fast parser (yajl) reads a lone surrogate as a question mark, so a
changed text would be scored in silence, and it takes memory quadratic in the depth of nesting.
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, cast

from infocap_tasks.corpora.text import refuse_too_long
from infocap_tasks.errors import InfocapError

_CHUNK_CHARACTERS = 2**20
_JSON_SPACE = re.compile(r"[ \t\n\r]*")


def array_items(read: Callable[[int], str], origin: str) -> Iterator[Any]:
    """The items of the JSON array that ``read(num_characters)`` gives piece by piece."""
    stream = _JsonStream(read)
    if stream.next_sign() != "[":
        raise InfocapError(
            f"{origin}: not a JSON array; it must hold [{{…}}, {{…}}], or be named .jsonl if it "
            "has one object a line"
        )
    stream.skip()
    number = 0
    while stream.next_sign() != "]":
        if number:
            if stream.next_sign() != ",":
                raise InfocapError(f"{origin}: ',' or ']' is missing after item {number}")
            stream.skip()
        number += 1
        yield stream.value(f"{origin}: item {number}")
    stream.skip()
    if stream.next_sign():
        raise InfocapError(f"{origin}: text after the JSON array; it must be the only value")


class _JsonStream:
    """JSON values and the signs between them, from text that comes piece by piece."""

    def __init__(self, read: Callable[[int], str]) -> None:
        self._read = read
        self._decode = json.JSONDecoder().raw_decode
        self._buffer, self._at = "", 0

    def next_sign(self) -> str:
        """The next character that is not white space, without taking it; empty at the end."""
        while True:
            self._at = cast("re.Match[str]", _JSON_SPACE.match(self._buffer, self._at)).end()
            if self._at < len(self._buffer) or not self._refill():
                return self._buffer[self._at : self._at + 1]

    def skip(self) -> None:
        """Take that character."""
        self._at += 1

    def value(self, origin: str) -> Any:
        """The value that comes next."""
        self.next_sign()
        failed_at = -1
        while True:
            try:
                value, self._at = self._decode(self._buffer, self._at)
            except RecursionError as error:
                raise InfocapError(f"{origin}: not JSON that can be read ({error})") from error
            except json.JSONDecodeError as error:
                # One that is only cut off fails further on when there is more of it; a string
                # that is cut off is always reported at its beginning.
                at = error.pos - self._at
                is_open_string = error.msg.startswith("Unterminated string")
                if (at == failed_at and not is_open_string) or not self._refill():
                    raise InfocapError(f"{origin}: not JSON ({error.msg})") from error
                failed_at = at
                refuse_too_long(len(self._buffer) - _CHUNK_CHARACTERS, origin)
            else:
                return value

    def _refill(self) -> bool:
        # What is left is doubled, so that a long value is not parsed again and again.
        left = self._buffer[self._at :]
        more = self._read(max(_CHUNK_CHARACTERS, len(left), 16))
        self._buffer, self._at = left + more, 0
        return bool(more)
