from functools import partial

import numpy as np
import pytest
from helpers.made_up import documents, run_of
from scipy import stats

from infocap_tasks.analysis.intervals import (
    bca_interval,
    bootstrap,
    by_documents,
    document_columns,
    metric_of,
    resampled_sums,
)
from infocap_tasks.errors import InfocapError
from infocap_tasks.metrics import DocumentScore, aggregate

FLOPS, BIAS = 2.0**30, -20.0


def random_scores(rng, count=40, regime="harness"):
    return tuple(
        DocumentScore(f"d{i}", *map(int, rng.integers([300, 50], [700, 200])),
                      float(rng.gamma(5, 60)), FLOPS, BIAS, regime)
        for i in range(count)
    )  # fmt: skip


def statistic(run, groups):
    return metric_of("information_capacity", groups[0][0], run)[:, np.newaxis]


@pytest.mark.parametrize("regime", ["harness", "reference"])
def test_samples_equal_metrics_of_repeated_documents(regime):
    """Each row is the metric of a list of documents in which drawn ones are repeated."""
    rng = np.random.default_rng(3)
    run = run_of("m", random_scores(rng, 7, regime))
    group = [document_columns(run)]
    fast = resampled_sums(group, 50, np.random.default_rng(9))[0]
    weights = np.random.default_rng(9).multinomial(7, np.full(7, 1 / 7), size=50)
    scores = sorted(run.documents, key=lambda score: score.document_id)
    for name in ("information_capacity", "bits_per_byte", "nll_bits_per_token"):
        for value, row in zip(metric_of(name, fast, run), weights, strict=True):
            drawn = [s for s, times in zip(scores, row, strict=True) for _ in range(times)]
            tolerance = 0.01 if regime == "reference" else 1e-9  # C is rounded to two decimals
            assert value == pytest.approx(aggregate(name, drawn), abs=tolerance)


def test_bca_agrees_with_scipy():
    """An independent implementation, on a ratio of sums of skewed data."""
    rng = np.random.default_rng(1)
    run = run_of("m", random_scores(rng, 30))
    ours = bootstrap(partial(statistic, run), [[document_columns(run)]], num_samples=20_000)
    columns = document_columns(run)

    def capacity(num_bytes, num_tokens, bits, axis=-1):
        gain = (8 * num_bytes.sum(axis) - bits.sum(axis)) / num_tokens.sum(axis)
        return (gain + BIAS) / 30

    theirs = stats.bootstrap(
        (columns.num_bytes, columns.num_tokens, columns.nll_bits),
        capacity, paired=True, vectorized=True, n_resamples=20_000, rng=5,
    ).confidence_interval  # fmt: skip
    width = theirs.high - theirs.low
    assert ours.intervals[0].low == pytest.approx(theirs.low, abs=0.03 * width)
    assert ours.intervals[0].high == pytest.approx(theirs.high, abs=0.03 * width)
    assert ours.estimates[0] == pytest.approx(run.information_capacity, rel=1e-12)


def test_bca_of_two_samples_agrees_with_scipy():
    """Two groups that are drawn independently: a difference of skewed ratios."""
    rng = np.random.default_rng(2)
    runs = [run_of(name, random_scores(rng, count)) for name, count in (("a", 15), ("b", 25))]

    def difference(groups):
        a, b = (metric_of("nll_bits_per_token", g[0], r) for g, r in zip(groups, runs, strict=True))
        return (a - b)[:, np.newaxis]

    groups = [[document_columns(run)] for run in runs]
    ours = bootstrap(difference, groups, num_samples=20_000).intervals[0]
    pairs = [np.stack([g[0].nll_bits, g[0].num_tokens], axis=1) for g in groups]

    def of_indices(first, second, axis=-1):
        a, b = (p[i.astype(int)].sum(axis=-2) for p, i in zip(pairs, (first, second), strict=True))
        return a[..., 0] / a[..., 1] - b[..., 0] / b[..., 1]

    theirs = stats.bootstrap(
        (np.arange(15), np.arange(25)), of_indices, vectorized=True, n_resamples=20_000, rng=5
    ).confidence_interval
    width = theirs.high - theirs.low
    assert ours.low == pytest.approx(theirs.low, abs=0.03 * width)
    assert ours.high == pytest.approx(theirs.high, abs=0.03 * width)


def test_intervals_cover_the_true_value():
    """It holds the true value for about 95 % of 200 corpora drawn from one distribution."""
    true_mean, covered = 3.0, 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        run = run_of("m", documents(100 * rng.gamma(9, true_mean / 9, size=60)))
        true = (40 - true_mean + BIAS) / 30
        low, high = bootstrap(
            partial(statistic, run), [[document_columns(run)]], 600, seed
        ).intervals[0]
        covered += low <= true <= high
    assert 180 <= covered <= 199


def test_equal_seeds_give_equal_intervals():
    run = run_of("m", random_scores(np.random.default_rng(0)))
    group = [[document_columns(run)]]
    one, same, other = (bootstrap(partial(statistic, run), group, seed=s) for s in (1, 1, 2))
    assert one.intervals == same.intervals
    assert one.intervals != other.intervals


def test_constant_values_have_an_interval_of_no_width():
    run = run_of("m", documents([300.0] * 5))
    (interval,) = bootstrap(partial(statistic, run), [[document_columns(run)]]).intervals
    assert interval.low == pytest.approx(run.information_capacity, abs=1e-12)
    assert interval.high == pytest.approx(run.information_capacity, abs=1e-12)
    assert bca_interval(1.0, np.full(100, 1.0), 0.0) == (1.0, 1.0)


def test_one_document_is_refused():
    run = run_of("m", documents([300.0]))
    with pytest.raises(InfocapError, match="at least two"):
        bootstrap(partial(statistic, run), [[document_columns(run)]])


def test_blocks_do_not_change_the_samples(monkeypatch):
    run = run_of("m", random_scores(np.random.default_rng(0)))
    whole = resampled_sums([document_columns(run)], 100, np.random.default_rng(0))[0]
    monkeypatch.setattr("infocap_tasks.analysis.intervals._WEIGHTS_AT_A_TIME", 40 * 7)
    parts = resampled_sums([document_columns(run)], 100, np.random.default_rng(0))[0]
    np.testing.assert_allclose(parts.nll_bits, whole.nll_bits)


def test_runs_on_the_same_documents_share_samples():
    a = run_of("a", documents([300, 400, 500, 200]))
    shuffled = run_of("b", a.documents[::-1])
    others = run_of("c", documents([300, 400, 500, 200]), corpus_sha256="1" * 64)
    without = run_of("d", a.documents, documents=None)
    runs = [a, others, without, shuffled]
    assert by_documents(runs) == [[0, 3], [1]]
