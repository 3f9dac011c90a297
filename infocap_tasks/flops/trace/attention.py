"""Attention that computes nothing and records how it was called: heads, widths, visible keys.

It stands in transformers' own registry of attention implementations, so each model's own code
calls it, with the mask that its own code makes for each layer.
"""

import sys
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensor, unset_fake_temporarily
from transformers import AttentionInterface, AttentionMaskInterface

IMPLEMENTATION = "infocap_shapes"

_BLOCK_TOKENS = 2**20  # positions whose keys are counted at a time

MaskFunction = Callable[[Any, Any, Any, Any], Any]
# Keys that a layer attends to (tokens,), from those its mask shows (tokens,) and the positions.
Selection = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class AttentionCall:
    """One call of the attention.

    Attributes:
        module: the module that called it.
        num_heads: query heads H.
        key_width: width of queries and keys d_k, of one head.
        value_width: width of values d_v, of one head.
        mask: which key a position sees; None for all up to itself.
        traced_tokens: length of the traced text, the shape of what ``mask`` captured.
        select: keys attended to among those seen; None for all of them.
    """

    module: nn.Module
    num_heads: int
    key_width: int
    value_width: int
    mask: MaskFunction | None
    traced_tokens: int
    select: Selection | None

    def flops_of_keys(self, num_keys: int) -> int:
        """FLOPs of scores and weighted values: 2 H (d_k + d_v) a key."""
        return 2 * self.num_heads * (self.key_width + self.value_width) * num_keys


def count_keys(call: AttentionCall, num_tokens: int) -> int:
    """Keys attended to, summed over the positions of a text of ``num_tokens`` tokens."""
    if call.mask is None and call.select is None:
        return num_tokens * (num_tokens + 1) // 2
    with unset_fake_temporarily():
        sees = _with_data(call.mask, {call.traced_tokens: num_tokens}) if call.mask else None
        total = 0
        for block in torch.arange(num_tokens).split(_BLOCK_TOKENS):
            keys = block + 1 if sees is None else block - _first_visible_key(sees, block) + 1
            total += int((call.select(keys, block) if call.select else keys).sum())
        return total


def windowed_keys(num_tokens: int, window: int) -> int:
    """Keys seen, summed over the positions of a text: sum of min(t, window) for t = 1..L."""
    inside = min(num_tokens, window)
    return inside * (inside + 1) // 2 + (num_tokens - inside) * window


def _first_visible_key(sees: MaskFunction, position: torch.Tensor) -> torch.Tensor:
    """The first key that each position sees, by bisection for all positions at once.

    The keys that a position sees are one run that ends at the position itself: in causal masks,
    sliding windows and chunks alike.
    """
    zero = torch.tensor(0)
    unseen, seen = torch.full_like(position, -1), position
    while bool(torch.any(seen - unseen > 1)):
        middle = torch.where(seen - unseen > 1, (unseen + seen + 1) // 2, seen)
        visible = torch.as_tensor(sees(zero, zero, position, middle)).expand(position.shape)
        unseen, seen = torch.where(visible, unseen, middle), torch.where(visible, middle, seen)
    return seen


def _with_data(captured: Any, sizes: dict[int, int], name: str = "") -> Any:
    """A mask function with data in place of the fake tensors that it captured.

    For one text, neither padded nor packed, these are positions that count up, no block of an
    image anywhere, nothing masked, and zeros for all the rest (paddings, numbers of texts).
    """
    if isinstance(captured, FakeTensor):
        shape = [sizes.get(size, size) for size in captured.shape]
        if name == "position_ids":
            return torch.arange(shape[-1]).expand(shape)
        if name == "block_sequence_ids":
            return torch.full(shape, -1)
        fill = torch.ones if captured.dtype == torch.bool else torch.zeros
        return fill(shape, dtype=captured.dtype)
    if isinstance(captured, tuple):
        return tuple(_with_data(item, sizes, name) for item in captured)
    if not isinstance(captured, types.FunctionType) or not captured.__closure__:
        return captured
    names = captured.__code__.co_freevars
    cells = zip(names, captured.__closure__, strict=True)
    closure = tuple(types.CellType(_with_data(c.cell_contents, sizes, n)) for n, c in cells)
    code, defaults = captured.__code__, captured.__defaults__
    return types.FunctionType(code, captured.__globals__, captured.__name__, defaults, closure)


# ---------------------------------------------------------------- sparse attention


def _selection(module: Any, arguments: dict[str, Any]) -> Selection | None:
    """What a layer that picks some of its visible keys attends to; None for all other layers."""
    indexer = getattr(module, "indexer", None)
    if arguments.get("indices") is not None:
        # DeepSeek sparse attention; a layer without an indexer takes the picks of the one before.
        top = getattr(indexer, "index_topk", None) or module.config.index_topk
        return lambda keys, position: keys.clamp(max=top)
    if arguments.get("block_indices") is not None and indexer is not None:
        # MiniMax-M3: the best blocks of keys, the block of the position itself always among them.
        size, top = indexer.block_size, indexer.topk_blocks
        return lambda keys, position: torch.minimum(keys, (top - 1) * size + position % size + 1)
    if (compressor := getattr(module, "compressor", None)) is not None:
        # DeepSeek-V4: the window, and one entry for each full block of tokens before.
        rate = compressor.compress_rate
        top = getattr(getattr(compressor, "indexer", None), "index_topk", sys.maxsize)
        return lambda keys, position: keys + ((position + 1) // rate).clamp(max=top)
    if (kept := getattr(module, "keep_window_size", None)) is not None:
        # Doge: the keys with the highest dynamic mask.
        return lambda keys, position: keys.clamp(max=kept)
    return None


# ---------------------------------------------------------------- registered with transformers

# transformers calls one registered function in all threads, and each notes its own calls.
_calls: ContextVar[list[AttentionCall]] = ContextVar("attention_calls")


@contextmanager
def recorded() -> Iterator[list[AttentionCall]]:
    """The calls of attention while the context is open, by models of ``IMPLEMENTATION``."""
    calls: list[AttentionCall] = []
    token = _calls.set(calls)
    try:
        yield calls
    finally:
        _calls.reset(token)


def _attend(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    **arguments: Any,
) -> tuple[torch.Tensor, None]:
    batch, num_heads, num_tokens, key_width = query.shape
    value_width = value.shape[-1]
    mask = _mask_function_of(attention_mask, arguments.get("sliding_window"))
    select = _selection(module, arguments)
    _calls.get().append(
        AttentionCall(module, num_heads, key_width, value_width, mask, num_tokens, select)
    )
    return query.new_empty(batch, num_tokens, num_heads, value_width), None


def _mask(
    batch_size: int,
    q_length: int,
    kv_length: int,
    mask_function: MaskFunction | None = None,
    **_: Any,
) -> torch.Tensor:
    """A mask without values that carries the function which would have filled it."""
    mask = torch.zeros(batch_size, 1, q_length, kv_length)
    mask.infocap_mask_function = mask_function  # type: ignore[attr-defined]
    return mask


def _mask_function_of(mask: torch.Tensor | None, sliding_window: int | None) -> MaskFunction | None:
    """The function a mask carries; a mask that a model has rebuilt is causal, with its window."""
    if mask is None or hasattr(mask, "infocap_mask_function"):
        return getattr(mask, "infocap_mask_function", None)
    if sliding_window is None:
        return None
    return lambda batch, head, position, key: position - key < sliding_window


AttentionInterface.register(IMPLEMENTATION, _attend)
AttentionMaskInterface.register(IMPLEMENTATION, _mask)
