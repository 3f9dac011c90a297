"""What all our backends share: the harness's requests as windows of token ids, for a ``Scorer``.

A backend names its tokenizer, prefix token and window, loads an engine and makes a scorer of it;
this class answers the harness's two kinds of log-likelihood requests with them.
"""

import math
import os
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from lm_eval.api.instance import Instance
from lm_eval.api.model import TemplateLM

from infocap_tasks.backend.scorer import Scorer
from infocap_tasks.backend.token_text import PlainText, RollingAnswer, TokenAnswer, TokenText
from infocap_tasks.backend.windows import Window, fitting_window, rolling_windows
from infocap_tasks.errors import InfocapError

BOS_POLICY = "one prefix token before each text, none from the tokenizer"

_TEXTS_AT_ONCE = 64

Request = tuple[Any, list[int], list[int]]


def refuse_processes(model: str) -> None:
    """Refuse to run in several processes of torchrun, of which each would score everything.

    Raises:
        InfocapError: there are several.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise InfocapError(
            f"--model {model}: one process does all the work; start it without torchrun (only "
            "infocap-hf shares its work among processes)"
        )


class TokenLM(TemplateLM):
    """A backend of ours; it stands first among the base classes of one.

    Attributes:
        scorer: what answers requests; None where the harness scores, as it does for
            encoder-decoder models.
    """

    # What tasks must know of a backend of ours before it is loaded; see task.settings.Backend.
    takes_token_ids = True
    bos_policy = BOS_POLICY

    scorer: Scorer | None
    tokenizer: Any
    max_length: int

    def loglikelihood_rolling(
        self, requests: list[Instance], disable_tqdm: bool = False
    ) -> list[float]:
        """Log-likelihood of each text in nats, the first token after the prefix token."""
        texts = [instance.args[0] for instance in requests]
        windows = [
            list(rolling_windows(ids, self.prefix_token_id, self.max_length))
            for ids in self._encode(texts)
        ]
        nats = iter(self._window_nats([w for group in windows for w in group], disable_tqdm))
        sums = [math.fsum(next(nats) for _ in group) for group in windows]
        for text, total in zip(texts, sums, strict=True):
            self.cache_hook.add_partial("loglikelihood_rolling", (text,), total)
        if self.scorer is None:
            return sums
        facts = self.scorer.engine.facts
        return [RollingAnswer(total, facts) for total in sums]

    def _encode(self, texts: Sequence[str]) -> Iterator[list[int]]:
        """Token ids without special tokens, as the harness encodes texts; in batches.

        Of a ``PlainText``, the names of special tokens are encoded as text too.
        """
        for first in range(0, len(texts), _TEXTS_AT_ONCE):
            batch = texts[first : first + _TEXTS_AT_ONCE]
            for is_plain, group in groupby(batch, key=lambda text: isinstance(text, PlainText)):
                options = {"split_special_tokens": True} if is_plain else {}
                yield from self.tokenizer(
                    list(group), add_special_tokens=False, verbose=False, **options
                )["input_ids"]

    def _window_nats(self, windows: list[Window], quiet: bool) -> list[float]:
        """Log-likelihood of each window's continuation in nats."""
        if self.scorer is not None:
            answers = self.scorer.answers(windows, want_greedy=False, quiet=quiet)
            return [answer.loglikelihood_nats for answer in answers]
        asked = [(None, list(w.context), list(w.continuation)) for w in windows]
        return [nats for nats, _ in self._loglikelihood_tokens(asked, disable_tqdm=quiet)]

    def loglikelihood(
        self, requests: list[Instance], disable_tqdm: bool = False
    ) -> list[tuple[float, bool]]:
        """As the harness's; a ``TokenText`` is scored as the token ids that it carries."""
        if self.scorer is None:
            return super().loglikelihood(requests, disable_tqdm)
        answers: dict[int, tuple[float, bool]] = {}
        for size, numbers in _by_vocabulary(requests).items():
            group = [requests[number] for number in numbers]
            done: Sequence[tuple[float, bool]]
            if size is None:
                done = super().loglikelihood(group, disable_tqdm)
            else:
                asked = [(r.args, r.args[1].context_ids, r.args[1].token_ids) for r in group]
                pairs = self._pairs(self.scorer, asked, disable_tqdm, size)
                facts = self.scorer.engine.facts
                done = [TokenAnswer(pair, facts) for pair in pairs]
            answers |= zip(numbers, done, strict=True)
        return [answers[number] for number in range(len(requests))]

    def _loglikelihood_tokens(
        self,
        requests: list[Request],
        disable_tqdm: bool = False,
        override_bs: int | None = None,
    ) -> list[tuple[float, bool]]:
        """Log-likelihood of each continuation in nats, and whether it is the greedy one."""
        assert self.scorer is not None
        return self._pairs(self.scorer, requests, disable_tqdm)

    def _pairs(
        self,
        scorer: Scorer,
        requests: Sequence[Request],
        quiet: bool,
        vocabulary_size: int | None = None,
    ) -> list[tuple[float, bool]]:
        windows = [
            fitting_window(context, continuation, self.max_length, vocabulary_size)
            for _, context, continuation in requests
        ]
        answers = scorer.answers(windows, want_greedy=True, quiet=quiet)
        pairs = [(answer.loglikelihood_nats, answer.is_greedy) for answer in answers]
        for (text, _, _), pair in zip(requests, pairs, strict=True):
            if text is not None:
                self.cache_hook.add_partial("loglikelihood", text, pair)
        return pairs


def _by_vocabulary(requests: Sequence[Instance]) -> dict[int | None, list[int]]:
    """Numbers of the requests by the size of their vocabulary; None for those that are strings.

    A batch has one vocabulary, and only a task that scores token ids names one.
    """
    by_size: dict[int | None, list[int]] = {}
    for number, (_, continuation) in enumerate(request.args for request in requests):
        has_ids = isinstance(continuation, TokenText)
        by_size.setdefault(continuation.vocabulary_size if has_ids else None, []).append(number)
    return by_size
