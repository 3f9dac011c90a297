"""Texts and a tokenizer in, documents out: the exact string to score, its bytes and its tokens."""

from typing import NamedTuple

from transformers import PreTrainedTokenizerBase

from infocap_tasks.corpus import Text
from infocap_tasks.errors import InfocapError

# The first part of a long text that is tokenised, in characters for each token wanted. Few texts
# need more; for those the part is doubled until it does.
_CHARACTERS_PER_TOKEN = 16
# Tokens this close to where the part was cut off could differ in the whole text.
_MARGIN_TOKENS = 64
# How far behind the last wanted token a prefix may end and still encode to few enough tokens.
_BEYOND_TOKENS = 8


class Document(NamedTuple):
    """A string that is scored as it is.

    Attributes:
        text: the scored string, a prefix of the whole text.
        num_bytes: length of ``text`` in UTF-8 bytes.
        num_tokens: length of ``text`` in tokens, without special tokens.
        is_whole: the whole text, nothing cut off.
    """

    text: str
    num_bytes: int
    num_tokens: int
    is_whole: bool


def cut(text: Text, tokenizer: PreTrainedTokenizerBase, max_tokens: int) -> Document:
    """The longest prefix that ends where a token ends and encodes to at most ``max_tokens``.

    Bytes and tokens are counted on that prefix itself, never on the text that it came from: at
    its end it may encode to other tokens than the same characters did inside the text. A token
    that ends inside a character (byte-level tokenizers split most non-Latin ones) is no place to
    cut, so the prefix always holds whole characters.

    Args:
        text: the whole text.
        tokenizer: a fast tokenizer.
        max_tokens: L, the most tokens to score.

    Raises:
        InfocapError: the text is empty, white space, not encodable as UTF-8, or too short.
    """
    _refuse_unusable(text)
    ends = _token_ends(text.text, tokenizer, max_tokens)
    if len(ends) <= max_tokens:
        return _document(text, len(text.text), len(ends))
    # Tokens of one split character share their end, so a candidate may encode to more tokens.
    candidates = {*ends[:max_tokens], *_ends_beyond(text.text, tokenizer, ends, max_tokens)}
    for end in sorted(candidates, reverse=True):
        num_tokens = _count_tokens(text.text[:end], tokenizer)
        if num_tokens <= max_tokens:
            return _document(text, end, num_tokens)
    raise InfocapError(
        f"{text.origin}: not even its first character fits into {max_tokens} tokens; "
        "raise --metadata max_tokens=N or leave the text out"
    )


def count_bytes(text: Text) -> int:
    """Length of the whole text in UTF-8 bytes.

    Raises:
        InfocapError: it holds a lone surrogate.
    """
    try:
        return len(text.text.encode("utf-8"))
    except UnicodeEncodeError as error:
        raise InfocapError(
            f"{text.origin}: character {error.start} is a lone surrogate "
            f"(U+{ord(text.text[error.start]):04X}), which is no text in UTF-8; repair the text"
        ) from error


def _refuse_unusable(text: Text) -> None:
    if not text.text.strip():
        kind = "white space only" if text.text else "empty"
        raise InfocapError(f"{text.origin}: the text is {kind}; leave it out of the corpus")
    count_bytes(text)


def _token_ends(text: str, tokenizer: PreTrainedTokenizerBase, max_tokens: int) -> list[int]:
    """Where each token of ``text`` ends; of a long text, those of a first part that suffices."""
    num_characters = max_tokens * _CHARACTERS_PER_TOKEN
    while True:
        part = text[:num_characters]
        encoding = tokenizer(
            part, add_special_tokens=False, return_offsets_mapping=True, verbose=False
        )
        ends = [end for _, end in encoding["offset_mapping"]]
        if len(part) == len(text) or len(ends) > max_tokens + _MARGIN_TOKENS:
            return ends
        num_characters *= 2


def _ends_beyond(
    text: str, tokenizer: PreTrainedTokenizerBase, ends: list[int], max_tokens: int
) -> list[int]:
    """Ends of tokens behind the last wanted one where the prefix may still be short enough.

    White space before a word can be two tokens inside a text and one at its end. Whether that
    happens is seen on the last tokens alone, which is cheap: cutting there saves as many tokens
    as it saves in the whole prefix.
    """
    first = max(0, max_tokens - _MARGIN_TOKENS)
    start = ends[first]
    beyond = range(max_tokens, min(max_tokens + _BEYOND_TOKENS, len(ends)))
    tails = tokenizer([text[start : ends[k]] for k in beyond], add_special_tokens=False)
    excess = [len(ids) - (k - first) for ids, k in zip(tails["input_ids"], beyond, strict=True)]
    # A tail may cost more tokens than inside the text where it starts, but then all of them do.
    saved = [max(excess) - tokens for tokens in excess]
    return [ends[k] for k, tokens in zip(beyond, saved, strict=True) if tokens > k - max_tokens]


def _count_tokens(text: str, tokenizer: PreTrainedTokenizerBase) -> int:
    return len(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])


def _document(text: Text, end: int, num_tokens: int) -> Document:
    if num_tokens < 2:
        raise InfocapError(
            f"{text.origin}: the text encodes to {num_tokens} token"
            f"{'s: the tokenizer knows none of it' if num_tokens == 0 else ''}, but a document "
            "needs at least 2; leave it out of the corpus"
        )
    scored = text.text[:end]
    return Document(scored, len(scored.encode("utf-8")), num_tokens, end == len(text.text))
