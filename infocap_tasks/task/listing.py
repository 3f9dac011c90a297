"""Our tasks, read from their YAMLs without the harness, so that listing them is quick."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from infocap_tasks.corpora.languages import LANGUAGES
from infocap_tasks.paths import task_configs_dir
from infocap_tasks.task.keys import SETTINGS

_REGIMES = {"InformationCapacityTask": "harness", "ReferenceTask": "reference"}
_LANGUAGE_OF_CORPUS = {
    **LANGUAGES,
    "code": "code",
    "pycode": "code",
    "pydocs": "English",
    "Ch-FineWeb-Edu": "Chinese",
    "FinePDFs-en": "English",
    "FineWeb-Edu": "English",
    "NextCoder": "code",
    "mixed_text": "mixed",
}


class TaskEntry(NamedTuple):
    """What a task scores, and how.

    Attributes:
        task: its name.
        corpus: its texts: a name, a file of ours, or a file in a repository of the hub.
        language: that of the texts; None where the user names them.
        bias_bits_per_token: b, in bits per token.
        regime: ``harness`` or ``reference``.
        max_tokens: L, the number of tokens at which texts are cut.
    """

    task: str
    corpus: str
    language: str | None
    bias_bits_per_token: float
    regime: str
    max_tokens: int


def task_entries() -> list[TaskEntry]:
    """All tasks in our folder, by name."""
    return sorted(map(_entry, _contents()))


@cache
def task_metadata() -> dict[str, dict[str, Any]]:
    """What the YAMLs of our tasks declare in their metadata, by the names of the tasks."""
    return {content["task"]: content["metadata"] for content in _contents()}


def _contents() -> Iterator[dict[str, Any]]:
    contents = map(_content, task_configs_dir().rglob("[!_]*.yaml"))
    return (content for content in contents if "group" not in content)


def _entry(content: dict[str, Any]) -> TaskEntry:
    declared = content["metadata"]
    corpus = declared["corpus"]
    if isinstance(corpus, dict):
        corpus = corpus.get("packaged") or corpus["file"]
    return TaskEntry(
        content["task"],
        corpus,
        _LANGUAGE_OF_CORPUS.get(Path(corpus).stem),
        declared["bias_bits_per_token"],
        _REGIMES[content["class"].rpartition(".")[2]],
        int(declared.get("max_tokens", _DEFAULT_MAX_TOKENS)),
    )


(_DEFAULT_MAX_TOKENS,) = (setting.default for setting in SETTINGS if setting.name == "max_tokens")


class _Loader(yaml.SafeLoader):
    """Reads the harness's ``!function`` as the name that it gives."""


_Loader.add_constructor("!function", lambda loader, node: loader.construct_scalar(node))


def _content(path: Path) -> dict[str, Any]:
    """A YAML with what it includes, as the harness puts them together."""
    content: dict[str, Any] = yaml.load(path.read_text("utf-8"), _Loader)
    included = content.pop("include", None)
    return {**_content(path.parent / included), **content} if included else content
