"""What runs are called: by ``--name``, else by their model, and by what tells two of one apart."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from infocap_tasks.results.run import Run


class Identity(NamedTuple):
    """What tells one measured model from another; None is what the file does not say.

    Attributes:
        model: the whole name, with its revision.
        name: what ``--name`` gave.
        backend: the harness's name for what ran it.
        engine: what ran it, where the backend does not say it already.
        dtype: of the weights.
        quantization: of the weights, where the backend, the config or the file says it.
    """

    model: str
    name: str | None
    backend: str | None
    engine: str | None
    dtype: str | None
    quantization: str | None


_TOLD_APART_BY = ("backend", "engine", "dtype", "quantization")
# Their name says the engine, which files of earlier versions do not.
_OF_ONE_ENGINE = frozenset({"infocap-hf", "infocap-vllm", "infocap-gguf"})


def identity_of(run: Run) -> Identity:
    """The identity of a run that still has its model's whole name."""
    told = run.provenance
    dtype = told.dtype and told.dtype.removeprefix("torch.")
    engine = None if told.backend in _OF_ONE_ENGINE else told.engine
    return Identity(run.model, told.name, told.backend, engine, dtype, told.quantization)


def short_names(names: Iterable[str]) -> dict[str, str]:
    """The part after the last slash, or the whole name where two would else be the same."""
    by_leaf = defaultdict(list)
    for name in set(names):
        by_leaf[name.rstrip("/").rpartition("/")[2] or name].append(name)
    return {
        name: leaf if len(same) == 1 else name for leaf, same in by_leaf.items() for name in same
    }


def labels(identities: Iterable[Identity], short: Mapping[str, str]) -> dict[Identity, str]:
    """A label for each identity, such as ``SmolLM2-135M (float32)`` beside one of bfloat16.

    Args:
        identities: of all runs that were read.
        short: ``short_names`` of their models.
    """
    by_name = defaultdict(list)
    for identity in dict.fromkeys(identities):
        by_name[identity.name or short[identity.model]].append(identity)
    found: dict[Identity, str] = {}
    for name, same in by_name.items():
        by_model = defaultdict(list)
        for identity in same:
            by_model[identity.model].append(identity)
        for model, variants in by_model.items():
            whole = name if len(by_model) == 1 else f"{name} ({model})"
            found |= {identity: whole + _difference(identity, variants) for identity in variants}
    return found


def _difference(identity: Identity, variants: Sequence[Identity]) -> str:
    """What this variant of a model has of its own, in parentheses."""
    parts = [
        getattr(identity, field)
        for field in _TOLD_APART_BY
        if len({getattr(variant, field) for variant in variants}) > 1
    ]
    known = [part for part in parts if part]
    return f" ({', '.join(known)})" if known else ""
