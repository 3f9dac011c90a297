"""The documents in a task's record of a results file."""

from collections.abc import Mapping, Sequence
from typing import Any

from infocap_tasks.metrics import Constants, DocumentScore
from infocap_tasks.results.values import Unusable, at, is_number


def read_documents(
    record: Mapping[str, Any], constants: Constants, max_tokens: int
) -> tuple[DocumentScore, ...] | None:
    """What each scored document adds to the sums; None where the file does not hold it.

    Raises:
        Unusable: a column is missing, of another length, or of the wrong kind.
    """
    columns = record.get("documents")
    if not columns:
        return None
    if isinstance(columns, dict) and "document" in columns:
        # What files of version 0.1 call it.
        columns = {"document_id": columns["document"], **columns}
    fields = ("document_id", "num_bytes", "num_tokens", "nll_bits")
    lists = [at(columns, name) for name in fields]
    if not all(isinstance(column, list) for column in lists) or len(set(map(len, lists))) != 1:
        raise Unusable(f"its documents need the columns {', '.join(fields)} of one length")
    if not all(is_number(value) and value > 0 for column in lists[1:3] for value in column):
        raise Unusable("its documents have bytes or tokens that are not numbers above 0")
    if not all(is_number(value) for value in lists[3]):
        raise Unusable("its documents have nll_bits that are not finite numbers")
    are_whole = _are_whole(at(columns, "is_whole"), lists[2], max_tokens)
    digests = _text_digests(at(columns, "text_digest"), len(are_whole))
    scores = (
        DocumentScore(str(name), size, tokens, bits, *constants, is_whole, digest)
        for name, size, tokens, bits, is_whole, digest in zip(
            *lists, are_whole, digests, strict=True
        )
    )
    return tuple(scores) or None


def _are_whole(given: Any, num_tokens: Sequence[float], max_tokens: int) -> list[bool]:
    """Whether each document's text was left uncut."""
    if given is None:
        # Files of earlier versions do not say it. Texts are cut at whole characters, which leaves
        # up to 3 tokens less than L: what is shorter was not cut, what is not may have been.
        return [count < max_tokens - 3 for count in num_tokens]
    if (
        not isinstance(given, list)
        or len(given) != len(num_tokens)
        or not all(isinstance(value, bool) for value in given)
    ):
        raise Unusable("its documents have is_whole that are not true or false for each")
    return given


def _text_digests(given: Any, num_documents: int) -> list[str]:
    """What tells each document's text; files of earlier versions do not say it."""
    if given is None:
        return [""] * num_documents
    if (
        not isinstance(given, list)
        or len(given) != num_documents
        or not all(isinstance(value, str) for value in given)
    ):
        raise Unusable("its documents have text_digest that are not one text for each")
    return given
