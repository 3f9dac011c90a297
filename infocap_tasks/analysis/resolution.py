"""What the arithmetic of runs resolves: a smaller difference is rounding, not quality.

The same weights on the same texts give other numbers with other batches, numbers of threads and
engines. ``benchmarks/rounding.py`` measures how far they scatter; the floors here are above that.
"""

import math
from collections.abc import Iterable
from typing import NamedTuple

from infocap_tasks.results.run import Run

_HALF_BITS_PER_TOKEN = 2e-3
_QUANTISED = "quantised"
_UNKNOWN = "unknown"
# Of the GGUF files that llama.cpp describes by one of these, weights are not quantised.
_NOT_QUANTISED = frozenset({"F32", "F16", "BF16"})

# By arithmetic: float32 and so on, else one of the two names above.
FLOORS_BITS_PER_TOKEN = {
    "float64": 1e-4,  # as float32, in which engines take the log-softmax
    "float32": 1e-4,
    "float16": _HALF_BITS_PER_TOKEN,
    "bfloat16": _HALF_BITS_PER_TOKEN,
    # Kernels for quantised weights may round activations to 8 bits too, as those of llama.cpp do.
    _QUANTISED: 5e-3,
    # Nearly all models are released in bfloat16 and run in it.
    _UNKNOWN: _HALF_BITS_PER_TOKEN,
}


class Resolution(NamedTuple):
    """The largest difference that may be rounding.

    Attributes:
        information_capacity: in bits per token and doubling of N.
        bits_per_token: of H; None for a published run, of which only the digits are known.
        of: what it is due to, such as ``bfloat16 arithmetic``.
    """

    information_capacity: float
    bits_per_token: float | None
    of: str

    def __str__(self) -> str:
        """What resolves how much, as the end of a sentence."""
        if self.bits_per_token is None:
            return f"{self.of} resolves ({self.information_capacity:.0e} in IC)"
        return f"{self.of} resolves ({self.bits_per_token:g} bits per token)"


def resolution_of(run: Run) -> Resolution:
    """What the run resolves: IC = (C - H + b) / log2 N, so that of H over log2 N."""
    if run.is_published:
        return Resolution(run.information_capacity_margin or 0.0, None, "the published figure")
    arithmetic = _arithmetic_of(run)
    floor = FLOORS_BITS_PER_TOKEN[arithmetic]
    is_known = arithmetic != _UNKNOWN
    of = f"{arithmetic} arithmetic" if is_known else "arithmetic of unknown precision"
    return Resolution(floor / math.log2(run.flops_per_token), floor, of)


def _arithmetic_of(run: Run) -> str:
    """One of ``FLOORS_BITS_PER_TOKEN``."""
    told = run.provenance
    dtype = (told.dtype or "").removeprefix("torch.")
    if told.engine == "llama.cpp":
        # It keeps keys and values in float16 whatever the weights are.
        return "float16" if _NOT_QUANTISED & {*dtype.split()} else _QUANTISED
    if told.quantization:
        return _QUANTISED
    return dtype if dtype in FLOORS_BITS_PER_TOKEN else _UNKNOWN


def coarsest(runs: Iterable[Run]) -> Resolution:
    """The resolution of a difference of these runs: the worst one of theirs."""
    return max(map(resolution_of, runs), key=lambda resolution: resolution.information_capacity)
