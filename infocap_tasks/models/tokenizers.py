"""Tokenizers by file, folder, tiktoken name or hub id, behind one record; no model weights.

Loaders are those of tokenizers, tiktoken, sentencepiece and transformers. Special tokens are never
added, and their names inside a text are plain text.
"""

import base64
import hashlib
import importlib
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tokenizers import Tokenizer

from infocap_tasks.errors import InfocapError, one_line
from infocap_tasks.models.pretrained import Pretrained, load_any_tokenizer

_ALLOWED = (
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


def load(name: str, trust_remote_code: bool = False) -> LoadedTokenizer:
    """The tokenizer that ``name`` stands for: a file, a folder, a tiktoken encoding or a hub id.

    A file is known by its content, not by its name. A folder or hub id is read by transformers,
    as the harness does; one without tokenizer.json and tokenizer_config.json by the file it has.

    Raises:
        InfocapError: there is no such tokenizer, or what is there is none.
    """
    if not name.strip():
        raise InfocapError(f"tokenizer {name!r}: the name is empty; {_ALLOWED}")
    path = Path(name).expanduser()
    if path.is_file():
        return _from_file(name, path)
    if path.is_dir():
        return _from_folder(name, path, trust_remote_code)
    if name.startswith((".", "/", "~")) or path.suffix in _SUFFIXES:
        raise InfocapError(f"tokenizer {name}: no such file or folder; {_ALLOWED}")
    if name in _tiktoken_names():
        return _from_tiktoken_name(name, name)
    return _from_hub(name, trust_remote_code)


_SUFFIXES = (".json", ".gguf", ".tiktoken", ".model")
_TIKTOKEN_LINE = re.compile(rb"[A-Za-z0-9+/]+={0,2} \d+\r?\n")
_NO_TOKENIZERS = {
    b"\xff\xd8\xff": "a JPEG image",
    b"\x89PNG": "a PNG image",
    b"%PDF": "a PDF document",
    b"PK\x03\x04": "a zip archive",
    b"\x1f\x8b": "compressed with gzip, unpack it first",
    b"<": "an HTML or XML page",
    b"version https://git-lfs": "a Git LFS pointer, fetch the file itself with `git lfs pull`",
}


def _from_file(name: str, path: Path) -> LoadedTokenizer:
    head = _first_bytes(name, path)
    if head.startswith(b"GGUF"):
        return _from_gguf(name, path)
    if head.startswith((b"{", b"[")):
        return _from_json(name, path)
    if _TIKTOKEN_LINE.match(head):
        return _from_tiktoken_file(name, path)
    return _from_sentencepiece(name, path)


def _first_bytes(name: str, path: Path) -> bytes:
    """The beginning of a file that may be a tokenizer's."""
    try:
        with path.open("rb") as file:
            head = file.read(1024).removeprefix(b"\xef\xbb\xbf").lstrip()
    except OSError as error:
        raise InfocapError(f"tokenizer {name}: cannot be read ({one_line(error)})") from error
    if not head:
        raise InfocapError(f"tokenizer {name}: the file is empty; {_ALLOWED}")
    for start, what in _NO_TOKENIZERS.items():
        if head.startswith(start):
            raise InfocapError(f"tokenizer {name}: no tokenizer but {what}; {_ALLOWED}")
    return head


def _from_gguf(name: str, path: Path) -> LoadedTokenizer:
    _package("gguf", "demo", name)
    try:
        folder = str(path.absolute().parent)
        tokenizer = load_any_tokenizer(Pretrained(folder, gguf_file=path.name))
    except InfocapError as error:
        raise InfocapError(
            f"tokenizer {name}: begins as a GGUF file, but is not a whole one with a tokenizer "
            f"({error}); fetch it again, or give the model's tokenizer.json"
        ) from error
    return _of_transformers(name, tokenizer)


def _read_json(name: str, path: Path) -> tuple[str, Any]:
    """The file's text and what it holds."""
    try:
        text = path.read_text("utf-8-sig")
        return text, json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InfocapError(
            f"tokenizer {name}: starts as JSON, but is none ({one_line(error)}); "
            "it may be cut short: fetch it again"
        ) from error


def _from_json(name: str, path: Path) -> LoadedTokenizer:
    text, content = _read_json(name, path)
    if isinstance(content, dict) and isinstance(content.get("model"), dict):
        return _from_tokenizer_json(name, text)
    if isinstance(content, dict) and "vocab" in content and "config" in content:
        return _from_tekken(name, content)
    has = f"has {', '.join(sorted(content)[:5])}" if isinstance(content, dict) else "is a list"
    raise InfocapError(
        f"tokenizer {name}: JSON, but no tokenizer: a tokenizer.json has a model, a tekken.json "
        f"has config and vocab, this {has}; {_ALLOWED}"
    )


def _from_tokenizer_json(name: str, text: str) -> LoadedTokenizer:
    try:
        tokenizer = Tokenizer.from_str(text)
    except Exception as error:  # tokenizers raises nothing more particular
        raise InfocapError(
            f"tokenizer {name}: JSON, but tokenizers cannot read it as a tokenizer.json "
            f"({one_line(error)}); {_ALLOWED}"
        ) from error
    # The file may ask for these; texts are to stay whole.
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


def _from_sentencepiece(name: str, path: Path) -> LoadedTokenizer:
    sentencepiece = _package("sentencepiece", "tokenizers", name)
    try:
        model = sentencepiece.SentencePieceProcessor(model_file=str(path))
    except Exception as error:  # RuntimeError, OSError, by version
        raise InfocapError(
            f"tokenizer {name}: neither GGUF, nor JSON, nor tiktoken's ranks, nor a SentencePiece "
            f"model ({one_line(error)}); {_ALLOWED}"
        ) from error

    def is_single_byte(token: int) -> bool:
        piece = model.id_to_piece(token).replace("▁", " ")
        return model.is_byte(token) or _num_bytes(piece) == 1

    return LoadedTokenizer(
        name, "sentencepiece", model.vocab_size(), model.encode, model.decode, is_single_byte
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


def _tiktoken_names() -> list[str]:
    try:
        import tiktoken
    except ImportError:
        return list(_TIKTOKEN_FILES.values())  # so that these ask for the package, not the hub
    return tiktoken.list_encoding_names()


def _from_tiktoken_name(name: str, encoding_name: str) -> LoadedTokenizer:
    tiktoken = _package("tiktoken", "tokenizers", name)
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


def _from_tiktoken_file(name: str, path: Path) -> LoadedTokenizer:
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
        return _from_tiktoken_name(name, known)


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


def _from_tekken(name: str, content: Mapping[str, Any]) -> LoadedTokenizer:
    """Mistral's format: ranks with their pattern; the first ids of the model are special tokens."""
    tiktoken = _package("tiktoken", "tokenizers", name)
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
            f"({one_line(error)}); {_ALLOWED}"
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


_OF_TRANSFORMERS = ("tokenizer.json", "tokenizer_config.json")
_OF_OTHERS = ("tekken.json", "tokenizer.model", "*.model", "*.tiktoken")
_VOCABULARIES = ("tokenizer.json", "vocab.*", *_OF_OTHERS, "*.gguf")


def _from_folder(name: str, folder: Path, trust_remote_code: bool) -> LoadedTokenizer:
    readable = (*_OF_TRANSFORMERS, *_VOCABULARIES[1:])
    if not _files(folder, readable):
        raise InfocapError(
            f"tokenizer {name}: the folder holds none of {', '.join(readable)}; {_ALLOWED}"
        )
    return _from_files(name, folder, str(folder), trust_remote_code)


def _from_hub(name: str, trust_remote_code: bool) -> LoadedTokenizer:
    from huggingface_hub import snapshot_download

    try:
        folder = snapshot_download(name, allow_patterns=[*_OF_TRANSFORMERS, "vocab.*", *_OF_OTHERS])
    except Exception as error:  # its own, those of its HTTP library, ValueError for odd names
        raise InfocapError(
            f"tokenizer {name}: no file or folder here, no encoding of tiktoken, and the hub "
            f"does not give it ({type(error).__name__}); {_ALLOWED}"
        ) from error
    return _from_files(name, Path(folder), name, trust_remote_code)


def _from_files(name: str, folder: Path, model: str, trust_remote_code: bool) -> LoadedTokenizer:
    """By the only file there is, else by transformers, which calls them all ``model``."""
    if lone := _lone_file(folder):
        return _from_file(name, lone)
    has_vocabulary = bool(_files(folder, _VOCABULARIES))
    lack = "" if has_vocabulary else f"it holds none of {', '.join(_VOCABULARIES)}"
    try:
        tokenizer = load_any_tokenizer(Pretrained(model, trust_remote_code=trust_remote_code))
    except InfocapError as error:
        _refuse_broken_files(name, folder)
        raise InfocapError(
            f"tokenizer {name}: transformers cannot read it ({lack or error}); {_ALLOWED}"
        ) from error
    if tokenizer.is_fast and lack:  # transformers then makes a vocabulary of a few tokens up
        raise InfocapError(f"tokenizer {name}: has no vocabulary: {lack}; {_ALLOWED}")
    return _of_transformers(name, tokenizer)


def _refuse_broken_files(name: str, folder: Path) -> None:
    """Say of the files that transformers reads what would be said of them alone."""
    for path in _files(folder, _OF_TRANSFORMERS):
        file = f"{name.rstrip('/')}/{path.name}"
        if path.name == "tokenizer.json":
            _from_file(file, path)
        else:
            _first_bytes(file, path)
            _read_json(file, path)


def _lone_file(folder: Path) -> Path | None:
    """The file to read where there is nothing for transformers, which would guess."""
    if _files(folder, (*_OF_TRANSFORMERS, "vocab.*")):
        return None
    return next(iter(_files(folder, (*_OF_OTHERS, "*.gguf"))), None)


def _files(folder: Path, patterns: Sequence[str]) -> list[Path]:
    return [path for pattern in patterns for path in sorted(folder.glob(pattern))]


def _of_transformers(name: str, tokenizer: Any) -> LoadedTokenizer:
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


_BYTE_TOKEN = re.compile(r"<0x[0-9A-F]{2}>")


def _single_byte_tokens(tokenizer: Any) -> Callable[[int], bool] | None:
    """Whether a token of ``tokenizers`` stands for one byte, told by how its parts write bytes."""
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


def _package(package: str, extra: str, name: str) -> Any:
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise InfocapError(
            f"tokenizer {name}: needs the package {package}, which is not installed; "
            f'run `pip install "infocap-tasks[{extra}]"`'
        ) from error
