"""Arithmetic on document scores: numbers in, numbers out, no harness and no torch.

Source: arXiv 2511.08066. In bits per token, over a set of documents,

    C   text size          8 * bytes / tokens
    H   code length        -log2 p / tokens
    G   compression gain   C - H
    N   FLOPs to decode one token
    b   bias               one constant per corpus
    IC  information capacity  (G + b) / log2 N

Regimes say how documents are weighted. ``harness``, ours: every ratio is a ratio of sums, so tokens
weigh the same, not documents. ``reference``, the published protocol: H the same, but C is the mean
of the documents' text sizes, rounded to two decimals.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


BITS_PER_BYTE = 8


def nats_to_bits(nats: float) -> float:
    """Information in bits of ``nats`` (natural logarithms): nats / ln 2."""
    return nats / math.log(2)


def bytes_to_bits(num_bytes: Any) -> Any:
    """Size in bits of ``num_bytes`` bytes: a number or an array."""
    return num_bytes * BITS_PER_BYTE


class DocumentScore(NamedTuple):
    """What one scored document adds to the sums, and the constants of its run.

    Attributes:
        document_id: its name in the corpus, the same for every model.
        num_bytes: UTF-8 bytes of the scored string.
        num_tokens: tokens of the scored string that are scored.
        nll_bits: -log2 of the probability that the model gives them.
        flops_per_token: N; the same for all documents of a run.
        bias_bits_per_token: b; the same for all documents of a run.
        regime: one of ``TEXT_SIZES``; the same for all documents of a run.
        is_whole: its text was not cut.
        text_digest: the same for documents whose scored strings are equal; empty where it is not
            known, and the document then counts as one of its own.
        round_trips: its tokens decode to the scored string.
        num_special_token_names: how often the scored string holds the name of a special token.
    """

    document_id: str
    num_bytes: int
    num_tokens: int
    nll_bits: float
    flops_per_token: float
    bias_bits_per_token: float
    regime: str = "harness"
    is_whole: bool = True
    text_digest: str = ""
    round_trips: bool = True
    num_special_token_names: int = 0


class Constants(NamedTuple):
    """What all documents of a run share."""

    flops_per_token: float
    bias_bits_per_token: float
    regime: str = "harness"


class Sums(NamedTuple):
    """Sums over documents; a field may be an array with one entry for each set of documents."""

    num_documents: Any
    num_bytes: Any
    num_tokens: Any
    nll_bits: Any
    text_sizes_bits_per_token: Any


class Measured(NamedTuple):
    """The four quantities that every metric is a function of; C and H may be arrays."""

    text_size_bits_per_token: Any
    nll_bits_per_token: Any
    flops_per_token: float
    bias_bits_per_token: float


# C by regime: a ratio of sums, or a mean over documents.
TEXT_SIZES: Mapping[str, Callable[[Sums], Any]] = {
    "harness": lambda sums: bytes_to_bits(sums.num_bytes) / sums.num_tokens,
    "reference": lambda sums: sums.text_sizes_bits_per_token / sums.num_documents,
}


def measure(sums: Sums, constants: Constants) -> Measured:
    """C, H, N and b of one or more sets of documents, C not rounded in any regime."""
    return Measured(
        TEXT_SIZES[constants.regime](sums),
        sums.nll_bits / sums.num_tokens,
        constants.flops_per_token,
        constants.bias_bits_per_token,
    )


def text_size_bits_per_token(measured: Measured) -> Any:
    """C, in bits per token: what a token stands for, uncompressed."""
    return measured.text_size_bits_per_token


def nll_bits_per_token(measured: Measured) -> Any:
    """H, in bits per token: what a token costs the model."""
    return measured.nll_bits_per_token


def compression_gain_bits_per_token(measured: Measured) -> Any:
    """G = C - H, in bits per token."""
    return measured.text_size_bits_per_token - measured.nll_bits_per_token


def information_capacity(measured: Measured) -> Any:
    """IC = (C - H + b) / log2 N, in bits per token and doubling of the FLOPs."""
    gain = compression_gain_bits_per_token(measured)
    return (gain + measured.bias_bits_per_token) / math.log2(measured.flops_per_token)


def information_capacity_unbiased(measured: Measured) -> Any:
    """(C - H) / log2 N: information capacity with b = 0."""
    return compression_gain_bits_per_token(measured) / math.log2(measured.flops_per_token)


def bits_per_byte(measured: Measured) -> Any:
    """Code length in bits per byte of text: 8 H / C."""
    return bytes_to_bits(measured.nll_bits_per_token) / measured.text_size_bits_per_token


def bytes_per_token(measured: Measured) -> Any:
    """UTF-8 bytes per token: C / 8."""
    return measured.text_size_bits_per_token / BITS_PER_BYTE


def flops_per_token(measured: Measured) -> Any:
    """N: FLOPs to decode one token, a constant of the model."""
    # Kept an integer where it is one; an array of sums gets an array of the constant.
    constant = measured.flops_per_token
    shape = np.shape(measured.nll_bits_per_token)
    return np.full(shape, constant, dtype=np.float64) if shape else constant


def flops_per_byte(measured: Measured) -> Any:
    """FLOPs to decode one byte of text: N divided by the bytes of a token."""
    return measured.flops_per_token / bytes_per_token(measured)


class Metric(NamedTuple):
    """A function of what was measured, and how it is shown.

    Attributes:
        of_measured: the function.
        higher_is_better: whether more of it is better.
        title: its name in tables.
        unit: in words.
        can_be_negative: whether a value below 0 is possible.
    """

    of_measured: Callable[[Measured], Any]
    higher_is_better: bool
    title: str
    unit: str
    can_be_negative: bool = False


_PER_DOUBLING = "bits per token and doubling of FLOPs per token"

METRICS: Mapping[str, Metric] = {
    "information_capacity": Metric(information_capacity, True, "IC", _PER_DOUBLING, True),
    "information_capacity_unbiased": Metric(
        information_capacity_unbiased, True, "IC without b", _PER_DOUBLING, True
    ),
    "compression_gain_bits_per_token": Metric(
        compression_gain_bits_per_token, True, "G, bits per token", "bits per token", True
    ),
    "text_size_bits_per_token": Metric(
        text_size_bits_per_token, True, "C, bits per token", "bits per token"
    ),
    "nll_bits_per_token": Metric(nll_bits_per_token, False, "H, bits per token", "bits per token"),
    "bits_per_byte": Metric(bits_per_byte, False, "Bits per byte", "bits per byte"),
    "bytes_per_token": Metric(bytes_per_token, True, "Bytes per token", "bytes per token"),
    "flops_per_token": Metric(flops_per_token, False, "FLOPs per token", "FLOPs per token"),
    "flops_per_byte": Metric(flops_per_byte, False, "FLOPs per byte", "FLOPs per byte"),
}


def sum_scores(scores: Sequence[DocumentScore]) -> Sums:
    """Sums over all documents, in float64 and independent of their order."""
    return Sums(
        len(scores),
        sum(score.num_bytes for score in scores),
        sum(score.num_tokens for score in scores),
        math.fsum(score.nll_bits for score in scores),
        math.fsum(bytes_to_bits(score.num_bytes) / score.num_tokens for score in scores),
    )


def shared_constants(scores: Sequence[DocumentScore]) -> Constants:
    """The constants of the run that the scores come from.

    Raises:
        ValueError: there are no scores, or they come from runs with other constants.
    """
    constants = {Constants(*(getattr(s, name) for name in Constants._fields)) for s in scores}
    if len(constants) != 1:
        raise ValueError(
            f"{len(scores)} document scores with {len(constants)} sets of FLOPs, bias and regime: "
            "all scores of a run share one"
        )
    return constants.pop()


def aggregate(name: str, scores: Sequence[DocumentScore]) -> float:
    """The metric ``name`` over all documents, by their regime.

    Raises:
        KeyError: no metric has this name.
        ValueError: the scores are not those of one run.
    """
    constants = shared_constants(scores)
    measured = measure(sum_scores(scores), constants)
    if constants.regime == "reference":
        # As numpy rounds, which is not always as Python does.
        rounded = float(np.round(measured.text_size_bits_per_token, 2))
        measured = measured._replace(text_size_bits_per_token=rounded)
    return METRICS[name].of_measured(measured)


def standard_error(name: str, scores: Sequence[DocumentScore]) -> float | None:
    """Standard error of the metric ``name`` over texts, by the delete-one jackknife.

    sqrt((n - 1) / n * sum_i (theta_i - mean theta)^2), theta_i the metric without text i and all
    its copies (Efron and Stein 1981), C not rounded. None for fewer than two distinct texts.
    """
    total, columns = sum_scores(scores), sum_by_text(columns_of(scores), number_texts(scores))
    n = len(columns.num_tokens)
    if n < 2:
        return None
    without_one = Sums(*(whole - column for whole, column in zip(total, columns, strict=True)))
    theta: Array = METRICS[name].of_measured(measure(without_one, shared_constants(scores)))
    return math.sqrt((n - 1) / n * math.fsum((theta - theta.mean()) ** 2))


def columns_of(scores: Sequence[DocumentScore]) -> Sums:
    """What each document adds to each sum, as arrays in the order of the scores."""
    num_bytes, num_tokens, nll_bits = (
        np.array([getattr(score, field) for score in scores], dtype=np.float64)
        for field in ("num_bytes", "num_tokens", "nll_bits")
    )
    return Sums(
        np.ones(len(scores)), num_bytes, num_tokens, nll_bits, bytes_to_bits(num_bytes) / num_tokens
    )


def number_texts(*runs: Sequence[DocumentScore]) -> npt.NDArray[np.intp]:
    """The number of each document's text, the same for documents whose texts are equal.

    Several runs list the same documents in the same order. Where they were cut at other places,
    texts are equal if they are in all runs that know it.
    """
    numbers: dict[Any, int] = {}
    by_run = [[score.text_digest for score in scores] for scores in runs]
    of_documents = [
        numbers.setdefault(digests if any(digests) else place, len(numbers))
        for place, digests in enumerate(zip(*by_run, strict=True))
    ]
    return np.array(of_documents, dtype=np.intp)


def sum_by_text(columns: Sums, numbers: npt.NDArray[np.intp]) -> Sums:
    """What each distinct text adds to each sum: the columns of its copies together."""
    return Sums(*(np.bincount(numbers, weights=column) for column in columns))
