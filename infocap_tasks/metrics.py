"""Arithmetic on document scores: numbers in, numbers out, no harness and no torch.

Source: arXiv 2511.08066. In bits per token, over a set of documents,

    C   text size          8 * bytes / tokens
    H   code length        -log2 p / tokens
    G   compression gain   C - H
    N   FLOPs to decode one token
    b   bias               one constant per corpus
    IC  information capacity  (G + b) / log2 N

Every ratio is a ratio of sums: sum over the documents first, divide once. Tokens are weighted
equally, not documents.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from infocap_tasks.units import bytes_to_bits

Array = npt.NDArray[np.float64]


class DocumentScore(NamedTuple):
    """What one scored document adds to the sums, and the two constants of its run.

    Attributes:
        num_bytes: UTF-8 bytes of the scored string.
        num_tokens: tokens of the scored string, all of them scored.
        nll_bits: -log2 of the probability that the model gives the string.
        flops_per_token: N; the same for all documents of a run.
        bias_bits_per_token: b; the same for all documents of a run.
    """

    num_bytes: int
    num_tokens: int
    nll_bits: float
    flops_per_token: float
    bias_bits_per_token: float


class Sums(NamedTuple):
    """Sums over documents; a field may be an array with one entry for each set of documents."""

    num_bytes: Any
    num_tokens: Any
    nll_bits: Any
    flops_per_token: float
    bias_bits_per_token: float


def text_size_bits_per_token(sums: Sums) -> Any:
    """C, in bits per token: what a token stands for, uncompressed."""
    return bytes_to_bits(sums.num_bytes) / sums.num_tokens


def nll_bits_per_token(sums: Sums) -> Any:
    """H, in bits per token: what a token costs the model."""
    return sums.nll_bits / sums.num_tokens


def compression_gain_bits_per_token(sums: Sums) -> Any:
    """G = C - H, in bits per token."""
    return text_size_bits_per_token(sums) - nll_bits_per_token(sums)


def information_capacity(sums: Sums) -> Any:
    """IC = (C - H + b) / log2 N, in bits per token and doubling of the FLOPs."""
    gain = compression_gain_bits_per_token(sums)
    return (gain + sums.bias_bits_per_token) / math.log2(sums.flops_per_token)


def information_capacity_unbiased(sums: Sums) -> Any:
    """(C - H) / log2 N: information capacity with b = 0."""
    return compression_gain_bits_per_token(sums) / math.log2(sums.flops_per_token)


def bits_per_byte(sums: Sums) -> Any:
    """Code length in bits per byte of text: 8 H / C."""
    return sums.nll_bits / sums.num_bytes


def bytes_per_token(sums: Sums) -> Any:
    """UTF-8 bytes per token: C / 8."""
    return sums.num_bytes / sums.num_tokens


def flops_per_token(sums: Sums) -> Any:
    """N: FLOPs to decode one token, a constant of the model."""
    # Kept an integer where it is one; an array of sums gets an array of the constant.
    constant = sums.flops_per_token
    shape = np.shape(sums.num_tokens)
    return np.full(shape, constant, dtype=np.float64) if shape else constant


def flops_per_byte(sums: Sums) -> Any:
    """FLOPs to decode one byte of text: N * tokens / bytes."""
    return sums.flops_per_token * sums.num_tokens / sums.num_bytes


class Metric(NamedTuple):
    """A function of the sums, and whether more of it is better."""

    of_sums: Callable[[Sums], Any]
    higher_is_better: bool


METRICS: Mapping[str, Metric] = {
    "information_capacity": Metric(information_capacity, True),
    "information_capacity_unbiased": Metric(information_capacity_unbiased, True),
    "compression_gain_bits_per_token": Metric(compression_gain_bits_per_token, True),
    "text_size_bits_per_token": Metric(text_size_bits_per_token, True),
    "nll_bits_per_token": Metric(nll_bits_per_token, False),
    "bits_per_byte": Metric(bits_per_byte, False),
    "bytes_per_token": Metric(bytes_per_token, True),
    "flops_per_token": Metric(flops_per_token, False),
    "flops_per_byte": Metric(flops_per_byte, False),
}


def sum_scores(scores: Sequence[DocumentScore]) -> Sums:
    """Sums over all documents, in float64 and independent of their order.

    Raises:
        ValueError: there are no scores, or they come from runs with another N or b.
    """
    constants = {(score.flops_per_token, score.bias_bits_per_token) for score in scores}
    if len(constants) != 1:
        raise ValueError(
            f"{len(scores)} document scores with {len(constants)} pairs of FLOPs and bias: "
            "all scores of a run share one pair"
        )
    return Sums(
        sum(score.num_bytes for score in scores),
        sum(score.num_tokens for score in scores),
        math.fsum(score.nll_bits for score in scores),
        *constants.pop(),
    )


def aggregate(name: str, scores: Sequence[DocumentScore]) -> float:
    """The metric ``name`` over all documents (ratio of sums).

    Raises:
        KeyError: no metric has this name.
    """
    return METRICS[name].of_sums(sum_scores(scores))


def standard_error(name: str, scores: Sequence[DocumentScore]) -> float | None:
    """Standard error of the metric ``name`` over documents, by the delete-one jackknife.

    sqrt((n - 1) / n * sum_i (theta_i - mean theta)^2), theta_i the metric without document i
    (Efron and Stein 1981). None for fewer than two documents.
    """
    n = len(scores)
    if n < 2:
        return None
    total = sum_scores(scores)
    without_one = Sums(
        total.num_bytes - _column(scores, "num_bytes"),
        total.num_tokens - _column(scores, "num_tokens"),
        total.nll_bits - _column(scores, "nll_bits"),
        total.flops_per_token,
        total.bias_bits_per_token,
    )
    theta: Array = METRICS[name].of_sums(without_one)
    return math.sqrt((n - 1) / n * math.fsum((theta - theta.mean()) ** 2))


def _column(scores: Sequence[DocumentScore], field: str) -> Array:
    return np.array([getattr(score, field) for score in scores], dtype=np.float64)
