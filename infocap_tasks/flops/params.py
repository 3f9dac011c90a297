"""Parameters of a traced model: all of them, those that a token uses, those that multiply it."""

from collections import defaultdict
from collections.abc import Iterator
from fractions import Fraction

from torch import nn

from infocap_tasks.flops.trace.experts import holds_experts, stacked_matrices
from infocap_tasks.flops.trace.forward import Trace


def total_params(traced: Trace) -> int:
    """Number of all parameters, tied ones once; of a wrapper, those of its text model."""
    if not traced.is_wrapper:
        return sum(parameter.numel() for parameter in traced.model.parameters())
    # The pass through the text model leaves the other parts of a wrapper uncalled. Experts are
    # added whole, since a pass need not call the modules inside of them.
    used = {p for module in traced.used_modules() for p in module.parameters(recurse=False)}
    used |= {p for m in traced.model.modules() if holds_experts(m) for p in m.parameters()}
    return sum(parameter.numel() for parameter in used)


def unpicked_params(traced: Trace) -> int:
    """Number of parameters of the experts that a token is not sent to."""
    return round(
        sum(
            (1 - share) * sum(p.numel() for p in module.parameters())
            for module, share in picked_shares(traced)
        )
    )


def matrix_params(traced: Trace) -> Fraction:
    """Number of parameters of the matrices that a token is multiplied with.

    Not the look-up of embeddings, nor what a decoder by itself does not run (cross-attention, the
    encoders of a wrapper), nor the convolutions and state matrices of the mixers' cores.
    """
    head = traced.model.get_output_embeddings()
    shares = dict(picked_shares(traced))
    total = Fraction(0)
    for module in traced.used_modules():
        if module in shares:
            total += shares[module] * sum(p.numel() for p in stacked_matrices(module))
        elif not isinstance(module, nn.Conv1d | nn.Embedding) or module is head:
            own = module.named_parameters(recurse=False)
            total += sum(p.numel() for name, p in own if p.dim() >= 2 and name != "A_log")
    return total


def picked_shares(traced: Trace) -> Iterator[tuple[nn.Module, Fraction]]:
    """Modules that hold experts, with the share of their parameters that one token uses.

    Taken from the FLOPs that ran there, not from a config's number of picks: families name that
    number differently, and some pick among experts that do nothing.
    """
    flops = defaultdict(Fraction, traced.linear)
    for path, value in traced.experts.items():
        flops[path] += value
    for path, module in traced.model.named_modules():
        if holds_experts(module):
            yield module, flops[path] / (2 * sum(p.numel() for p in stacked_matrices(module)))
