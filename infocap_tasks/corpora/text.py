"""One text of a corpus, which fields of a record hold it, and what no tokenizer can score."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from infocap_tasks.errors import InfocapError

# A longer text is refused: a compressed file of a few kB can hold one line of many GB.
MAX_TEXT_BYTES = 2**27


class Text(NamedTuple):
    """One whole text.

    Attributes:
        text: the text.
        origin: where it stands, for error messages: ``my.jsonl:12``.
        document_id: its name in the corpus, by which results of two models are paired: ``12``.
    """

    text: str
    origin: str
    document_id: str


# A text that is found but not yet parsed, so that a sample need not parse what it leaves out.
# Calling it raises an InfocapError if the text is faulty.
Load = Callable[[], Text]


class Fields(NamedTuple):
    """Which fields of a record hold the text and, if any, the document's name."""

    text: str = "text"
    document_id: str | None = None


def utf8(text: Text) -> bytes:
    """The whole text in UTF-8.

    Raises:
        InfocapError: it holds a lone surrogate.
    """
    try:
        return text.text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InfocapError(
            f"{text.origin}: character {error.start} is a lone surrogate "
            f"(U+{ord(text.text[error.start]):04X}), which UTF-8 cannot encode; repair the text"
        ) from error


def refuse_unusable(text: Text) -> None:
    """Refuse a text that cannot be scored with any tokenizer.

    Raises:
        InfocapError: the text is empty, white space, or not encodable as UTF-8.
    """
    if not text.text.strip():
        kind = "white space only" if text.text else "empty"
        raise InfocapError(f"{text.origin}: the text is {kind}; leave it out of the corpus")
    utf8(text)


def refuse_too_long(num_bytes: int, origin: str) -> None:
    """Refuse a text by its length, as soon as that is known.

    Raises:
        InfocapError: it is longer than ``MAX_TEXT_BYTES``.
    """
    if num_bytes > MAX_TEXT_BYTES:
        raise InfocapError(
            f"{origin}: more than {MAX_TEXT_BYTES // 2**20} MiB in one text; split it up"
        )


def shown(path: Path) -> str:
    """A path as any file can hold it: bytes of its name that are not UTF-8 are escaped."""
    return str(path).encode("utf-8", "backslashreplace").decode()
