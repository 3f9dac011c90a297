"""Windows in batches of a token budget."""

from collections.abc import Sequence

from infocap_tasks.backend.windows import Window


def make_batches(windows: Sequence[Window], budget_tokens: int) -> list[list[Window]]:
    """All windows once, the longest first, padded to at most ``budget_tokens`` a batch.

    Equal windows are scored once, and those with equal inputs are neighbours, so that the model
    reads them once. The batches depend on the windows alone, not on what is answered already: a
    resumed run computes the same batches, and so the same bits, as one that was never broken. A
    window over the budget gets a batch of its own.
    """
    inputs = {window: window.inputs for window in windows}
    # The longest first: what does not fit into memory fails at once, and the estimate of the time
    # left errs on the long side.
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
