"""Which runs compare: those of one task, regime, L and b, on the same texts.

Published rows do not say the digest of their texts. They join the runs of the same task, regime, L
and b where these are all on one corpus; where they are on several, nobody knows which it was. A
published row of a model that is among these runs gives way to it.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
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


# What to do where runs differ in it.
_REMEDIES = {
    "task": "choose one with --task",
    "regime": "choose one with --regime",
    "max_tokens": "give only results whose texts were cut alike",
    "bias_bits_per_token": "give only results with one bias",
    "corpus_sha256": "give only results on the same texts",
}


def comparable(runs: Iterable[Run]) -> dict[Comparable, list[Run]]:
    """The runs in groups of those that compare."""
    texts: dict[tuple[Any, ...], dict[str | None, list[Run]]] = defaultdict(dict)
    for run in runs:
        terms = run.task, run.regime, run.max_tokens, run.bias_bits_per_token
        texts[terms].setdefault(run.corpus_sha256, []).append(run)
    found = {}
    for terms, by_sha in texts.items():
        known = [sha for sha in by_sha if sha is not None]
        if None in by_sha and len(known) == 1:
            group = by_sha[known[0]]
            models = {run.model for run in group}
            group += [run for run in by_sha.pop(None) if run.model not in models]
        for sha, group in by_sha.items():
            found[Comparable(group[0].corpus, sha, *terms)] = group
    return found


def require_comparable(runs: Sequence[Run]) -> None:
    """Refuse runs that cannot be put together.

    Raises:
        InfocapError: they do not compare; it names all that they differ in.
    """
    groups = comparable(runs)
    values = {name: {getattr(shared, name) for shared in groups} for name in _REMEDIES}
    differing = {name: sorted(map(_short, held)) for name, held in values.items() if len(held) > 1}
    if differing:
        listed = "; ".join(f"{name} ({', '.join(held)})" for name, held in differing.items())
        raise InfocapError(
            f"the runs differ in {listed} and cannot be put together; "
            f"{', '.join(_REMEDIES[name] for name in differing)}"
        )


def assumption(runs: Sequence[Run]) -> str | None:
    """What is taken for granted of runs that compare, where some do not say their texts."""
    unknown = [run for run in runs if run.corpus_sha256 is None]
    if not 0 < len(unknown) < len(runs):
        return None
    who = "published rows" if all(run.is_published for run in unknown) else "runs"
    (shared,) = comparable(runs)
    return (
        f"{len(unknown)} {who} do not say the digest of their texts and are taken to be on the "
        f"same corpus as the others: {shared.corpus}, sha256 {_short(shared.corpus_sha256)}"
    )


def remarks(runs: Sequence[Run]) -> list[str]:
    """What was assumed and left out to put these runs together, a line each."""
    groups = list(comparable(runs).values())
    kept = {id(run) for group in groups for run in group}
    left_out = [run.model for run in runs if id(run) not in kept]
    lines = [line for group in groups if (line := assumption(group))]
    if left_out:
        lines.append(f"the published {', '.join(left_out)} give way to the runs that were read")
    return lines


def _short(value: Any) -> str:
    if value is None:
        return "unknown"
    return value[:_SHA_CHARACTERS] if isinstance(value, str) and len(value) == 64 else str(value)
