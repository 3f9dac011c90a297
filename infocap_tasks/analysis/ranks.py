"""Ranks that a sample of texts is compatible with."""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

# Differences below this share of the values are rounding of the analysis itself.
_ROUNDING = 1e-12
_NUM_DRAWS = 4000
_NUMBERS_AT_A_TIME = 2**22  # 32 MiB


class RankRange(NamedTuple):
    """The best and the worst rank that a model may have; 1 is the highest value."""

    best: int
    worst: int


def ranks(values: Array, resolutions: Array) -> list[int]:
    """For each model, 1 and the number of those that are higher by more than rounding.

    A model that is coarser than others may tie with more of those above it, but its rank is never
    better than that of a higher one.

    Args:
        values: what is ranked, one a model; higher is better.
        resolutions: of a model, the largest difference that may be rounding; of two models the
            larger one counts.
    """
    margins = np.maximum.outer(resolutions, resolutions)
    best = 1 + (values[np.newaxis, :] - values[:, np.newaxis] > margins).sum(axis=1)
    is_no_lower = values[np.newaxis, :] >= values[:, np.newaxis]
    return [
        int(rank) for rank in np.where(is_no_lower, best[np.newaxis, :], 1).max(axis=1, initial=1)
    ]


def rank_ranges(
    values: Array,
    influences: Array,
    degrees_of_freedom: float,
    level: float = 0.95,
    resolutions: Array | None = None,
) -> list[RankRange]:
    """For each model, the ranks it is compatible with at this level.

    A model's differences to all others get one simultaneous interval, from the quantile of the
    largest studentised difference (Mogstad, Romano, Shaikh and Wilhelm 2024), whose distribution
    is that of a multivariate t with the jackknife's covariances. A model whose interval lies above
    zero certainly ranks better, one whose interval lies below certainly ranks worse; all others
    may rank on either side.

    Args:
        values: what is ranked, one a model; higher is better.
        influences: one row a text, one column a model, as in ``intervals.Estimates``; a column of
            NaN for a model without documents, which is never certainly above or below another.
        degrees_of_freedom: of t.
        level: how often the range holds the true rank.
        resolutions: as in ``ranks``; they are added to what texts leave open. None for 0.
    """
    errors = _errors(influences, degrees_of_freedom)
    rounding = np.zeros(len(values)) if resolutions is None else resolutions
    rounding = rounding + _ROUNDING * np.abs(values).max()
    return [
        _range_of(index, values, influences, errors, level, np.maximum(rounding, rounding[index]))
        for index in range(len(values))
    ]


def _errors(influences: Array, degrees_of_freedom: float) -> Array:
    """Draws of what the texts may have added to the values: one row a draw, one column a model."""
    rng = np.random.default_rng(0)
    scales = np.sqrt(rng.chisquare(degrees_of_freedom, (_NUM_DRAWS, 1)) / degrees_of_freedom)
    num_blocks = math.ceil(_NUM_DRAWS * len(influences) / _NUMBERS_AT_A_TIME)
    blocks = [
        rng.standard_normal((len(part), len(influences))) @ influences / part
        for part in np.array_split(scales, max(1, num_blocks))
    ]
    return np.concatenate(blocks)


def _range_of(
    index: int, values: Array, influences: Array, errors: Array, level: float, rounding: Array
) -> RankRange:
    differences = values - values[index]
    standard_errors = np.sqrt(((influences - influences[:, [index]]) ** 2).sum(axis=0))
    varies = standard_errors > _ROUNDING * np.abs(values).max()
    margin = np.where(np.isnan(standard_errors), np.inf, 0.0)
    if varies.any():
        studentised = (errors - errors[:, [index]])[:, varies] / standard_errors[varies]
        largest = np.abs(studentised).max(axis=1)
        margin[varies] = np.quantile(largest, level) * standard_errors[varies]
    margin += rounding
    above = int((differences > margin).sum())
    below = int((differences < -margin).sum())
    return RankRange(1 + above, len(values) - below)
