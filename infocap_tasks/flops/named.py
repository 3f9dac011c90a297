"""FLOPs of a model that is given by name, or by its config, as Python users have it."""

from pathlib import Path
from typing import TYPE_CHECKING

from infocap_tasks.flops.count import count, count_model
from infocap_tasks.flops.record import Flops
from infocap_tasks.models.pretrained import Pretrained

if TYPE_CHECKING:
    from transformers import PretrainedConfig


def count_flops(
    model: "str | Path | PretrainedConfig",
    context_tokens: int = 1024,
    *,
    trust_remote_code: bool = False,
) -> Flops:
    """FLOPs to decode one token, by component, from the model's config alone.

    Args:
        model: a folder, a config.json, a .gguf file or a hub id; or a config of transformers.
        context_tokens: L, the length of the text that positions are averaged over.
        trust_remote_code: run code that the model's repository brings.

    Raises:
        InfocapError: there is no such config, or the model's code cannot be traced.
    """
    if isinstance(model, str | Path):
        named = Pretrained.from_file_or_id(str(model), trust_remote_code)
        return count_model(named, context_tokens)
    return count(model, context_tokens, trust_remote_code)
