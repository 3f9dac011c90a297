"""Bytes of a model's weights, from its config and the number of its parameters."""

from collections.abc import Mapping
from typing import Any

import torch
from transformers import PretrainedConfig

from infocap_tasks.errors import InfocapError

# Bits of a parameter in the methods that have but one; mxfp4 shares 8 bits among 32 values.
_BITS_OF_METHOD = {"fp8": 8.0, "fbgemm_fp8": 8.0, "bitnet": 2.0, "mxfp4": 4.25}


def stored_bytes(config: PretrainedConfig, num_params: int) -> int:
    """Bytes of the checkpoint, by the dtype and the quantisation that its config declares."""
    return _bytes(config, num_params, _bits(config.dtype), _declared_bits(config))


def loaded_bytes(
    config: PretrainedConfig, num_params: int, model_args: Mapping[str, Any], dtype: Any = None
) -> int:
    """Bytes in memory, after what the model arguments say of dtype and quantisation.

    Args:
        config: of the model.
        num_params: all of its parameters.
        model_args: of these ``dtype``, ``load_in_8bit`` and ``load_in_4bit`` are read.
        dtype: that of weights where the arguments name none; None for that of the config.

    Raises:
        InfocapError: there is no such dtype.
    """
    given = model_args.get("dtype")
    if given in (None, "auto"):
        given = dtype or config.dtype
    wanted = _loaded_in(model_args) or _declared_bits(config)
    return _bytes(config, num_params, _bits(given), wanted)


def _bytes(
    config: PretrainedConfig, num_params: int, bits: float, quantized_bits: float | None
) -> int:
    """Bytes where embeddings and the LM head keep their dtype and all else is quantised."""
    if quantized_bits is None:
        return round(num_params * bits / 8)
    text = config.get_text_config(decoder=True)
    matrices = 1 if text.tie_word_embeddings else 2
    kept = min(num_params, matrices * text.vocab_size * text.hidden_size)
    return round((kept * bits + (num_params - kept) * quantized_bits) / 8)


def _bits(dtype: Any) -> float:
    """Bits of one number; configs that name no dtype are of a time when all were float32."""
    name = str(dtype or "float32").removeprefix("torch.")
    found = getattr(torch, name, None)
    if not isinstance(found, torch.dtype):
        raise InfocapError(f"dtype={dtype}: there is none; give bfloat16, float16 or float32")
    return 8.0 * found.itemsize


def _declared_bits(config: PretrainedConfig) -> float | None:
    """Bits of a quantised parameter; None where none is declared, or no number of bits known."""
    declared: Any = getattr(config, "quantization_config", None)
    if hasattr(declared, "to_dict"):
        declared = declared.to_dict()
    if not isinstance(declared, Mapping):
        return None
    groups = declared.get("config_groups")  # of compressed-tensors
    if isinstance(groups, Mapping) and groups:
        declared = {"bits": next(iter(groups.values()))["weights"]["num_bits"], **declared}
    bits = declared.get("bits") or _loaded_in(declared)
    return bits or _BITS_OF_METHOD.get(str(declared.get("quant_method")))


def _loaded_in(arguments: Mapping[str, Any]) -> float | None:
    """What transformers' own words for bitsandbytes say."""
    if arguments.get("load_in_4bit"):
        return 4.0
    return 8.0 if arguments.get("load_in_8bit") else None
