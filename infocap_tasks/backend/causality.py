"""Whether a model can be scored in batches: no token may see later ones, padding or other texts.

The likelihood of a text is the product of its tokens' only if each is predicted from those before
it alone. The model itself is asked, on tokens picked at random, and no config: whatever runs the
model only has to turn windows into log-likelihoods.
"""

import logging
import math
import random
from collections.abc import Callable, Sequence

from infocap_tasks.backend.engine import WindowScore
from infocap_tasks.backend.windows import Window
from infocap_tasks.errors import InfocapError

log = logging.getLogger("lm_eval.infocap_tasks")

Score = Callable[[Sequence[Window], bool], Sequence[WindowScore]]

_TOKENS = 32
# Shares of what a change of tokens does to the log-likelihoods after it. Where a model looks ahead
# it does about as much before it. In another batch, SmolLM2 differs by up to 16 roundings to
# bfloat16.
_LOOKS_AHEAD = 0.1
_GROSS = 0.6
_NOISE = 5e-3
_NOISE_ROUNDINGS = 50
_NOISE_NATS = 1e-5  # where tokens have nearly no effect on one another


def must_score_alone(score: Score, vocabulary_size: int, max_length: int, rounding: float) -> bool:
    """Whether log-likelihoods change with padding or other texts, found in two short batches.

    Args:
        score: log-likelihoods of a batch of windows, as ``Engine.score``.
        vocabulary_size: token ids are below it.
        max_length: tokens that the model reads at once.
        rounding: relative precision of the model's numbers.

    Raises:
        InfocapError: they change with later tokens, so the model is not causal.
    """
    num_tokens = min(_TOKENS, max_length)
    if num_tokens < 4 or vocabulary_size < 2:
        return False
    ahead, beside = _influences(score, vocabulary_size, num_tokens)
    if ahead > _LOOKS_AHEAD and max(ahead, beside) > _GROSS:
        raise InfocapError(
            "this model is not causal: other tokens later in a text change the log-likelihoods "
            f"before them, by {ahead:.0%} of what they change after them, so these are no "
            "likelihoods of a text; give a causal language model (a BERT-like one says is_decoder "
            "in its config)"
        )
    if max(ahead, beside) <= max(_NOISE, _NOISE_ROUNDINGS * rounding):
        return False
    log.warning(
        "log-likelihoods of this model change with padding or with other texts in a batch, by "
        "%.0f%% of what tokens change after them: it is scored in batches of one length and one "
        "text",
        100 * max(ahead, beside),
    )
    return True


def _influences(score: Score, vocabulary_size: int, num_tokens: int) -> tuple[float, float]:
    """What later tokens and padding change, as shares of what earlier tokens change."""
    draw = random.Random(0)
    half, end = num_tokens // 2, 3 * num_tokens // 4
    ids = [draw.randrange(vocabulary_size) for _ in range(num_tokens + 1)]
    other = list(ids)
    for place in range(half, end):
        other[place] = (ids[place] + draw.randrange(1, vocabulary_size)) % vocabulary_size
    short = _window(ids[: half + 1])
    nats, other_nats, padded = _nats(score, [_window(ids), _window(other), short])
    (alone,) = _nats(score, [short])
    # Token t is predicted at place t - 1: those up to ``half`` from unchanged tokens only, and
    # ``half`` itself is another token in the other text.
    before = _difference(nats[: half - 1], other_nats[: half - 1])
    after = _difference(nats[end:], other_nats[end:]) + _NOISE_NATS
    return before / after, _difference(padded, alone) / after


def _window(ids: Sequence[int]) -> Window:
    return Window(tuple(ids[:1]), tuple(ids[1:]))


def _nats(score: Score, batch: Sequence[Window]) -> list[Sequence[float]]:
    return [one.loglikelihoods_nats for one in score(batch, False)]


def _difference(first: Sequence[float], second: Sequence[float]) -> float:
    """Root mean square of the differences in nats."""
    squares = [(a - b) ** 2 for a, b in zip(first, second, strict=True)]
    return math.sqrt(sum(squares) / len(squares))
