"""What names a corpus: a record for each kind of source, and one for a sample of any of them."""

from dataclasses import dataclass, field
from pathlib import Path

from infocap_tasks.corpora.text import Fields


@dataclass(frozen=True)
class StandardLibrary:
    """Texts that ship with the running Python: ``pydocs`` or ``pycode``."""

    name: str


@dataclass(frozen=True)
class File:
    """A file of texts or a folder of .txt files, at ``path``."""

    path: Path
    fields: Fields = field(default_factory=Fields)


@dataclass(frozen=True)
class Packaged:
    """A file that is shipped with the tasks.

    Attributes:
        file: its path in the folder of the tasks.
        id_field: the field that names the document; None: documents are numbered.
    """

    file: str
    id_field: str | None = None


@dataclass(frozen=True)
class Hub:
    """A file of a dataset repository on the hub, at a branch, tag or commit."""

    repository: str
    file: str
    revision: str = "main"


@dataclass(frozen=True)
class Copy:
    """The user's own copy of a file on the hub.

    Attributes:
        file: the path of the file in its repository.
        path: the copy, or a folder that holds it under its path or its name.
        fields: of the copy.
    """

    file: str
    path: Path
    fields: Fields = field(default_factory=Fields)


WholeCorpus = StandardLibrary | File | Packaged | Hub | Copy


@dataclass(frozen=True)
class Sample:
    """The first ``max_documents`` texts of a corpus, or as many drawn at random by a seed."""

    of: WholeCorpus
    max_documents: int
    seed: int | None = None


CorpusRecord = WholeCorpus | Sample
