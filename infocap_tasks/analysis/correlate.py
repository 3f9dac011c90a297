"""How information capacity correlates with benchmark scores, over models and within series."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from infocap_tasks.errors import InfocapError, did_you_mean
from infocap_tasks.results.run import Run

Array = npt.NDArray[np.float64]

MEAN = "mean"
LEAST_MODELS = 4
# Models less their series, since each series' mean is estimated; an interval needs this many.
LEAST_DEGREES = 4
_FEW = 10
NUM_SAMPLES = 2000
QUANTITIES = ("information_capacity", "bits_per_byte", "log2_flops_per_token")


class Correlation(NamedTuple):
    """How one quantity correlates with one benchmark.

    Attributes:
        benchmark: the standard task, or ``mean``: of those that all models have.
        quantity: one of ``QUANTITIES``.
        within_series: whether the means of each series were subtracted from both first.
        coefficient: pearson, spearman or kendall (tau-b).
        value: None if one side does not vary.
        low: of the 95 % interval over models; None if ``note`` says why.
        high: see ``low``.
        num_models: how many models have both.
        note: what must be known to read the numbers; None if there is nothing.
    """

    benchmark: str
    quantity: str
    within_series: bool
    coefficient: str
    value: float | None
    low: float | None
    high: float | None
    num_models: int
    note: str | None


def correlate(
    runs: Sequence[Run], benchmarks: Sequence[str] | None = None, seed: int = 0
) -> list[Correlation]:
    """Pearson, Spearman and Kendall of each quantity with each benchmark and with their mean.

    Args:
        runs: one a model.
        benchmarks: the ones to use; None for all that at least four models have.
        seed: of the bootstrap over models.

    Raises:
        InfocapError: a benchmark is unknown, or fewer than four models have any.
    """
    scores = scores_by_benchmark(runs, benchmarks)
    found = []
    for benchmark, by_model in scores.items():
        chosen = [run for run in runs if run.model in by_model]
        score = np.array([by_model[run.model] for run in chosen])
        for quantity in QUANTITIES:
            found += _of_pair(benchmark, quantity, chosen, score, seed)
    return found


def scores_by_benchmark(
    runs: Sequence[Run], benchmarks: Sequence[str] | None = None
) -> dict[str, Mapping[str, float]]:
    """Scores by benchmark and model; their mean last, over the models that have all of them.

    Raises:
        InfocapError: see ``correlate``.
    """
    known = sorted({name for run in runs for name in run.benchmarks})
    missing = [name for name in benchmarks or () if name not in known]
    if missing:
        raise InfocapError(
            f"--benchmarks {missing[0]}: no score of it beside the runs; "
            f"{did_you_mean(missing[0], known)}there are {', '.join(known) or 'none'}"
        )
    counts = {name: sum(name in run.benchmarks for run in runs) for name in known}
    wanted = list(benchmarks or [name for name in known if counts[name] >= LEAST_MODELS])
    few = [name for name in wanted if counts[name] < LEAST_MODELS]
    if few or not wanted:
        most = max(counts.values(), default=0) if not few else counts[few[0]]
        raise InfocapError(
            f"{few[0] if few else 'benchmarks'}: {most} of {len(runs)} models have a score, and a "
            f"correlation needs at least {LEAST_MODELS}; score more models with "
            "infocap eval --tasks infocap_local,arc_easy,…"
        )
    scores: dict[str, Mapping[str, float]] = {
        name: {run.model: run.benchmarks[name] for run in runs if name in run.benchmarks}
        for name in wanted
    }
    complete = [run for run in runs if all(name in run.benchmarks for name in wanted)]
    if len(wanted) > 1 and len(complete) >= LEAST_MODELS:
        scores[MEAN] = {
            run.model: sum(run.benchmarks[name] for name in wanted) / len(wanted)
            for run in complete
        }
    return scores


def _of_pair(
    benchmark: str, quantity: str, runs: Sequence[Run], score: Array, seed: int
) -> list[Correlation]:
    values = [_quantity(run, quantity) for run in runs]
    held = [index for index, value in enumerate(values) if value is not None]
    if len(held) < LEAST_MODELS:
        return []
    x = np.array([values[index] for index in held], dtype=np.float64)
    y = score[held]
    series = [runs[index].series for index in held]
    found = _rows(benchmark, quantity, x, y, None, seed)
    kept = in_shared_series(series)
    if len(kept) >= LEAST_MODELS:
        inner = [series[index] for index in kept]
        x, y = demeaned(x[kept], inner), demeaned(y[kept], inner)
        found += _rows(benchmark, quantity, x, y, inner, seed)
    return found


def _rows(
    benchmark: str, quantity: str, x: Array, y: Array, series: Sequence[str] | None, seed: int
) -> list[Correlation]:
    """All coefficients of one pair; ``series`` if their means were subtracted."""
    is_within = series is not None
    note = "; ".join(_notes(x, y, series)) or None
    return [
        Correlation(
            benchmark, quantity, is_within, name, *estimate(x, y, name, series, seed), len(x), note
        )
        for name in COEFFICIENTS
    ]


def _notes(x: Array, y: Array, series: Sequence[str] | None) -> Iterator[str]:
    if not (_varies(x) and _varies(y)):
        yield "no coefficient: one side does not vary"
    elif series and not _has_interval(series):
        yield (
            f"no interval within series: {len(series)} models less {len(set(series))} series is "
            f"{len(series) - len(set(series))}, and it needs {LEAST_DEGREES}"
        )
    if len(x) < _FEW:
        yield (
            f"fewer than {_FEW} models say little: chance alone gives coefficients near 1, and "
            "intervals over so few models are a rough guide"
        )


def _has_interval(series: Sequence[str]) -> bool:
    return len(series) - len(set(series)) >= LEAST_DEGREES


def _quantity(run: Run, name: str) -> float | None:
    if name == "log2_flops_per_token":
        return float(np.log2(run.flops_per_token))
    return run.metric(name)


def in_shared_series(series: Sequence[str]) -> list[int]:
    """Indices of the models whose series has another model here."""
    return [index for index, name in enumerate(series) if series.count(name) > 1]


def demeaned(values: Array, series: Sequence[str]) -> Array:
    """Values along the last axis less the mean of their series."""
    members = defaultdict(list)
    for index, name in enumerate(series):
        members[name].append(index)
    result = values.copy()
    for indices in members.values():
        result[..., indices] -= values[..., indices].mean(axis=-1, keepdims=True)
    result[np.abs(result) <= _ROUNDING * np.abs(values).max()] = 0.0  # equal values stay ties
    return result


# ------------------------------------------------------------------ coefficients
#
# Of each row of x with the same row of y; NaN where a side does not vary. The bootstrap has 2000
# rows, which scipy's spearmanr and kendalltau take one a call: 2.5 s for 40 models, while these
# take 0.03 and 0.05 s (python benchmarks/scipy_stats.py). The tests compare them with scipy's.


def pearson(x: Array, y: Array) -> Array:
    """Product-moment correlation."""
    x = x - x.mean(axis=1, keepdims=True)
    y = y - y.mean(axis=1, keepdims=True)
    return _ratio((x * y).sum(axis=1), np.sqrt((x**2).sum(axis=1) * (y**2).sum(axis=1)))


def spearman(x: Array, y: Array) -> Array:
    """Pearson's coefficient of the ranks; equal values share their mean rank."""
    from scipy.stats import rankdata  # slow to import, and few commands need it

    return pearson(rankdata(x, axis=1), rankdata(y, axis=1))


def kendall(x: Array, y: Array) -> Array:
    """Tau-b: pairs in the same order less pairs in the other, over what ties leave possible."""
    rows = max(1, _PAIRS_AT_A_TIME // x.shape[1] ** 2)
    parts = [
        _tau_b(x[start : start + rows], y[start : start + rows]) for start in range(0, len(x), rows)
    ]
    return np.concatenate(parts)


COEFFICIENTS: Mapping[str, Callable[[Array, Array], Array]] = {
    "pearson": pearson,
    "spearman": spearman,
    "kendall": kendall,
}

_PAIRS_AT_A_TIME = 2**21
_ROUNDING = 1e-12


def _tau_b(x: Array, y: Array) -> Array:
    first, second = np.triu_indices(x.shape[1], 1)
    in_x = np.sign(x[:, first] - x[:, second])
    in_y = np.sign(y[:, first] - y[:, second])
    untied = np.sqrt((in_x**2).sum(axis=1) * (in_y**2).sum(axis=1))
    return _ratio((in_x * in_y).sum(axis=1), untied)


def _ratio(above: Array, below: Array) -> Array:
    return np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0)


def estimate(
    x: Array, y: Array, name: str, series: Sequence[str] | None = None, seed: int = 0
) -> tuple[float | None, float | None, float | None]:
    """The coefficient and the percentiles of its bootstrap over models.

    Within series, x and y come without the means of their series. Pairs of them are drawn for all
    models, and the means of the sample are subtracted again: with the means held fixed, samples
    would vary less than data do.
    """
    if not (_varies(x) and _varies(y)):
        return None, None, None
    coefficient = COEFFICIENTS[name]
    value = float(coefficient(x[None], y[None])[0])
    if series and not _has_interval(series):
        return value, None, None
    drawn = np.random.default_rng(seed).integers(len(x), size=(NUM_SAMPLES, len(x)))
    xs, ys = x[drawn], y[drawn]
    if series:
        xs, ys = demeaned(xs, series), demeaned(ys, series)
    low, high = np.nanquantile(coefficient(xs, ys), [0.025, 0.975])
    return value, float(low), float(high)


def _varies(values: Array) -> bool:
    return bool(np.ptp(values) > _ROUNDING * np.abs(values).max())
