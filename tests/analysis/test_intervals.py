from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from helpers.made_up import documents, run_of
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from infocap_tasks.analysis.intervals import (
    by_documents,
    count_texts,
    degrees_of_freedom,
    estimate,
    few_texts_remark,
    metric_of,
    text_columns,
)
from infocap_tasks.errors import InfocapError
from infocap_tasks.metrics import DocumentScore, Sums, standard_error

FLOPS, BIAS = 2.0**30, -20.0


def random_scores(rng, count=40, regime="harness"):
    return tuple(
        DocumentScore(f"d{i}", *map(int, rng.integers([300, 50], [700, 200])),
                      float(rng.gamma(5, 60)), FLOPS, BIAS, regime, True, f"text {i}")
        for i in range(count)
    )  # fmt: skip


def statistic(run, groups):
    return metric_of("information_capacity", groups[0][0], run)[:, np.newaxis]


def estimate_of(run):
    return estimate(partial(statistic, run), [text_columns([run])])


@pytest.mark.parametrize("regime", ["harness", "reference"])
def test_the_error_is_that_of_the_harness_table(regime):
    scores = random_scores(np.random.default_rng(1), 30, regime)
    found = estimate_of(run_of("m", scores))
    assert found.standard_errors[0] == pytest.approx(standard_error("information_capacity", scores))


def test_texts_of_one_length_give_the_t_interval_of_a_mean():
    """An independent implementation: with one length for all, H is the mean of the texts' H."""
    bits = np.random.default_rng(2).gamma(5, 60, 12)
    run = run_of("m", documents(bits))
    (ours,) = estimate_of(run).intervals()
    capacities = (40 - bits / 100 + BIAS) / 30
    theirs = stats.ttest_1samp(capacities, 0).confidence_interval(0.95)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high))


def test_groups_of_texts_of_one_length_give_the_interval_of_welch():
    rng = np.random.default_rng(3)
    bits = [rng.gamma(5, 60, 15), rng.gamma(5, 20, 25)]
    runs = [run_of(name, documents(values)) for name, values in zip("ab", bits, strict=True)]

    def difference(groups):
        a, b = (metric_of("nll_bits_per_token", g[0], r) for g, r in zip(groups, runs, strict=True))
        return (a - b)[:, np.newaxis]

    (ours,) = estimate(difference, [text_columns([run]) for run in runs]).intervals()
    test = stats.ttest_ind(*(values / 100 for values in bits), equal_var=False)
    theirs = test.confidence_interval(0.95)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high))


tokens = st.lists(st.integers(1, 10**6), min_size=2, max_size=30)


@given(tokens)
def test_degrees_of_freedom_against_the_matrices(counts):
    """The traces that the sums are written out from."""
    column = np.array(counts, dtype=np.float64)
    h = column / column.sum()
    a, centred = np.diag(h / np.sqrt(1 - h)), np.eye(len(h)) - h[np.newaxis, :]
    matrix = a @ centred @ centred.T @ a
    expected = np.trace(matrix) ** 2 / np.trace(matrix @ matrix)
    assert degrees_of_freedom([Sums(*[column] * 5)]) == pytest.approx(max(expected, 1), rel=1e-5)


def test_equal_lengths_have_one_degree_of_freedom_less_than_texts():
    for count in (2, 8, 10_000):
        columns = Sums(*[np.full(count, 7.0)] * 5)
        assert degrees_of_freedom([columns]) == pytest.approx(count - 1)


def test_one_long_text_leaves_few_degrees_of_freedom():
    columns = Sums(*[np.array([10_000.0] + [100.0] * 29)] * 5)
    assert 1 <= degrees_of_freedom([columns]) < 1.5


def test_copies_of_a_text_count_once():
    """Twelve texts six times over are known no better than twelve texts."""
    scores = random_scores(np.random.default_rng(4), 12)
    copies = tuple(
        score._replace(document_id=f"{score.document_id}-{copy}")
        for copy in range(6) for score in scores
    )  # fmt: skip
    once, often = run_of("m", scores), run_of("m", copies)
    assert standard_error("bits_per_byte", copies) == pytest.approx(
        standard_error("bits_per_byte", scores)
    )
    assert estimate_of(often).intervals()[0] == pytest.approx(estimate_of(once).intervals()[0])
    assert (count_texts(often), count_texts(once)) == (12, 12)


def test_documents_of_older_files_are_texts_of_their_own():
    scores = tuple(s._replace(text_digest="") for s in random_scores(np.random.default_rng(5), 6))
    assert count_texts(run_of("m", scores + scores)) == 12
    assert standard_error("bits_per_byte", scores + scores) < 0.7 * standard_error(
        "bits_per_byte", scores
    )


def test_texts_that_one_run_cut_apart_count_apart_in_a_pair():
    scores = random_scores(np.random.default_rng(6), 4)
    digests = [("x", "x", "y", "z"), ("x", "x2", "y", "y"), ("", "", "", "")]
    a, b, old = (
        run_of("m", tuple(s._replace(text_digest=d) for s, d in zip(scores, of_run, strict=True)))
        for of_run in digests
    )
    assert [count_texts(run) for run in (a, b, old)] == [3, 3, 4]
    assert [len(text_columns(pair)[0].num_tokens) for pair in ([a, b], [a, old])] == [4, 3]


def test_constant_values_have_an_interval_of_no_width():
    run = run_of("m", documents([300.0] * 5))
    (interval,) = estimate_of(run).intervals()
    assert interval.low == pytest.approx(run.information_capacity, abs=1e-12)
    assert interval.high == pytest.approx(run.information_capacity, abs=1e-12)


@pytest.mark.parametrize("digests", [[""], ["same", "same"]])
def test_one_text_is_refused(digests):
    scores = documents([300.0] * len(digests))
    run = run_of(
        "m", tuple(s._replace(text_digest=d) for s, d in zip(scores, digests, strict=True))
    )
    with pytest.raises(InfocapError, match="at least two distinct"):
        estimate_of(run)


def test_fewer_than_eight_texts_are_remarked():
    assert "Over 7 distinct texts an interval means little" in few_texts_remark(7)
    assert few_texts_remark(8) is None


def test_runs_on_the_same_documents_are_found():
    a = run_of("a", documents([300, 400, 500, 200]))
    shuffled = run_of("b", a.documents[::-1])
    others = run_of("c", documents([300, 400, 500, 200]), corpus_sha256="1" * 64)
    without = replace(a, model="d", documents=None)
    runs = [a, others, without, shuffled]
    assert by_documents(runs) == [[0, 3], [1]]
