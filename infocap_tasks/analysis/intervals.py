"""Intervals of values over documents, by resampling whole documents, and from few residuals.

A sample is a weight for each document (how often it was drawn), and a sum over it is weights times
a column of ``metrics.columns_of``, so all samples are a product of two matrices. This is why it is
not ``scipy.stats.bootstrap``, which gathers the documents of every sample: for 10 runs on 10,000
documents that takes 26 s, and this 3 s (``python benchmarks/scipy_stats.py``). The tests compare
the intervals with scipy's.

Intervals are BCa (Efron 1987): bias-corrected percentiles, accelerated by the delete-one jackknife,
which for ratios of sums cover better than plain percentiles.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from infocap_tasks.errors import InfocapError
from infocap_tasks.metrics import METRICS, Constants, Sums, columns_of, measure
from infocap_tasks.results.run import Run

Array = npt.NDArray[np.float64]

# Of each of several runs on the same documents: its columns, one row a document, or sums over them.
# Such runs share the samples, so what makes a document hard for all of them cancels.
Paired = Sequence[Sums]
Statistic = Callable[[Sequence[Paired]], Array]

NUM_SAMPLES = 2000
_WEIGHTS_AT_A_TIME = 2**22  # 32 MiB


class Interval(NamedTuple):
    """The ends of an interval that holds the true value, at its level."""

    low: float
    high: float


class Bootstrapped(NamedTuple):
    """Values of a statistic with their intervals; one row of ``replicates`` is a sample."""

    estimates: Array
    intervals: list[Interval]
    replicates: Array


def bootstrap(
    statistic: Statistic,
    groups: Sequence[Paired],
    num_samples: int = NUM_SAMPLES,
    seed: int = 0,
    level: float = 0.95,
) -> Bootstrapped:
    """A statistic of sums over documents, with BCa intervals.

    Args:
        statistic: groups of sums, whose fields are arrays with one entry a sample, to an array with
            one row a sample and one column a value.
        groups: columns of documents; groups are drawn independently of each other.
        num_samples: how many samples are drawn.
        seed: of the random numbers; the same seed gives the same intervals.
        level: how often the interval holds the true value.

    Raises:
        InfocapError: a group has fewer than two documents.
    """
    if any(len(columns.num_tokens) < 2 for group in groups for columns in group):
        raise InfocapError("an interval over documents needs at least two of them")
    estimates = statistic([[_whole(columns) for columns in group] for group in groups])[0]
    replicates = statistic(
        [
            resampled_sums(group, num_samples, np.random.default_rng([seed, index]))
            for index, group in enumerate(groups)
        ]
    )
    acceleration = _acceleration(statistic, groups)
    intervals = [
        bca_interval(float(estimate), replicate, float(a), level)
        for estimate, replicate, a in zip(estimates, replicates.T, acceleration, strict=True)
    ]
    return Bootstrapped(estimates, intervals, replicates)


def resampled_sums(group: Paired, num_samples: int, rng: np.random.Generator) -> list[Sums]:
    """Sums of each run over the same samples of documents, drawn with replacement."""
    matrix = np.concatenate([np.stack(columns, axis=1) for columns in group], axis=1)
    sums = np.concatenate(
        [weights @ matrix for weights in _weights(len(matrix), num_samples, rng)], axis=0
    )
    width = len(Sums._fields)
    return [Sums(*sums[:, at : at + width].T) for at in range(0, sums.shape[1], width)]


def bca_interval(
    estimate: float, replicates: Array, acceleration: float, level: float = 0.95
) -> Interval:
    """The BCa interval of one value.

    With z0 = Phi^-1(share of replicates below the estimate) and z the quantile of a tail, the tail
    is cut at Phi(z0 + (z0 + z) / (1 - a (z0 + z))).
    """
    below = float((replicates < estimate).mean() + (replicates == estimate).mean() / 2)
    least = 1 / (len(replicates) + 1)
    normal = NormalDist()
    z0 = normal.inv_cdf(min(max(below, least), 1 - least))

    def quantile(tail: float) -> float:
        z = z0 + normal.inv_cdf(tail)
        share = normal.cdf(z0 + z / max(1 - acceleration * z, least))
        return float(np.quantile(replicates, share))

    return Interval(quantile((1 - level) / 2), quantile((1 + level) / 2))


def margin_factor(degrees_of_freedom: int, level: float = 0.95) -> float:
    """How many standard errors an interval from few residuals reaches to either side.

    A quantile of Student's t: the exact limit of a parametric bootstrap of the studentised estimate
    with normal residuals. Percentiles of resampled residuals cover far less than the level, since
    two to five models leave too few of them.
    """
    from scipy.special import stdtrit  # slow to import, and few commands need it

    return float(stdtrit(degrees_of_freedom, (1 + level) / 2))


def by_documents(runs: Sequence[Run]) -> list[list[int]]:
    """Indices of the runs that have documents, those on the same ones together."""
    same_documents = defaultdict(list)
    for index, run in enumerate(runs):
        if run.documents:
            same_documents[(run.corpus_sha256, tuple(document_names(run)))].append(index)
    return list(same_documents.values())


def document_names(run: Run) -> list[str]:
    """Names of the run's documents, in the order of ``document_columns``."""
    return sorted(score.document_id for score in run.documents or ())


def document_columns(run: Run, names: Sequence[str] | None = None) -> Sums:
    """What each document adds to the sums, by name; of these names alone where they are given."""
    scores = sorted(run.documents or (), key=lambda score: score.document_id)
    if names is not None:
        wanted = frozenset(names)
        scores = [score for score in scores if score.document_id in wanted]
    return columns_of(scores)


def metric_of(name: str, sums: Sums, run: Run) -> Array:
    """The metric ``name`` of sets of the run's documents, C not rounded in any regime."""
    constants = Constants(run.flops_per_token, run.bias_bits_per_token, run.regime)
    values: Array = np.asarray(METRICS[name].of_measured(measure(sums, constants)))
    return values


def _whole(columns: Sums) -> Sums:
    """Sums over all documents, as arrays of one sample."""
    return Sums(*(np.array([math.fsum(column)]) for column in columns))


def _weights(num_documents: int, num_samples: int, rng: np.random.Generator) -> Iterator[Array]:
    """How often each document is in each sample, a block of samples at a time."""
    block = max(1, _WEIGHTS_AT_A_TIME // num_documents)
    shares = np.full(num_documents, 1 / num_documents)
    for start in range(0, num_samples, block):
        size = min(block, num_samples - start)
        yield rng.multinomial(num_documents, shares, size=size).astype(np.float64)


def _acceleration(statistic: Statistic, groups: Sequence[Paired]) -> Array:
    """a of BCa for each value: sum U^3 / (6 (sum U^2)^1.5), U = (n - 1) / n (mean theta - theta_i).

    theta_i is the value without document i, one of the n of its group; sums are over all groups.
    """
    cubes: Array = np.zeros(1)
    squares: Array = np.zeros(1)
    for group in groups:
        num_documents = len(group[0].num_tokens)
        without_one = [
            [_without_one(columns) for columns in other]
            if other is group
            else [_repeated(_whole(columns), num_documents) for columns in other]
            for other in groups
        ]
        theta = statistic(without_one)
        influence = (theta.mean(axis=0) - theta) * (num_documents - 1) / num_documents
        cubes = cubes + (influence**3).sum(axis=0)
        squares = squares + (influence**2).sum(axis=0)
    return np.divide(cubes, 6 * squares**1.5, out=np.zeros_like(cubes), where=squares > 0)


def _without_one(columns: Sums) -> Sums:
    return Sums(*(math.fsum(column) - column for column in columns))


def _repeated(sums: Sums, times: int) -> Sums:
    return Sums(*(np.repeat(column, times) for column in sums))
