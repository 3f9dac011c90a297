"""Experts that a tracer cannot follow, or that run on tokens they are not picked for.

Most families run through transformers' registry of experts implementations, and its ``batched_mm``
multiplies each token with the experts picked for it and no others: that is traced as it is. The
few classes here choose by the data itself, or run all experts on all tokens; they are replaced by
what one token costs: 2 FLOPs for each matrix parameter of each expert picked for it.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from typing import Any

import torch
from torch import nn
from transformers import PretrainedConfig

from infocap_tasks.models.replaced import replaced

Note = Callable[[Fraction], None]


def _llama4(experts: Any, config: PretrainedConfig, note: Note) -> Callable[..., Any]:
    """Llama-4 runs every expert on every token, most with a score of 0: only the top k count."""

    def forward(hidden_states: torch.Tensor) -> torch.Tensor:  # (experts * tokens, hidden)
        every_expert = 2 * hidden_states.shape[0] * _parameters_of_one(experts)
        note(Fraction(every_expert * config.num_experts_per_tok, experts.num_experts))
        return torch.empty_like(hidden_states)

    return forward


def _longcat(experts: Any, config: PretrainedConfig, note: Note) -> Callable[..., Any]:
    """LongCat-Flash picks among real experts and ones that do nothing.

    How many of the k picks are real depends on the token. Taken is the share of the real ones,
    which its training steers to: of 12 picks among 512 + 256, 8 on average.
    """

    def forward(hidden_states: torch.Tensor, top_k_index: torch.Tensor, _: Any) -> torch.Tensor:
        picks = Fraction(top_k_index.numel() * experts.num_routed_experts, experts.total_experts)
        note(2 * picks * _parameters_of_one(experts))
        return torch.empty_like(hidden_states)

    return forward


def _dbrx(experts: Any, config: PretrainedConfig, note: Note) -> Callable[..., Any]:
    """DBRX stacks the rows of all experts in one matrix and loops over those that were picked."""

    def forward(hidden_states: torch.Tensor, top_k_index: torch.Tensor, _: Any) -> torch.Tensor:
        of_one = sum(p.numel() for p in stacked_matrices(experts)) // experts.num_experts
        note(Fraction(2 * top_k_index.numel() * of_one))
        return torch.empty_like(hidden_states)

    return forward


def _jetmoe(experts: Any, config: PretrainedConfig, note: Note) -> Callable[..., Any]:
    """JetMoE sorts tokens by expert; each input row is one pick of one token."""

    def forward(inputs: torch.Tensor, _: Any) -> torch.Tensor:
        note(Fraction(2 * inputs.shape[0] * _parameters_of_one(experts)))
        return inputs.new_empty(inputs.shape[0], experts.weight.shape[1])

    return forward


FORWARDS: dict[str, Callable[[Any, PretrainedConfig, Note], Callable[..., Any]]] = {
    "Llama4TextExperts": _llama4,
    "LongcatFlashExperts": _longcat,
    "DbrxExperts": _dbrx,
    "JetMoeParallelExperts": _jetmoe,
}


def _parameters_of_one(experts: nn.Module) -> int:
    """Matrix parameters of one expert, of a module that stacks them: (experts, rows, columns)."""
    return sum(p[0].numel() for p in experts.parameters(recurse=False) if p.dim() == 3)


def stacked_matrices(experts: nn.Module) -> list[nn.Parameter]:
    """The parameters that hold the matrices of all experts of a module."""
    stacked = [p for p in experts.parameters(recurse=False) if p.dim() == 3]
    return stacked or [p for p in experts.parameters() if p.dim() == 2]


# Stacked as experts are, but every token runs through all of them.
_SHARED = frozenset({"InklingSharedExperts"})


def holds_experts(module: nn.Module) -> bool:
    """Whether the module itself holds the matrices of several experts, of which some are picked."""
    kind = type(module).__name__
    stacked = any(p.dim() == 3 for p in module.parameters(recurse=False))
    return kind in FORWARDS or (stacked and "Experts" in kind and kind not in _SHARED)


@contextmanager
def closed_forms(model: nn.Module, config: PretrainedConfig, note: Note) -> Iterator[None]:
    """The model with these experts replaced; what they cost is passed to ``note``."""
    with ExitStack() as stack:
        for module in model.modules():
            if make := FORWARDS.get(type(module).__name__):
                stack.enter_context(replaced(module, "forward", make(module, config, note)))
        yield
