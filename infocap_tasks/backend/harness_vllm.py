"""The harness's own vLLM backend: its engine ends with this process."""

from contextlib import AbstractContextManager
from functools import wraps
from typing import Any

from lm_eval.models.vllm_causallms import VLLM

from infocap_tasks.backend.vllm_engine import end_with_process
from infocap_tasks.models.replaced import replaced


def engine_ended() -> AbstractContextManager[None]:
    """While this lasts, what the harness loads with vLLM will end with this process."""
    load = VLLM.__init__

    @wraps(load)
    def load_and_end(self: VLLM, *arguments: Any, **named: Any) -> None:
        load(self, *arguments, **named)
        if hasattr(self, "model"):  # with data_parallel_size it loads none in this process
            end_with_process(self.model)

    return replaced(VLLM, "__init__", load_and_end)
