"""What tasks and backends of ours tell one another through the harness, which sees plain values.

Texts say how a task wants them encoded; answers say what scored them.
"""

from collections.abc import Sequence
from typing import Any

from infocap_tasks.backend.engine import EngineFacts


class RollingAnswer(float):
    """A text's log-likelihood in nats from a backend of ours; to the harness a plain float.

    Attributes:
        engine: what scored it.
    """

    __slots__ = ("engine",)

    engine: EngineFacts

    def __new__(cls, loglikelihood_nats: float, engine: EngineFacts) -> "RollingAnswer":
        """The number, with what scored it."""
        self = super().__new__(cls, loglikelihood_nats)
        self.engine = engine
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """For copies of any kind."""
        return RollingAnswer, (float(self), self.engine)


class TokenAnswer(tuple[float, bool]):
    """The answer of a backend that scored the ids; to the harness a plain pair.

    Attributes:
        engine: what scored them.
    """

    engine: EngineFacts

    def __new__(cls, pair: tuple[float, bool], engine: EngineFacts) -> "TokenAnswer":
        """Log-likelihood in nats and whether the ids are the likeliest, with what scored them."""
        self = super().__new__(cls, pair)
        self.engine = engine
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """For copies of any kind."""
        return TokenAnswer, (tuple(self), self.engine)


class PlainText(str):
    """A text in which the names of special tokens are text like any other.

    To the harness, its logs and its caches it is the string.
    """

    __slots__ = ()


class TokenText(str):
    """A continuation that is scored as these token ids, whatever its string would encode to.

    To the harness, its logs and its caches it is the string; our backends take the ids.

    Attributes:
        context_ids: token ids that come before; at least one.
        token_ids: token ids to score; at least one.
        vocabulary_size: how many of the first logits the probabilities are taken over.
    """

    __slots__ = ("context_ids", "token_ids", "vocabulary_size")

    context_ids: tuple[int, ...]
    token_ids: tuple[int, ...]
    vocabulary_size: int

    def __new__(
        cls,
        text: str,
        context_ids: Sequence[int],
        token_ids: Sequence[int],
        vocabulary_size: int,
    ) -> "TokenText":
        """The string, with the ids that it stands for."""
        self = super().__new__(cls, text)
        self.context_ids = tuple(context_ids)
        self.token_ids = tuple(token_ids)
        self.vocabulary_size = vocabulary_size
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """For copies of any kind."""
        return TokenText, (str(self), self.context_ids, self.token_ids, self.vocabulary_size)
