"""Texts and a tokenizer in, documents out: the exact string to score, its bytes and its tokens."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from tokenizers import Encoding
from transformers import PreTrainedTokenizerBase

from infocap_tasks.corpora.text import Text, refuse_unusable
from infocap_tasks.errors import InfocapError

# The first part of a long text that is tokenised, in characters for each token wanted. For text
# that needs more the part is doubled until it does.
_CHARACTERS_PER_TOKEN = 6
# Tokens this close to where the part was cut off could differ in the whole text.
_MARGIN_TOKENS = 64
# How far behind the last wanted token a prefix may end and still encode to few enough tokens.
_BEYOND_TOKENS = 8
# How far before it the tokens can differ when the text ends there.
_TAIL_TOKENS = 16


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


def cut(
    texts: Sequence[Text], tokenizer: PreTrainedTokenizerBase, max_tokens: int
) -> list[Document]:
    """Of each text, the longest prefix that ends at a token's end and fits into ``max_tokens``.

    Bytes and tokens are counted on that prefix itself, never on the text that it came from: at
    its end it may encode to other tokens than the same characters did inside the text. A token
    that ends inside a character (byte-level tokenizers split most non-Latin ones) is no place to
    cut, so the prefix always holds whole characters.

    Args:
        texts: the whole texts; they are tokenised together, by the tokenizer's own threads.
        tokenizer: a fast tokenizer.
        max_tokens: L, the most tokens to score.

    Raises:
        InfocapError: a text is empty, white space, not encodable as UTF-8, or too short.
    """
    for text in texts:
        refuse_unusable(text)
    parts = encode_first_parts([text.text for text in texts], tokenizer, max_tokens)
    encodings = [encoding for _, encoding in parts]
    long = [n for n, encoding in enumerate(encodings) if len(encoding) > max_tokens]
    documents = {
        n: _document(text, len(text.text), len(encodings[n]))
        for n, text in enumerate(texts)
        if len(encodings[n]) <= max_tokens
    }
    beyond = _ends_beyond(
        [texts[n].text for n in long], [encodings[n] for n in long], tokenizer, max_tokens
    )
    # Tokens of one split character share their end, so a prefix may encode to more tokens.
    places = {
        n: sorted({*_ends(encodings[n], 0, max_tokens), *ends})
        for n, ends in zip(long, beyond, strict=True)
    }
    while places:
        ends = {n: _last_place(texts[n], places[n], max_tokens) for n in places}
        prefixes = encode([texts[n].text[:end] for n, end in ends.items()], tokenizer)
        for (n, end), tokens in zip(ends.items(), prefixes, strict=True):
            if len(tokens) <= max_tokens:
                documents[n] = _document(texts[n], end, len(tokens))
                del places[n]
    return [documents[n] for n in range(len(texts))]


def _last_place(text: Text, places: list[int], max_tokens: int) -> int:
    if not places:
        raise InfocapError(
            f"{text.origin}: not even its first character fits into {max_tokens} tokens; "
            "raise --metadata max_tokens=N or leave the text out"
        )
    return places.pop()


def encode(texts: Sequence[str], tokenizer: PreTrainedTokenizerBase) -> list[Encoding]:
    """The texts' tokens, without special tokens, as the tokenizers library gives them."""
    if not texts:
        return []
    encoded = tokenizer(
        list(texts),
        add_special_tokens=False,
        return_attention_mask=False,
        return_token_type_ids=False,
        verbose=False,
    )
    return list(encoded.encodings or [])


def encode_first_parts(
    texts: Sequence[str], tokenizer: PreTrainedTokenizerBase, max_tokens: int
) -> list[tuple[str, Encoding]]:
    """Each text with its tokens; of a long one, a first part that suffices for ``max_tokens``."""
    found: dict[int, tuple[str, Encoding]] = {}
    open_numbers = list(range(len(texts)))
    num_characters = max_tokens * _CHARACTERS_PER_TOKEN
    while open_numbers:
        parts = [texts[number][:num_characters] for number in open_numbers]
        encodings = encode(parts, tokenizer)
        for number, part, encoding in zip(open_numbers, parts, encodings, strict=True):
            if part == texts[number] or len(encoding) > max_tokens + _MARGIN_TOKENS:
                found[number] = (part, encoding)
        open_numbers = [number for number in open_numbers if number not in found]
        num_characters *= 2
    return [found[number] for number in range(len(texts))]


def _ends(encoding: Encoding, start: int, stop: int) -> list[int]:
    """Where the tokens of these numbers end, in characters of the text."""
    return [end for _, end in encoding.offsets[start:stop]]


def _ends_beyond(
    texts: Sequence[str],
    encodings: Sequence[Encoding],
    tokenizer: PreTrainedTokenizerBase,
    max_tokens: int,
) -> Iterator[list[int]]:
    """Ends of tokens behind the last wanted one where the prefix may still be short enough.

    White space before a word can be two tokens inside a text and one at its end. Whether that
    happens is seen on the last tokens alone, which is cheap: cutting there saves as many tokens
    as it saves in the whole prefix.
    """
    first = max(0, max_tokens - _TAIL_TOKENS)
    ends = [_ends(encoding, max_tokens, max_tokens + _BEYOND_TOKENS) for encoding in encodings]
    starts = [_ends(encoding, first, first + 1)[0] for encoding in encodings]
    tails = iter(
        encode(
            [
                text[start:end]
                for text, start, candidates in zip(texts, starts, ends, strict=True)
                for end in candidates
            ],
            tokenizer,
        )
    )
    for candidates in ends:
        excess = [len(next(tails)) - (max_tokens + k - first) for k in range(len(candidates))]
        # A tail may cost more tokens than inside the text where it starts, but then all of them do.
        yield [
            end
            for k, (end, tokens) in enumerate(zip(candidates, excess, strict=True))
            if max(excess) - tokens > k
        ]


def _document(text: Text, end: int, num_tokens: int) -> Document:
    if num_tokens < 2:
        raise InfocapError(
            f"{text.origin}: the text encodes to {num_tokens} token"
            f"{'s: the tokenizer knows none of it' if num_tokens == 0 else ''}, but a document "
            "needs at least 2; leave it out of the corpus"
        )
    scored = text.text[:end]
    return Document(scored, len(scored.encode("utf-8")), num_tokens, end == len(text.text))
