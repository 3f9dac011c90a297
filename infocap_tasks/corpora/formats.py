"""The forms of files that texts are read from, each as a stream: one text in memory at a time."""

import gzip
import os
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from io import BufferedReader, TextIOWrapper
from pathlib import Path
from typing import Any, BinaryIO, cast

import jsonlines

from infocap_tasks.corpora.json_array import array_items
from infocap_tasks.corpora.text import (
    MAX_TEXT_BYTES,
    Fields,
    Load,
    Text,
    refuse_too_long,
    shown,
    utf8,
)
from infocap_tasks.errors import InfocapError


def read_texts(path: Path, fields: Fields) -> Iterator[Load]:
    """The texts of a file in one of ``FORMS``, or of all .txt files of a folder, in order.

    Memory holds one text at a time.

    Raises:
        InfocapError: there is no such file, its form is unknown, or it is damaged.
    """
    with _complaints_about(path):
        yield from require_form(path)(path, fields)


def require_form(path: Path) -> Callable[[Path, Fields], Iterator[Load]]:
    """The reader for a file or folder, by its name alone.

    Raises:
        InfocapError: there is no such file, its form is unknown, or the folder has no .txt file.
    """
    if path.is_dir():
        text_files_in(path)
        return _read_folder
    if not path.is_file():
        given = "is no plain file" if path.exists() else "does not exist"
        raise InfocapError(
            f"corpus_path={shown(path)}: {given}; give a file ({', '.join(FORMS)}) "
            "or a folder of .txt files"
        )
    name = path.name.lower()
    for suffix, form in FORMS.items():
        if name.endswith(suffix):
            return form
    raise InfocapError(
        f"corpus_path={shown(path)}: its name does not tell its form; known are "
        f"{', '.join(FORMS)} and a folder of .txt files; rename it"
    )


@contextmanager
def _complaints_about(path: Path) -> Iterator[None]:
    """What the readers of other libraries raise on a damaged file, as one line."""
    try:
        yield
    except InfocapError:
        raise
    except _damage() as error:
        complaint = " ".join(str(error).split())[:200] or type(error).__name__
        raise InfocapError(
            f"{shown(path)}: damaged or cut short, or not what its name says ({complaint})"
        ) from error


def _damage() -> tuple[type[Exception], ...]:
    """What readers raise on a damaged file; pyarrow is slow to import, and may not be needed."""
    arrow = sys.modules.get("pyarrow")
    of_arrow = (arrow.ArrowException,) if arrow else ()
    return (EOFError, OSError, ValueError, zlib.error, *of_arrow)


@contextmanager
def _open(path: Path) -> Iterator[BinaryIO]:
    """The bytes of a file, decompressed as they are read if its name ends in .gz or .zst."""
    with path.open("rb") as file:
        if path.name.lower().endswith(".gz"):
            with gzip.open(file) as unpacked:
                yield cast(BinaryIO, unpacked)
        elif path.name.lower().endswith(".zst"):
            import pyarrow

            with pyarrow.CompressedInputStream(file, "zstd") as unpacked:
                yield cast(BinaryIO, BufferedReader(unpacked))
        else:
            yield file


# ---------------------------------------------------------------------- JSON


def _read_json_lines(path: Path, fields: Fields) -> Iterator[Load]:
    """One object a line; blank lines are skipped but counted."""
    with _open(path) as file:
        number = 0
        while line := file.readline(MAX_TEXT_BYTES + 1):
            number += 1
            origin = f"{shown(path)}:{number}"
            refuse_too_long(len(line), origin)
            if line.strip():
                yield partial(_parse_line, line, origin, str(number), fields)


def _parse_line(line: bytes, origin: str, document: str, fields: Fields) -> Text:
    try:
        with jsonlines.Reader([line]) as reader:
            record = reader.read()
    except (jsonlines.InvalidLineError, RecursionError) as error:
        raise InfocapError(
            f"{origin}: not a line of JSON in UTF-8 "
            f"({type(error.__cause__ or error).__name__}); each line must be one JSON object"
        ) from error
    return _text_of(record, origin, document, fields)


def _read_json_array(path: Path, fields: Fields) -> Iterator[Load]:
    """The objects of one array, which need not fit into memory as a whole."""
    with _open(path) as file, TextIOWrapper(file, "utf-8-sig") as characters:
        for number, record in enumerate(array_items(characters.read, shown(path)), 1):
            origin = f"{shown(path)}: item {number}"
            yield partial(_text_of, record, origin, str(number), fields)


def _text_of(record: Any, origin: str, document: str, fields: Fields) -> Text:
    if not isinstance(record, dict):
        raise InfocapError(
            f"{origin}: a JSON {type(record).__name__}, but it must be a JSON object "
            f'such as {{"{fields.text}": "…"}}'
        )
    text = _field(record, fields.text, "text_field", origin)
    if not isinstance(text, str):
        raise InfocapError(
            f"{origin}: field {fields.text!r} is of type {type(text).__name__}, "
            "but must be a string; name another with --metadata text_field=NAME"
        )
    if fields.document_id is not None:
        document = _name(_field(record, fields.document_id, "corpus_id_field", origin), origin)
    return Text(text, origin, document)


def _name(value: Any, origin: str) -> str:
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise InfocapError(
            f"{origin}: the document's name is of type {type(value).__name__}, but must be a "
            "string or a whole number; name another field with --metadata corpus_id_field=NAME"
        )
    utf8(Text(str(value), f"{origin}: the document's name", ""))
    return str(value)


def _field(record: Mapping[str, Any], name: str, setting: str, origin: str) -> Any:
    if name not in record:
        raise InfocapError(
            f"{origin}: no field {name!r} among {sorted(record)}; "
            f"name it with --metadata {setting}=NAME"
        )
    return record[name]


# ---------------------------------------------------------------------- other forms


# Texts are packed to a third, and the same text over and over, in a dictionary, to nothing: a file
# of 500 bytes can hold 20 GB. A row counts for what reading it costs.
_MAX_RATIO = 1000
_ROW_BYTES = 64


def _read_parquet(path: Path, fields: Fields) -> Iterator[Load]:
    """One text a row; only the columns that are needed are read."""
    import pyarrow.parquet

    wanted = [fields.text, *([fields.document_id] if fields.document_id else [])]
    # Row by row and unbuffered: a row group, or a dictionary, can unpack to many times the file.
    with pyarrow.parquet.ParquetFile(path, buffer_size=2**20, pre_buffer=False) as file:
        names = dict.fromkeys(file.schema_arrow.names)
        for name, setting in zip(wanted, ("text_field", "corpus_id_field"), strict=False):
            _field(names, name, setting, shown(path))
        unpacked, allowed = 0, max(MAX_TEXT_BYTES, _MAX_RATIO * path.stat().st_size)
        for number, batch in enumerate(file.iter_batches(1, columns=wanted), 1):
            origin = f"{shown(path)}: row {number}"
            (row,) = batch.to_pylist()
            size = len(str(row[fields.text]))
            refuse_too_long(size, origin)
            unpacked += size + _ROW_BYTES
            if unpacked > allowed:
                raise InfocapError(
                    f"{origin}: the file unpacks to more than {_MAX_RATIO} times its size, as no "
                    "corpus does; give a file without texts that are repeated so often"
                )
            yield partial(_text_of, row, origin, str(number), fields)


def _read_plain_text(path: Path, _: Fields) -> Iterator[Load]:
    yield partial(_whole_file, path, shown(Path(path.name)))


def _read_folder(folder: Path, _: Fields) -> Iterator[Load]:
    """Every .txt file, also in sub-folders, by name."""
    for path in text_files_in(folder):
        yield partial(_whole_file, path, shown(path.relative_to(folder)))


def text_files_in(folder: Path) -> list[Path]:
    """The .txt files of a folder and its sub-folders, sorted by name; links are followed.

    Raises:
        InfocapError: there is none, or a sub-folder cannot be read.
    """
    found: list[Path] = []
    seen: set[Path] = set()
    with _complaints_about(folder):
        for root, folders, names in os.walk(folder, onerror=_raise, followlinks=True):
            if (real := Path(root).resolve()) in seen:  # a link that leads back
                folders.clear()
                continue
            seen.add(real)
            found += [Path(root, name) for name in names if name.lower().endswith(".txt")]
    if not found:
        raise InfocapError(
            f"corpus_path={shown(folder)}: is a folder without .txt files; give a file "
            f"({', '.join(FORMS)}) or a folder of .txt files"
        )
    return sorted(found)


def _raise(error: OSError) -> None:
    raise error


def _whole_file(path: Path, document: str) -> Text:
    with _complaints_about(path), _open(path) as file:
        content = file.read(MAX_TEXT_BYTES + 1)
    refuse_too_long(len(content), shown(path))
    try:
        return Text(content.decode("utf-8-sig"), shown(path), document)
    except UnicodeDecodeError as error:
        raise InfocapError(
            f"{shown(path)}: not UTF-8 (byte 0x{content[error.start]:02X} at {error.start}); "
            "convert it"
        ) from error


FORMS: Mapping[str, Callable[[Path, Fields], Iterator[Load]]] = {
    ".jsonl": _read_json_lines,
    ".jsonl.gz": _read_json_lines,
    ".jsonl.zst": _read_json_lines,
    ".json": _read_json_array,
    ".parquet": _read_parquet,
    ".txt": _read_plain_text,
}
