"""Ranks that a sample is compatible with, from bootstrap replicates of what is ranked."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

# Differences below this share of the values are rounding.
_ROUNDING = 1e-12


class RankRange(NamedTuple):
    """The best and the worst rank that a model may have; 1 is the highest value."""

    best: int
    worst: int


def rank_ranges(values: Array, replicates: Array, level: float = 0.95) -> list[RankRange]:
    """For each model, the ranks it is compatible with at this level.

    A model's differences to all others get one simultaneous interval, by the bootstrap of the
    largest studentised difference (Mogstad, Romano, Shaikh and Wilhelm 2024). A model whose
    interval lies above zero certainly ranks better, one whose interval lies below certainly ranks
    worse; all others may rank on either side.

    Args:
        values: what is ranked, one a model; higher is better.
        replicates: one row a bootstrap sample, one column a model; a column of NaN for a model
            without documents, which is never certainly above or below another.
        level: how often the range holds the true rank.
    """
    return [_range_of(index, values, replicates, level) for index in range(len(values))]


def _range_of(index: int, values: Array, replicates: Array, level: float) -> RankRange:
    differences = values - values[index]
    centred = replicates - replicates[:, [index]] - differences
    errors = centred.std(axis=0)
    varies = errors > _ROUNDING * np.abs(values).max()
    margin = np.where(np.isnan(errors), np.inf, 0.0)
    if varies.any():
        largest = np.abs(centred[:, varies] / errors[varies]).max(axis=1)
        margin[varies] = np.quantile(largest, level) * errors[varies]
    margin += _ROUNDING * np.abs(values).max()
    above = int((differences > margin).sum())
    below = int((differences < -margin).sum())
    return RankRange(1 + above, len(values) - below)
