"""How many tokens a row scores at most, told without a tokenizer and without a download."""

import math
from collections.abc import Iterator, Mapping
from fnmatch import filter as matching
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infocap_tasks.corpora.corpus import open_corpus
from infocap_tasks.corpora.records import CorpusRecord, File, Hub, Sample
from infocap_tasks.errors import InfocapError, did_you_mean
from infocap_tasks.results.groups import task_groups
from infocap_tasks.sweep.study import Row
from infocap_tasks.task.listing import task_metadata

if TYPE_CHECKING:
    from infocap_tasks.task.settings import Settings


def settings_of_tasks(row: Row, given: Mapping[str, Any]) -> "dict[str, Settings | None]":
    """What each task of a row is told, by its name; None for a task that is not one of ours.

    Args:
        row: the row.
        given: its model arguments and, over them, its metadata.

    Raises:
        InfocapError: a task of this name would be ours, but there is none, or it lacks something.
    """
    from infocap_tasks.task.settings import parse_settings

    ours = task_metadata()
    return {
        name: parse_settings({**ours[name], **given}) if name in ours else None
        for name in _task_names(row)
    }


def _task_names(row: Row) -> Iterator[str]:
    """The names that the row's groups and patterns stand for, and those that are not ours."""
    groups = task_groups()
    known = [*task_metadata(), *groups]
    for given in row.tasks:
        found = matching(known, given)
        if not found and given.startswith("infocap") and not row.config.get("include_path"):
            meant = did_you_mean(given, known)
            raise InfocapError(
                f"tasks: {given}: there is no such task; {meant}see `infocap tasks --list`"
            )
        for name in found or [given]:
            yield from groups.get(name, [name])


def most_tokens(settings: "Settings", limit: float | None) -> int | None:
    """The tokens of a task's texts, each as long as texts may be; None where nothing tells them.

    Args:
        settings: what the task is told.
        limit: the harness's ``--limit``: texts, or a share of them below 1.

    Raises:
        InfocapError: the corpus cannot be opened, or the limit is no number above 0.
    """
    if limit is not None and (not isinstance(limit, int | float) or not limit > 0):
        raise InfocapError(f"limit: {limit}: must be at least 1 text, or a share below 1")
    texts = _num_texts(settings.corpus)
    if limit is not None and limit >= 1:
        texts = int(limit) if texts is None else min(texts, int(limit))
    elif limit is not None and texts is not None:
        texts = math.ceil(texts * limit)
    return None if texts is None else texts * settings.max_tokens


@lru_cache(maxsize=256)
def _num_texts(record: CorpusRecord) -> int | None:
    """How many texts there are; None for a file on the hub that is not in the cache."""
    match record:
        case Sample(of, max_documents):
            whole = _num_texts(of)
            return max_documents if whole is None else min(whole, max_documents)
        case Hub(repository, file, revision):
            from huggingface_hub import try_to_load_from_cache

            path = try_to_load_from_cache(repository, file, revision=revision, repo_type="dataset")
            return len(open_corpus(File(Path(path)))) if isinstance(path, str) else None
    return len(open_corpus(record))
