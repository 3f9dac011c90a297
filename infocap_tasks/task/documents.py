"""Texts and a tokenizer in, documents out: the exact string to score, its bytes and its tokens."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import takewhile
from typing import Any, NamedTuple

from tokenizers import Encoding
from transformers import PreTrainedTokenizerBase

from infocap_tasks.corpora.text import Text, refuse_unusable
from infocap_tasks.errors import InfocapError
from infocap_tasks.models.round_trip import comes_back
from infocap_tasks.task.special_tokens import count_special_token_names, special_token_names

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

Encode = Callable[[Sequence[str]], list[Encoding]]


class Document(NamedTuple):
    """A string that is scored as it is.

    Attributes:
        text: the scored string, a prefix of the whole text.
        num_bytes: length of ``text`` in UTF-8 bytes.
        num_tokens: length of ``text`` in tokens, without special tokens.
        is_whole: the whole text, nothing cut off.
        round_trips: its tokens decode to ``text``. Where they do not, the model is credited with
            bytes that its tokens do not carry.
        num_special_token_names: how often ``text`` holds the name of a special token.
    """

    text: str
    num_bytes: int
    num_tokens: int
    is_whole: bool
    round_trips: bool
    num_special_token_names: int


def cut(
    texts: Sequence[Text],
    tokenizer: PreTrainedTokenizerBase,
    max_tokens: int,
    split_special_tokens: bool | None = None,
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
        split_special_tokens: whether the name of a special token is text like any other; None: as
            the tokenizer does by itself.

    Raises:
        InfocapError: a text is empty, white space, not encodable as UTF-8, or too short.
    """
    for text in texts:
        refuse_unusable(text)
    encode = encoder(tokenizer, split_special_tokens)
    # A text of at most L tokens is a document as it is. Of a longer one, the ends of its tokens are
    # the places to cut at; the last of them whose prefix encodes to at most L tokens is taken.
    parts = encode_first_parts([text.text for text in texts], encode, max_tokens)
    encodings = [encoding for _, encoding in parts]
    ids = {n: each.ids for n, each in enumerate(encodings) if len(each) <= max_tokens}
    ends = {n: len(texts[n].text) for n in ids}
    places = _places(texts, encodings, encode, max_tokens)
    # All texts that are still open are encoded in one call, from the last place backwards; nearly
    # all of them fit at the first try.
    while places:
        last = {n: _last_place(texts[n], places[n], max_tokens) for n in places}
        prefixes = encode([texts[n].text[:end] for n, end in last.items()])
        for (n, end), tokens in zip(last.items(), prefixes, strict=True):
            if len(tokens) <= max_tokens:
                ids[n], ends[n] = tokens.ids, end
                del places[n]
    numbers = range(len(texts))
    return _documents(texts, [ends[n] for n in numbers], [ids[n] for n in numbers], tokenizer)


def _places(
    texts: Sequence[Text], encodings: Sequence[Encoding], encode: Encode, max_tokens: int
) -> dict[int, list[int]]:
    """Where each text of more than ``max_tokens`` may be cut, in rising order.

    A prefix up to the end of token L does not always encode to L tokens. Tokens that share one
    split character share its end, so the prefix holds them all and can have more than L; and at
    the end of a prefix white space can be one token where it was two inside the text, or none, so
    a later end can have no more than L. Only encoding the prefix itself tells.
    """
    long = [n for n, encoding in enumerate(encodings) if len(encoding) > max_tokens]
    beyond = _ends_beyond(
        [texts[n].text for n in long], [encodings[n] for n in long], encode, max_tokens
    )
    drops_white_space = _drops_white_space(encode)
    places = {}
    for n, ends in zip(long, beyond, strict=True):
        found = {*_ends(encodings[n], 0, max_tokens), *ends}
        if drops_white_space:
            found |= _ends_of_white_space(texts[n].text, encodings[n], max_tokens, ends)
        places[n] = sorted(found)
    return places


def _last_place(text: Text, places: list[int], max_tokens: int) -> int:
    if not places:
        raise InfocapError(
            f"{text.origin}: not even its first character fits into {max_tokens} tokens; "
            "raise --metadata max_tokens=N or leave the text out"
        )
    return places.pop()


def encoder(tokenizer: PreTrainedTokenizerBase, split_special_tokens: bool | None = None) -> Encode:
    """Texts to tokens without special tokens, as the tokenizers library gives them.

    Offsets are those of whole tokens: many byte-level tokenizers have a post-processor that takes
    the white space away from them, and others lose it with ``add_bos_token=False``, so that one
    text would be cut in two ways.
    """

    def encode(texts: Sequence[str]) -> list[Encoding]:
        if not texts:
            return []
        with _no_post_processor(tokenizer):
            encoded = tokenizer(
                list(texts),
                add_special_tokens=False,
                split_special_tokens=split_special_tokens,
                return_attention_mask=False,
                return_token_type_ids=False,
                verbose=False,
            )
        return list(encoded.encodings or [])

    return encode


@contextmanager
def _no_post_processor(tokenizer: PreTrainedTokenizerBase) -> Iterator[None]:
    """Without special tokens it changes nothing but offsets, and a copy would cost up to 1 s."""
    backend: Any = tokenizer.backend_tokenizer
    before = backend.post_processor
    backend.post_processor = None
    try:
        yield
    finally:
        backend.post_processor = before


def encode_first_parts(
    texts: Sequence[str], encode: Encode, max_tokens: int
) -> list[tuple[str, Encoding]]:
    """Each text with its tokens; of a long one, a first part that surely has ``max_tokens``."""
    found: dict[int, tuple[str, Encoding]] = {}
    open_numbers = list(range(len(texts)))
    num_characters = max_tokens * _CHARACTERS_PER_TOKEN
    while open_numbers:
        parts = [texts[number][:num_characters] for number in open_numbers]
        encodings = encode(parts)
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
    encode: Encode,
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
            ]
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


def _drops_white_space(encode: Encode) -> bool:
    """Whether the white space at a text's end costs no token, as with a Strip normalizer."""
    bare, spaced = encode(["x", "x   "])
    return len(bare) == len(spaced)


def _ends_of_white_space(
    text: str, encoding: Encoding, max_tokens: int, beyond: Sequence[int]
) -> set[int]:
    """Ends of tokens in the white space after the last wanted token, or after those beyond it."""
    later = _ends(encoding, max_tokens, len(encoding))
    starts = [*_ends(encoding, max_tokens - 1, max_tokens), *beyond]
    return {
        end for start in starts for end in _through_white_space(text, start, later) if end > start
    }


def _through_white_space(text: str, start: int, ends: Sequence[int]) -> Iterator[int]:
    return takewhile(lambda end: not text[start:end].strip(), ends)


def _documents(
    texts: Sequence[Text],
    ends: Sequence[int],
    ids: list[list[int]],
    tokenizer: PreTrainedTokenizerBase,
) -> list[Document]:
    """Documents from where the texts are cut and from the tokens of what is left."""
    scored = [text.text[:end] for text, end in zip(texts, ends, strict=True)]
    decoded = tokenizer.batch_decode(
        ids, skip_special_tokens=False, clean_up_tokenization_spaces=False
    )
    names = count_special_token_names(scored, special_token_names(tokenizer))
    for text, tokens in zip(texts, ids, strict=True):
        _refuse_too_few(text, len(tokens))
    return [
        Document(
            text=part,
            num_bytes=len(part.encode("utf-8")),
            num_tokens=len(tokens),
            is_whole=len(part) == len(text.text),
            round_trips=comes_back(part, back),
            num_special_token_names=num_names,
        )
        for text, part, tokens, back, num_names in zip(
            texts, scored, ids, decoded, names, strict=True
        )
    ]


def _refuse_too_few(text: Text, num_tokens: int) -> None:
    if num_tokens < 2:
        raise InfocapError(
            f"{text.origin}: the text encodes to {num_tokens} token"
            f"{'s: the tokenizer knows none of it' if num_tokens == 0 else ''}, but a document "
            "needs at least 2; leave it out of the corpus"
        )
