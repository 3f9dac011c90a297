"""A config in, FLOPs to decode one token out, counted on the model's own code.

Convention: one multiply-add is 2 FLOPs, and only products of matrices count: projections,
attention scores and weighted values, MLPs, picked experts, routers, the LM head, and the state
updates and read-outs of recurrent mixers. Norms, activations, rotary embeddings, softmax and the
embedding's look-up are left out, as in the published formulas.

A token is decoded with a KV cache, and the cost is the mean over the positions 1..L of a text: at
position t a layer attends to the keys that its own mask shows it, min(t, window) of them. Keys and
values are cached as the attention takes them; latent ones (MLA) are expanded once, when their
token is decoded.
"""

from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from transformers import PretrainedConfig

from infocap_tasks.errors import InfocapError
from infocap_tasks.flops.components import linear_flops
from infocap_tasks.flops.params import total_params, unpicked_params
from infocap_tasks.flops.published import reference_flops_per_token
from infocap_tasks.flops.record import ATTENTION_CORE, COMPONENTS, Flops, as_number
from infocap_tasks.flops.trace.attention import count_keys, windowed_keys
from infocap_tasks.flops.trace.forward import Trace, is_known, trace
from infocap_tasks.flops.verify import verification
from infocap_tasks.models.layers import more_layers_than
from infocap_tasks.models.pretrained import Pretrained, load_config

_PUBLISHED = "published formula"

_MAX_CONTEXT_TOKENS = 2**26
_MAX_LAYERS = 1000


@lru_cache(maxsize=32)
def count_model(model: Pretrained, context_tokens: int) -> Flops:
    """FLOPs of the model that ``model`` names; only its config is read.

    Raises:
        InfocapError: as ``load_config`` and ``count``.
    """
    config = load_config(model)
    try:
        return count(config, context_tokens, model.trust_remote_code)
    except InfocapError as error:
        raise InfocapError(f"model {model.path}: {error}") from error


def count(
    config: PretrainedConfig, context_tokens: int = 1024, trust_remote_code: bool = False
) -> Flops:
    """FLOPs to decode one token with a model of this config.

    Args:
        config: a causal language model's config, or a wrapper around one.
        context_tokens: L, the length of the text that positions are averaged over.
        trust_remote_code: build the model from code that its repository brings.

    Raises:
        InfocapError: the context is below 1, or the model's code cannot be traced.
    """
    refuse_context(context_tokens)
    _refuse_uncountable(config, trust_remote_code)
    traced = _traced(config, trust_remote_code)
    breakdown = linear_flops(traced)
    breakdown[ATTENTION_CORE] = _attention_flops(traced, context_tokens)
    num_params = total_params(traced)
    return Flops(
        config.model_type,
        context_tokens,
        MappingProxyType({n: as_number(breakdown[n]) for n in COMPONENTS if breakdown[n]}),
        num_params,
        num_params - unpicked_params(traced),
        "counted",
        reference_flops_per_token(config),
        verification(traced, breakdown, context_tokens),
    )


def published_flops(model: Pretrained, context_tokens: int) -> Flops:
    """FLOPs by the published formula, whatever the model itself does.

    Raises:
        InfocapError: the config cannot be loaded, or no formula was published for its type.
    """
    config = load_config(model)
    number = reference_flops_per_token(config, context_tokens)
    if number is None:
        raise InfocapError(
            f"model {model.path}: no formula was published for model_type {config.model_type}; "
            "give --metadata flops_per_token=N, or run the task without _reference"
        )
    try:
        counted = count_model(model, context_tokens)
    except InfocapError:  # a model whose code cannot be traced still has its published figure
        breakdown = {_PUBLISHED: number}
        return Flops(config.model_type, context_tokens, breakdown, None, None, _PUBLISHED)
    return replace(counted, breakdown={_PUBLISHED: number}, method=_PUBLISHED, verification=None)


def refuse_context(context_tokens: int) -> None:
    """Refuse a length of texts that nothing can be counted at.

    Raises:
        InfocapError: it is below 1, or absurd.
    """
    if not 1 <= context_tokens <= _MAX_CONTEXT_TOKENS:
        raise InfocapError(
            f"context {context_tokens}: must be at least 1 token "
            f"and at most {_MAX_CONTEXT_TOKENS:,}"
        )


def _traced(config: PretrainedConfig, trust_remote_code: bool) -> Trace:
    try:
        return trace(config, trust_remote_code)
    except Exception as error:  # whatever a model's own code raises on tensors without data
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        raise InfocapError(_uncountable(config, reason)) from error


def _attention_flops(traced: Trace, context_tokens: int) -> Fraction:
    """FLOPs per token of attention scores and weighted values, at a mean position."""
    # Layers share their masks, and a text's keys take long to count: once for each mask. A layer
    # that picks among its keys may pick differently from the next, so it stands for itself.
    keys = {}
    flops = Fraction(0)
    for call in traced.attention_calls:
        kind = (call.mask, call.select and call.module)
        if kind not in keys:
            keys[kind] = count_keys(call, context_tokens)
        flops += call.flops_of_keys(keys[kind])
    for path, per_pair in traced.quadratic.items():
        window = _own_window(traced.model.get_submodule(path)) or context_tokens
        flops += per_pair * windowed_keys(context_tokens, window)
    return flops / context_tokens


def _own_window(module: Any) -> int | None:
    """The sliding window of attention that does not go through transformers' registry."""
    if getattr(module, "attention_type", None) == "local":  # GPT-Neo
        return int(module.config.window_size)
    return None


UNCOUNTABLE = {
    "blt": "its patches are cut where the text surprises a smaller model, so the cost of a byte "
    "depends on the text",
    "gemma4_assistant": "it drafts from another model's states and is no language model by itself",
    "gemma4_unified_assistant": "it drafts from another model's states and is no language model "
    "by itself",
    "musicgen": "it models codes of sound, not text",
    "musicgen_melody": "it models codes of sound, not text",
    "qwen4_exp": "its indexer picks keys one query at a time by their data",
    "qwen4_exp_text": "its indexer picks keys one query at a time by their data",
    "reformer": "which keys its attention compares depends on their data",
    "xmod": "it picks an adapter by each text's language",
}


def _refuse_uncountable(config: PretrainedConfig, trust_remote_code: bool) -> None:
    """Raise for the architectures that have no one cost of a token, with the reason."""
    if config.model_type in UNCOUNTABLE:
        raise InfocapError(_uncountable(config, UNCOUNTABLE[config.model_type]))
    if not trust_remote_code and not is_known(config):
        raise InfocapError(
            _uncountable(config, "transformers knows no causal language model of this type")
        )
    layers = getattr(config.get_text_config(decoder=True), "num_hidden_layers", 1)
    if isinstance(layers, int) and layers < 1:
        raise InfocapError(_uncountable(config, f"num_hidden_layers is {layers}"))
    if many := more_layers_than(_MAX_LAYERS, config.to_dict()):
        raise InfocapError(_uncountable(config, many))


def _uncountable(config: PretrainedConfig, reason: str) -> str:
    return (
        f"the FLOPs of a {config.model_type} model cannot be counted: {reason}; "
        "to score such a model, state them: infocap eval --metadata flops_per_token=N"
    )
