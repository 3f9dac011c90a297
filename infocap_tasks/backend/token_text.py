"""Texts that tell a backend of ours, through the harness, how a task wants them encoded."""

from collections.abc import Sequence
from typing import Any, NamedTuple


class TokenAnswer(NamedTuple):
    """The answer of a backend that scored the ids; to the harness a pair like any other."""

    loglikelihood_nats: float
    is_greedy: bool


class PlainText(str):
    """A text in which the names of special tokens are text like any other.

    To the harness, its logs and its caches it is the string.
    """

    __slots__ = ()


class TokenText(str):
    """A continuation that is scored as these token ids, whatever its string would encode to.

    To the harness, its logs and its caches it is the string; ``infocap-hf`` takes the ids.

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
