"""How much of a difference in information capacity comes from which of its factors.

    IC = (C (1 - q / 8) + b) / log2 N

C is the text size in bits per token, which is the tokenizer's; q the code length in bits per byte,
which is how well the model predicts, whatever its tokenizer; N the FLOPs per token, which is what
it costs; b the bias. A part is the factor's Shapley value: what changing it from B's value to A's
adds to IC, averaged over all orders in which the factors can be changed. The parts sum to the
difference exactly.
"""

import math
from collections.abc import Sequence
from itertools import pairwise, permutations
from typing import Any, NamedTuple

import numpy as np

from infocap_tasks.errors import InfocapError
from infocap_tasks.metrics import BITS_PER_BYTE, METRICS, Measured
from infocap_tasks.results.run import Run


class Factors(NamedTuple):
    """What IC is a function of; C and q may be arrays, one entry a sample of documents."""

    text_size_bits_per_token: Any
    bits_per_byte: Any
    flops_per_token: float
    bias_bits_per_token: float


# What each factor stands for, in the order of ``Factors``.
SOURCES = ("tokenizer", "prediction", "FLOPs", "bias")


def factors_of(run: Run) -> Factors:
    """The factors of a run's IC.

    Raises:
        InfocapError: only its G is known.
    """
    text_size, bits_per_byte = run.text_size_bits_per_token, run.metric("bits_per_byte")
    if text_size is None or bits_per_byte is None:
        raise InfocapError(
            f"{run.model}: only its information capacity was published, not C and H, so it cannot "
            "be told where it comes from; choose a run of your own, or a published model that has "
            "them"
        )
    return Factors(text_size, bits_per_byte, run.flops_per_token, run.bias_bits_per_token)


def capacity(factors: Factors) -> Any:
    """IC of these factors; H = C q / 8."""
    text_size, bits_per_byte, flops, bias = factors
    measured = Measured(text_size, text_size * bits_per_byte / BITS_PER_BYTE, flops, bias)
    return METRICS["information_capacity"].of_measured(measured)


def shapley_parts(a: Factors, b: Factors) -> list[Any]:
    """What each factor adds to IC of A less IC of B, in the order of ``SOURCES``."""
    parts: list[Any] = [0.0] * len(a)
    for order in permutations(range(len(a))):
        for factor, step in zip(order, _steps(a, b, order), strict=True):
            parts[factor] = parts[factor] + step / math.factorial(len(a))
    return parts


def _steps(a: Factors, b: Factors, order: Sequence[int]) -> list[Any]:
    """Changes of IC on the way from B to A, one factor after the other."""
    values, now = [capacity(b)], b
    for factor in order:
        now = now._replace(**{Factors._fields[factor]: a[factor]})
        values.append(capacity(now))
    return [np.subtract(after, before) for before, after in pairwise(values)]
