"""The published formulas for FLOPs per token (arXiv 2511.08066, its public code), by model_type.

Kept for comparison with published numbers, not because they are right: a head_dim in the config is
ignored, sliding windows are too, GLM-4.5 is charged its dense layers' width everywhere, and MLA's
kv_lora_rank is taken for a number of tokens. ``flops.count`` counts what a model does.

d hidden_size, H num_attention_heads, H_kv num_key_value_heads, d_k = d // H, F intermediate_size,
V vocab_size, T tokens from an empty cache (1024 in all published numbers). A layer costs

    Q and O  2 * 2 d d                 K and V    2 * 2 d H_kv d_k
    MLP      6 d F                     attention  4 H d_k (T - 1) / 2

and the LM head 2 d V.
"""

from collections.abc import Callable, Mapping
from typing import Any

# Types that the public code costs with the formula above as it stands.
_DENSE = frozenset(
    {
        "llama", "mistral", "ministral3", "mistral3", "qwen2", "qwen3", "gemma", "gemma2",
        "gemma3_text", "gemma3", "glm", "glm4", "glm4_moe", "seed_oss", "hunyuan_v1_dense",
        "internlm2", "internlm3", "phi3", "olmo", "olmo2", "olmo3", "starcoder2", "stablelm",
    }
)  # fmt: skip


def reference_flops_per_token(config: Any, context_tokens: int = 1024) -> int | None:
    """N by the published formula; None for types, and configs, that it was not made for."""
    formula = _dense if config.model_type in _DENSE else _VARIANTS.get(config.model_type)
    try:
        return formula(config.get_text_config(decoder=True), context_tokens) if formula else None
    except (AttributeError, TypeError, ZeroDivisionError):  # a field that it needs is not set
        return None


def _dense(text: Any, tokens: int) -> int:
    """MLP 6 d F."""
    return _total(text, tokens, 6 * text.hidden_size * text.intermediate_size)


def _total(text: Any, tokens: int, mlp: int, keys: int | None = None) -> int:
    """All layers and the head; ``keys`` stands for (tokens - 1) / 2 where a variant has another."""
    d, num_heads = text.hidden_size, text.num_attention_heads
    head_width = d // num_heads
    key_value_heads = getattr(text, "num_key_value_heads", None) or num_heads
    projections = 4 * d * d + 4 * d * key_value_heads * head_width
    attention = 4 * num_heads * head_width * (tokens - 1) // 2
    if keys is not None:
        attention = 4 * num_heads * head_width * keys
    return text.num_hidden_layers * (projections + mlp + attention) + 2 * d * text.vocab_size


def _gpt_oss(text: Any, tokens: int) -> int:
    """MLP 4 d F for each of the experts picked."""
    return _total(
        text, tokens, 4 * text.hidden_size * text.intermediate_size * text.num_experts_per_tok
    )


def _llama4(text: Any, tokens: int) -> int:
    """MLP d (6 F_mlp + 4 F)."""
    width = 6 * text.intermediate_size_mlp + 4 * text.intermediate_size
    return _total(text, tokens, text.hidden_size * width)


def _qwen2_moe(text: Any, tokens: int) -> int:
    """F plus the shared expert's width in place of F."""
    width = text.intermediate_size + text.shared_expert_intermediate_size
    return _total(text, tokens, 6 * text.hidden_size * width)


def _deepseek(text: Any, tokens: int) -> int:
    """Dense projections, MLP 6 d F_moe (shared + picked) in every layer, keys = kv_lora_rank."""
    num_experts = (text.n_shared_experts or 0) + text.num_experts_per_tok
    mlp = 6 * text.hidden_size * text.moe_intermediate_size * num_experts
    return _total(text, tokens, mlp, keys=text.kv_lora_rank)


_VARIANTS: Mapping[str, Callable[[Any, int], int]] = {
    "gpt_oss": _gpt_oss,
    "llama4": _llama4,
    "llama4_text": _llama4,
    "qwen2_moe": _qwen2_moe,
    "deepseek_v2": _deepseek,
    "deepseek_v3": _deepseek,
}
