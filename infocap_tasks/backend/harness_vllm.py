"""The harness's own vLLM backend: its engine ends before the interpreter does."""

from contextlib import AbstractContextManager
from functools import wraps
from typing import Any

from lm_eval.models.vllm_causallms import VLLM

from infocap_tasks.backend.vllm_engine import end_at_exit
from infocap_tasks.models.replaced import replaced


def engine_ended() -> AbstractContextManager[None]:
    """While this lasts, a model that the harness loads with vLLM will not abort the process."""
    load = VLLM.__init__

    @wraps(load)
    def load_and_end(self: VLLM, *arguments: Any, **named: Any) -> None:
        load(self, *arguments, **named)
        if hasattr(self, "model"):  # with data_parallel_size it loads none in this process
            end_at_exit(self.model)

    return replaced(VLLM, "__init__", load_and_end)
