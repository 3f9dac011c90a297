"""Two runs on the same documents: the difference of their information capacities, and why.

    IC = (C (1 - q / 8) + b) / log2 N

C is the text size in bits per token, which is the tokenizer's; q the code length in bits per byte,
which is how well the model predicts, whatever its tokenizer; N the FLOPs per token, which is what
it costs; b the bias. A part is the factor's Shapley value: what changing it from B's value to A's
adds to IC, averaged over all orders in which the factors can be changed. The parts sum to the
difference exactly.

Where only G is known of a run, its factors are G, N and b: tokenizer and prediction are one part.

Documents are paired by name, so what makes a text hard for both models cancels.
In the regime ``reference`` C is not rounded here.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise, permutations
from typing import Any, NamedTuple

import numpy as np

from infocap_tasks.analysis.intervals import (
    Array,
    Interval,
    Paired,
    document_names,
    estimate,
    metric_of,
    text_columns,
)
from infocap_tasks.analysis.resolution import Resolution, coarsest
from infocap_tasks.errors import InfocapError
from infocap_tasks.metrics import BITS_PER_BYTE, METRICS, Measured, Sums
from infocap_tasks.results.run import Run, capacity_of_gain


class Factors(NamedTuple):
    """What IC is a function of; C and q may be arrays, one entry a set of texts."""

    text_size_bits_per_token: Any
    bits_per_byte: Any
    flops_per_token: float
    bias_bits_per_token: float


class GainFactors(NamedTuple):
    """What IC is a function of where C and q are not known."""

    compression_gain_bits_per_token: float
    flops_per_token: float
    bias_bits_per_token: float


AnyFactors = Factors | GainFactors

# What each factor stands for, in the order of ``Factors``.
SOURCES = ("tokenizer", "prediction", "FLOPs", "bias")
_GAIN_SOURCES = ("tokenizer and prediction", *SOURCES[2:])


@dataclass(frozen=True)
class Part:
    """What one factor adds to the difference.

    Attributes:
        factor: a field of ``Factors`` or ``GainFactors``.
        source: what it stands for, such as ``tokenizer``.
        a: the factor's value in run A, in its unit.
        b: the same in run B.
        information_capacity: its Shapley value.
        interval: of that, at 95 %; None if the documents are not known.
    """

    factor: str
    source: str
    a: float
    b: float
    information_capacity: float
    interval: Interval | None


@dataclass(frozen=True)
class Comparison:
    """IC of run A less IC of run B.

    Attributes:
        capacity_a: IC of run A over the documents that both have; of its totals where they are not
            known.
        capacity_b: the same of run B.
        difference: in bits per token and doubling of N.
        interval: of the difference, at 95 %; None if the documents are not known.
        probability: that A is better: 1 less the one-sided p-value against "A is not better", by
            the t of the interval; it is above 0.975 exactly if the interval is above 0. Of a tie it
            is 1/2. None if the documents are not known.
        num_documents: documents that both runs have.
        num_texts: distinct texts of these.
        parts: by factor; they sum to the difference.
        resolution: the largest difference that may be rounding.
    """

    capacity_a: float
    capacity_b: float
    difference: float
    interval: Interval | None
    probability: float | None
    num_documents: int
    num_texts: int
    parts: list[Part]
    resolution: Resolution

    @property
    def is_tie(self) -> bool:
        """Whether the difference may be rounding."""
        return abs(self.difference) <= self.resolution.information_capacity


def compare(a: Run, b: Run) -> Comparison:
    """The difference over the documents that both runs have, with intervals.

    Raises:
        InfocapError: a run holds no documents, or they share fewer than two distinct ones.
    """
    names = _shared_names(a, b)
    runs = (a, b)
    columns = text_columns(runs, names)
    found = estimate(partial(_difference_and_parts, runs), [columns])
    intervals = found.intervals()
    of_a, of_b = (
        Factors(*(float(np.ravel(value)[0]) for value in _factors(run, _total(column))))
        for run, column in zip(runs, columns, strict=True)
    )
    comparison = Comparison(
        capacity_a=float(capacity(of_a)),
        capacity_b=float(capacity(of_b)),
        difference=float(found.values[0]),
        interval=intervals[0],
        probability=found.probabilities_above_zero()[0],
        num_documents=len(names),
        num_texts=len(columns[0].num_tokens),
        parts=[
            Part(*row)
            for row in zip(
                Factors._fields, SOURCES, of_a, of_b,
                map(float, found.values[1:]), intervals[1:], strict=True,
            )
        ],
        resolution=coarsest(runs),
    )  # fmt: skip
    return replace(comparison, probability=0.5) if comparison.is_tie else comparison


def explain(a: Run, b: Run) -> Comparison:
    """As ``compare`` if both runs hold documents; else of their totals, without intervals.

    Raises:
        InfocapError: documents of both are known but fewer than two are shared.
    """
    if a.documents and b.documents:
        return compare(a, b)
    of_a: AnyFactors | None = factors_of(a)
    of_b: AnyFactors | None = factors_of(b)
    if of_a is None or of_b is None:
        of_a, of_b = gain_factors_of(a), gain_factors_of(b)
    sources = SOURCES if isinstance(of_a, Factors) else _GAIN_SOURCES
    parts = [float(part) for part in shapley_parts(of_a, of_b)]
    return Comparison(
        capacity_a=float(capacity(of_a)),
        capacity_b=float(capacity(of_b)),
        difference=float(capacity(of_a) - capacity(of_b)),
        interval=None,
        probability=None,
        num_documents=0,
        num_texts=0,
        parts=[
            Part(*row, None) for row in zip(of_a._fields, sources, of_a, of_b, parts, strict=True)
        ],
        resolution=coarsest([a, b]),
    )


def _shared_names(a: Run, b: Run) -> list[str]:
    for run in (a, b):
        if not run.documents:
            raise InfocapError(
                f"{run.model}: {run.source} holds no documents to pair; score the model with "
                "infocap eval of this version, or see the difference of the totals with "
                "infocap explain"
            )
        if len(set(document_names(run))) != len(run.documents):
            raise InfocapError(
                f"{run.model}: several of its documents have one name, so they cannot be paired"
            )
    shared = sorted(set(document_names(a)) & set(document_names(b)))
    if len(shared) < 2:
        raise InfocapError(
            f"{a.model} and {b.model}: share {len(shared)} documents, and at least two are needed; "
            "score both on the same texts"
        )
    return shared


def _difference_and_parts(runs: tuple[Run, Run], groups: Sequence[Paired]) -> Array:
    """One row a set of texts: IC of A less IC of B, then its parts."""
    of_a, of_b = (_factors(run, sums) for run, sums in zip(runs, groups[0], strict=True))
    difference = capacity(of_a) - capacity(of_b)
    zeros = np.zeros_like(difference)  # a part that is the same in all sets is a plain number
    return np.stack([difference, *(part + zeros for part in shapley_parts(of_a, of_b))], axis=1)


def _factors(run: Run, sums: Sums) -> Factors:
    return Factors(
        metric_of("text_size_bits_per_token", sums, run),
        metric_of("bits_per_byte", sums, run),
        run.flops_per_token,
        run.bias_bits_per_token,
    )


def _total(columns: Sums) -> Sums:
    return Sums(*(column.sum() for column in columns))


# ------------------------------------------------------------------ parts of the difference


def factors_of(run: Run) -> Factors | None:
    """The factors of a run's IC; None if only its G is known."""
    text_size, bits_per_byte = run.text_size_bits_per_token, run.metric("bits_per_byte")
    if text_size is None or bits_per_byte is None:
        return None
    return Factors(text_size, bits_per_byte, run.flops_per_token, run.bias_bits_per_token)


def gain_factors_of(run: Run) -> GainFactors:
    """The factors of a run's IC that are known without C and H."""
    return GainFactors(*(getattr(run, name) for name in GainFactors._fields))


def capacity(factors: AnyFactors) -> Any:
    """IC of these factors; H = C q / 8."""
    if isinstance(factors, GainFactors):
        return capacity_of_gain(*factors)
    text_size, bits_per_byte, flops, bias = factors
    measured = Measured(text_size, text_size * bits_per_byte / BITS_PER_BYTE, flops, bias)
    return METRICS["information_capacity"].of_measured(measured)


def shapley_parts(a: AnyFactors, b: AnyFactors) -> list[Any]:
    """What each factor adds to IC of A less IC of B, in their order."""
    parts: list[Any] = [0.0] * len(a)
    for order in permutations(range(len(a))):
        for factor, step in zip(order, _steps(a, b, order), strict=True):
            parts[factor] = parts[factor] + step / math.factorial(len(a))
    return parts


def _steps(a: AnyFactors, b: AnyFactors, order: Sequence[int]) -> list[Any]:
    """Changes of IC on the way from B to A, one factor after the other."""
    values, now = [capacity(b)], b
    for factor in order:
        now = now._replace(**{now._fields[factor]: a[factor]})
        values.append(capacity(now))
    return [np.subtract(after, before) for before, after in pairwise(values)]
