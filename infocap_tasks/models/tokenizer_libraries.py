"""One record for a tokenizer of any library; tokenizers, transformers and sentencepiece in it.

Special tokens are never added, and their names inside a text are plain text.
"""

import importlib
import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tokenizers import Tokenizer

from infocap_tasks.errors import InfocapError, missing_package, one_line

TOKENIZER_FORMS = (
    "give a tokenizer.json, tekken.json, .gguf, .tiktoken or SentencePiece .model file, a folder "
    "that holds one, a tiktoken encoding or a hub id"
)


class LoadedTokenizer(NamedTuple):
    """A tokenizer, whatever library reads it.

    Attributes:
        name: what the user gave.
        source: the library that reads it.
        vocab_size: number of its tokens, special ones included.
        encode_batch: texts to lists of ids, without special tokens.
        decode: ids to text.
        is_single_byte: whether a token stands for exactly one byte; None where the library does
            not tell.
    """

    name: str
    source: str
    vocab_size: int
    encode_batch: Callable[[list[str]], list[list[int]]]
    decode: Callable[[Sequence[int]], str]
    is_single_byte: Callable[[int], bool] | None


def import_package(package: str, extra: str, name: str) -> Any:
    """The module ``package``, which an extra of ours brings, to read the tokenizer ``name``.

    Raises:
        InfocapError: it is not installed.
    """
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise missing_package(package, extra, f"tokenizer {name}:") from error


def read_tokenizer_json(name: str, text: str) -> LoadedTokenizer:
    """The tokenizer that the text of a tokenizer.json describes.

    Raises:
        InfocapError: the text describes none.
    """
    try:
        tokenizer = Tokenizer.from_str(text)
    except Exception as error:  # tokenizers raises nothing more particular
        raise InfocapError(
            f"tokenizer {name}: JSON, but tokenizers cannot read it as a tokenizer.json "
            f"({one_line(error)}); {TOKENIZER_FORMS}"
        ) from error
    # The file may ask for both, but whole texts are measured.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.encode_special_tokens = True
    return LoadedTokenizer(
        name,
        "tokenizers",
        tokenizer.get_vocab_size(),
        lambda texts: [
            encoding.ids
            for encoding in tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        ],
        lambda ids: tokenizer.decode(ids, skip_special_tokens=False),
        _single_byte_tokens(tokenizer),
    )


def of_transformers(name: str, tokenizer: Any) -> LoadedTokenizer:
    """A fast or slow tokenizer that transformers has loaded."""

    def encode_batch(texts: list[str]) -> list[list[int]]:
        encoded = tokenizer(
            texts,
            add_special_tokens=False,
            split_special_tokens=True,
            return_attention_mask=False,
            verbose=False,
        )
        return encoded["input_ids"]

    return LoadedTokenizer(
        name,
        "transformers",
        len(tokenizer),
        encode_batch,
        lambda ids: tokenizer.decode(
            ids, skip_special_tokens=False, clean_up_tokenization_spaces=False
        ),
        _single_byte_tokens(tokenizer.backend_tokenizer) if tokenizer.is_fast else None,
    )


def read_sentencepiece(name: str, path: Path) -> LoadedTokenizer:
    """The tokenizer in a SentencePiece .model file.

    Raises:
        InfocapError: it is no such file, or sentencepiece is not installed.
    """
    sentencepiece = import_package("sentencepiece", "tokenizers", name)
    try:
        model = sentencepiece.SentencePieceProcessor(model_file=str(path))
    except Exception as error:  # RuntimeError, OSError, by version
        raise InfocapError(
            f"tokenizer {name}: neither GGUF, nor JSON, nor tiktoken's ranks, nor a SentencePiece "
            f"model ({one_line(error)}); {TOKENIZER_FORMS}"
        ) from error

    def is_single_byte(token: int) -> bool:
        piece = model.id_to_piece(token).replace("▁", " ")
        return model.is_byte(token) or _num_bytes(piece) == 1

    return LoadedTokenizer(
        name, "sentencepiece", model.vocab_size(), model.encode, model.decode, is_single_byte
    )


_BYTE_TOKEN = re.compile(r"<0x[0-9A-F]{2}>")


def _single_byte_tokens(tokenizer: Any) -> Callable[[int], bool] | None:
    """Whether a token stands for one byte, from how the parts of its tokenizer write bytes."""
    try:
        whole = json.loads(tokenizer.to_str())
    except Exception:  # a part written in Python, as RoFormer's; tokenizers has no class for it
        return None
    parts = {*_types(whole["pre_tokenizer"]), *_types(whole["decoder"])}
    added = set(tokenizer.get_added_tokens_decoder())
    has_byte_tokens = tokenizer.token_to_id("<0x00>") is not None

    def is_single_byte(token: int) -> bool:
        text = tokenizer.id_to_token(token)
        if token in added:
            return _num_bytes(text) == 1
        if "ByteLevel" in parts:
            return len(text) == 1  # each byte is written as one character
        if has_byte_tokens and _BYTE_TOKEN.fullmatch(text):
            return True
        if "WordPiece" in parts:
            text = text.removeprefix("##")
        return _num_bytes(text.replace("▁", " ")) == 1

    return is_single_byte


def _types(part: Any) -> Iterator[str]:
    """The types of a part of a tokenizer.json and of the parts that it is a sequence of."""
    if isinstance(part, dict):
        if "type" in part:
            yield part["type"]
        part = list(part.values())
    if isinstance(part, list):
        for inner in part:
            yield from _types(inner)


def _num_bytes(text: str) -> int:
    return len(text.encode("utf-8"))
