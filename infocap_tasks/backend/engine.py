"""What the scorer asks of an engine: token ids in, log-likelihoods out."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

from infocap_tasks.backend.windows import Window


class WindowScore(NamedTuple):
    """What a model says of one window.

    Attributes:
        loglikelihoods_nats: one for each token of the continuation.
        is_greedy: each of these tokens was the likeliest; False where that was not asked for.
    """

    loglikelihoods_nats: Sequence[float]
    is_greedy: bool


class OutOfMemory(Exception):
    """A batch did not fit into memory; what it had taken is free again."""


class EngineFacts(NamedTuple):
    """What results record of an engine.

    Attributes:
        name: of the library or server that runs the model, such as ``transformers``.
        version: of that library or server; None if it does not tell.
        dtype: in which the model computes, such as ``bfloat16``; None if it does not tell.
        method: how log-likelihoods are taken, such as ``blockwise``.
        softmax_dtype: in which the log-softmax is taken; None if it does not tell.
        weight_bytes: of all tensors, as the engine holds them; None if it does not tell.
    """

    name: str
    version: str | None
    dtype: str | None
    method: str
    softmax_dtype: str | None
    weight_bytes: int | None = None


class Engine(Protocol):
    """One loaded model, wherever it runs."""

    @property
    def facts(self) -> EngineFacts:
        """What results record of it."""
        ...

    @property
    def max_length(self) -> int:
        """Tokens that the model reads at once."""
        ...

    def budget_tokens(self) -> int:
        """Tokens of a batch, padding included, that the engine takes at once."""
        ...

    def fingerprint(self, settings: Mapping[str, Any]) -> str:
        """Hex digits that differ wherever an answer could: weights, precision, ``settings``."""
        ...

    def score(self, batch: Sequence[Window], want_greedy: bool) -> list[WindowScore]:
        """The scores of a batch, in its order; all windows have one ``vocabulary_size``.

        A batch comes whole, so that an engine may run it as one padded pass or leave it to a
        scheduler of its own.

        Raises:
            OutOfMemory: the batch is too large; a smaller one may fit.
        """
        ...


@runtime_checkable
class ConcurrentEngine(Engine, Protocol):
    """An engine that keeps many batches in flight, such as a client of a server."""

    def score_concurrently(
        self, batches: Sequence[Sequence[Window]], want_greedy: bool
    ) -> Iterator[tuple[int, list[WindowScore]]]:
        """The number and the scores of each batch, in the order in which they are finished."""
        ...
