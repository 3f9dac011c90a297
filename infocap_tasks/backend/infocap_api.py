"""The harness seam for models behind a server: ``--model infocap-api``."""

import os
from collections.abc import Mapping
from inspect import signature
from typing import Any

from lm_eval.api.instance import Instance
from lm_eval.api.registry import register_model

from infocap_tasks.backend.api.engine import ApiEngine
from infocap_tasks.backend.api.probe import refuse_other_tokenizer
from infocap_tasks.backend.api.server import API_KEY, ask, require_source
from infocap_tasks.backend.scorer import Scorer
from infocap_tasks.backend.token_lm import BOS_POLICY, refuse_processes
from infocap_tasks.backend.tokenizer_lm import TokenizerLM
from infocap_tasks.errors import InfocapError, did_you_mean
from infocap_tasks.models.pretrained import Pretrained, load_tokenizer, tokenizer_fingerprint

_DEFAULT_MAX_LENGTH = 2048


def repeats_within_bits(num_tokens: int) -> float:
    """Bits by which a server's answer to so many tokens may change from one request to the next.

    In bfloat16, batches of other sizes change code lengths by about 1e-3 bits a token on average;
    other weights by far more. Three times that, and the scatter of few tokens.
    """
    return float(0.003 * num_tokens + 0.1 * num_tokens**0.5)


@register_model("infocap-api")
class InfocapAPI(TokenizerLM):
    """A model behind a server that gives log-probabilities of the prompt, asked with token ids.

    Args:
        base_url: the server's address, such as ``http://localhost:8000/v1``.
        model: the name under which it serves the model; None for the only one.
        tokenizer: folder or hub id; None for the one that the server loaded the model from.
        engine: ``vllm``, ``sglang`` or ``echo``; None to ask the server.
        num_concurrent: requests in flight at most.
        timeout: seconds after which a request is sent again.
        max_retries: how often a request is sent again.
        max_length: the window in tokens, prompt and one written token; None for the server's.
        cache: folder for finished answers; a run that was killed is resumed from there.
        dtype: in which the server computes, for the record: it does not tell.
        add_bos_token: whether standard tasks begin with BOS; None: as the tokenizer does.
        prefix_token_id: the token that the first one of a text is predicted from; None: BOS, EOS.
        revision, trust_remote_code: of the tokenizer.
        **generation: for the harness's local-completions, which writes text.

    Raises:
        InfocapError: no such server or model, or it gives no log-probabilities of the ids sent.
    """

    def __init__(
        self,
        base_url: str,
        model: str | None = None,
        tokenizer: str | None = None,
        engine: str | None = None,
        num_concurrent: int = 32,
        timeout: float = 300,
        max_retries: int = 8,
        max_length: int | None = None,
        cache: str | None = None,
        dtype: str | None = None,
        add_bos_token: bool | None = None,
        prefix_token_id: int | None = None,
        revision: str = "main",
        trust_remote_code: bool = False,
        batch_size: int | str = "auto",
        max_batch_size: int | None = None,
        device: str | None = None,
        **generation: Any,
    ) -> None:
        refuse_processes("infocap-api")
        _refuse_unknown(generation)
        api_key = os.environ.get(API_KEY)
        server = ask(base_url, model, engine, api_key)
        source = tokenizer or require_source(server)
        named = Pretrained(source, revision=revision, trust_remote_code=trust_remote_code)
        super().__init__(load_tokenizer(named), add_bos_token, prefix_token_id)
        window = max_length or server.max_length or _DEFAULT_MAX_LENGTH
        # Prompt and the token that the server must write fit its window; ``max_length`` counts
        # the prompt without its last token, as for a model that runs here.
        self.max_length = window - 2
        client = ApiEngine(
            server,
            _at_least("num_concurrent", num_concurrent, 1, int),
            _at_least("timeout", timeout, 1, int | float),
            _at_least("max_retries", max_retries, 0, int),
            api_key,
            dtype,
            self.max_length,
        )
        refuse_other_tokenizer(client, self.tokenizer, self.prefix_token_id)
        self.scorer = Scorer(
            client,
            settings={
                "tokenizer": tokenizer_fingerprint(self.tokenizer),
                "prefix_token_id": self.prefix_token_id,
                "bos_policy": BOS_POLICY,
            },
            cache=cache,
            repeats_within=repeats_within_bits,
        )
        self._server = server
        self._generation = generation | {
            "tokenizer": source,
            "max_length": window,
            "revision": revision,
            "trust_remote_code": trust_remote_code,
            "num_concurrent": num_concurrent,
            "timeout": timeout,
            "max_retries": max(1, max_retries),
        }
        self._writer: Any = None

    def generate_until(self, requests: list[Instance], disable_tqdm: bool = False) -> list[str]:
        """Texts that the model writes, by the harness's own client of this server."""
        if self._writer is None:
            from lm_eval.models.openai_completions import LocalCompletionsAPI

            self._writer = LocalCompletionsAPI(
                base_url=f"{self._server.url}/v1/completions",
                model=self._server.model,
                **self._generation,
            )
        texts: list[str] = self._writer.generate_until(requests, disable_tqdm=disable_tqdm)
        return texts


_OF_GENERATION = ("eos_string", "max_gen_toks", "seed", "tokenizer_backend", "truncate")


def _refuse_unknown(generation: Mapping[str, Any]) -> None:
    known = [*signature(InfocapAPI.__init__).parameters, *_OF_GENERATION]
    for name in generation:
        if name not in _OF_GENERATION:
            raise InfocapError(
                f"{name}=: no argument of --model infocap-api; {did_you_mean(name, known)}"
                f"a key belongs into the environment variable {API_KEY}"
            )


def _at_least(name: str, value: Any, least: int, kind: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, kind) or not value >= least:
        what = "a whole number" if kind is int else "a number"
        raise InfocapError(f"{name}={value}: must be {what} of at least {least}")
    return value
