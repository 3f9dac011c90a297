"""Completions servers: an answer without the log-probabilities of its prompt is refused.

The harness ends in a TypeError where a server leaves them out, and takes 0 nats where a server
gives those of the token that it generated only.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Any

from lm_eval.models.openai_completions import LocalCompletionsAPI

from infocap_tasks.errors import InfocapError

Parsed = list[tuple[float, bool]]


@contextmanager
def log_probabilities_required() -> Iterator[None]:
    """While this lasts, the harness's completions backend ends at the first such answer."""
    before = vars(LocalCompletionsAPI)["parse_logprobs"]
    checked = staticmethod(_checked(LocalCompletionsAPI.parse_logprobs))
    LocalCompletionsAPI.parse_logprobs = checked  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        LocalCompletionsAPI.parse_logprobs = before


def _checked(parse: Callable[..., Parsed]) -> Callable[..., Parsed]:
    @wraps(parse)
    def parse_checked(
        outputs: Any, tokens: Sequence[Sequence[int]], ctxlens: Sequence[int], **more: Any
    ) -> Parsed:
        answers = outputs if isinstance(outputs, list) else [outputs]
        if sum(map(_num_whole, answers)) < len(tokens):
            raise InfocapError(
                "the server's answer has no log-probabilities of the prompt (asked for with "
                "echo=true, logprobs=1, max_tokens=1), so texts cannot be scored; take a server "
                "that returns them, such as vLLM's /v1/completions, or the weights themselves"
            )
        return parse(outputs=outputs, tokens=tokens, ctxlens=ctxlens, **more)

    return parse_checked


def _num_whole(answer: Any) -> int:
    """The number of choices that hold log-probabilities of more than the generated token."""
    choices = answer.get("choices") if isinstance(answer, dict) else None
    return sum(
        len((choice.get("logprobs") or {}).get("token_logprobs") or ()) > 1
        for choice in choices or ()
    )
