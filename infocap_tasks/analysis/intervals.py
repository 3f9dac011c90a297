"""Intervals of values over texts, by the jackknife, and from few residuals.

An interval is the value plus and minus t standard errors. The standard error is the delete-one
jackknife's (Efron and Stein 1981), over distinct texts: copies of a text are left out together. t
is the quantile of Student's distribution whose degrees of freedom are those of a weighted mean
(Bell and McCaffrey 2002; Imbens and Kolesar 2016): n - 1 for n texts of one length, fewer where
long texts hold most of the tokens. ``benchmarks/interval_coverage.py`` simulates how often such
intervals hold the true value.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from infocap_tasks.errors import InfocapError
from infocap_tasks.metrics import (
    METRICS,
    Constants,
    Sums,
    columns_of,
    measure,
    number_texts,
    sum_by_text,
)
from infocap_tasks.results.run import Run

Array = npt.NDArray[np.float64]

# Of each of several runs on the same texts: its columns, one row a text, or sums over them. Texts
# are left out of all such runs at once, so what makes a text hard for all of them cancels.
Paired = Sequence[Sums]
Statistic = Callable[[Sequence[Paired]], Array]

# With fewer texts an interval means little.
_FEW_TEXTS = 8
# Values below this share of what they are made of are rounding.
_ROUNDING = 1e-12


class Interval(NamedTuple):
    """The ends of an interval that holds the true value, at its level."""

    low: float
    high: float


class Estimates(NamedTuple):
    """Values of a statistic, and how sure they are over texts.

    Attributes:
        values: the statistic of all texts.
        influences: a row a text, a column a value: what leaving the text out changes, scaled so
            that the root of the sum of its squares is the standard error.
        degrees_of_freedom: of Student's t, one for each value.
    """

    values: Array
    influences: Array
    degrees_of_freedom: Array

    @property
    def standard_errors(self) -> Array:
        """By the jackknife, in the unit of the values."""
        errors: Array = np.sqrt((self.influences**2).sum(axis=0))
        return errors

    def intervals(self, level: float = 0.95) -> list[Interval]:
        """The values' intervals at this level."""
        margins = margin_factor(self.degrees_of_freedom, level) * self.standard_errors
        ends = zip((self.values - margins).tolist(), (self.values + margins).tolist(), strict=True)
        return [Interval(*pair) for pair in ends]

    def probabilities_above_zero(self) -> list[float]:
        """For each value, 1 less the one-sided p-value against "it is not above 0", by t.

        Of a value that is 0 but for rounding it is 1/2.
        """
        from scipy.special import stdtr  # slow to import, and few commands need it

        values = np.where(np.abs(self.values) < _ROUNDING, 0.0, self.values)
        errors = np.maximum(self.standard_errors, np.finfo(np.float64).tiny)
        return list(map(float, stdtr(self.degrees_of_freedom, values / errors)))


def estimate(statistic: Statistic, groups: Sequence[Paired]) -> Estimates:
    """A statistic of sums over texts, with its uncertainty.

    Args:
        statistic: groups of sums, whose fields are arrays with one entry for each set of texts, to
            an array with one row for each set and one column a value.
        groups: columns of texts; the texts of one group are independent of those of another.

    Raises:
        InfocapError: a group has fewer than two distinct texts.
    """
    if any(len(columns.num_tokens) < 2 for group in groups for columns in group):
        raise InfocapError("an interval over texts needs at least two distinct ones")
    values = statistic([[_whole(columns) for columns in group] for group in groups])[0]
    influences = [_influences(statistic, groups, number) for number in range(len(groups))]
    # Satterthwaite's degrees of freedom of a sum of variances; of one group, its own.
    variances = np.stack([(part**2).sum(axis=0) for part in influences])
    of_groups = np.array([[degrees_of_freedom(group)] for group in groups])
    total = variances.sum(axis=0)
    even = np.full_like(variances, 1 / len(groups))  # of a value that does not vary
    shares = np.divide(variances, total, out=even, where=total > 0)
    degrees = 1 / (shares**2 / of_groups).sum(axis=0)
    return Estimates(values, np.concatenate(influences), degrees)


def degrees_of_freedom(group: Paired) -> float:
    """Degrees of freedom of a mean weighted by tokens, at least 1 (Bell and McCaffrey 2002).

    With h_i the text's share of the tokens, the mean over runs, and M = I - 1 h', the variance
    sum_i h_i^2 e_i^2 / (1 - h_i) of residuals e is a quadratic form whose matrix has elements
    a_i a_j (M M')_ij, where a_i^2 = h_i^2 / (1 - h_i) and (M M')_ij = [i = j] - h_i - h_j + h'h.
    The degrees are the square of its trace over the trace of its square, written out in sums.
    """
    h = np.mean([columns.num_tokens / columns.num_tokens.sum() for columns in group], axis=0)
    # The longest text stands apart: near a share of 1 its terms would cancel in the sums.
    most, h = float(h.max()), np.delete(h, h.argmax())
    of_most, weights = most**2 / (1 - most), h**2 / (1 - h)
    q = most**2 + (h**2).sum()
    diagonal = np.append(weights * (1 - 2 * h + q), of_most * ((1 - most) ** 2 + (h**2).sum()))
    with_most = of_most * weights * ((h**2).sum() - most * (1 - most) - h) ** 2
    b0, b1, b2 = (float((weights * h**power).sum()) for power in range(3))
    others = (q * b0) ** 2 + 2 * b0 * b2 - 4 * q * b0 * b1 + 2 * b1**2
    others -= (weights**2 * (q - 2 * h) ** 2).sum()
    trace_of_square = (diagonal**2).sum() + 2 * with_most.sum() + others
    return max(float(diagonal.sum() ** 2 / trace_of_square), 1.0)


def margin_factor(degrees_of_freedom: Any, level: float = 0.95) -> Any:
    """How many standard errors an interval reaches to either side, by Student's t.

    A number, or an array of them, as the degrees of freedom are.
    """
    from scipy.special import stdtrit  # slow to import, and few commands need it

    return stdtrit(degrees_of_freedom, (1 + level) / 2)


def few_texts_remark(num_texts: int) -> str | None:
    """What must be known to read an interval over so few texts; None if there are enough."""
    if num_texts >= _FEW_TEXTS:
        return None
    return f"Over {num_texts} distinct texts an interval means little; score {_FEW_TEXTS} or more."


def by_documents(runs: Sequence[Run]) -> list[list[int]]:
    """Indices of the runs that have documents, those on the same ones together."""
    same_documents = defaultdict(list)
    for index, run in enumerate(runs):
        if run.documents:
            same_documents[(run.corpus_sha256, tuple(document_names(run)))].append(index)
    return list(same_documents.values())


def document_names(run: Run) -> list[str]:
    """Names of the run's documents, in the order of ``text_columns``."""
    return sorted(score.document_id for score in run.documents or ())


def text_columns(runs: Sequence[Run], names: Sequence[str] | None = None) -> list[Sums]:
    """What each distinct text adds to the sums of each run, of runs on the same documents.

    Args:
        runs: one or more.
        names: the documents that count; None for all.
    """
    wanted = None if names is None else frozenset(names)
    scores = [
        sorted(
            (s for s in run.documents or () if wanted is None or s.document_id in wanted),
            key=lambda score: score.document_id,
        )
        for run in runs
    ]
    numbers = number_texts(*scores)
    return [sum_by_text(columns_of(of_run), numbers) for of_run in scores]


def count_texts(run: Run) -> int:
    """The number of distinct texts that the run was scored on; 0 where it is not known."""
    return len(set(number_texts(run.documents or ()).tolist()))


def metric_of(name: str, sums: Sums, run: Run) -> Array:
    """The metric ``name`` of sets of the run's documents, C not rounded in any regime."""
    constants = Constants(run.flops_per_token, run.bias_bits_per_token, run.regime)
    values: Array = np.asarray(METRICS[name].of_measured(measure(sums, constants)))
    return values


def _whole(columns: Sums) -> Sums:
    """Sums over all texts, as arrays of one set."""
    return Sums(*(np.array([math.fsum(column)]) for column in columns))


def _influences(statistic: Statistic, groups: Sequence[Paired], number: int) -> Array:
    """sqrt((n - 1) / n) (theta_i - mean theta), theta_i the values without text i of the group."""
    num_texts = len(groups[number][0].num_tokens)
    theta = statistic(
        [
            [_without_one(columns) for columns in group]
            if index == number
            else [_repeated(_whole(columns), num_texts) for columns in group]
            for index, group in enumerate(groups)
        ]
    )
    return (theta - theta.mean(axis=0)) * math.sqrt((num_texts - 1) / num_texts)


def _without_one(columns: Sums) -> Sums:
    return Sums(*(math.fsum(column) - column for column in columns))


def _repeated(sums: Sums, times: int) -> Sums:
    return Sums(*(np.repeat(column, times) for column in sums))
