"""``--model`` and ``--model_args``: what a backend is given, and what tasks are told of it."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from infocap_tasks.backend.names import BACKENDS
from infocap_tasks.cli.flags import refuse_missing_device
from infocap_tasks.cli.gguf_file import say_dequantised, with_gguf_file
from infocap_tasks.errors import InfocapError

if TYPE_CHECKING:
    from infocap_tasks.backend.api.server import Server

OUR_MODEL = "infocap-hf"
OUR_BACKENDS = frozenset(BACKENDS)
# The names under which the harness registers its transformers backend.
HF_MODELS = frozenset({"hf", "hf-auto", "huggingface"})

# No second BOS before each text; by default the harness lets the tokenizer put one there.
_NO_BOS = {"add_bos_token": False}
# What each backend takes. The log-softmax of ``hf`` is by default in the model's own precision.
_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    **dict.fromkeys(HF_MODELS, _NO_BOS | {"softmax_dtype": "float32"}),
    **dict.fromkeys(
        ("vllm", "sglang", "sglang-generate", "trtllm", "local-completions", "openai-completions"),
        _NO_BOS,
    ),
}
_ON_TRANSFORMERS = HF_MODELS | {"infocap-hf"}
_FROM_FILES = _ON_TRANSFORMERS | {"infocap-vllm", "infocap-gguf"}


def complete_model_args(
    model: str, model_args: dict[str, Any], device: str | None, cache: str | None
) -> dict[str, Any]:
    """The model's arguments, with safe defaults, ``--cache`` and what a server tells of itself.

    Args:
        model: the backend.
        model_args: as the user gave them.
        device: of ``--device``.
        cache: of ``--cache``.

    Raises:
        InfocapError: the model cannot be found, or the backend has no such device or cache.
    """
    completed = {**_DEFAULTS.get(model, {}), **model_args}
    if model in _FROM_FILES:
        completed = with_gguf_file(completed)
        _require_model(completed)
    if model in _ON_TRANSFORMERS:
        say_dequantised(completed)
        refuse_missing_device(device or completed.get("device"))
    if model == "infocap-api":
        completed |= _told_by_server(completed)
    if not cache:
        return completed
    if model not in OUR_BACKENDS:
        raise InfocapError(
            f"--cache: --model {model} has no such cache; take one of {', '.join(BACKENDS)}, or "
            "the harness's --use_cache"
        )
    return completed | {"cache": cache}


def _require_model(model_args: Mapping[str, Any]) -> None:
    from infocap_tasks.models.pretrained import load_config
    from infocap_tasks.task.settings import parse_model

    model = parse_model(model_args)
    if model is None:
        raise InfocapError(
            "no model given: add --model_args pretrained=DIR_OR_HUB_ID "
            "(`infocap demo` shows a run on a small model)"
        )
    load_config(model)


def _server(model_args: Mapping[str, Any]) -> "Server":
    from infocap_tasks.backend.api.server import API_KEY, ask

    return ask(
        str(model_args["base_url"]),
        model_args.get("model"),
        model_args.get("engine"),
        os.environ.get(API_KEY),
    )


_SECRETS = ("api_key", "header", "headers", "auth_token")


def _told_by_server(model_args: Mapping[str, Any]) -> dict[str, Any]:
    """The served model, its tokenizer and its window, where the user did not give them."""
    from infocap_tasks.backend.api.server import API_KEY, require_source

    if "pretrained" in model_args or "base_url" not in model_args:
        raise InfocapError(
            "--model infocap-api: give the address of a server, --model_args "
            "base_url=http://HOST:PORT/v1, and model=NAME if it serves several; a model that "
            "runs here, pretrained=…, is for infocap-hf, infocap-vllm or infocap-gguf"
        )
    for name in _SECRETS:
        if name in model_args:  # the harness writes all model arguments into the results
            raise InfocapError(
                f"{name}: would stand in the results; set the environment variable {API_KEY}"
            )
    server = _server(model_args)
    told = {"model": server.model, "max_length": model_args.get("max_length") or server.max_length}
    if "tokenizer" not in model_args:
        told["tokenizer"] = require_source(server)
    return {name: value for name, value in told.items() if value is not None}


def facts(model: str, model_args: Mapping[str, Any], metadata: Mapping[str, Any]) -> dict[str, Any]:
    """What tasks are told of the backend, beside its arguments and what the user gave."""
    from infocap_tasks.backend.api.server import require_source

    told: dict[str, Any] = {"scored_by": model}
    if model in OUR_BACKENDS:
        from infocap_tasks.backend.token_lm import TokenLM

        told |= {"bos_policy": TokenLM.bos_policy, "takes_token_ids": TokenLM.takes_token_ids}
    states_cost = "flops_config" in metadata or "flops_per_token" in metadata
    if model == "infocap-api" and not states_cost:
        told["flops_config"] = require_source(_server(model_args))
    return told
