"""Groups of comparable runs: those of one task, regime, L and b, on the same texts.

Published rows do not say the hash of their texts. They join the runs of the same task, regime, L
and b if all of these are on one corpus; if they are on several, nobody knows which one it was. A
published row of a model that is among these runs is left out of the group.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from infocap_tasks.errors import InfocapError
from infocap_tasks.results.run import Run

_SHA_CHARACTERS = 12  # of 64, for people


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

    def __str__(self) -> str:
        return (
            f"{self.corpus}, task {self.task}, regime {self.regime}, L = {self.max_tokens} tokens, "
            f"b = {self.bias_bits_per_token:g} bits per token"
            + (f", sha256 {_short(self.corpus_sha256)}" if self.corpus_sha256 else "")
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
        return lines


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
    by_terms: dict[tuple[Any, ...], dict[str | None, list[Run]]] = defaultdict(dict)
    for run in runs:
        terms = run.task, run.regime, run.max_tokens, run.bias_bits_per_token
        by_terms[terms].setdefault(run.corpus_sha256, []).append(run)
    return [group for by_sha in by_terms.values() for group in _groups(by_sha)]


def _groups(by_sha: Mapping[str | None, list[Run]]) -> list[Group]:
    """Groups of runs that agree in all but the hash of their texts."""
    unknown = by_sha.get(None, [])
    known = [runs for sha, runs in by_sha.items() if sha is not None]
    if not unknown or len(known) != 1:
        return [_group(runs, []) for runs in by_sha.values()]
    return [_group(known[0], unknown)]


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
    listed = "; ".join(f"{name} ({', '.join(held)})" for name, held in differing.items())
    raise InfocapError(
        f"the runs differ in {listed} and cannot be put together; "
        f"{', '.join(_REMEDIES[name] for name in differing)}"
    )


def require_comparable_pair(a: Run, b: Run) -> Group:
    """The group of two runs whose difference is to be explained.

    Raises:
        InfocapError: they are not comparable; the message names all that they differ in.
    """
    # Another bias is one of the sources of a difference, not a reason to refuse it; and two runs
    # of one model are a pair as well, of which neither is left out.
    same_bias = replace(b, model="B", bias_bits_per_token=a.bias_bits_per_token)
    return require_comparable([replace(a, model="A"), same_bias])


def _short(value: Any) -> str:
    if value is None:
        return "unknown"
    return value[:_SHA_CHARACTERS] if isinstance(value, str) and len(value) == 64 else str(value)
