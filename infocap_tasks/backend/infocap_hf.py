"""The harness seam for models: ``--model infocap-hf``.

The harness's own transformers backend with another way to score: a ``Scorer`` over ``HFEngine``.
Loading, adapters, quantisation, generation and encoder-decoder models stay the harness's.
"""

import math
import os
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import torch
from lm_eval.api.instance import Instance
from lm_eval.api.registry import register_model
from lm_eval.models.huggingface import HFLM

from infocap_tasks.backend.causality import must_score_alone
from infocap_tasks.backend.checkpoint import loads_whole_checkpoints
from infocap_tasks.backend.hf_engine import HFEngine, auto_budget_tokens
from infocap_tasks.backend.processes import Processes
from infocap_tasks.backend.scorer import Scorer
from infocap_tasks.backend.token_text import PlainText, TokenAnswer, TokenText
from infocap_tasks.backend.windows import Window, fitting_window, rolling_windows
from infocap_tasks.models.pretrained import tokenizer_fingerprint

BOS_POLICY = "one prefix token before each text, none from the tokenizer"

_TEXTS_AT_ONCE = 64

Request = tuple[Any, list[int], list[int]]


@register_model("infocap-hf")
class InfocapHF(HFLM):
    """HFLM that scores from hidden states.

    Args:
        pretrained: as for HFLM.
        cache: folder for finished answers; a run that was killed is resumed from there.
        **arguments: as for HFLM. ``batch_size`` counts sequences of the longest length: batches
            are filled to that many tokens; ``auto`` takes 4096 tokens on a CPU, and on a GPU what
            its memory holds. ``device`` is by default the GPU, or the CPU where there is none.
            ``allow_missing_tensors`` scores a checkpoint that lacks some of the model's tensors,
            with random numbers in their place.

    Attributes:
        scorer: what answers requests; None for encoder-decoder models, which the harness scores.

    Raises:
        InfocapError: the model is not causal, or the cache folder or the checkpoint cannot be used;
            when scoring, a batch of half the size still does not fit into memory.
    """

    # What tasks must know of a backend of ours before it is loaded; see task.settings.Backend.
    takes_token_ids = True
    bos_policy = BOS_POLICY

    def __init__(self, pretrained: Any, cache: str | None = None, **arguments: Any) -> None:
        # float32 for what is left to the harness, encoder-decoder models. The harness's own default
        # device is a GPU, also where there is none.
        device = "cuda" if torch.cuda.is_available() else "cpu"
        arguments = {"softmax_dtype": "float32", "device": device} | arguments
        if int(os.environ.get("WORLD_SIZE", "1")) > 1 and not torch.accelerator.is_available():
            # Without this, accelerate leaves processes without a GPU unaware of one another.
            os.environ.setdefault("ACCELERATE_USE_CPU", "true")
        super().__init__(pretrained, **arguments)
        accelerator = getattr(self, "accelerator", None)
        self._processes = (
            Processes(accelerator.process_index, accelerator.num_processes)
            if accelerator
            else Processes()
        )
        # Every process sees all requests and scores its share of the batches, so to the harness
        # there is one rank. It tells the process that reports by this variable.
        self._rank, self._world_size = 0, 1
        if self._processes.number > 1:
            os.environ["LOCAL_RANK"] = str(self._processes.index)
        self.scorer = self._make_scorer(cache) if self.backend == "causal" else None

    _create_model = loads_whole_checkpoints(HFLM._create_model)

    def _make_scorer(self, cache: str | None) -> Scorer:
        engine = HFEngine(self.model, self.device, self.max_length, self.mixed_precision_dtype)
        one_text = must_score_alone(
            engine.score, engine.vocabulary_size, engine.max_length, engine.rounding
        )
        return Scorer(
            engine,
            settings={
                "tokenizer": tokenizer_fingerprint(self.tokenizer),
                "prefix_token_id": self.prefix_token_id,
                "bos_policy": BOS_POLICY,
            },
            max_sequences=None if self.batch_size == "auto" else int(self.batch_size),
            cache=cache,
            processes=self._processes,
            one_text=any(self._processes.gather([one_text])),
        )

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
        return sums

    def _encode(self, texts: Sequence[str]) -> Iterator[list[int]]:
        """Token ids as the harness's tok_encode gives them, without special tokens; in batches.

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
        return [nats for nats, _ in self._loglikelihood_tokens(asked, quiet)]

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
                done = [TokenAnswer(*pair) for pair in pairs]
            answers |= zip(numbers, done, strict=True)
        return [answers[number] for number in range(len(requests))]

    def _loglikelihood_tokens(
        self,
        requests: list[Request],
        disable_tqdm: bool = False,
        override_bs: int | None = None,
    ) -> list[tuple[float, bool]]:
        """Log-likelihood of each continuation in nats, and whether it is the greedy one."""
        if self.scorer is not None:
            return self._pairs(self.scorer, requests, disable_tqdm)
        score = super()._loglikelihood_tokens
        return self._processes.map(lambda share: score(share, disable_tqdm=disable_tqdm), requests)

    def _pairs(
        self,
        scorer: Scorer,
        requests: list[Request],
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

    def generate_until(self, requests: list[Instance], disable_tqdm: bool = False) -> list[str]:
        """As the harness's, each process its share."""
        generate = super().generate_until
        return self._processes.map(lambda share: generate(share, disable_tqdm), requests)

    def _detect_batch_size(self, requests: Sequence[Any] | None = None, pos: int = 0) -> int:
        """For what the harness scores and generates itself: from the memory, without a trial."""
        makes_logits = self.scoring_method != "blockwise"
        tokens = auto_budget_tokens(self.model, self.device, makes_logits)
        return max(1, tokens // self.max_length)

    def get_model_info(self) -> dict[str, Any]:
        """As the harness's, with how the numbers were made."""
        return super().get_model_info() | {
            "infocap_scoring": {
                "method": self.scoring_method,
                "bos_policy": BOS_POLICY,
                "batches": "one text" if self.scorer and self.scorer.one_text else "padded",
                "num_processes": self._processes.number,
            }
        }

    @property
    def scoring_method(self) -> str:
        """``blockwise``, ``full_logits``, or ``harness`` for encoder-decoder models."""
        return "harness" if self.scorer is None else self.scorer.engine.method


def _by_vocabulary(requests: Sequence[Instance]) -> dict[int | None, list[int]]:
    """Numbers of the requests by the size of their vocabulary; None for those that are strings.

    A batch has one vocabulary, and only a task that scores token ids names one.
    """
    by_size: dict[int | None, list[int]] = {}
    for number, (_, continuation) in enumerate(request.args for request in requests):
        has_ids = isinstance(continuation, TokenText)
        by_size.setdefault(continuation.vocabulary_size if has_ids else None, []).append(number)
    return by_size
