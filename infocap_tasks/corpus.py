"""Where texts come from: the standard library, or a file of one's own; lazily, with provenance."""

import hashlib
import importlib.util
import platform
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Protocol

import jsonlines

from infocap_tasks.errors import InfocapError


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


class Corpus(Protocol):
    """Texts that can be read again and again, in one order, without holding them in memory."""

    name: str
    source: str

    def __iter__(self) -> Iterator[Text]:
        """The texts, in order."""
        ...

    def __len__(self) -> int:
        """How many texts there are; may read the whole corpus."""
        ...

    @property
    def sha256(self) -> str:
        """Hex digest of the whole corpus; may read all of it."""
        ...


class StandardLibraryCorpus:
    """Texts that ship with the running Python; they differ between Python versions.

    ``sha256`` is that of the UTF-8 texts, each followed by a NUL byte.
    """

    def __init__(self, name: str, source: str, read: Callable[[], list[Text]]) -> None:
        self.name = name
        self.source = f"{source} of {platform.python_implementation()} {platform.python_version()}"
        self._read = read

    @cached_property
    def _texts(self) -> list[Text]:
        return self._read()

    def __iter__(self) -> Iterator[Text]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)

    @cached_property
    def sha256(self) -> str:
        """Hex digest of all texts."""
        digest = hashlib.sha256()
        for text in self._texts:
            digest.update(text.text.encode("utf-8") + b"\0")
        return digest.hexdigest()


def pydoc_topics() -> list[Text]:
    """The help topics of Python's own ``help()``, sorted by name, one text a topic."""
    from pydoc_data.topics import topics

    return [Text(topics[name], f"pydoc_data.topics[{name!r}]", name) for name in sorted(topics)]


# Pure Python, longer than most context windows, and modules (not packages) with their source in
# every CPython from 3.10 on. None of them is frozen into the interpreter.
STANDARD_LIBRARY_MODULES = (
    "_pydecimal", "_strptime", "argparse", "ast", "asyncio.base_events", "asyncio.streams",
    "bdb", "calendar", "concurrent.futures.process", "configparser", "contextlib", "csv",
    "dataclasses", "difflib", "doctest", "email.message", "enum", "ftplib", "functools",
    "gettext", "html.parser", "http.client", "http.cookiejar", "inspect", "ipaddress",
    "json.decoder", "locale", "logging.handlers", "mailbox", "optparse", "pickle", "platform",
    "pprint", "random", "shutil", "smtplib", "socketserver", "statistics", "subprocess",
    "tarfile", "textwrap", "tokenize", "traceback", "unittest.mock", "urllib.parse", "uuid",
    "weakref", "xml.dom.minidom",
)  # fmt: skip


def module_sources() -> list[Text]:
    """Sources of ``STANDARD_LIBRARY_MODULES``, one text a module.

    Raises:
        InfocapError: this Python ships one of them without its source.
    """
    return [_module_source(name) for name in STANDARD_LIBRARY_MODULES]


def _module_source(name: str) -> Text:
    spec = importlib.util.find_spec(name)
    get_source = getattr(spec and spec.loader, "get_source", None)
    source = get_source(name) if get_source else None
    if not source:
        raise InfocapError(
            f"corpus pycode: this Python ({platform.python_version()}) has no source of the "
            f"standard-library module {name!r}; use a Python that ships its library as .py files"
        )
    return Text(source, name, name)


class JsonLinesCorpus:
    """A JSON Lines file: one object a line, the text in ``text_field``; blank lines are skipped.

    ``sha256`` is that of the file's bytes.

    Raises:
        InfocapError: the file is missing or holds no line; when reading, a line is not a JSON
            object, is not UTF-8, or has no text in ``text_field``.
    """

    def __init__(self, path: str, text_field: str = "text") -> None:
        self._path = Path(path)
        self._text_field = text_field
        self.name = self._path.name
        self.source = str(self._path)
        if not self._path.is_file():
            given = "is a folder" if self._path.is_dir() else "does not exist"
            raise InfocapError(
                f"corpus_path={path}: {given}; give a JSON Lines file, one JSON object a line"
            )

    def __iter__(self) -> Iterator[Text]:
        num_texts = 0
        with self._path.open("rb") as file, jsonlines.Reader(self._counted(file)) as reader:
            for record in self._records(reader):
                yield self._text(record, f"{self._path}:{self._line_number}")
                num_texts += 1
        if not num_texts:
            raise InfocapError(
                f"corpus_path={self._path}: the file is empty; "
                f'it needs at least one line such as {{"{self._text_field}": "…"}}'
            )

    def _counted(self, file: BinaryIO) -> Iterator[bytes]:
        for self._line_number, line in enumerate(file, 1):
            yield line

    def _records(self, reader: jsonlines.Reader) -> Iterator[Any]:
        while True:
            try:
                yield reader.read(skip_empty=True)
            except EOFError:
                return
            except (jsonlines.InvalidLineError, RecursionError) as error:
                raise InfocapError(
                    f"{self._path}:{self._line_number}: not a line of JSON in UTF-8 "
                    f"({type(error.__cause__ or error).__name__}); "
                    "each line must be one JSON object"
                ) from error

    def _text(self, record: Any, origin: str) -> Text:
        if not isinstance(record, dict):
            raise InfocapError(
                f"{origin}: a JSON {type(record).__name__}, but each line must be a JSON object "
                f'such as {{"{self._text_field}": "…"}}'
            )
        if self._text_field not in record:
            raise InfocapError(
                f"{origin}: no field {self._text_field!r} among {sorted(record)}; "
                "name the text's field with --metadata text_field=NAME"
            )
        text = record[self._text_field]
        if not isinstance(text, str):
            raise InfocapError(
                f"{origin}: field {self._text_field!r} is of type {type(text).__name__}, "
                "but must be a string; name another with --metadata text_field=NAME"
            )
        return Text(text, origin, origin.rpartition(":")[2])

    @cached_property
    def _digest_and_length(self) -> tuple[str, int]:
        digest, length = hashlib.sha256(), 0
        with self._path.open("rb") as file:
            for line in file:
                digest.update(line)
                length += bool(line.strip())
        return digest.hexdigest(), length

    def __len__(self) -> int:
        return self._digest_and_length[1]

    @property
    def sha256(self) -> str:
        """Hex digest of the file."""
        return self._digest_and_length[0]


def _file_corpus(metadata: Mapping[str, Any]) -> Corpus:
    """The file that the user names; a task's own YAML pins one with ``corpus: {path: …}``."""
    if "corpus_path" not in metadata:
        raise InfocapError(
            "no corpus_path given: add --metadata corpus_path=FILE.jsonl "
            "(one JSON object a line, the text in its field 'text' or in text_field=NAME)"
        )
    return JsonLinesCorpus(str(metadata["corpus_path"]), str(metadata.get("text_field", "text")))


CORPORA: Mapping[str, Callable[[Mapping[str, Any]], Corpus]] = {
    "pydocs": lambda _: StandardLibraryCorpus("pydocs", "pydoc_data.topics", pydoc_topics),
    "pycode": lambda _: StandardLibraryCorpus("pycode", "standard library modules", module_sources),
    "file": _file_corpus,
}


def open_corpus(metadata: Mapping[str, Any]) -> Corpus:
    """The corpus that a task's metadata names in ``corpus``: one of ``CORPORA``, or a file.

    A file is ``{path: …, text_field: …}``.

    Raises:
        InfocapError: the name is unknown, or the corpus cannot be read.
    """
    name = metadata.get("corpus")
    if isinstance(name, Mapping) and "path" in name:
        return JsonLinesCorpus(str(name["path"]), str(name.get("text_field", "text")))
    if not isinstance(name, str) or name not in CORPORA:
        raise InfocapError(f"corpus={name}: unknown; known corpora are {', '.join(CORPORA)}")
    return CORPORA[name](metadata)
