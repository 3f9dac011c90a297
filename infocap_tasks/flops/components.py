"""Which component of a model each of its matrix products counts to.

A trace says in which module a product ran. Names say less: they differ by family, and one family's
``mlp`` is another's block of experts. So modules are told apart by what ran in them first
(attention, recurrent cores, experts), then by their place in a layer, and by their name only where
neither decides.
"""

import re
from collections import defaultdict
from collections.abc import Container, Iterator
from fractions import Fraction

from torch import nn

from infocap_tasks.flops.record import (
    ATTENTION_PROJECTIONS,
    EXPERTS,
    LM_HEAD,
    MIXER_CORE,
    MIXER_PROJECTIONS,
    MLP,
    OTHER,
    ROUTER,
    SHARED_EXPERTS,
)
from infocap_tasks.flops.trace.experts import holds_experts, stacked_matrices
from infocap_tasks.flops.trace.forward import Trace


def linear_flops(traced: Trace) -> defaultdict[str, Fraction]:
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
    """The parts of a traced model, found by what ran in its modules."""

    def __init__(self, traced: Trace) -> None:
        self._model = traced.model
        self._head = traced.model.get_output_embeddings()
        paths = {module: path for path, module in traced.model.named_modules()}
        called = {paths[call.module] for call in traced.attention_calls}
        # Every layer mixes tokens in one of these ways, so the lists that they stand in are the
        # model's lists of layers, whatever they are called (layers, h, blocks, decoder.layers).
        inside = called | set(traced.quadratic) | set(traced.cores)
        self._layer_lists = {_layer_list(path) for path in inside} - {""}
        self._attention = {self._block(path) for path in called | set(traced.quadratic)}
        # Convolutions of keys and values (Inkling) leave an attention block what it is.
        self._mixers = {
            self._child_of_layer(path)
            for path in traced.cores
            if not _is_below(path, self._attention)
        }
        self._experts = {
            path: module for path, module in traced.model.named_modules() if holds_experts(module)
        }

    def component(self, path: str) -> str:
        """The component that the products of the module at ``path`` itself count to.

        The order decides where parts are nested: attention that picks its projections among
        experts (JetMoE) holds experts, and those count as experts.
        """
        if any(self._model.get_submodule(above) is self._head for above in _upwards(path)):
            return LM_HEAD
        if _is_below(path, self._experts):
            return EXPERTS
        if _is_below(path, self._attention):
            return ATTENTION_PROJECTIONS
        if _is_below(path, self._mixers):
            # A convolution mixes tokens, so it is core: here one that no function was replaced for
            # and that was traced (RecurrentGemma).
            is_core = isinstance(self._model.get_submodule(path), nn.Conv1d)
            return MIXER_CORE if is_core else MIXER_PROJECTIONS
        return self._feed_forward(path)

    def _feed_forward(self, path: str) -> str:
        """The component of a module that mixes no tokens and is no expert itself."""
        # Beside the block of experts (Granite), only its name tells a shared expert from an MLP.
        if self._experts and re.search(r"(^|\.)shared_(mlp|experts?)(\.|$)", path):
            return SHARED_EXPERTS
        for block in _upwards(path):
            if num_experts := self._experts_in(block):
                if self._is_router(path, block, num_experts):
                    return ROUTER
                # What stands in a block with experts and picks none is shared by all tokens. A
                # layer that holds its experts directly (Gemma-4) has its dense MLP there instead.
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
        """By its name or class, or that of a module between it and its block, or its size.

        The families in transformers say ``gate`` or ``router`` in one of these places; the size is
        for code that a repository brings. A shared expert may be as wide as there are experts, so
        size decides only for a direct child of the block, which its matrices are not.
        """
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
        """The whole attention block of the module that computes the scores.

        They may be computed in a child, with projections beside it (BERT's output, the indexer of
        DeepSeek-V3.2): so the block reaches up as long as a module's class says attention.
        """
        above = path.rpartition(".")[0]
        while above and self._is_attention(above):
            path, above = above, above.rpartition(".")[0]
        return path

    def _is_attention(self, path: str) -> bool:
        # Layers may say so too, with their MLP in them (OlmoHybridAttentionDecoderLayer).
        kind = type(self._model.get_submodule(path)).__name__
        return bool(re.search(r"Atten|Attn|MLA|MoA", kind)) and not re.search(
            r"Layer$|Block$|Model|ForCausal", kind
        )

    def _is_layer(self, path: str) -> bool:
        above, _, name = path.rpartition(".")
        return name.isdigit() and above in self._layer_lists

    def _child_of_layer(self, path: str) -> str:
        """The module directly in a layer that holds the one at ``path``: the whole mixer.

        A layer is two names below its list (``model.layers.7.mixer``): list, number, child.
        """
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
