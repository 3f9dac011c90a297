"""Where texts come from: the hub, a file of the user's, the standard library; with provenance."""

import hashlib
import logging
import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property, partial
from itertools import islice
from pathlib import Path
from typing import Any

from infocap_tasks.corpora.formats import read_texts, require_form, text_files_in
from infocap_tasks.corpora.records import (
    Copy,
    CorpusRecord,
    File,
    Hub,
    Packaged,
    Sample,
    StandardLibrary,
)
from infocap_tasks.corpora.standard_library import module_sources, pydoc_topics, python_version
from infocap_tasks.corpora.text import Fields, Load, Text, shown
from infocap_tasks.errors import InfocapError
from infocap_tasks.paths import task_configs_dir

log = logging.getLogger("lm_eval.infocap_tasks")


class Corpus(ABC):
    """Texts that can be read repeatedly, in one order, without holding them all in memory."""

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
        """How many texts there are; None, with a warning, where the file is damaged further on.

        Called after scoring, so it must not raise.
        """
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

    def __init__(self, path: Path, fields: Fields, source: str = "") -> None:
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
        """Provenance, with the field that names the documents.

        None where there is no such field: the documents of a folder then have the names of their
        files, all others are numbered.
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
        InfocapError: the download failed; the message says why and what to do.
    """

    def __init__(self, repository: str, file: str, revision: str = "main") -> None:
        from infocap_tasks.corpora.hub import download  # other corpora need no hub

        downloaded = download(repository, file, revision)
        self._hub = {"repository": repository, "file": file, "commit": downloaded.commit}
        super().__init__(
            downloaded.path, Fields(), source=f"{repository}/{file}@{downloaded.commit}"
        )

    def record(self) -> dict[str, Any]:
        """Provenance, with the commit that the revision stood for."""
        return super().record() | self._hub


class SampleCorpus(Corpus):
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
        """Provenance of the corpus, and what defines the sample."""
        return self._corpus.record() | {"max_documents": self._max_documents, "seed": self._seed}


CORPORA: Mapping[str, Callable[[], Corpus]] = {
    "pydocs": lambda: StandardLibraryCorpus("pydocs", "pydoc_data.topics", pydoc_topics),
    "pycode": lambda: StandardLibraryCorpus("pycode", "standard library modules", module_sources),
}


def open_corpus(record: CorpusRecord) -> Corpus:
    """The corpus that a record names; a file on the hub is downloaded.

    Raises:
        InfocapError: the file is missing or of unknown form, or the download failed.
    """
    match record:
        case Sample(of, max_documents, seed):
            return SampleCorpus(open_corpus(of), max_documents, seed)
        case StandardLibrary(name):
            return CORPORA[name]()
        case File(path, fields):
            return FileCorpus(path, fields)
        case Packaged(file, id_field):
            source = f"infocap-tasks: task_configs/{file}"
            return FileCorpus(task_configs_dir() / file, Fields(document_id=id_field), source)
        case Hub(repository, file, revision):
            return HubCorpus(repository, file, revision)
        case Copy(file, path, fields):
            return FileCorpus(_copy_of(Path(file), path), fields)


def _copy_of(file: Path, given: Path) -> Path:
    """The user's copy of a file on the hub: what was given, or the file in a folder given."""
    for path in (given / file, given / file.name):
        if path.is_file():
            return path
    if given.name.split(".")[0] != file.stem:
        log.warning("corpus_path=%s stands in for %s, which has another name", given, file)
    return given
