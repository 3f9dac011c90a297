"""A model built from its config on tensors without data, and its forward pass traced.

No weights are read and no memory is taken, whatever the size.
"""

import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.modules.module import register_module_forward_pre_hook
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode
from transformers import (
    MODEL_FOR_CAUSAL_LM_MAPPING,
    MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    PretrainedConfig,
    PreTrainedModel,
)
from transformers.initialization import no_init_weights

from infocap_tasks.flops.trace import attention, experts, mixers
from infocap_tasks.flops.trace.attention import AttentionCall
from infocap_tasks.models.replaced import replaced

_TOKENS = 32


@dataclass(frozen=True)
class Trace:
    """What a forward pass multiplies, by the path of the module itself, without those below it.

    Attributes:
        model: the model, on fake tensors.
        linear: FLOPs for each token.
        quadratic: FLOPs for each pair of tokens; attention that a model's own code computes.
        cores: FLOPs for each token of recurrent and convolutional cores, by closed form.
        experts: FLOPs for each token of experts that were not traced, by closed form.
        attention_calls: calls of attention through transformers' registry.
        called: modules that the pass went through; a decoder by itself does not call all.
        is_wrapper: the model holds more than a text model.
    """

    model: PreTrainedModel
    called: frozenset[nn.Module]
    is_wrapper: bool
    linear: Mapping[str, Fraction]
    quadratic: Mapping[str, Fraction]
    cores: Mapping[str, Fraction]
    experts: Mapping[str, Fraction]
    attention_calls: list[AttentionCall]

    def used_modules(self) -> set[nn.Module]:
        """Modules that took part: called, or right below one that was and may use their weights."""
        below = {child for module in self.called for child in module.children()}
        return {*self.called, *(module for module in below if not any(module.children()))}


_lock = threading.Lock()  # tracing replaces functions for the whole process


def is_known(config: PretrainedConfig) -> bool:
    """Whether transformers itself can build a language model that reads text from this config."""
    kinds = {type(config), type(config.get_text_config(decoder=True))}
    known = (MODEL_FOR_CAUSAL_LM_MAPPING, MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING)
    return any(kind in mapping for kind in kinds for mapping in known)


def trace(config: PretrainedConfig, trust_remote_code: bool = False) -> Trace:
    """Trace the text model of ``config`` as a decoder.

    Two lengths tell what grows with the tokens from what grows with their pairs; a third one,
    where they do not agree, sets aside what does not grow at all (a learned prompt, the margin of
    a convolution).

    Raises:
        Exception: whatever the model's own code raises on tensors without data.
    """
    config = _as_decoder(config)
    called: set[nn.Module] = set()
    with _lock, _without_data():
        model = _build(config, trust_remote_code)
        hook = register_module_forward_pre_hook(lambda module, _: called.add(module))
        try:
            one = _count(model, config, _TOKENS)
        finally:
            hook.remove()
        two = _count(model, config, 2 * _TOKENS)
        calls = one.attention_calls
        traced = {path: [one.traced[path], two.traced[path]] for path in one.traced | two.traced}
        if any(double != 2 * single for single, double in traced.values()):
            three = _count(model, config, 3 * _TOKENS)
            traced = {path: [*values, three.traced[path]] for path, values in traced.items()}
    coefficients = {path: _coefficients(*values) for path, values in traced.items()}
    modules = dict(model.named_modules())
    cores = {**one.cores, **_inline(modules)}
    mixers.require_cores(called, cores)
    return Trace(
        model,
        frozenset(called),
        config.get_text_config(decoder=True) is not config,
        {path: linear for path, (linear, _) in coefficients.items()},
        {path: quadratic for path, (_, quadratic) in coefficients.items() if quadratic},
        {path: flops / _TOKENS for path, flops in cores.items()},
        {path: flops / _TOKENS for path, flops in one.experts.items()},
        calls,
    )


def _coefficients(one: int, two: int, three: int | None = None) -> tuple[Fraction, Fraction]:
    """l and q of F(T) = c + l T + q T^2 from F(T), F(2T) and F(3T); without the third, c = 0."""
    quadratic = Fraction(two - 2 * one if three is None else three - 2 * two + one, 2 * _TOKENS**2)
    constant_free = Fraction(two - one) - 3 * quadratic * _TOKENS**2
    return constant_free / _TOKENS, quadratic


def _inline(modules: Mapping[str, nn.Module]) -> dict[str, Fraction]:
    """Cores that stand inside a class's own forward pass, for the traced tokens."""
    forms = {path: mixers.CLASSES.get(type(module).__name__) for path, module in modules.items()}
    return {
        path: Fraction(form.flops_per_token(modules[path]) * _TOKENS)
        for path, form in forms.items()
        if form
    }


# ---------------------------------------------------------------- building


def _as_decoder(config: PretrainedConfig) -> PretrainedConfig:
    """The text model's config, unquantised, as a model that reads from left to right."""
    text = config if config.is_encoder_decoder else config.get_text_config(decoder=True)
    # Some text models are known to transformers only by their wrapper (Mllama, Emu3).
    config = deepcopy(text if type(text) in MODEL_FOR_CAUSAL_LM_MAPPING else config)
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    if getattr(config, "is_decoder", None) is False and not config.is_encoder_decoder:
        config.is_decoder = True  # BERT and its kin
    if getattr(config, "attention_type", None) == "block_sparse":
        config.attention_type = "original_full"  # BigBird; its sparse one is bidirectional
    return config


def _build(config: PretrainedConfig, trust_remote_code: bool) -> PreTrainedModel:
    # Some wrappers are language models to transformers only by this mapping (Qwen2-VL).
    needs_wrapper = (
        type(config) in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING
        and type(config) not in MODEL_FOR_CAUSAL_LM_MAPPING
    )
    kind = AutoModelForImageTextToText if needs_wrapper else AutoModelForCausalLM
    arguments: dict[str, Any] = {"trust_remote_code": trust_remote_code}
    with no_init_weights():
        try:
            model = kind.from_config(
                config, attn_implementation=attention.IMPLEMENTATION, **arguments
            )
        except (ValueError, KeyError) as error:
            if attention.IMPLEMENTATION not in str(error):
                raise
            # Classes that have only their own attention; its matrix products are traced.
            model = kind.from_config(config, attn_implementation="eager", **arguments)
    model.eval()
    model.tie_weights()
    model.set_experts_implementation("batched_mm")
    return model


# ---------------------------------------------------------------- tracing


@dataclass(frozen=True)
class _Counts:
    traced: defaultdict[str, int]
    cores: Mapping[str, Fraction]
    experts: Mapping[str, Fraction]
    attention_calls: list[AttentionCall]


def _count(model: PreTrainedModel, config: PretrainedConfig, num_tokens: int) -> _Counts:
    counter = FlopCounterMode(display=False)
    cores: defaultdict[str, Fraction] = defaultdict(Fraction)
    picked: defaultdict[str, Fraction] = defaultdict(Fraction)

    def here() -> str:
        return _below_root(max(counter.mod_tracker.parents - {"Global"}, key=len))

    def note_core(flops: int) -> None:
        cores[here()] += flops

    def note_experts(flops: Fraction) -> None:
        picked[here()] += flops

    ids = torch.zeros(1, num_tokens, dtype=torch.long)
    with (
        attention.recorded() as calls,
        mixers.closed_forms(model, note_core),
        experts.closed_forms(model, config, note_experts),
        torch.no_grad(),
        sdpa_kernel(SDPBackend.MATH),  # the kernel whose matrix products are seen
        counter,
    ):
        model(input_ids=ids, use_cache=False)
    totals = {path: sum(ops.values()) for path, ops in counter.get_flop_counts().items()}
    traced = _without_children(totals)
    for path, module in model.named_modules():
        form = mixers.CLASSES.get(type(module).__name__)
        if form and form.replaces_traced:
            traced.pop(path, None)
    return _Counts(traced, dict(cores), dict(picked), calls)


def _below_root(path: str) -> str:
    """A tracker's path, which starts with the model's class, as the model itself names it."""
    return path.partition(".")[2]


def _without_children(totals: Mapping[str, int]) -> defaultdict[str, int]:
    """FLOPs of each module itself, from totals that include the modules below it."""
    own = dict(totals)
    for path in totals:
        above = path.rpartition(".")[0]
        while above and above not in totals:
            above = above.rpartition(".")[0]
        if above:
            own[above] -= totals[path]
    own.pop("Global", None)
    return defaultdict(int, {_below_root(path): flops for path, flops in own.items()})


class _AssumedScalars(TorchDispatchMode):
    """Answers a model that asks for a value where there are only shapes: true, or zero."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.ops.aten._local_scalar_dense.default and isinstance(args[0], FakeTensor):
            dtype = args[0].dtype
            return True if dtype == torch.bool else 0.0 if dtype.is_floating_point else 0
        return func(*args, **(kwargs or {}))


def _convert(module: nn.Module, function: Callable[..., Any], recurse: bool = True) -> nn.Module:
    """``Module._apply``, which ``to`` calls, for fake tensors.

    torch swaps the contents of a parameter, which it refuses where anything holds a weak
    reference to it, as the mode of fake tensors does. Here the new parameter takes its place.
    """
    if recurse:
        for child in module.children():
            child._apply(function)
    for name, parameter in module.named_parameters(recurse=False):
        if (converted := function(parameter)) is not parameter:
            setattr(module, name, nn.Parameter(converted, parameter.requires_grad))
    for name, buffer in module.named_buffers(recurse=False):
        setattr(module, name, function(buffer))
    return module


@contextmanager
def _without_data() -> Iterator[None]:
    """Tensors have shapes and no data; checks of their values and warnings about them are off."""
    torch_log = logging.getLogger("torch._subclasses.fake_tensor")
    level, validate = torch_log.level, torch.distributions.Distribution._validate_args
    torch_log.setLevel(logging.CRITICAL)
    torch.distributions.Distribution.set_default_validate_args(False)
    try:
        with (
            FakeTensorMode(allow_non_fake_inputs=True),
            _AssumedScalars(),
            replaced(nn.Module, "_apply", _convert),
        ):
            yield
    finally:
        torch_log.setLevel(level)
        torch.distributions.Distribution.set_default_validate_args(validate)
