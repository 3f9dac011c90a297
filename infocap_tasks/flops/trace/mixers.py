"""Closed forms for the cores of recurrent and convolutional mixers, for one decoded token.

A scan over a sequence is elementwise, which a counter of matrix products does not see, or it runs
in padded chunks, which cost more than decoding. So the functions that transformers' models call
for it are replaced, while a model is traced, by ones that note the FLOPs of the recurrence itself.

Convention, the same for all kinds: each element of the state takes one multiply-add to be updated
(2 FLOPs) and one for each time it is read (2 FLOPs). Making the decay, the step size and the gates
is elementwise in the inputs and left out, as activations are everywhere. Other counters add it:
Megatron-LM charges Mamba 7 FLOPs a state element, and the gated delta rule 8.
"""

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

import torch
from torch import nn

from infocap_tasks.models.replaced import replaced

# Called with the FLOPs of the traced text, from inside the module that runs the core.
Note = Callable[[int], None]


def causal_convolution(note: Note) -> Callable[..., Any]:
    """Depthwise causal convolution: C channels, K taps each.

    The token's output is a dot product of K inputs with K weights in every channel: 2 C K.
    """

    def core(x: torch.Tensor, weight: torch.Tensor, *_: Any, **__: Any) -> torch.Tensor:
        note(2 * weight.numel() * x.shape[0] * x.shape[-1])  # x (batch, C, tokens)
        return torch.empty_like(x)

    return core


def selective_scan(note: Note) -> Callable[..., Any]:
    """Mamba-1, Falcon-Mamba, Jamba, Zamba: a state of D channels by N.

    h <- exp(dt A) h + (dt x) B^T updates D N elements, y = h C reads them: 4 D N.
    """

    def core(
        x: torch.Tensor,
        dt: Any,
        A: torch.Tensor,
        *_: Any,
        return_last_state: bool = False,
        **__: Any,
    ) -> Any:
        note(4 * A.numel() * x.shape[0] * x.shape[-1])  # x (batch, D, tokens), A (D, N)
        y = torch.empty_like(x)
        return (y, None) if return_last_state else y

    return core


def state_space_duality(note: Note) -> Callable[..., Any]:
    """Mamba-2 and its kin: H heads, each with a state of P by N.

    h <- exp(dt A) h + (dt x) B^T updates H P N elements, y = h C reads them: 4 H P N.
    """

    def core(
        x: torch.Tensor,
        dt: Any,
        A: Any,
        B: torch.Tensor,
        *_: Any,
        return_final_states: bool = False,
        **__: Any,
    ) -> Any:
        note(4 * x.numel() * B.shape[-1])  # x (batch, tokens, H, P), B (batch, tokens, groups, N)
        y = torch.empty_like(x)
        return (y, None) if return_final_states else y

    return core


def delta_rule(note: Note) -> Callable[..., Any]:
    """Gated DeltaNet (Qwen3-Next, Olmo-Hybrid) and Kimi's: H heads, a state of d_k by d_v each.

    S k is read, S <- decay S + (beta (v - S k)) k^T updates it, S q is read: 6 H d_k d_v.
    """

    def core(query: Any, key: torch.Tensor, value: torch.Tensor, *_: Any, **__: Any) -> Any:
        note(6 * value.numel() * key.shape[-1])  # value (batch, tokens, H, d_v)
        return torch.empty_like(value), None

    return core


def wkv(note: Note) -> Callable[..., Any]:
    """RWKV-4: a numerator and a denominator for each of A channels.

    Both are updated (a <- decay a + e^k v, b <- decay b + e^k) and both are read, with the
    token's own term added: 2 * (2 + 2) A = 8 A.
    """

    def core(
        decay: Any, first: Any, key: torch.Tensor, value: Any, state: Any = None, **_: Any
    ) -> Any:
        note(8 * key.numel())  # key (batch, tokens, A)
        return torch.empty_like(key), state

    return core


# Names that the models' modules give these functions.
FUNCTIONS: dict[str, Callable[[Note], Callable[..., Any]]] = {
    "causal_conv1d_fn": causal_convolution,
    "mamba_selective_scan": selective_scan,
    "mamba2_chunk_scan": state_space_duality,
    "torch_chunk_gated_delta_rule": delta_rule,
    "chunk_kimi_delta_attention": delta_rule,
    "rwkv_linear_attention": wkv,
}


def lightning_attention(module: Any) -> int:
    """MiniMax's linear attention: S <- decay S + k^T v is updated, q S is read: 4 H d^2."""
    return 4 * module.num_attention_heads * module.head_dim**2


def gated_linear_recurrence(module: Any) -> int:
    """RecurrentGemma's RG-LRU: h <- a h + x in each of W channels; h is the output: 2 W."""
    return 2 * module.recurrent_param.numel()


def dynamic_convolution(module: Any) -> int:
    """Inkling-2's convolution with weights from the token: K taps in each channel: 2 C K."""
    return 2 * module.static_weight.numel()


class InlineCore(NamedTuple):
    """A core inside a class's own forward pass.

    Attributes:
        flops_per_token: the closed form, from the module.
        replaces_traced: whether what is traced in the module itself is the core, in chunks. The
            RG-LRU's are its gates, which are projections.
    """

    flops_per_token: Callable[[Any], int]
    replaces_traced: bool


CLASSES: dict[str, InlineCore] = {
    "MiniMaxLightningAttention": InlineCore(lightning_attention, replaces_traced=True),
    "RecurrentGemmaRglru": InlineCore(gated_linear_recurrence, replaces_traced=False),
    "Inkling2DynamicShortConvolution": InlineCore(dynamic_convolution, replaces_traced=True),
}


def _matrix_lstm(note: Note) -> Callable[..., Any]:
    """xLSTM's mLSTM: H heads, a matrix memory of d_k by d_v and a normaliser of d_k each.

    Both are updated and both are read by the query: 4 H d_k (d_v + 1).
    """

    def core(query: torch.Tensor, key: Any, value: torch.Tensor, *_: Any, **__: Any) -> Any:
        # query (batch, H, tokens, d_k), value (batch, H, tokens, d_v)
        note(4 * query.numel() * (value.shape[-1] + 1))
        return torch.empty_like(value), None

    return core


FORWARDS: dict[str, Callable[[Note], Callable[..., Any]]] = {"xLSTMBackend": _matrix_lstm}


# Classes of mixers that have a core.
_KNOWN = re.compile(
    r"Mamba.*Mixer|MambaLayer|DeltaNet|DeltaAttention|ShortConv|Rwkv.*Attention|Rglru|xLSTMBackend"
    r"|LightningAttention"
)


def require_cores(called: Iterable[nn.Module], cores: Mapping[str, Any]) -> None:
    """Raise if a mixer ran but no core was noted: transformers has renamed a function.

    Raises:
        LookupError: there is such a mixer.
    """
    kinds = {type(module).__name__ for module in called}
    unnoted = sorted(kind for kind in kinds if _KNOWN.search(kind))
    if unnoted and not cores:
        raise LookupError(
            f"the core of {', '.join(unnoted)} is not called by any of the known names"
        )


@contextmanager
def closed_forms(model: nn.Module, note: Note) -> Iterator[None]:
    """The model with its cores replaced by closed forms, which are passed to ``note``."""
    sources = {
        sys.modules[kind.__module__]
        for module in model.modules()
        for kind in type(module).__mro__
        if kind.__module__ in sys.modules
    }
    with ExitStack() as stack:
        for source in sources:
            for name, make in FUNCTIONS.items():
                if hasattr(source, name):
                    stack.enter_context(replaced(source, name, make(note)))
        for module in model.modules():
            if forward := FORWARDS.get(type(module).__name__):
                stack.enter_context(replaced(module, "forward", forward(note)))
        yield
