"""The record of a model's FLOPs, and its components."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from infocap_tasks.errors import InfocapError

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


def as_number(value: Fraction) -> Number:
    """An integer where the value is one, else the nearest float."""
    return value.numerator if value.denominator == 1 else float(value)
