"""A config in, FLOPs to decode one token out, counted on the model's own code.

Convention: one multiply-add is 2 FLOPs, and only products of matrices count: projections,
attention scores and weighted values, MLPs, the LM head. Norms, activations, rotary embeddings,
softmax and the embedding's look-up are left out, as in the published formulas. A token is decoded
with a KV cache, and the cost is the mean over the positions 1..L of a text: at position t a layer
attends to the keys that its own mask shows it, min(t, window) of them.

The forward pass runs on fake tensors (shapes without data), so no weights are read and none are
allocated, whatever the size. Its attention is replaced, by transformers' own registry of attention
implementations, by one that computes nothing and notes the shapes and the mask it was given; what
torch's FlopCounterMode then sees is linear in the number of tokens.
"""

import types
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode, unset_fake_temporarily
from torch.utils.flop_counter import FlopCounterMode
from transformers import (
    AttentionInterface,
    AttentionMaskInterface,
    AutoModelForCausalLM,
    PretrainedConfig,
    PreTrainedModel,
)

from infocap_tasks.errors import InfocapError
from infocap_tasks.pretrained import Pretrained, load_config

ATTENTION_PROJECTIONS = "attention_projections"
ATTENTION_CORE = "attention_core"
MLP = "mlp"
LM_HEAD = "lm_head"
OTHER = "other"

_IMPLEMENTATION = "infocap_shapes"
_TRACED_TOKENS = 16

Number = int | float
MaskFunction = Callable[[Any, Any, Any, Any], Any]


@dataclass(frozen=True)
class Flops:
    """FLOPs to decode one token at a mean position of a text of ``context_tokens`` tokens.

    Attributes:
        model_type: the config's own name for the architecture; None where FLOPs were given.
        context_tokens: L.
        breakdown: FLOPs per token by component; they sum to ``flops_per_token`` exactly.
        total_params: all parameters, tied ones once; None where FLOPs were given.
        active_params: parameters that one token uses, without the embedding's look-up.
        method: ``counted`` or ``given``.
    """

    model_type: str | None
    context_tokens: int
    breakdown: Mapping[str, Number]
    total_params: int | None
    active_params: int | None
    method: str

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
    if context_tokens < 1:
        raise InfocapError(f"context {context_tokens}: must be at least 1 token")
    text_config = deepcopy(config.get_text_config(decoder=True))
    if hasattr(text_config, "quantization_config"):
        del text_config.quantization_config
    try:
        trace = _trace(text_config, trust_remote_code)
        breakdown = _linear_flops(trace) | _attention_flops(trace, context_tokens)
    except Exception as error:  # whatever a model's own code raises on tensors without data
        raise InfocapError(
            f"the FLOPs of a {config.model_type} model cannot be counted "
            f"({type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}); "
            "state them with --metadata flops_per_token=N"
        ) from error
    total_params = sum(parameter.numel() for parameter in trace.model.parameters())
    return Flops(
        config.model_type,
        context_tokens,
        {name: _number(value) for name, value in breakdown.items() if value},
        total_params,
        total_params,
        "counted",
    )


@dataclass(frozen=True)
class _AttentionCall:
    """One call of the attention: its heads, widths, and which keys each position sees."""

    module: torch.nn.Module
    num_heads: int
    key_width: int
    value_width: int
    sees: MaskFunction


@dataclass(frozen=True)
class _Trace:
    """A forward pass: FLOPs of each module without its children, and the calls of attention."""

    model: PreTrainedModel
    flops_by_module: Mapping[str, int]
    attention_calls: list[_AttentionCall]


def _trace(config: PretrainedConfig, trust_remote_code: bool) -> _Trace:
    with FakeTensorMode(allow_non_fake_inputs=True), _recorded_attention() as calls:
        model = AutoModelForCausalLM.from_config(
            config, attn_implementation=_IMPLEMENTATION, trust_remote_code=trust_remote_code
        ).eval()
        ids = torch.zeros(1, _TRACED_TOKENS, dtype=torch.long)
        counter = FlopCounterMode(display=False)
        with counter, torch.no_grad():
            model(ids, attention_mask=torch.ones_like(ids), use_cache=False)
    totals = {path: sum(ops.values()) for path, ops in counter.get_flop_counts().items()}
    return _Trace(model, _without_children(totals), calls)


def _without_children(totals: Mapping[str, int]) -> dict[str, int]:
    """FLOPs of each module itself, from totals that include the modules below it."""
    own = dict(totals)
    for path, flops in totals.items():
        if "." in path:
            own[_nearest(path, totals)] -= flops
    del own["Global"]
    return own


def _nearest(path: str, paths: Mapping[str, int]) -> str:
    """The closest module above ``path`` that has an entry."""
    while "." in path:
        path = path.rpartition(".")[0]
        if path in paths:
            return path
    return "Global"


def _linear_flops(trace: _Trace) -> dict[str, Fraction]:
    """FLOPs per token of everything but attention's core, by component."""
    attention_modules = {call.module for call in trace.attention_calls}
    breakdown: dict[str, Fraction] = defaultdict(Fraction)
    for path, flops in trace.flops_by_module.items():
        component = _component(trace.model, path.partition(".")[2], attention_modules)
        breakdown[component] += Fraction(flops, _TRACED_TOKENS)
    return breakdown


def _component(model: PreTrainedModel, path: str, attention_modules: set[torch.nn.Module]) -> str:
    """The part of the model that the module at ``path`` belongs to."""
    if path and model.get_submodule(path) is model.get_output_embeddings():
        return LM_HEAD
    names = path.split(".") if path else []
    above = (model.get_submodule(".".join(names[:depth])) for depth in range(1, len(names) + 1))
    if any(module in attention_modules for module in above):
        return ATTENTION_PROJECTIONS
    in_a_layer = any(name.isdigit() for name in names)
    return MLP if in_a_layer else OTHER


def _attention_flops(trace: _Trace, context_tokens: int) -> dict[str, Fraction]:
    """FLOPs per token of attention scores and weighted values, at a mean position.

    A query of width d_k against one key is 2 d_k FLOPs, its weight times a value of width d_v
    2 d_v, in each of H heads: 2 H (d_k + d_v) for each key that is seen.
    """
    keys = {
        sees: count_visible_keys(sees, context_tokens)
        for sees in {call.sees for call in trace.attention_calls}
    }
    flops = sum(
        2 * call.num_heads * (call.key_width + call.value_width) * keys[call.sees]
        for call in trace.attention_calls
    )
    return {ATTENTION_CORE: Fraction(flops, context_tokens)}


def count_visible_keys(sees: MaskFunction, num_tokens: int) -> int:
    """Pairs of a position and a key that it sees, over a text of ``num_tokens`` tokens.

    The keys that a position sees are one run that ends at the position itself, for causal masks,
    sliding windows and chunks alike; where the run starts is found by bisection, for all
    positions at once.
    """
    with unset_fake_temporarily():
        position = torch.arange(num_tokens)
        first_unseen, last_seen = torch.full_like(position, -1), position
        while bool(torch.any(last_seen - first_unseen > 1)):
            middle = (first_unseen + last_seen + 1) // 2
            seen = sees(0, 0, position, middle).expand(num_tokens)
            open_ = last_seen - first_unseen > 1
            last_seen = torch.where(open_ & seen, middle, last_seen)
            first_unseen = torch.where(open_ & ~seen, middle, first_unseen)
        return int((position - last_seen + 1).sum())


@contextmanager
def _recorded_attention() -> Iterator[list[_AttentionCall]]:
    """Attention that notes how it is called, under the name ``_IMPLEMENTATION``."""
    calls: list[_AttentionCall] = []

    def attend(
        module: torch.nn.Module,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        attention_mask: torch.Tensor | None,
        **_: Any,
    ) -> tuple[torch.Tensor, None]:
        batch, num_heads, num_tokens, key_width = query.shape
        value_width = value.shape[-1]
        sees = _sees_all_before if attention_mask is None else attention_mask.infocap_sees  # type: ignore[attr-defined]
        calls.append(_AttentionCall(module, num_heads, key_width, value_width, sees))
        return query.new_empty(batch, num_tokens, num_heads, value_width), None

    AttentionInterface.register(_IMPLEMENTATION, attend)
    AttentionMaskInterface.register(_IMPLEMENTATION, _mask_that_remembers)
    yield calls


def _mask_that_remembers(
    batch_size: int,
    q_length: int,
    kv_length: int,
    q_offset: int = 0,
    kv_offset: int = 0,
    mask_function: MaskFunction | None = None,
    **_: Any,
) -> torch.Tensor:
    """A mask without values that carries the function which would have filled it."""
    mask = torch.zeros(batch_size, 1, q_length, kv_length)
    sees = _sees_all_before if mask_function is None else _on_real_tensors(mask_function)
    mask.infocap_sees = sees  # type: ignore[attr-defined]
    return mask


def _sees_all_before(
    batch: Any, head: Any, position: torch.Tensor, key: torch.Tensor
) -> torch.Tensor:
    return key <= position


def _on_real_tensors(function: Any) -> Any:
    """The mask function with zeros in place of the fake tensors that it captured.

    What it captures without data are the paddings and the numbers of packed texts, and both are
    zero for one text without padding.
    """
    if isinstance(function, FakeTensor):
        with unset_fake_temporarily():
            return torch.zeros([1] * function.dim(), dtype=function.dtype)
    if isinstance(function, tuple):
        return tuple(_on_real_tensors(item) for item in function)
    if not isinstance(function, types.FunctionType) or not function.__closure__:
        return function
    cells = [types.CellType(_on_real_tensors(cell.cell_contents)) for cell in function.__closure__]
    return types.FunctionType(
        function.__code__,
        function.__globals__,
        function.__name__,
        function.__defaults__,
        tuple(cells),
    )


def _number(value: Fraction) -> Number:
    """An integer where the value is one, else the nearest float."""
    return value.numerator if value.denominator == 1 else float(value)
