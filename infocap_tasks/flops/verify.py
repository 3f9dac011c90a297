"""FLOPs a second way, from parameters and the config, to check those that were traced."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from infocap_tasks.flops.params import matrix_params
from infocap_tasks.flops.record import ATTENTION_CORE, MIXER_CORE, as_number
from infocap_tasks.flops.trace.attention import windowed_keys
from infocap_tasks.flops.trace.forward import Trace


def verification(
    traced: Trace, breakdown: Mapping[str, Fraction], context_tokens: int
) -> dict[str, Any]:
    """FLOPs per token of the linear part and of attention's core, and their relative difference.

    2 FLOPs for each matrix parameter that a token uses (the LM head also where it is tied, the
    look-up of embeddings not), and 2 H (d_k + d_v) for each key from what the config declares.
    """
    linear = 2 * matrix_params(traced)
    mixer_core = breakdown.get(MIXER_CORE, Fraction(0))
    attention = closed_form_attention(traced.model.config, context_tokens)
    core = breakdown.get(ATTENTION_CORE, Fraction(0))
    counted = sum(breakdown.values()) - core - mixer_core
    second = linear + (core if attention is None else attention)
    difference = float((counted + core - second) / second)
    return {
        "counted_linear_flops_per_token": as_number(counted),
        "linear_flops_per_token": as_number(linear),
        "attention_flops_per_token": None if attention is None else as_number(attention),
        "relative_difference": difference,
        "agrees": abs(difference) <= 0.01,
    }


def closed_form_attention(config: Any, context_tokens: int) -> Fraction | None:
    """Attention's core in FLOPs per token from a config's declared heads, widths and windows.

    None where the config does not declare them in one of the usual ways.
    """
    try:
        return _declared_attention(config, context_tokens)
    except (AttributeError, TypeError, KeyError, RuntimeError):  # the last: set layer by layer
        return None


def _declared_attention(config: Any, context_tokens: int) -> Fraction:
    # Names that a config may give its layers. A kind that is in neither set raises KeyError: how
    # many keys it sees is then unknown.
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
