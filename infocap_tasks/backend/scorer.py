"""Answers to windows from any engine: in batches, kept on disk, shared by all processes.

The scorer knows neither the harness nor how a model runs. A seam hands it windows; an engine
turns batches of them into log-likelihoods.
"""

import logging
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from heapq import nlargest
from typing import Any

from tqdm import tqdm

from infocap_tasks.backend.answers import Answer, AnswerStore, request_key
from infocap_tasks.backend.batches import make_batches
from infocap_tasks.backend.engine import ConcurrentEngine, Engine, OutOfMemory, WindowScore
from infocap_tasks.backend.processes import Processes
from infocap_tasks.backend.windows import Window
from infocap_tasks.errors import InfocapError

log = logging.getLogger("lm_eval.infocap_tasks")


class Scorer:
    """Log-likelihoods in nats of windows, each computed once by one of the processes.

    Args:
        engine: runs the model.
        settings: what an answer depends on besides the engine, such as the tokenizer.
        max_sequences: how many sequences of the longest length fill a batch; None for as many as
            the engine takes.
        cache: folder for finished answers; None to keep none.
        processes: who shares the work; all of them must ask for the same windows.
        one_text: fill batches with one sequence each, where others would change its answers.
        repeats_within: bits within which the engine repeats its answer to so many tokens. Where
            it is given, a kept answer is asked for again before the others are used, since
            another model may run under the same name. None where the fingerprint tells.
    """

    def __init__(
        self,
        engine: Engine,
        settings: Mapping[str, Any],
        max_sequences: int | None = None,
        cache: str | None = None,
        processes: Processes | None = None,
        one_text: bool = False,
        repeats_within: Callable[[int], float] | None = None,
    ) -> None:
        self.engine = engine
        self.one_text = one_text
        self._settings = settings
        self._max_sequences = max_sequences
        self._cache = cache
        self._processes = processes or Processes()
        self._store: AnswerStore | None = None
        self._repeats_within = repeats_within

    def answers(
        self, windows: Sequence[Window], want_greedy: bool, quiet: bool = False
    ) -> list[Answer]:
        """The answer to each window, in their order; all have one ``vocabulary_size``.

        Raises:
            InfocapError: a batch of half the size does not fit into memory either, or the cache
                folder cannot be used.
        """
        if not windows:
            return []
        batches = make_batches(windows, self._budget_tokens(windows))
        mine = self._processes.share(len(batches))
        scored = self._score([batches[number] for number in mine], want_greedy, quiet)
        # All processes have made the same batches, so a number stands for a batch's token ids,
        # which need not be sent around.
        done = [(number, [scored[window] for window in batches[number]]) for number in mine]
        answered = {
            window: answer
            for number, answers in self._processes.gather(done)
            for window, answer in zip(batches[number], answers, strict=True)
        }
        return [answered[window] for window in windows]

    def fingerprint(self) -> str:
        """Hex digits that differ wherever an answer could."""
        return self.engine.fingerprint(self._settings)

    def _budget_tokens(self, windows: Sequence[Window]) -> int:
        """Tokens of a batch, padding included."""
        if self.one_text:
            return 1
        longest = max(len(window.inputs) for window in windows)
        budget = (
            self.engine.budget_tokens()
            if self._max_sequences is None
            else self._max_sequences * longest
        )
        # No batch is larger than one process's share, or some processes would have nothing to do.
        total = sum(len(window.inputs) for window in set(windows))
        fair = max(longest, min(budget, math.ceil(total / self._processes.number)))
        # Devices may hold different amounts, but the batches must be the same for all processes.
        return min(self._processes.gather([fair]))

    def _score(
        self, batches: list[list[Window]], want_greedy: bool, quiet: bool
    ) -> dict[Window, Answer]:
        """The answers to this process's batches, taken from the store or added to it."""
        store = self._open_store()
        keys = {window: _key(window, want_greedy) for batch in batches for window in batch}
        answered = {w: a for w, key in keys.items() if store is not None and (a := store.get(key))}
        if answered and self._repeats_within is not None:
            self._ask_again(answered, want_greedy, self._repeats_within)
        # A batch keeps its place and its order, so that a resumed run computes the same bits.
        missing = [[window for window in batch if window not in answered] for batch in batches]
        with tqdm(
            total=_num_tokens(keys),
            initial=_num_tokens(answered),
            desc=f"scoring ({self.engine.facts.method})",
            unit=" tokens",
            unit_scale=True,
            disable=quiet or self._processes.index != 0,
        ) as progress:
            for new in self._run([batch for batch in missing if batch], want_greedy):
                if store is not None:
                    store.add({keys[w]: a for w, a in new.items() if _is_usable(a)})
                answered |= new
                progress.update(_num_tokens(new))
        return answered

    def _run(
        self, batches: Sequence[list[Window]], want_greedy: bool
    ) -> Iterator[dict[Window, Answer]]:
        """The answers to each batch, as they are finished."""
        if isinstance(self.engine, ConcurrentEngine):
            for number, scores in self.engine.score_concurrently(batches, want_greedy):
                yield _answers(batches[number], scores)
        else:
            for batch in batches:
                yield self._score_batch(batch, want_greedy)

    def _ask_again(
        self,
        kept: Mapping[Window, Answer],
        want_greedy: bool,
        repeats_within: Callable[[int], float],
    ) -> None:
        """Refuse kept answers that the engine no longer gives.

        Rounding can change one by much, and other weights change all: where the first does not
        repeat, two others must.
        """
        first, *others = nlargest(3, kept, key=lambda window: len(window.continuation))
        change_bits = self._change_bits(first, kept[first], want_greedy)
        num_tokens = len(first.continuation)
        if change_bits <= repeats_within(num_tokens):  # not so of NaN
            return
        if len(others) == 2 and all(
            self._change_bits(other, kept[other], want_greedy)
            <= repeats_within(len(other.continuation))
            for other in others
        ):
            return
        raise InfocapError(
            f"--cache {self._cache}: the answers kept there are those of other weights: a text "
            f"of {num_tokens} tokens now has a code length that is {change_bits:.1f} bits away "
            "from the kept one; give another folder, or serve the model of before"
        )

    def _change_bits(self, window: Window, kept: Answer, want_greedy: bool) -> float:
        """How far the engine's answer is from the kept one."""
        (again,) = self._score_batch([window], want_greedy).values()
        return abs(again.loglikelihood_nats - kept.loglikelihood_nats) / math.log(2)

    def _score_batch(self, batch: list[Window], want_greedy: bool) -> dict[Window, Answer]:
        """A batch's answers; if it does not fit into memory, those of two of half the size.

        Halved only once: with a budget that is too large by more than a factor of two, every batch
        would fail several times before it succeeds, so the user should set a smaller one.
        """
        try:
            return _answers(batch, self.engine.score(batch, want_greedy))
        except OutOfMemory:
            half = (len(batch) + 1) // 2
        log.warning("out of memory with %d sequences: going on with %d at a time", len(batch), half)
        try:
            parts = [part for part in (batch[:half], batch[half:]) if part]
            scores = [score for part in parts for score in self.engine.score(part, want_greedy)]
            return _answers(batch, scores)
        except OutOfMemory as error:
            raise InfocapError(
                f"out of memory with {half} sequences of {len(batch[0].inputs)} tokens too; "
                "set a lower --batch_size N (1 is the least) or --metadata max_tokens, or give the "
                "model more memory with --model_args parallelize=True"
            ) from error

    def _open_store(self) -> AnswerStore | None:
        # Opened when first needed: the fingerprint reads all weights.
        if self._cache and self._store is None:
            self._store = AnswerStore(self._cache, self.fingerprint(), self._processes.index)
            log.info("%d answers of this model in %s", len(self._store), self._cache)
            self._processes.wait()  # none writes before all have read one another's files
        return self._store


def _answers(batch: Sequence[Window], scores: Sequence[WindowScore]) -> dict[Window, Answer]:
    # fsum rounds once, so a text's sum does not depend on the order of its terms.
    return {
        window: Answer(math.fsum(score.loglikelihoods_nats), score.is_greedy)
        for window, score in zip(batch, scores, strict=True)
    }


def _is_usable(answer: Answer) -> bool:
    """Whether the answer is a number; one that is not must not meet each later run too."""
    return math.isfinite(answer.loglikelihood_nats)


def _num_tokens(windows: Iterable[Window]) -> int:
    return sum(len(window.inputs) for window in windows)


def _key(window: Window, want_greedy: bool) -> bytes:
    """The store's key of a window.

    Where the greedy token was not asked for, ``is_greedy`` says nothing, so both kinds of request
    have keys of their own. The format must stay: it finds the answers of earlier releases.
    """
    kind = "loglikelihood" if want_greedy else "rolling"
    if window.vocabulary_size is not None:
        kind = f"{kind} {window.vocabulary_size}"
    return request_key(kind, window.context, window.continuation)
