"""The harness seam for models: ``--model infocap-hf``.

The harness's own transformers backend with another way to score: a ``Scorer`` over ``HFEngine``.
Loading, adapters, quantisation, generation and encoder-decoder models stay the harness's.
"""

import os
from collections.abc import Sequence
from functools import partial
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
from infocap_tasks.backend.token_lm import BOS_POLICY, Request, TokenLM
from infocap_tasks.models.pretrained import tokenizer_fingerprint


@register_model("infocap-hf")
class InfocapHF(TokenLM, HFLM):
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

    def _loglikelihood_tokens(
        self,
        requests: list[Request],
        disable_tqdm: bool = False,
        override_bs: int | None = None,
    ) -> list[tuple[float, bool]]:
        """Log-likelihood of each continuation in nats, and whether it is the greedy one."""
        if self.scorer is not None:
            return super()._loglikelihood_tokens(requests, disable_tqdm)
        score = partial(HFLM._loglikelihood_tokens, self, disable_tqdm=disable_tqdm)
        return self._processes.map(score, requests)

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
        return "harness" if self.scorer is None else self.scorer.engine.facts.method
