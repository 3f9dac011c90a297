"""Windows of tokens in batches of a token budget."""

from collections.abc import Sequence
from dataclasses import dataclass


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


def make_batches(windows: Sequence[Window], budget_tokens: int) -> list[list[Window]]:
    """All windows once, the longest first, padded to at most ``budget_tokens`` a batch.

    Windows that are the same are scored once, and those with the same inputs stand together. The
    batches depend on the windows alone, not on what is answered already, so a run that goes on
    computes the same batches as one that was never broken. A window over the budget is alone.
    """
    inputs = {window: window.inputs for window in windows}
    unique = sorted(inputs, key=lambda w: (-len(inputs[w]), inputs[w], w.continuation))
    batches: list[list[Window]] = []
    rows: set[tuple[int, ...]] = set()
    longest = 0
    for window in unique:
        num_rows = len(rows) + (inputs[window] not in rows)
        if not batches or num_rows * longest > budget_tokens:
            batches.append([])
            rows, longest = set(), len(inputs[window])
        batches[-1].append(window)
        rows.add(inputs[window])
    return batches
