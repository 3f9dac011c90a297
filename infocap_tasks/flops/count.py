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

import re
from collections import defaultdict
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from torch import nn
from transformers import PretrainedConfig

from infocap_tasks.errors import InfocapError
from infocap_tasks.flops.published import reference_flops_per_token
from infocap_tasks.flops.trace.attention import count_keys
from infocap_tasks.flops.trace.experts import holds_experts, stacked_matrices
from infocap_tasks.flops.trace.forward import Trace, is_known, trace
from infocap_tasks.models.pretrained import Pretrained, load_config

ATTENTION_PROJECTIONS = "attention_projections"
ATTENTION_CORE = "attention_core"
MLP = "mlp"
EXPERTS = "experts"
SHARED_EXPERTS = "shared_experts"
ROUTER = "router"
MIXER_PROJECTIONS = "mixer_projections"
MIXER_CORE = "mixer_core"
LM_HEAD = "lm_head"
OTHER = "other"
COMPONENTS = (
    ATTENTION_PROJECTIONS, ATTENTION_CORE, MLP, EXPERTS, SHARED_EXPERTS, ROUTER,
    MIXER_PROJECTIONS, MIXER_CORE, LM_HEAD, OTHER,
)  # fmt: skip

Number = int | float

_PUBLISHED = "published formula"

_MAX_CONTEXT_TOKENS = 2**26


@dataclass(frozen=True)
class Flops:
    """FLOPs to decode one token at a mean position of a text of ``context_tokens`` tokens.

    Attributes:
        model_type: the config's own name for the architecture; None where FLOPs were given.
        context_tokens: L.
        breakdown: FLOPs per token by component; they sum to ``flops_per_token`` exactly.
        total_params: all parameters, tied ones once; None where FLOPs were given.
        active_params: parameters without those of the experts that one token is not sent to.
        method: ``counted``, ``given`` or ``published formula``.
        reference_flops_per_token: N by the published formula; None where it does not apply.
        verification: the same worked out a second way, and the difference.
    """

    model_type: str | None
    context_tokens: int
    breakdown: Mapping[str, Number]
    total_params: int | None
    active_params: int | None
    method: str
    reference_flops_per_token: int | None = None
    verification: Mapping[str, Any] | None = None

    @property
    def flops_per_token(self) -> Number:
        """N, the sum of the breakdown."""
        return sum(self.breakdown.values())

    def record(self) -> dict[str, Any]:
        """The fields as they are printed and stored, in that order."""
        return {
            "model_type": self.model_type,
            "context_tokens": self.context_tokens,
            "flops_per_token": self.flops_per_token,
            "breakdown": dict(self.breakdown),
            "total_params": self.total_params,
            "active_params": self.active_params,
            "method": self.method,
            "reference_flops_per_token": self.reference_flops_per_token,
            "verification": self.verification,
        }


def given_flops(flops_per_token: object, context_tokens: int) -> Flops:
    """FLOPs that the user states.

    Raises:
        InfocapError: it is not a number above 1 (its logarithm divides).
    """
    if (
        isinstance(flops_per_token, bool)
        or not isinstance(flops_per_token, int | float)
        or not 1 < flops_per_token < float("inf")
    ):
        raise InfocapError(
            f"flops_per_token={flops_per_token}: must be a number above 1, "
            "the FLOPs to decode one token, such as 2.5e9"
        )
    number = int(flops_per_token) if flops_per_token == int(flops_per_token) else flops_per_token
    return Flops(None, context_tokens, {"given": number}, None, None, "given")


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


@lru_cache(maxsize=32)
def count_model(model: Pretrained, context_tokens: int) -> Flops:
    """FLOPs of the model that ``model`` names; only its config is read.

    Raises:
        InfocapError: as ``load_config`` and ``count``.
    """
    return count(load_config(model), context_tokens, model.trust_remote_code)


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
    if not 1 <= context_tokens <= _MAX_CONTEXT_TOKENS:
        raise InfocapError(
            f"context {context_tokens}: must be at least 1 token "
            f"and at most {_MAX_CONTEXT_TOKENS:,}"
        )
    _refuse_uncountable(config, trust_remote_code)
    try:
        traced = trace(config, trust_remote_code)
    except Exception as error:  # whatever a model's own code raises on tensors without data
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        raise InfocapError(_uncountable(config, reason)) from error
    breakdown = _linear_flops(traced)
    breakdown[ATTENTION_CORE] = _attention_flops(traced, context_tokens)
    total_params = _total_params(traced)
    return Flops(
        config.model_type,
        context_tokens,
        MappingProxyType({n: _number(breakdown[n]) for n in COMPONENTS if breakdown[n]}),
        total_params,
        total_params - _unpicked_params(traced),
        "counted",
        reference_flops_per_token(config),
        _verification(traced, breakdown, context_tokens),
    )


# ---------------------------------------------------------------- by component


def _linear_flops(traced: Trace) -> defaultdict[str, Fraction]:
    """FLOPs per token of all but attention's core, by component."""
    parts = _Parts(traced)
    breakdown: defaultdict[str, Fraction] = defaultdict(Fraction)
    for path, flops in traced.linear.items():
        # Without any parameter, what is multiplied are tables of positions, not tokens.
        if next(traced.model.get_submodule(path).parameters(), None) is not None:
            breakdown[parts.component(path)] += flops
    for path, flops in traced.experts.items():
        breakdown[parts.component(path)] += flops
    breakdown[MIXER_CORE] += sum(traced.cores.values())
    return breakdown


class _Parts:
    """Which part of a model each of its modules belongs to, by what ran in it."""

    def __init__(self, traced: Trace) -> None:
        self._model = traced.model
        self._head = traced.model.get_output_embeddings()
        paths = {module: path for path, module in traced.model.named_modules()}
        called = {paths[call.module] for call in traced.attention_calls}
        inside = called | set(traced.quadratic) | set(traced.cores)
        self._layer_lists = {_layer_list(path) for path in inside} - {""}
        self._attention = {self._block(path) for path in called | set(traced.quadratic)}
        self._mixers = {
            self._child_of_layer(path)
            for path in traced.cores
            if not _is_below(path, self._attention)
        }
        self._experts = {
            path: module for path, module in traced.model.named_modules() if holds_experts(module)
        }

    def component(self, path: str) -> str:
        """The component whose FLOPs the module at ``path`` itself counts to."""
        if any(self._model.get_submodule(above) is self._head for above in _upwards(path)):
            return LM_HEAD
        if _is_below(path, self._experts):
            return EXPERTS
        if _is_below(path, self._attention):
            return ATTENTION_PROJECTIONS
        if _is_below(path, self._mixers):
            is_core = isinstance(self._model.get_submodule(path), nn.Conv1d)
            return MIXER_CORE if is_core else MIXER_PROJECTIONS
        if self._experts and re.search(r"(^|\.)shared_(mlp|experts?)(\.|$)", path):
            return SHARED_EXPERTS
        for block in _upwards(path):
            if num_experts := self._experts_in(block):
                if self._is_router(path, block, num_experts):
                    return ROUTER
                return MLP if self._is_layer(block) else SHARED_EXPERTS
        return MLP if any(path.startswith(f"{name}.") for name in self._layer_lists) else OTHER

    def _experts_in(self, block: str) -> int:
        """Number of experts of the block whose direct child holds them, else 0."""
        for path, module in self._experts.items():
            if path.rpartition(".")[0] == block:
                return (
                    int(getattr(module, "num_experts", 0)) or stacked_matrices(module)[0].shape[0]
                )
        return 0

    def _is_router(self, path: str, block: str, num_experts: int) -> bool:
        """By its name or class, or that of a module between it and its block, or its size."""
        between = [above for above in _upwards(path) if len(above) > len(block)]
        kinds = [type(self._model.get_submodule(above)).__name__ for above in between]
        named = any(re.search(r"Router|Gate$|Gating|Classifier", kind) for kind in kinds) or any(
            above.rpartition(".")[2] in {"router", "gate", "gating"} for above in between
        )
        own = self._model.get_submodule(path).parameters(recurse=False)
        return named or (
            len(between) <= 1 and any(p.dim() == 2 and p.shape[0] == num_experts for p in own)
        )

    def _block(self, path: str) -> str:
        """The whole attention block of the module that computes the scores."""
        above = path.rpartition(".")[0]
        while above and self._is_attention(above):
            path, above = above, above.rpartition(".")[0]
        return path

    def _is_attention(self, path: str) -> bool:
        kind = type(self._model.get_submodule(path)).__name__
        return bool(re.search(r"Atten|Attn|MLA|MoA", kind)) and not re.search(
            r"Layer$|Block$|Model|ForCausal", kind
        )

    def _is_layer(self, path: str) -> bool:
        above, _, name = path.rpartition(".")
        return name.isdigit() and above in self._layer_lists

    def _child_of_layer(self, path: str) -> str:
        """The module directly in a layer that holds the one at ``path``."""
        depth = _layer_list(path).count(".") + 3
        return ".".join(path.split(".")[:depth])


def _upwards(path: str) -> Iterator[str]:
    """The path and those of the modules above it, the model itself left out."""
    while path:
        yield path
        path = path.rpartition(".")[0]


def _is_below(path: str, blocks: Container[str]) -> bool:
    return any(above in blocks for above in _upwards(path))


def _layer_list(path: str) -> str:
    """The list of layers that the module stands in: the path before its first number."""
    names = path.split(".")
    depth = next((depth for depth, name in enumerate(names) if name.isdigit()), 0)
    return ".".join(names[:depth])


def _attention_flops(traced: Trace, context_tokens: int) -> Fraction:
    """FLOPs per token of attention scores and weighted values, at a mean position."""
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


def windowed_keys(num_tokens: int, window: int) -> int:
    """Keys seen, summed over the positions of a text: sum of min(t, window) for t = 1..L."""
    inside = min(num_tokens, window)
    return inside * (inside + 1) // 2 + (num_tokens - inside) * window


def _picked_shares(traced: Trace) -> Iterator[tuple[nn.Module, Fraction]]:
    """Modules that hold experts, with the share of their parameters that one token uses."""
    flops = defaultdict(Fraction, traced.linear)
    for path, value in traced.experts.items():
        flops[path] += value
    for path, module in traced.model.named_modules():
        if holds_experts(module):
            yield module, flops[path] / (2 * sum(p.numel() for p in stacked_matrices(module)))


def _total_params(traced: Trace) -> int:
    """All parameters; of a wrapper, those of its text model."""
    if not traced.is_wrapper:
        return sum(parameter.numel() for parameter in traced.model.parameters())
    used = {p for module in traced.used_modules() for p in module.parameters(recurse=False)}
    used |= {p for m in traced.model.modules() if holds_experts(m) for p in m.parameters()}
    return sum(parameter.numel() for parameter in used)


def _unpicked_params(traced: Trace) -> int:
    """Parameters of the experts that a token is not sent to."""
    return round(
        sum(
            (1 - share) * sum(p.numel() for p in module.parameters())
            for module, share in _picked_shares(traced)
        )
    )


# ---------------------------------------------------------------- a second way


def _verification(
    traced: Trace, breakdown: Mapping[str, Fraction], context_tokens: int
) -> dict[str, Any]:
    """The linear part and attention's core worked out without the trace, and the difference.

    2 FLOPs for each matrix parameter that a token uses (the LM head also where it is tied, the
    look-up of embeddings not), and 2 H (d_k + d_v) for each key from what the config declares.
    """
    linear = 2 * _matrix_params(traced)
    mixer_core = breakdown.get(MIXER_CORE, Fraction(0))
    attention = closed_form_attention(traced.model.config, context_tokens)
    core = breakdown.get(ATTENTION_CORE, Fraction(0))
    counted = sum(breakdown.values()) - core - mixer_core
    second = linear + (core if attention is None else attention)
    difference = float((counted + core - second) / second)
    return {
        "counted_linear_flops_per_token": _number(counted),
        "linear_flops_per_token": _number(linear),
        "attention_flops_per_token": None if attention is None else _number(attention),
        "relative_difference": difference,
        "agrees": abs(difference) <= 0.01,
    }


def _matrix_params(traced: Trace) -> Fraction:
    """Parameters of the matrices that a token is multiplied with.

    Not the look-up of embeddings, nor what a decoder by itself does not run (cross-attention, the
    encoders of a wrapper), nor the convolutions and state matrices of the mixers' cores.
    """
    head = traced.model.get_output_embeddings()
    shares = dict(_picked_shares(traced))
    total = Fraction(0)
    for module in traced.used_modules():
        if module in shares:
            total += shares[module] * sum(p.numel() for p in stacked_matrices(module))
        elif not isinstance(module, nn.Conv1d | nn.Embedding) or module is head:
            own = module.named_parameters(recurse=False)
            total += sum(p.numel() for name, p in own if p.dim() >= 2 and name != "A_log")
    return total


def closed_form_attention(config: Any, context_tokens: int) -> Fraction | None:
    """Attention's core in FLOPs per token from a config's declared heads, widths and windows.

    None where the config does not declare them in one of the usual ways.
    """
    try:
        return _declared_attention(config, context_tokens)
    except (AttributeError, TypeError, KeyError, RuntimeError):  # the last: set layer by layer
        return None


def _declared_attention(config: Any, context_tokens: int) -> Fraction:
    window = getattr(config, "sliding_window", None) or context_tokens
    kinds = getattr(config, "layer_types", None) or getattr(config, "layers_block_type", None)
    keys_of = {
        "full_attention": context_tokens,
        "attention": context_tokens if kinds else window,
        "sliding_attention": window,
    }
    without_keys = {"linear_attention", "mamba", "conv", "moe", "mlp", "recurrent"}
    num_heads: int = config.num_attention_heads
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // num_heads
    nope, rope = (getattr(config, f"qk_{part}_head_dim", None) for part in ("nope", "rope"))
    key_width = nope + rope if nope and rope else head_dim
    value_width = getattr(config, "v_head_dim", None) or head_dim
    layers = kinds or ["attention"] * config.num_hidden_layers
    keys = sum(
        windowed_keys(context_tokens, keys_of[kind]) for kind in layers if kind not in without_keys
    )
    return Fraction(2 * num_heads * (key_width + value_width) * keys, context_tokens)


# ---------------------------------------------------------------- what cannot be counted

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


def _uncountable(config: PretrainedConfig, reason: str) -> str:
    return (
        f"the FLOPs of a {config.model_type} model cannot be counted: {reason}; "
        "to score such a model, state them: infocap eval --metadata flops_per_token=N"
    )


def _number(value: Fraction) -> Number:
    """An integer where the value is one, else the nearest float."""
    return value.numerator if value.denominator == 1 else float(value)
