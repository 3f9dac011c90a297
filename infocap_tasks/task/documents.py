"""Texts and a tokenizer in, documents out: the exact string to score, its bytes and its tokens."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from tokenizers import Encoding
from transformers import PreTrainedTokenizerBase

from infocap_tasks.corpora.text import Text, refuse_unusable
from infocap_tasks.errors import InfocapError

# A text can be millions of tokens long, and only its first L are wanted. So only a first part of it
# is tokenised: this many characters for each token wanted, more than English text needs. Where the
# part turns out to be too short, as for long runs of white space, it is doubled.
_CHARACTERS_PER_TOKEN = 6
# The end of the part is no end of the text, so the last tokens before it may be others in the whole
# text: a word that the part cuts in two, or a run of white space. The part must hold this many
# tokens more than are wanted, so that the wanted ones are far enough away from its end.
_MARGIN_TOKENS = 64
# A prefix that ends a few tokens after the last wanted one may still encode to few enough tokens,
# because the tokens at its end merge otherwise than inside the text. This many are tried.
_BEYOND_TOKENS = 8
# Tokens further than this before the end of a prefix do not depend on where it ends.
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
    # A text of at most L tokens is a document as it is. Of a longer one, the ends of its tokens are
    # the places to cut at; the last of them whose prefix encodes to at most L tokens is taken.
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
    # A prefix up to the end of token L does not always encode to L tokens. Tokens that share one
    # split character share its end, so the prefix holds them all and can have more than L; and at
    # the end of a prefix white space can be one token where it was two inside the text, so a later
    # end can have no more than L. Only encoding the prefix itself tells.
    places = {
        n: sorted({*_ends(encodings[n], 0, max_tokens), *ends})
        for n, ends in zip(long, beyond, strict=True)
    }
    # All texts that are still open are encoded in one call, from the last place backwards; nearly
    # all of them fit at the first try.
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
    """Each text with its tokens; of a long one, a first part that surely has ``max_tokens``."""
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
    """Where tokens ``start`` to ``stop`` end, in characters of the text."""
    return [end for _, end in encoding.offsets[start:stop]]


def _ends_beyond(
    texts: Sequence[str],
    encodings: Sequence[Encoding],
    tokenizer: PreTrainedTokenizerBase,
    max_tokens: int,
) -> Iterator[list[int]]:
    """Ends of tokens after the last wanted one where the prefix may still be short enough.

    White space before a word can be two tokens inside a text and one at its end. To find out, only
    the last tokens before each end are encoded on their own, which is cheap: cutting there saves as
    many tokens in this tail as it saves in the whole prefix.
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
        # Tails of one text begin at the same place. If the text had merged across it, each of them
        # has as many tokens too many at its beginning, so only the differences between them count:
        # the tail with the largest excess saves nothing at its end, and an end k + 1 tokens too far
        # must save more than k.
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
