"""Properties of tokenizers on whole texts (tokens, bytes per token, losses), one row for a pair."""

import itertools
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from infocap_tasks.corpora.text import Text, utf8
from infocap_tasks.errors import InfocapError
from infocap_tasks.metrics import bytes_to_bits
from infocap_tasks.models.round_trip import comes_back
from infocap_tasks.models.tokenizer_libraries import LoadedTokenizer
from infocap_tasks.models.tokenizers import load

LOSSLESS = "yes"

# Texts that a tokenizer gets at once, to spread over its threads.
_BATCH_TEXTS = 64
# How many characters of a text that does not come back are shown, from the first difference on.
_SHOWN_CHARACTERS = 12


class TokenizerRow(NamedTuple):
    """One tokenizer on one corpus; sums over whole texts come first, then one division.

    Attributes:
        tokenizer: what the user gave.
        corpus: name of the corpus.
        source: the library that read the tokenizer.
        vocab_size: number of its tokens, special ones included.
        num_documents: texts.
        num_bytes: length of all texts in UTF-8 bytes.
        num_tokens: length of all texts in tokens, without special tokens.
        bytes_per_token: bytes / tokens.
        text_size_bits_per_token: C = 8 * bytes / tokens.
        characters_per_token: Unicode code points / tokens.
        single_byte_token_share: of these tokens, those that stand for one byte; None where the
            library does not tell.
        round_trip: ``yes`` where decoding gives every text back, else the first one that differs.
        tokens_per_second: speed of encoding, on all threads that the library takes by itself.
    """

    tokenizer: str
    corpus: str
    source: str
    vocab_size: int
    num_documents: int
    num_bytes: int
    num_tokens: int
    bytes_per_token: float
    text_size_bits_per_token: float
    characters_per_token: float
    single_byte_token_share: float | None
    round_trip: str
    tokens_per_second: float

    @property
    def is_lossless(self) -> bool:
        """Whether every text comes back; if not, its low number of tokens is no merit."""
        return self.round_trip == LOSSLESS


def measure_tokenizers(
    tokenizers: Iterable[str | LoadedTokenizer], texts: Iterable[str] | Mapping[str, Iterable[str]]
) -> list[TokenizerRow]:
    """What each tokenizer makes of texts, a row for each tokenizer and corpus.

    Args:
        tokenizers: loaded ones, or what ``load_tokenizer`` takes.
        texts: the texts of one corpus, or those of several by the corpus's name.

    Raises:
        InfocapError: a tokenizer cannot be used, a text is no UTF-8, or all of a corpus make no
            token.
    """
    if isinstance(texts, str):
        raise InfocapError("texts: one string was given; give a list of texts, such as [text]")
    by_corpus = texts if isinstance(texts, Mapping) else {"texts": texts}
    corpora = {name: _numbered(name, given) for name, given in by_corpus.items()}
    loaded = [load(each) if isinstance(each, str) else each for each in tokenizers]
    return [measure(each, name, corpus) for each in loaded for name, corpus in corpora.items()]


def _numbered(corpus: str, texts: Iterable[str]) -> list[Text]:
    return [Text(text, f"{corpus}:{n}", str(n)) for n, text in enumerate(texts, start=1)]


def measure(tokenizer: LoadedTokenizer, corpus: str, texts: Iterable[Text]) -> TokenizerRow:
    """Tokens of the texts of a corpus, encoded whole and without special tokens.

    Raises:
        InfocapError: a text is no UTF-8, or all of them together make no token.
    """
    num_documents = num_bytes = num_characters = 0
    seconds = 0.0
    counts: Counter[int] = Counter()
    round_trip = LOSSLESS
    tokenizer.encode_batch(["The first use is not timed: it builds tables."])
    for batch in _batches(texts):
        num_documents += len(batch)
        num_bytes += sum(len(utf8(text)) for text in batch)
        num_characters += sum(len(text.text) for text in batch)
        start = time.perf_counter()
        encoded = tokenizer.encode_batch([text.text for text in batch])
        seconds += time.perf_counter() - start
        for text, ids in zip(batch, encoded, strict=True):
            counts.update(ids)
            if round_trip == LOSSLESS:
                round_trip = _round_trip(text, tokenizer.decode(ids))
    num_tokens = counts.total()
    if not num_tokens:
        raise InfocapError(
            f"tokenizer {tokenizer.name} on {corpus}: {num_documents} texts of {num_bytes} bytes "
            "make no token; give a corpus with text, or a tokenizer that knows some of it"
        )
    return TokenizerRow(
        tokenizer.name,
        corpus,
        tokenizer.source,
        tokenizer.vocab_size,
        num_documents,
        num_bytes,
        num_tokens,
        bytes_per_token=num_bytes / num_tokens,
        text_size_bits_per_token=bytes_to_bits(num_bytes) / num_tokens,
        characters_per_token=num_characters / num_tokens,
        single_byte_token_share=_single_byte_share(tokenizer, counts),
        round_trip=round_trip,
        tokens_per_second=num_tokens / max(seconds, 1e-9),
    )


def _batches(texts: Iterable[Text]) -> Iterator[list[Text]]:
    remaining = iter(texts)
    while batch := list(itertools.islice(remaining, _BATCH_TEXTS)):
        yield batch


def _single_byte_share(tokenizer: LoadedTokenizer, counts: Counter[int]) -> float | None:
    if tokenizer.is_single_byte is None:
        return None
    single = sum(count for token, count in counts.items() if tokenizer.is_single_byte(token))
    return single / counts.total()


def _round_trip(text: Text, decoded: str) -> str:
    if comes_back(text.text, decoded):
        return LOSSLESS
    pairs = enumerate(itertools.zip_longest(text.text, decoded))
    at = next(position for position, (given, back) in pairs if given != back)
    given, back = (string[at : at + _SHOWN_CHARACTERS] for string in (text.text, decoded))
    return f"{text.document_id}: at character {at} {given!r} comes back as {back!r}"
