"""Tokenizers that tiktoken runs: its own encodings, files of their ranks, and Mistral's tekken."""

import base64
import hashlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from infocap_tasks.errors import InfocapError, one_line
from infocap_tasks.models.tokenizer_libraries import (
    TOKENIZER_FORMS,
    LoadedTokenizer,
    import_package,
)

# A .tiktoken file holds ranks, but not the pattern that splits a text first. tiktoken has the
# pattern of these files, known here by their sha256.
_TIKTOKEN_URL = "https://openaipublic.blob.core.windows.net/encodings/{}.tiktoken"
_TIKTOKEN_FILES = {
    "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d": "o200k_base",
    "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7": "cl100k_base",
    "94b5ca7dff4d00767bc256fdd1b27e5b17361d7b8a5f968547f9f23eb70d2069": "p50k_base",
    "306cd27f03c1a714eca7108e03d66b7dc042abe8c258b44c199a7ed9838dd930": "r50k_base",
}


def encoding_names() -> list[str]:
    """The names of tiktoken's encodings; without tiktoken, of the best known ones."""
    try:
        import tiktoken
    except ImportError:
        return list(_TIKTOKEN_FILES.values())  # so that these ask for the package, not the hub
    return tiktoken.list_encoding_names()


def read_encoding(name: str, encoding_name: str) -> LoadedTokenizer:
    """One of tiktoken's own encodings, for the user's ``name``.

    Raises:
        InfocapError: tiktoken is not installed, or cannot get the file of the encoding.
    """
    tiktoken = import_package("tiktoken", "tokenizers", name)
    try:
        encoding = tiktoken.get_encoding(encoding_name)
    except Exception as error:  # those of its HTTP library
        has_file = encoding_name in _TIKTOKEN_FILES.values()  # others take that of one of these
        or_file = f", or give the file itself ({encoding_name}.tiktoken)" if has_file else ""
        raise InfocapError(
            f"tokenizer {name}: tiktoken cannot get the file of {encoding_name} "
            f"({type(error).__name__}); set TIKTOKEN_CACHE_DIR to a folder where tiktoken has kept "
            f"it{or_file}"
        ) from error
    return _of_tiktoken(name, encoding, encoding.n_vocab)


def read_ranks(name: str, path: Path) -> LoadedTokenizer:
    """The encoding whose ranks a .tiktoken file holds.

    Raises:
        InfocapError: it is none that tiktoken knows.
    """
    content = path.read_bytes()
    known = _TIKTOKEN_FILES.get(hashlib.sha256(content).hexdigest())
    if known is None:
        raise InfocapError(
            f"tokenizer {name}: ranks in tiktoken's format, but not a whole file of an encoding "
            f"that tiktoken knows ({', '.join(_TIKTOKEN_FILES.values())}), and such a file does "
            "not hold the pattern that splits texts; give the model's tokenizer.json or folder"
        )
    # tiktoken takes an encoding's file from its cache, where it is named by its address.
    with tempfile.TemporaryDirectory() as cache, _tiktoken_cache(cache):
        key = hashlib.sha1(_TIKTOKEN_URL.format(known).encode()).hexdigest()
        (Path(cache) / key).write_bytes(content)
        return read_encoding(name, known)


@contextmanager
def _tiktoken_cache(folder: str) -> Iterator[None]:
    before = os.environ.get("TIKTOKEN_CACHE_DIR")
    os.environ["TIKTOKEN_CACHE_DIR"] = folder
    try:
        yield
    finally:
        del os.environ["TIKTOKEN_CACHE_DIR"]
        if before is not None:
            os.environ["TIKTOKEN_CACHE_DIR"] = before


def read_tekken(name: str, content: Mapping[str, Any]) -> LoadedTokenizer:
    """Mistral's format: ranks with their pattern; the first ids of the model are special tokens.

    Raises:
        InfocapError: the content is of another kind, or tiktoken is not installed.
    """
    tiktoken = import_package("tiktoken", "tokenizers", name)
    try:
        config = content["config"]
        vocab_size = int(config["default_vocab_size"])
        num_ranks = vocab_size - int(config["default_num_special_tokens"])
        ranks = {
            base64.b64decode(token["token_bytes"]): int(token["rank"])
            for token in content["vocab"]
            if token["rank"] < num_ranks
        }
        encoding = tiktoken.Encoding(
            name, pat_str=config["pattern"], mergeable_ranks=ranks, special_tokens={}
        )
    except Exception as error:  # KeyError and TypeError of ours, ValueError of tiktoken's
        raise InfocapError(
            f"tokenizer {name}: JSON with config and vocab, but no tekken.json "
            f"({one_line(error)}); {TOKENIZER_FORMS}"
        ) from error
    return _of_tiktoken(name, encoding, vocab_size)


def _of_tiktoken(name: str, encoding: Any, vocab_size: int) -> LoadedTokenizer:
    return LoadedTokenizer(
        name,
        "tiktoken",
        vocab_size,
        encoding.encode_ordinary_batch,  # special tokens' names are text like any other
        encoding.decode,
        lambda token: len(encoding.decode_single_token_bytes(token)) == 1,
    )
