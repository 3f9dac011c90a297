"""What the scorer asks of an engine: token ids in, log-likelihoods out."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

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


class Engine(Protocol):
    """One loaded model, wherever it runs."""

    @property
    def method(self) -> str:
        """How log-likelihoods are computed, as results record it."""
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

        A batch comes whole, so that an engine may run it as one padded pass, leave it to a
        scheduler of its own or keep many requests in flight.

        Raises:
            OutOfMemory: the batch is too large; a smaller one may fit.
        """
        ...
