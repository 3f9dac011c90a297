"""The harness seam for vLLM in this process: ``--model infocap-vllm``.

The harness's own vLLM backend loads the model and writes text; log-likelihoods are ours.
"""

from typing import Any

import torch
from lm_eval.api.registry import register_model
from lm_eval.models.vllm_causallms import VLLM

from infocap_tasks.backend.causality import must_score_alone
from infocap_tasks.backend.infocap_api import repeats_within_bits
from infocap_tasks.backend.scorer import Scorer
from infocap_tasks.backend.token_lm import BOS_POLICY, TokenLM, refuse_processes
from infocap_tasks.backend.vllm_engine import VLLMEngine, end_with_process, settings_of_answers
from infocap_tasks.errors import InfocapError
from infocap_tasks.models.pretrained import tokenizer_fingerprint


@register_model("infocap-vllm")
class InfocapVLLM(TokenLM, VLLM):
    """vLLM that scores token ids, in batches that are kept.

    Args:
        pretrained: folder or hub id.
        cache: folder for finished answers; a run that was killed is resumed from there.
        batch_size: sequences of the longest length that vLLM is given at once; ``auto`` for eight
            times what it takes into one step. A killed run loses at most that.
        **arguments: as for the harness's ``vllm``: vLLM's own, such as ``tensor_parallel_size``,
            ``pipeline_parallel_size``, ``distributed_executor_backend`` or ``quantization``.

    Raises:
        InfocapError: the model is not causal, the cache folder cannot be used, or the arguments
            ask for copies of the model (``data_parallel_size``).
    """

    def __init__(
        self,
        pretrained: str,
        cache: str | None = None,
        batch_size: int | str = "auto",
        device: str | None = None,
        **arguments: Any,
    ) -> None:
        refuse_processes("infocap-vllm")
        if int(arguments.get("data_parallel_size", 1)) > 1:
            raise InfocapError(
                "data_parallel_size: infocap-vllm runs one copy of the model; give "
                "tensor_parallel_size, or serve the copies and take --model infocap-api"
            )
        if device is not None:  # the harness names none where the user does not
            arguments["device"] = device
        super().__init__(pretrained, batch_size=batch_size, **arguments)
        end_with_process(self.model)
        engine = VLLMEngine(self.model, self.max_length, self.lora_request)
        self._max_length = engine.max_length
        self.scorer = Scorer(
            engine,
            settings={
                "pretrained": pretrained,
                "arguments": settings_of_answers(arguments),
                "tokenizer": tokenizer_fingerprint(self.tokenizer),
                "prefix_token_id": self.prefix_token_id,
                "bos_policy": BOS_POLICY,
            },
            max_sequences=None if self.batch_size == "auto" else int(self.batch_size),
            cache=cache,
            one_text=must_score_alone(
                engine.score,
                engine.vocabulary_size,
                engine.max_length,
                torch.finfo(engine.dtype).eps,
            ),
            repeats_within=repeats_within_bits,
        )
