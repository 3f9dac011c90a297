"""The only conversions between units: nats and bytes to bits."""

import math
from typing import Any

BITS_PER_BYTE = 8


def nats_to_bits(nats: float) -> float:
    """Information in bits of ``nats`` (natural logarithms): nats / ln 2."""
    return nats / math.log(2)


def bytes_to_bits(num_bytes: Any) -> Any:
    """Size in bits of ``num_bytes`` bytes: a number or an array."""
    return num_bytes * BITS_PER_BYTE
