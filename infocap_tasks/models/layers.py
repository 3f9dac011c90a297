"""How many layers a config asks for, whatever it calls their number."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

# num_hidden_layers, n_layer, decoder_layers, …; max_window_layers is a bound, not a number of them.
_COUNTS = re.compile(r"(?!max_)(\w+_)?layers?|(num|n)_blocks|depth|\w+_per_stack|\w+_cycles")
# layer_types, layers_block_type, hybrid_override_pattern, …: an entry or a letter for each layer.
_LISTS = re.compile(r"\w*(layer|block|pattern)\w*")


def more_layers_than(limit: int, config: Mapping[str, Any]) -> str | None:
    """What in a config asks for more layers, in words; None if nothing does.

    Args:
        limit: The most layers.
        config: The content of a config.json, with the configs of parts of the model in it.
    """
    for name, number in _numbers_of_layers(config):
        if number > limit:
            return f"{name} asks for {number:,} layers, and at most {limit:,} are allowed"
    return None


def _numbers_of_layers(config: Mapping[str, Any], place: str = "") -> Iterator[tuple[str, int]]:
    for key, value in config.items():
        if not isinstance(key, str):  # as those of id2label
            continue
        name = f"{place}{key}"
        if isinstance(value, Mapping):
            yield from _numbers_of_layers(value, f"{name}.")
        elif isinstance(value, int) and _COUNTS.fullmatch(key):
            yield name, value
        elif isinstance(value, list | str) and _LISTS.fullmatch(key):
            yield name, len(value)
