"""What servers are asked for the log-probabilities of a prompt, and how their answers are read.

Each dialect sends token ids and gets a log-probability in nats for each of them. An answer that is
not about the very ids that were sent raises ``NotUsable``, whose message says why.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from infocap_tasks.backend.engine import WindowScore
from infocap_tasks.backend.windows import Window

Answer = Mapping[str, Any]

_MINUS_INFINITY = -9999.0


class NotUsable(Exception):
    """A server's answer that no log-likelihood can be taken from, and why."""


class ScoredToken(NamedTuple):
    """What a server says of one token of the prompt.

    Attributes:
        nats: its log-probability.
        is_greedy: it is the likeliest; False where that was not asked for.
        text: the token as the server writes it; None if it does not say.
    """

    nats: float
    is_greedy: bool
    text: str | None


class Dialect(Protocol):
    """How one kind of server is asked.

    Attributes:
        name: what users call it.
        path: where requests go, below the address of the server.
        softmax_dtype: in which such a server takes the log-softmax; None if that is not known.
    """

    name: str
    path: str
    softmax_dtype: str | None

    def request(self, model: str, window: Window, want_greedy: bool) -> dict[str, Any]:
        """The body of a request, for JSON."""
        ...

    def read(self, answer: Answer, window: Window, want_greedy: bool) -> list[ScoredToken]:
        """What the answer says of each token of the continuation.

        Raises:
            NotUsable: it does not say it of the ids that were sent.
        """
        ...


class VLLM:
    """vLLM's ``prompt_logprobs``: of each prompt token the id, log-probability and rank."""

    name = "vllm"
    path = "/v1/completions"
    softmax_dtype: str | None = "float32"

    def request(self, model: str, window: Window, want_greedy: bool) -> dict[str, Any]:
        """The body of a request, for JSON."""
        return {
            "model": model,
            "prompt": list(_ids(window)),
            "max_tokens": 1,  # it must write one token
            "temperature": 0,
            "prompt_logprobs": 0,
        }

    def read(self, answer: Answer, window: Window, want_greedy: bool) -> list[ScoredToken]:
        """What the answer says of each token of the continuation."""
        ids = _ids(window)
        _require_count(answer.get("usage", {}).get("prompt_tokens"), ids)
        scored = _first_choice(answer).get("prompt_logprobs")
        if not scored:
            raise NotUsable("gave no prompt_logprobs")
        _require_count(len(scored), ids)
        first = len(window.context)
        return [
            _vllm_token(of_place, token)
            for of_place, token in zip(scored[first:], ids[first:], strict=True)
        ]


def _vllm_token(of_place: Any, token: int) -> ScoredToken:
    entry = (of_place or {}).get(str(token))
    if entry is None:
        raise NotUsable(
            f"gave no log-probability for token {token}, but for {list(of_place or {})}"
        )
    return ScoredToken(
        _finite(entry.get("logprob"), token), entry.get("rank") == 1, entry.get("decoded_token")
    )


class SGLang:
    """SGLang's ``/generate`` with ``return_logprob``: log-probability and id of each token."""

    name = "sglang"
    path = "/generate"
    softmax_dtype: str | None = None

    def request(self, model: str, window: Window, want_greedy: bool) -> dict[str, Any]:
        """The body of a request, for JSON."""
        return {
            "input_ids": list(_ids(window)),
            "sampling_params": {"max_new_tokens": 1, "temperature": 0},
            "return_logprob": True,
            # From here on; what comes before may lie in the server's prefix cache.
            "logprob_start_len": len(window.context) - 1,
            "top_logprobs_num": int(want_greedy),
            "return_text_in_logprobs": True,
        }

    def read(self, answer: Answer, window: Window, want_greedy: bool) -> list[ScoredToken]:
        """What the answer says of each token of the continuation."""
        meta = answer.get("meta_info") or {}
        _require_count(meta.get("prompt_tokens"), _ids(window))
        count = len(window.continuation)
        scored = (meta.get("input_token_logprobs") or [])[-count:]
        tops = (meta.get("input_top_logprobs") or [])[-count:] if want_greedy else [None] * count
        if len(scored) < count or len(tops) < count:
            raise NotUsable(
                f"gave log-probabilities of {min(len(scored), len(tops))} tokens, not {count}"
            )
        return [
            _sglang_token(entry, token, top)
            for entry, token, top in zip(scored, window.continuation, tops, strict=True)
        ]


def _sglang_token(entry: Sequence[Any], token: int, top: Sequence[Any] | None) -> ScoredToken:
    nats, scored, text = entry
    if scored != token:
        raise NotUsable(f"scored token {scored} where {token} was sent")
    is_greedy = top is not None and len(top) > 0 and top[0][1] == token
    return ScoredToken(_finite(nats, token), is_greedy, text)


class Echo:
    """OpenAI's completions with ``echo``: the prompt comes back with its log-probabilities."""

    name = "echo"
    path = "/v1/completions"
    softmax_dtype: str | None = None

    def request(self, model: str, window: Window, want_greedy: bool) -> dict[str, Any]:
        """The body of a request, for JSON."""
        return {
            "model": model,
            "prompt": list(_ids(window)),
            "max_tokens": 1,
            "temperature": 0,
            "echo": True,
            "logprobs": 1,
        }

    def read(self, answer: Answer, window: Window, want_greedy: bool) -> list[ScoredToken]:
        """What the answer says of each token of the continuation."""
        ids = _ids(window)
        _require_count(answer.get("usage", {}).get("prompt_tokens", len(ids)), ids)
        of_tokens = _first_choice(answer).get("logprobs") or {}
        nats = of_tokens.get("token_logprobs") or []
        if len(nats) not in (len(ids), len(ids) + 1):  # with the token that it wrote, or without
            raise NotUsable(
                f"gave {len(nats)} log-probabilities for a prompt of {len(ids)} tokens (echo)"
            )
        texts = of_tokens.get("tokens") or [None] * len(nats)
        tops = of_tokens.get("top_logprobs") or [None] * len(nats)
        places = range(len(window.context), len(ids))
        return [_echoed_token(nats[at], texts[at], tops[at], ids[at]) for at in places]


def _echoed_token(
    nats: Any, text: str | None, top: Mapping[str, float] | None, token: int
) -> ScoredToken:
    value = _finite(nats, token)
    return ScoredToken(value, bool(top) and value >= max((top or {}).values()), text)


DIALECTS: dict[str, Dialect] = {dialect.name: dialect for dialect in (VLLM(), SGLang(), Echo())}


def window_score(tokens: Sequence[ScoredToken]) -> WindowScore:
    """The score of the window whose continuation these tokens are."""
    return WindowScore([token.nats for token in tokens], all(token.is_greedy for token in tokens))


def _ids(window: Window) -> tuple[int, ...]:
    return window.context + window.continuation


def _first_choice(answer: Answer) -> Mapping[str, Any]:
    choices = answer.get("choices") or [{}]
    choice: Mapping[str, Any] = choices[0]
    return choice


def _require_count(count: Any, ids: Sequence[int]) -> None:
    if count != len(ids):
        raise NotUsable(f"read a prompt of {count} tokens where {len(ids)} were sent")


def _finite(nats: Any, token: int) -> float:
    # vLLM sends -9999 for minus infinity.
    if not isinstance(nats, int | float) or not math.isfinite(nats) or nats <= _MINUS_INFINITY:
        raise NotUsable(f"gave {nats} as the log-probability of token {token}")
    return float(nats)
