"""Groups of comparable runs: those of one task, regime, L and b, on the same documents.

A partial run, of only some documents of its corpus, stands beside runs of the very same documents;
``shared_documents.py`` takes runs to the documents that all of them have.

Published rows do not say the hash of their texts. They join the runs of the same task, regime, L
and b on all documents if these are on one corpus; if they are on several, nobody knows which one it
was. A published row of a model that is among these runs is left out of the group.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from infocap_tasks.analysis.intervals import document_names
from infocap_tasks.errors import InfocapError
from infocap_tasks.results.run import Provenance, Run

_SHA_CHARACTERS = 12  # of 64, for people
_FEW = 3  # models that a message names


class Comparable(NamedTuple):
    """What runs must share for their information capacities to be compared.

    ``corpus`` is only its name, as the first of the runs has it.
    """

    corpus: str
    corpus_sha256: str | None
    task: str
    regime: str
    max_tokens: int
    bias_bits_per_token: float
    num_documents: int | None
    num_documents_of_corpus: int | None
    is_partial: bool

    @property
    def documents(self) -> str:
        """How many documents were scored, and of how many if not of all."""
        if self.num_documents is None:
            return "unknown"
        of_all = f" of {self.num_documents_of_corpus}" if self.is_partial else ""
        return f"{self.num_documents}{of_all}"

    def __str__(self) -> str:
        return (
            f"{self.corpus}, task {self.task}, regime {self.regime}, L = {self.max_tokens} tokens, "
            f"b = {self.bias_bits_per_token:g} bits per token"
            + (f", sha256 {_short(self.corpus_sha256)}" if self.corpus_sha256 else "")
            + (f", {self.documents} documents" if self.num_documents is not None else "")
            + (" (partial)" if self.is_partial else "")
        )


@dataclass(frozen=True)
class Group:
    """Comparable runs.

    Attributes:
        shared: what they share.
        runs: in the order in which they were given, those that say their texts first.
        assumption: what is taken for granted of runs that do not say their texts; None if nothing
            is.
        left_out: names of published models, since a run of each is in the group.
    """

    shared: Comparable
    runs: Sequence[Run]
    assumption: str | None
    left_out: Sequence[str]

    @property
    def remarks(self) -> list[str]:
        """What was assumed and left out to put these runs together, a line each."""
        lines = [self.assumption] if self.assumption else []
        if self.left_out:
            names = ", ".join(self.left_out)
            lines.append(f"left out the published {names}: a run of the same name was read")
        if self.shared.is_partial:
            lines.append(
                f"partial: {self.shared.documents} documents of {self.shared.corpus} were scored "
                f"({_names(self.runs)}); runs of other documents are not put beside these"
            )
        return lines

    @property
    def read_off(self) -> list[str]:
        """A line on the models whose IC was read off a figure, if there are any."""
        margins = [
            run.information_capacity_margin
            for run in self.runs
            if run.information_capacity_margin is not None
        ]
        if not margins:
            return []
        return [
            f"IC of {len(margins)} of {len(self.runs)} models was read off a figure, good to "
            f"{max(margins):.0e}; their C and H are not known"
        ]


# What to do about runs that differ in it.
_REMEDIES = {
    "task": "choose one with --task",
    "regime": "choose one with --regime",
    "max_tokens": "give only results whose texts were cut alike",
    "bias_bits_per_token": "give only results with one bias",
    "corpus_sha256": "give only results on the same texts",
}


def comparable(runs: Iterable[Run]) -> list[Group]:
    """The runs in groups of comparable ones."""
    by_terms: dict[tuple[Any, ...], list[Run]] = defaultdict(list)
    for run in runs:
        terms = run.task, run.regime, run.max_tokens, run.bias_bits_per_token
        by_terms[terms].append(run)
    return [group for alike in by_terms.values() for group in _groups(_by_texts(alike))]


# The hash of a corpus, and which documents of it: by name, by number where names are not known, or
# None for all.
_Texts = tuple[str | None, tuple[str, ...] | int | None]
_UNKNOWN: _Texts = (None, None)


def _by_texts(runs: Sequence[Run]) -> dict[_Texts, list[Run]]:
    """Runs by the documents that they are of."""
    whole = _whole(runs)
    found: dict[_Texts, list[Run]] = defaultdict(list)
    for run in runs:
        texts = _texts(run)
        found[(run.corpus_sha256, None) if texts in whole else texts].append(run)
    return found


def _texts(run: Run) -> _Texts:
    if run.documents:
        return run.corpus_sha256, tuple(document_names(run))
    return run.corpus_sha256, run.num_documents if run.is_partial else None


def _whole(runs: Sequence[Run]) -> set[_Texts]:
    """Documents that are all of their corpus, by what the runs say or for want of others."""
    holding = [run for run in runs if run.documents and not run.is_partial]
    said = {_texts(run) for run in holding if run.num_documents_of_corpus is not None}
    not_said = {_texts(run) for run in holding} - said
    counts = Counter(sha for sha, _ in [*said, *not_said])
    return said | {texts for texts in not_said if counts[texts[0]] == 1}


def _groups(by_texts: Mapping[_Texts, list[Run]]) -> list[Group]:
    """Groups of runs that agree in all but their documents."""
    known = {texts: runs for texts, runs in by_texts.items() if texts != _UNKNOWN}
    of_all = [runs for runs in known.values() if not any(run.is_partial for run in runs)]
    unknown = by_texts.get(_UNKNOWN, [])
    if not unknown or len(of_all) != 1:
        return [_group(runs, []) for runs in by_texts.values()]
    return [_group(runs, unknown if runs is of_all[0] else []) for runs in known.values()]


def _group(known: Sequence[Run], unknown: Sequence[Run]) -> Group:
    """A group of runs on the same texts, and of those that are assumed to be on them."""
    first = known[0]
    shared = Comparable(*(getattr(first, name) for name in Comparable._fields))
    models = {run.model for run in known}
    joined = [run for run in unknown if run.model not in models]
    left_out = [run.model for run in unknown if run.model in models]
    return Group(shared, [*known, *joined], _assumption(shared, joined), left_out)


def _assumption(shared: Comparable, joined: Sequence[Run]) -> str | None:
    if not joined:
        return None
    who = "published rows" if all(run.is_published for run in joined) else "runs"
    return (
        f"{len(joined)} {who} do not say the hash of their texts and are assumed to be on the "
        f"corpus of the others: {shared.corpus}, sha256 {_short(shared.corpus_sha256)}"
    )


def require_comparable(runs: Sequence[Run]) -> Group:
    """The one group that these runs are.

    Raises:
        InfocapError: there are none, or they are not comparable; the message names all that they
            differ in.
    """
    groups = comparable(runs)
    if len(groups) == 1:
        return groups[0]
    if not groups:
        raise InfocapError("no runs to compare: give results of infocap eval, or published runs")
    values = {name: {getattr(group.shared, name) for group in groups} for name in _REMEDIES}
    differing = {name: sorted(map(_short, held)) for name, held in values.items() if len(held) > 1}
    if not differing:
        raise InfocapError(_other_documents(groups))
    listed = "; ".join(f"{name} ({', '.join(held)})" for name, held in differing.items())
    raise InfocapError(
        f"the runs differ in {listed} and cannot be put together; "
        f"{', '.join(_REMEDIES[name] for name in differing)}"
    )


def comparable_by_task(runs: Sequence[Run]) -> list[Group]:
    """The runs of each task, which are comparable among themselves.

    Raises:
        InfocapError: there are none, or those of some task are not comparable.
    """
    by_task: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        by_task[run.task].append(run)
    if len(by_task) < 2:
        return [require_comparable(runs)]
    return [_require_of_task(task, by_task[task]) for task in sorted(by_task)]


def _require_of_task(task: str, runs: Sequence[Run]) -> Group:
    try:
        return require_comparable(runs)
    except InfocapError as error:
        raise InfocapError(f"{task}: {error}") from None


def _other_documents(groups: Sequence[Group]) -> str:
    listed = "; ".join(f"{group.shared.documents}: {_names(group.runs)}" for group in groups)
    if all(run.documents for group in groups for run in group.runs):
        remedy = "--shared-documents compares all on the documents that they share"
    else:
        remedy = "not all results hold their documents, so those that are shared are not known"
    return (
        f"the runs are of different documents ({listed}) and cannot be put together; leave out "
        f"the partial ones or score them without --limit; {remedy}"
    )


def _names(runs: Sequence[Run]) -> str:
    shown = ", ".join(run.model for run in runs[:_FEW])
    return shown if len(runs) <= _FEW else f"{shown} and {len(runs) - _FEW} more"


def require_comparable_pair(a: Run, b: Run) -> Group:
    """The group of two runs whose difference is to be explained.

    Raises:
        InfocapError: they are not comparable; the message names all that they differ in.
    """
    # Another bias is one of the sources of a difference, not a reason to refuse it; and two runs
    # of one model are a pair as well, of which neither is left out.
    pair = [
        replace(a, model="A"),
        replace(b, model="B", bias_bits_per_token=a.bias_bits_per_token),
    ]
    if a.documents and b.documents:  # then they are paired
        pair = [replace(run, documents=None, provenance=Provenance()) for run in pair]
    return require_comparable(pair)


def _short(value: Any) -> str:
    if value is None:
        return "unknown"
    return value[:_SHA_CHARACTERS] if isinstance(value, str) and len(value) == 64 else str(value)
