"""Windows: what a model reads of a text at once, and which of those tokens are scored."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from infocap_tasks.errors import InfocapError


@dataclass(frozen=True)
class Window:
    """Token ids to condition on and to score; at least one of each.

    ``vocabulary_size`` is the number of logits, from the first, that probabilities are taken over;
    None for all of them.
    """

    context: tuple[int, ...]
    continuation: tuple[int, ...]
    vocabulary_size: int | None = None

    @property
    def inputs(self) -> tuple[int, ...]:
        """What the model reads: all but the last token, which is only predicted."""
        return (self.context + self.continuation)[:-1]


def rolling_windows(
    token_ids: Sequence[int], prefix_token_id: int, max_length: int
) -> Iterator[Window]:
    """The windows of a text of any length: every token is scored once, the first after the prefix.

    A later window has no prefix token. Its context is the end of the window before, as much of it
    as leaves the model ``max_length`` inputs: the harness's own windows, so that long texts score
    the same with every backend.
    """
    for first in range(0, len(token_ids), max_length):
        last = min(first + max_length, len(token_ids))
        context = token_ids[last - max_length - 1 : first] if first else (prefix_token_id,)
        yield Window(tuple(context), tuple(token_ids[first:last]))


def fitting_window(
    context: Sequence[int],
    continuation: Sequence[int],
    max_length: int,
    vocabulary_size: int | None = None,
) -> Window:
    """The window of one request; a context that is too long loses its beginning.

    Raises:
        InfocapError: there is no context, nothing to score, or more to score than fits the model.
    """
    if not context or not 1 <= len(continuation) <= max_length:
        raise InfocapError(
            f"a request of {len(context)} tokens of context and {len(continuation)} to score: "
            f"each needs at least 1, and at most {max_length} (max_length) can be scored; "
            "shorten it, or raise max_length in --model_args if the model allows it"
        )
    # The last token is only predicted, so it takes no room among the inputs.
    room = max_length + 1 - len(continuation)
    return Window(tuple(context)[-room:], tuple(continuation), vocabulary_size)
