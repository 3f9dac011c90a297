"""One text of a corpus, and the file forms that texts are read from, as streams."""

import gzip
import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from io import BufferedReader, TextIOWrapper
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

import jsonlines
import pyarrow
import pyarrow.parquet

from infocap_tasks.errors import InfocapError

# Text behind this is refused: a compressed file of a few kB can hold one line of many GB.
MAX_TEXT_BYTES = 2**27
_CHUNK_CHARACTERS = 2**20
_PARQUET_ROWS = 16


class Text(NamedTuple):
    """One whole text.

    Attributes:
        text: the text.
        origin: where it stands, for error messages: ``my.jsonl:12``.
        document: its name in the corpus, by which results of two models are paired: ``12``.
    """

    text: str
    origin: str
    document: str


def utf8(text: Text) -> bytes:
    """The whole text in UTF-8.

    Raises:
        InfocapError: it holds a lone surrogate.
    """
    try:
        return text.text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InfocapError(
            f"{text.origin}: character {error.start} is a lone surrogate "
            f"(U+{ord(text.text[error.start]):04X}), which is no text in UTF-8; repair the text"
        ) from error


class Fields(NamedTuple):
    """Which fields of a record hold the text and, if any, the document's name."""

    text: str = "text"
    document: str | None = None


# A text that is there but not yet parsed, so that a sample need not parse what it leaves out.
# Calling it raises an InfocapError if it is faulty.
Load = Callable[[], Text]


def read_texts(path: Path, fields: Fields) -> Iterator[Load]:
    """The texts of a file in one of ``FORMS``, or of all .txt files of a folder, in order.

    Memory holds one text at a time (16 rows of a .parquet file).

    Raises:
        InfocapError: there is no such file, its form is unknown, or it is damaged.
    """
    if path.is_dir():
        yield from _read_folder(path)
        return
    read = _form_of(path)
    with _complaints_about(path):
        yield from read(path, fields)


def _form_of(path: Path) -> Callable[[Path, Fields], Iterator[Load]]:
    if not path.is_file():
        raise InfocapError(
            f"corpus_path={path}: does not exist; give a file ({', '.join(FORMS)}) "
            "or a folder of .txt files"
        )
    name = path.name.lower()
    for suffix, form in FORMS.items():
        if name.endswith(suffix):
            return form
    raise InfocapError(
        f"corpus_path={path}: its name does not tell its form; known are {', '.join(FORMS)} "
        "and a folder of .txt files; rename it"
    )


@contextmanager
def _complaints_about(path: Path) -> Iterator[None]:
    """What the readers of other libraries raise on a damaged file, as one line."""
    try:
        yield
    except InfocapError:
        raise
    except (EOFError, OSError, ValueError, zlib.error, pyarrow.ArrowException) as error:
        complaint = " ".join(str(error).split())[:200] or type(error).__name__
        raise InfocapError(
            f"{path}: damaged or cut short, or not what its name says ({complaint})"
        ) from error


@contextmanager
def _open(path: Path) -> Iterator[BinaryIO]:
    """The bytes of a file, decompressed as they are read if its name ends in .gz or .zst."""
    with path.open("rb") as file:
        if path.name.lower().endswith(".gz"):
            with gzip.open(file) as unpacked:
                yield cast(BinaryIO, unpacked)
        elif path.name.lower().endswith(".zst"):
            with pyarrow.CompressedInputStream(file, "zstd") as unpacked:
                yield cast(BinaryIO, BufferedReader(unpacked))
        else:
            yield file


def _refuse_too_long(num_bytes: int, origin: str) -> None:
    if num_bytes > MAX_TEXT_BYTES:
        raise InfocapError(
            f"{origin}: more than {MAX_TEXT_BYTES // 2**20} MiB in one text; split it up"
        )


# ---------------------------------------------------------------------- JSON


def _read_json_lines(path: Path, fields: Fields) -> Iterator[Load]:
    """One object a line; blank lines are skipped but counted."""
    with _open(path) as file:
        number = 0
        while line := file.readline(MAX_TEXT_BYTES + 1):
            number += 1
            origin = f"{path}:{number}"
            _refuse_too_long(len(line), origin)
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
        for number, record in enumerate(_array_items(characters.read, str(path)), 1):
            yield partial(_text_of, record, f"{path}: item {number}", str(number), fields)


def _array_items(read: Callable[[int], str], origin: str) -> Iterator[Any]:
    """The items of the JSON array that ``read(num_characters)`` gives piece by piece."""
    decode = json.JSONDecoder().raw_decode
    buffer, opening = read(_CHUNK_CHARACTERS).lstrip(), "["
    number = 0
    while True:
        # An item is preceded by "[" or ","; the end is "]" after an item or after "[".
        while not buffer and (more := read(_CHUNK_CHARACTERS)):
            buffer = more.lstrip()
        if buffer[:1] == "]" and number:
            break
        if buffer[:1] != opening:
            expected = "an array" if opening == "[" else f"',' or ']' after item {number}"
            raise InfocapError(
                f"{origin}: not a JSON array: {expected} is missing; it must hold [{{…}}, {{…}}], "
                "or be named .jsonl if it has one object a line"
            )
        buffer = buffer[1:].lstrip()
        while not buffer and (more := read(_CHUNK_CHARACTERS)):
            buffer = more.lstrip()
        if opening == "[" and buffer[:1] == "]":
            break
        opening, number = ",", number + 1
        item, buffer = _first_item(buffer, read, decode, f"{origin}: item {number}")
        yield item
    rest = buffer[1:]
    while rest or (rest := read(_CHUNK_CHARACTERS)):
        if rest.strip():
            raise InfocapError(f"{origin}: text behind the JSON array; it must be the only value")
        rest = ""


def _first_item(
    buffer: str, read: Callable[[int], str], decode: Callable[[str], tuple[Any, int]], origin: str
) -> tuple[Any, str]:
    """The JSON value at the beginning of ``buffer`` and what follows, reading on if it is cut."""
    while True:
        try:
            item, end = decode(buffer)
        except (json.JSONDecodeError, RecursionError) as error:
            # Doubled each time, so that a long item is not parsed again and again.
            more = read(max(_CHUNK_CHARACTERS, len(buffer)))
            if not more:
                raise InfocapError(f"{origin}: not JSON ({error})") from error
            buffer += more
            _refuse_too_long(len(buffer) - _CHUNK_CHARACTERS, origin)
        else:
            return item, buffer[end:].lstrip()


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
    if fields.document is not None:
        document = str(_field(record, fields.document, "corpus_id_field", origin))
    return Text(text, origin, document)


def _field(record: Mapping[str, Any], name: str, setting: str, origin: str) -> Any:
    if name not in record:
        raise InfocapError(
            f"{origin}: no field {name!r} among {sorted(record)}; "
            f"name it with --metadata {setting}=NAME"
        )
    return record[name]


# ---------------------------------------------------------------------- other forms


def _read_parquet(path: Path, fields: Fields) -> Iterator[Load]:
    """One text a row; only the columns that are needed are read."""
    wanted = [fields.text, *([fields.document] if fields.document else [])]
    with pyarrow.parquet.ParquetFile(path) as file:
        names = file.schema_arrow.names
        columns = {name: None for name in wanted if name in names}
        if len(columns) < len(set(wanted)):
            _field(dict.fromkeys(names), fields.text, "text_field", str(path))
            _field(dict.fromkeys(names), str(fields.document), "corpus_id_field", str(path))
        number = 0
        for batch in file.iter_batches(_PARQUET_ROWS, columns=list(columns)):
            for row in batch.to_pylist():
                number += 1
                yield partial(_text_of, row, f"{path}: row {number}", str(number), fields)


def _read_plain_text(path: Path, _: Fields) -> Iterator[Load]:
    yield partial(_whole_file, path, path.name)


def _read_folder(folder: Path) -> Iterator[Load]:
    """Every .txt file, also in sub-folders, by name."""
    for path in text_files_in(folder):
        yield partial(_whole_file, path, path.relative_to(folder).as_posix())


def text_files_in(folder: Path) -> list[Path]:
    """The .txt files of a folder and its sub-folders, sorted by name.

    Raises:
        InfocapError: there is none.
    """
    found = sorted(path for path in folder.rglob("*.txt") if path.is_file())
    if not found:
        raise InfocapError(
            f"corpus_path={folder}: is a folder without .txt files; give a file "
            f"({', '.join(FORMS)}) or a folder of .txt files"
        )
    return found


def _whole_file(path: Path, document: str) -> Text:
    with _complaints_about(path), _open(path) as file:
        content = file.read(MAX_TEXT_BYTES + 1)
    _refuse_too_long(len(content), str(path))
    try:
        return Text(content.decode("utf-8-sig"), str(path), document)
    except UnicodeDecodeError as error:
        raise InfocapError(
            f"{path}: not UTF-8 (byte 0x{content[error.start]:02X} at {error.start}); convert it"
        ) from error


FORMS: Mapping[str, Callable[[Path, Fields], Iterator[Load]]] = {
    ".jsonl": _read_json_lines,
    ".jsonl.gz": _read_json_lines,
    ".jsonl.zst": _read_json_lines,
    ".json": _read_json_array,
    ".parquet": _read_parquet,
    ".txt": _read_plain_text,
}
