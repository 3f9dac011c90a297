"""Runs taken to the documents that all of them have, so that partial ones can be compared too."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from infocap_tasks.analysis.intervals import document_names
from infocap_tasks.errors import InfocapError
from infocap_tasks.results.run import Run

_LEAST_DOCUMENTS = 2


def on_shared_documents(runs: Iterable[Run]) -> tuple[list[Run], list[str]]:
    """Each run on the documents that all runs of its task, corpus, regime and L have.

    Runs that hold no documents stay as they are.

    Returns:
        The runs, and a line on each corpus of which not all documents are left.

    Raises:
        InfocapError: runs share fewer than two documents, or documents of a run share a name.
    """
    given = list(runs)
    by_corpus: dict[tuple[Any, ...], list[Run]] = defaultdict(list)
    for run in given:
        if run.documents:
            key = (run.task, run.corpus_sha256, run.regime, run.max_tokens)
            by_corpus[key].append(run)
    taken: dict[int, Run] = {}
    lines = []
    for alike in by_corpus.values():
        shared = _shared(alike)
        if any(len(run.documents or ()) > len(shared) for run in alike):
            taken |= {id(run): run.on_documents(shared) for run in alike}
            lines.append(_line(alike, len(shared)))
    return [taken.get(id(run), run) for run in given], lines


def _shared(runs: Sequence[Run]) -> frozenset[str]:
    """Names of the documents that all of these runs have."""
    for run in runs:
        if len(set(document_names(run))) != len(document_names(run)):
            raise InfocapError(
                f"{run.model}: several of its documents have one name, so those that it shares "
                "with other runs are not known"
            )
    shared = frozenset.intersection(*(frozenset(document_names(run)) for run in runs))
    if len(shared) < _LEAST_DOCUMENTS:
        raise InfocapError(
            f"{runs[0].task}: {len(shared)} documents are scored by all {len(runs)} runs "
            f"({', '.join(run.model for run in runs)}), and at least {_LEAST_DOCUMENTS} are "
            "needed; leave out the runs of the fewest documents"
        )
    return shared


def _line(runs: Sequence[Run], num_shared: int) -> str:
    held = [run.num_documents_of_corpus or run.num_documents or 0 for run in runs]
    return (
        f"{runs[0].task}, {runs[0].corpus}: {num_shared} of {max(held)} documents are scored by "
        f"all {len(runs)} runs: all numbers are of those {num_shared}"
    )
