"""Where texts come from: the hub, a file of one's own, the standard library; with provenance."""

import hashlib
import logging
import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property, partial
from itertools import islice
from pathlib import Path
from typing import Any

from infocap_tasks.corpora.formats import (
    Fields,
    Load,
    Text,
    read_texts,
    require_form,
    shown,
    text_files_in,
)
from infocap_tasks.corpora.hub import download
from infocap_tasks.corpora.standard_library import module_sources, pydoc_topics, python_version
from infocap_tasks.errors import InfocapError
from infocap_tasks.paths import task_configs_dir

log = logging.getLogger("lm_eval.infocap_tasks")

_TEXT = Fields()


class Corpus(ABC):
    """Texts that can be read again and again, in one order, without holding them in memory."""

    name: str
    source: str

    @abstractmethod
    def loads(self) -> Iterator[Load]:
        """The texts, in order, each parsed when it is called."""

    @abstractmethod
    def __len__(self) -> int:
        """How many texts there are; may read the whole corpus."""

    @property
    @abstractmethod
    def sha256(self) -> str:
        """Hex digest of the whole corpus; may read all of it."""

    def __iter__(self) -> Iterator[Text]:
        """The texts, in order."""
        return (load() for load in self.loads())

    def record(self) -> dict[str, Any]:
        """Provenance for the results file."""
        return {
            "name": self.name,
            "source": self.source,
            "sha256": self.sha256,
            "num_documents": self.num_documents,
        }

    @cached_property
    def num_documents(self) -> int | None:
        """How many texts there are; None, with a warning, where the file is damaged further on."""
        try:
            return len(self)
        except InfocapError as error:
            log.warning("the texts of this corpus could not be counted: %s", error)
            return None


class StandardLibraryCorpus(Corpus):
    """Texts that ship with the running Python; they differ between Python versions.

    ``sha256`` is that of the UTF-8 texts, each followed by a NUL byte.
    """

    def __init__(self, name: str, source: str, read: Callable[[], list[Text]]) -> None:
        self.name = name
        self.source = f"{source} of {python_version()}"
        self._read = read

    @cached_property
    def _texts(self) -> list[Text]:
        return self._read()

    def loads(self) -> Iterator[Load]:
        """The texts, in order."""
        return (partial(_same, text) for text in self._texts)

    def __len__(self) -> int:
        return len(self._texts)

    @cached_property
    def sha256(self) -> str:
        """Hex digest of all texts."""
        digest = hashlib.sha256()
        for text in self._texts:
            digest.update(text.text.encode("utf-8") + b"\0")
        return digest.hexdigest()


def _same(text: Text) -> Text:
    return text


class FileCorpus(Corpus):
    """The texts of a file or of a folder of .txt files (see ``formats.FORMS``).

    ``sha256`` is that of the file's bytes; of a folder, that of each file's name, a NUL byte and
    the digest of its bytes.

    Raises:
        InfocapError: it is missing or of unknown form; when reading, it is empty or damaged.
    """

    def __init__(self, path: Path, fields: Fields = _TEXT, source: str = "") -> None:
        self._path = path
        self._fields = fields
        self.name = shown(Path(path.name))
        self.source = source or shown(path)
        require_form(path)

    def loads(self) -> Iterator[Load]:
        """The texts, in order, each parsed when it is called."""
        is_empty = True
        for load in read_texts(self._path, self._fields):
            is_empty = False
            yield load
        if is_empty:
            raise InfocapError(
                f"corpus_path={shown(self._path)}: the file is empty; it needs at least one text "
                f'such as {{"{self._fields.text}": "…"}}'
            )

    @cached_property
    def _length(self) -> int:
        return sum(1 for _ in self.loads())

    def __len__(self) -> int:
        return self._length

    @cached_property
    def sha256(self) -> str:
        """Hex digest of the file or folder."""
        if self._path.is_file():
            return _digest(self._path).hexdigest()
        whole = hashlib.sha256()
        for path in text_files_in(self._path):
            name = path.relative_to(self._path).as_posix()
            whole.update(name.encode("utf-8", "surrogateescape") + b"\0" + _digest(path).digest())
        return whole.hexdigest()

    def record(self) -> dict[str, Any]:
        """Provenance, with the field that names the documents; None where there is no field.

        Then those of a folder have their files' names, all others are only numbered.
        """
        return super().record() | {"id_field": self._fields.document_id}


def _digest(path: Path) -> Any:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(2**20):
            digest.update(chunk)
    return digest


class HubCorpus(FileCorpus):
    """A file of a dataset repository on the hub.

    Raises:
        InfocapError: it cannot be had; the message says why and what to do.
    """

    def __init__(self, repository: str, file: str, revision: str = "main") -> None:
        downloaded = download(repository, file, revision)
        self._hub = {"repository": repository, "file": file, "commit": downloaded.commit}
        super().__init__(downloaded.path, source=f"{repository}/{file}@{downloaded.commit}")

    def record(self) -> dict[str, Any]:
        """Provenance, with the commit that the revision stood for."""
        return super().record() | self._hub


class Sample(Corpus):
    """The first texts of a corpus, or as many drawn by a seed without repetition, in its order."""

    def __init__(self, corpus: Corpus, max_documents: int, seed: int | None) -> None:
        self._corpus = corpus
        self._max_documents = max_documents
        self._seed = seed
        self.name, self.source = corpus.name, corpus.source

    def loads(self) -> Iterator[Load]:
        """The texts of the sample; the others are not parsed."""
        if self._seed is None:
            return islice(self._corpus.loads(), self._max_documents)
        return self._drawn()

    def _drawn(self) -> Iterator[Load]:
        chosen = set(random.Random(self._seed).sample(range(len(self._corpus)), len(self)))
        for number, load in enumerate(self._corpus.loads()):
            if number in chosen:
                yield load
                chosen.remove(number)
            if not chosen:
                return

    def __len__(self) -> int:
        return min(self._max_documents, len(self._corpus))

    @property
    def sha256(self) -> str:
        """Hex digest of the whole corpus that the sample comes from."""
        return self._corpus.sha256

    def record(self) -> dict[str, Any]:
        """Provenance of the corpus, and what tells this sample."""
        return self._corpus.record() | {"max_documents": self._max_documents, "seed": self._seed}


def _copy_of(file: Path, metadata: Mapping[str, Any]) -> Corpus:
    """The user's copy of a file on the hub, or the one of that name in the user's folder."""
    given = Path(str(metadata["corpus_path"])).expanduser()
    for path in (given / file, given / file.name):
        if path.is_file():
            return _users_file({**metadata, "corpus_path": path})
    if given.name.split(".")[0] != file.stem:
        log.warning("corpus_path=%s stands in for %s, which has another name", given, file)
    return _users_file(metadata)


def _users_file(metadata: Mapping[str, Any]) -> Corpus:
    if "corpus_path" not in metadata:
        raise InfocapError(
            "no corpus_path given: add --metadata corpus_path=FILE.jsonl "
            "(one JSON object a line, the text in its field 'text' or in text_field=NAME)"
        )
    given = metadata.get("corpus_id_field")
    fields = Fields(str(metadata.get("text_field", "text")), None if given is None else str(given))
    return FileCorpus(Path(str(metadata["corpus_path"])).expanduser(), fields)


CORPORA: Mapping[str, Callable[[Mapping[str, Any]], Corpus]] = {
    "pydocs": lambda _: StandardLibraryCorpus("pydocs", "pydoc_data.topics", pydoc_topics),
    "pycode": lambda _: StandardLibraryCorpus("pycode", "standard library modules", module_sources),
    "file": _users_file,
}


def open_corpus(metadata: Mapping[str, Any]) -> Corpus:
    """The corpus that a task's metadata names in ``corpus``, or the sample of it that is wanted.

    ``corpus`` is one of ``CORPORA``, a file of its own ``{path: …, text_field: …, id_field: …}``,
    one that is shipped beside the tasks ``{packaged: …, id_field: …}``, or one on the hub
    ``{repository: …, file: …}``, which the user's ``corpus_path`` stands in for and ``corpus_file``
    and ``corpus_revision`` change. ``max_documents`` takes the first texts, or with ``seed`` a
    random sample.

    Raises:
        InfocapError: the name is unknown, or the corpus cannot be read.
    """
    corpus = _whole_corpus(metadata.get("corpus"), metadata)
    max_documents, seed = metadata.get("max_documents"), metadata.get("seed")
    if max_documents is None:
        return corpus  # a seed alone may be the model's own argument
    if not _is_integer(max_documents) or max_documents < 1:
        raise InfocapError(f"max_documents={max_documents}: must be a whole number of at least 1")
    if seed is not None and not _is_integer(seed):
        raise InfocapError(f"seed={seed}: must be a whole number")
    return Sample(corpus, max_documents, seed)


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _whole_corpus(named: Any, metadata: Mapping[str, Any]) -> Corpus:
    if isinstance(named, Mapping) and "path" in named:
        fields = Fields(str(named.get("text_field", "text")), named.get("id_field"))
        return FileCorpus(Path(str(named["path"])).expanduser(), fields)
    if isinstance(named, Mapping) and "packaged" in named:
        fields = Fields(document_id=named.get("id_field"))
        source = f"infocap-tasks: task_configs/{named['packaged']}"
        return FileCorpus(task_configs_dir() / named["packaged"], fields, source)
    if isinstance(named, Mapping) and {"repository", "file"} <= set(named):
        if "corpus_path" in metadata:
            return _copy_of(Path(str(named["file"])), metadata)
        file = str(metadata.get("corpus_file", named["file"]))
        revision = str(metadata.get("corpus_revision", "main"))
        return HubCorpus(str(named["repository"]), file, revision)
    if not isinstance(named, str) or named not in CORPORA:
        raise InfocapError(f"corpus={named}: unknown; known corpora are {', '.join(CORPORA)}")
    return CORPORA[named](metadata)
