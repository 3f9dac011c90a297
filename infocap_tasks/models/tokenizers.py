"""Tokenizers by file, folder, tiktoken name or hub id; which library reads each is found here."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from infocap_tasks.errors import InfocapError, one_line
from infocap_tasks.models.pretrained import Pretrained, load_tokenizer
from infocap_tasks.models.tiktoken_encodings import (
    encoding_names,
    read_encoding,
    read_ranks,
    read_tekken,
)
from infocap_tasks.models.tokenizer_libraries import (
    TOKENIZER_FORMS,
    LoadedTokenizer,
    import_package,
    of_transformers,
    read_sentencepiece,
    read_tokenizer_json,
)


def load(name: str, trust_remote_code: bool = False) -> LoadedTokenizer:
    """The tokenizer that ``name`` stands for: a file, a folder, a tiktoken encoding or a hub id.

    A file is known by its content, not by its name. A folder or hub id is read by transformers,
    as the harness does; one without tokenizer.json and tokenizer_config.json by the file it has.

    Raises:
        InfocapError: there is no such tokenizer, or what is there is none.
    """
    if not name.strip():
        raise InfocapError(f"tokenizer {name!r}: the name is empty; {TOKENIZER_FORMS}")
    path = Path(name).expanduser()
    if path.is_file():
        return _from_file(name, path)
    if path.is_dir():
        return _from_folder(name, path, trust_remote_code)
    if name.startswith((".", "/", "~")) or path.suffix in _SUFFIXES:
        raise InfocapError(f"tokenizer {name}: no such file or folder; {TOKENIZER_FORMS}")
    if name in encoding_names():
        return read_encoding(name, name)
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
        return read_ranks(name, path)
    return read_sentencepiece(name, path)


def _first_bytes(name: str, path: Path) -> bytes:
    """The beginning of a file that may be a tokenizer's."""
    try:
        with path.open("rb") as file:
            head = file.read(1024).removeprefix(b"\xef\xbb\xbf").lstrip()
    except OSError as error:
        raise InfocapError(f"tokenizer {name}: cannot be read ({one_line(error)})") from error
    if not head:
        raise InfocapError(f"tokenizer {name}: the file is empty; {TOKENIZER_FORMS}")
    for start, what in _NO_TOKENIZERS.items():
        if head.startswith(start):
            raise InfocapError(f"tokenizer {name}: no tokenizer but {what}; {TOKENIZER_FORMS}")
    return head


def _from_gguf(name: str, path: Path) -> LoadedTokenizer:
    import_package("gguf", "demo", name)
    try:
        folder = str(path.absolute().parent)
        tokenizer = load_tokenizer(Pretrained(folder, gguf_file=path.name))
    except InfocapError as error:
        raise InfocapError(
            f"tokenizer {name}: begins as a GGUF file, but is not a whole one with a tokenizer "
            f"({error}); fetch it again, or give the model's tokenizer.json"
        ) from error
    return of_transformers(name, tokenizer)


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
        return read_tokenizer_json(name, text)
    if isinstance(content, dict) and "vocab" in content and "config" in content:
        return read_tekken(name, content)
    has = f"has {', '.join(sorted(content)[:5])}" if isinstance(content, dict) else "is a list"
    raise InfocapError(
        f"tokenizer {name}: JSON, but no tokenizer: a tokenizer.json has a model, a tekken.json "
        f"has config and vocab, this {has}; {TOKENIZER_FORMS}"
    )


_OF_TRANSFORMERS = ("tokenizer.json", "tokenizer_config.json")
_OF_OTHERS = ("tekken.json", "tokenizer.model", "*.model", "*.tiktoken")
_VOCABULARIES = ("tokenizer.json", "vocab.*", *_OF_OTHERS, "*.gguf")


def _from_folder(name: str, folder: Path, trust_remote_code: bool) -> LoadedTokenizer:
    readable = (*_OF_TRANSFORMERS, *_VOCABULARIES[1:])
    if not _files(folder, readable):
        raise InfocapError(
            f"tokenizer {name}: the folder holds none of {', '.join(readable)}; {TOKENIZER_FORMS}"
        )
    return _from_files(name, folder, str(folder), trust_remote_code)


def _from_hub(name: str, trust_remote_code: bool) -> LoadedTokenizer:
    from huggingface_hub import snapshot_download

    try:
        folder = snapshot_download(name, allow_patterns=[*_OF_TRANSFORMERS, "vocab.*", *_OF_OTHERS])
    except Exception as error:  # its own, those of its HTTP library, ValueError for odd names
        raise InfocapError(
            f"tokenizer {name}: no file or folder here, no encoding of tiktoken, and the hub "
            f"does not give it ({type(error).__name__}); {TOKENIZER_FORMS}"
        ) from error
    return _from_files(name, Path(folder), name, trust_remote_code)


def _from_files(name: str, folder: Path, model: str, trust_remote_code: bool) -> LoadedTokenizer:
    """By the only file there is, else by transformers, which calls them all ``model``."""
    if lone := _lone_file(folder):
        return _from_file(name, lone)
    has_vocabulary = bool(_files(folder, _VOCABULARIES))
    lack = "" if has_vocabulary else f"it holds none of {', '.join(_VOCABULARIES)}"
    try:
        tokenizer = load_tokenizer(Pretrained(model, trust_remote_code=trust_remote_code))
    except InfocapError as error:
        _refuse_broken_files(name, folder)
        raise InfocapError(
            f"tokenizer {name}: transformers cannot read it ({lack or error}); {TOKENIZER_FORMS}"
        ) from error
    if tokenizer.is_fast and lack:  # transformers then makes a vocabulary of a few tokens up
        raise InfocapError(f"tokenizer {name}: has no vocabulary: {lack}; {TOKENIZER_FORMS}")
    return of_transformers(name, tokenizer)


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
