"""The engine of ``infocap-vllm``: vLLM in this process, asked for log-probabilities of prompts."""

import hashlib
import json
import weakref
from collections.abc import Mapping, Sequence
from functools import partial
from importlib.metadata import version
from subprocess import DEVNULL, PIPE, Popen
from typing import Any

import torch
from tqdm import tqdm

from infocap_tasks.backend.engine import EngineFacts, WindowScore
from infocap_tasks.backend.windows import Window

# Arguments of vLLM that say where and in what portions it computes. A run that goes on with fewer
# GPUs or less memory keeps its answers, as one does whose server was started anew.
_PLACEMENT = frozenset(
    {
        "device",
        "distributed_executor_backend",
        "enforce_eager",
        "gpu_memory_utilization",
        "max_num_batched_tokens",
        "max_num_seqs",
        "pipeline_parallel_size",
        "tensor_parallel_size",
    }
)


def settings_of_answers(arguments: Mapping[str, Any]) -> dict[str, str]:
    """Those of vLLM's arguments that an answer depends on by more than rounding."""
    return {key: str(arguments[key]) for key in sorted(arguments.keys() - _PLACEMENT)}


# On a slow machine a batch takes minutes.
_BAR_OF_A_BATCH = partial(tqdm, leave=False, delay=2)

# A batch ends when its last text does; of so many steps, the last one may be half empty.
_STEPS_OF_A_BATCH = 8


class VLLMEngine:
    """A model that vLLM has loaded.

    Args:
        llm: vLLM's ``LLM``.
        max_model_len: tokens that prompt and answer may have together.
        lora_request: the adapter to score with; None for none.
    """

    def __init__(self, llm: Any, max_model_len: int, lora_request: Any = None) -> None:
        # The token that vLLM must write takes room, and so does the last one of the prompt.
        self.max_length = max_model_len - 2
        self._llm = llm
        self._lora_request = lora_request

    @property
    def facts(self) -> EngineFacts:
        """What results record of it."""
        dtype = str(self.dtype).removeprefix("torch.")
        return EngineFacts("vllm", version("vllm"), dtype, "prompt_logprobs", "float32")

    @property
    def dtype(self) -> torch.dtype:
        """In which the model computes."""
        dtype: torch.dtype = self._llm.llm_engine.model_config.dtype
        return dtype

    @property
    def vocabulary_size(self) -> int:
        """Number of token ids that the model can read."""
        return int(self._llm.llm_engine.model_config.get_vocab_size())

    def budget_tokens(self) -> int:
        """Tokens of eight of vLLM's own steps."""
        scheduler = self._llm.llm_engine.vllm_config.scheduler_config
        return int(scheduler.max_num_batched_tokens) * _STEPS_OF_A_BATCH

    def fingerprint(self, settings: Mapping[str, Any]) -> str:
        """Hex digits that differ by model, arguments and ``settings``; not by the weights.

        They lie in other processes, on other nodes even, and are tens of gigabytes.
        """
        everything = {
            "facts": self.facts._asdict(),
            "config": self._llm.llm_engine.model_config.hf_config.to_dict(),
            "max_length": self.max_length,
            **settings,
        }
        text = json.dumps(everything, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    def score(self, batch: Sequence[Window], want_greedy: bool) -> list[WindowScore]:
        """The scores of a batch, by vLLM's own scheduler."""
        from vllm import SamplingParams

        # One token must be written. With 0 logprobs vLLM gives that of the prompt's token alone,
        # and its rank, which tells whether it is the likeliest.
        wanted = SamplingParams(
            max_tokens=1, temperature=0, prompt_logprobs=0, flat_logprobs=True, detokenize=False
        )
        prompts = [{"prompt_token_ids": [*w.context, *w.continuation]} for w in batch]
        answers = self._llm.generate(
            prompts, wanted, use_tqdm=_BAR_OF_A_BATCH, lora_request=self._lora_request
        )
        return [_score(answer, w) for answer, w in zip(answers, batch, strict=True)]


def end_with_process(llm: Any) -> None:
    """Let the processes and the thread of a vLLM ``LLM`` end with it, and with this process.

    They end when the ``LLM`` is freed, when the interpreter ends, and when this process is killed.
    """
    core = llm.llm_engine.engine_core
    manager = getattr(getattr(core, "resources", None), "engine_manager", None)
    pids = " ".join(str(process.pid) for process in getattr(manager, "processes", ()))
    watch = None
    if pids:
        # vLLM does not notice that this process was killed, and would keep its memory for ever.
        # The other end of this pipe closes when this process is gone, and then so are those.
        command = ["sh", "-c", f"read -r _; kill -9 {pids}"]
        watch = Popen(command, stdin=PIPE, stderr=DEVNULL, start_new_session=True)
    weakref.finalize(llm, _end, core, watch)  # before vLLM's own, which were made before


def _end(core: Any, watch: "Popen[bytes] | None") -> None:
    """A thread that still holds tensors when the interpreter ends would abort the process."""
    core.shutdown()
    thread = getattr(core, "output_queue_thread", None)  # there is none without processes
    if thread is not None:
        thread.join(timeout=10)
    if watch is not None:
        watch.kill()
        watch.wait()


def _score(answer: Any, window: Window) -> WindowScore:
    first = len(window.context)
    tokens = [
        answer.prompt_logprobs[first + place][token]
        for place, token in enumerate(window.continuation)
    ]
    return WindowScore([token.logprob for token in tokens], all(t.rank == 1 for t in tokens))
