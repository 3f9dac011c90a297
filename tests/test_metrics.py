import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infocap_tasks.metrics import (
    METRICS,
    TEXT_SIZES,
    DocumentScore,
    aggregate,
    bytes_to_bits,
    measure,
    nats_to_bits,
    shared_constants,
    standard_error,
    sum_scores,
)

documents = st.tuples(
    st.integers(1, 10_000), st.integers(1, 1024), st.floats(0.01, 1e5, allow_nan=False)
)
runs = st.builds(
    lambda rows, flops, bias, regime: [
        DocumentScore("d", *row, flops, bias, regime) for row in rows
    ],
    st.lists(documents, min_size=1, max_size=30),
    st.integers(2, 10**13),
    st.floats(-40, 0),
    st.sampled_from(list(TEXT_SIZES)),
)


def test_one_document_by_hand():
    # 30 bytes in 10 tokens are 24 bits a token; 40 bits are 4 a token; log2 of 2^32 is 32.
    scores = [DocumentScore("d", 30, 10, 40.0, 2**32, -27)]
    values = {name: aggregate(name, scores) for name in METRICS}
    assert values == {
        "information_capacity": (24 - 4 - 27) / 32,
        "information_capacity_unbiased": 20 / 32,
        "compression_gain_bits_per_token": 20,
        "text_size_bits_per_token": 24,
        "nll_bits_per_token": 4,
        "bits_per_byte": pytest.approx(40 / 30),
        "bytes_per_token": 3,
        "flops_per_token": 2**32,
        "flops_per_byte": 2**32 / 3,
    }


@given(runs)
def test_identities(scores):
    value = {name: aggregate(name, scores) for name in METRICS}
    c, h = value["text_size_bits_per_token"], value["nll_bits_per_token"]
    g, bpb = value["compression_gain_bits_per_token"], value["bits_per_byte"]
    close = {"rel": 1e-9, "abs": 1e-9 * (c + h)}
    assert g == pytest.approx(c - h, **close)
    assert bpb == pytest.approx(8 * h / c, rel=1e-9)
    assert g == pytest.approx(c * (1 - bpb / 8), **close)
    assert c == pytest.approx(8 * value["bytes_per_token"])
    assert value["flops_per_byte"] == pytest.approx(
        value["flops_per_token"] / value["bytes_per_token"]
    )
    log2_n = math.log2(value["flops_per_token"])
    bias = scores[0].bias_bits_per_token
    assert value["information_capacity"] * log2_n - bias == pytest.approx(
        value["information_capacity_unbiased"] * log2_n, abs=1e-9 * (c + h - bias)
    )


@given(runs, st.randoms())
def test_the_order_of_documents_does_not_matter(scores, random):
    shuffled = list(scores)
    random.shuffle(shuffled)
    assert all(aggregate(name, scores) == aggregate(name, shuffled) for name in METRICS)


def test_the_reference_regime_takes_the_mean_of_text_sizes_to_two_decimals():
    documents = [("a", 30, 10, 40.0), ("b", 100, 30, 100.0)]
    scores = [DocumentScore(*document, 2**32, -27, "reference") for document in documents]
    assert aggregate("text_size_bits_per_token", scores) == 25.33  # (24 + 26.666) / 2
    assert aggregate("nll_bits_per_token", scores) == 140 / 40
    assert aggregate("information_capacity", scores) == (25.33 - 3.5 - 27) / 32
    # Nearly equal documents have an error all the same: the rounding does not hide it.
    close = [
        DocumentScore(n, 3000 + k, 1000, 9.0, 2**32, -27, "reference") for k, n in enumerate("ab")
    ]
    assert 0 < standard_error("text_size_bits_per_token", close) < 0.01


def test_two_decimals_as_numpy_rounds():
    scores = [DocumentScore("a", 963, 320, 9.0, 2**32, -27, "reference")]
    assert aggregate("text_size_bits_per_token", scores) == np.round(8 * 963 / 320, 2) == 24.08


def unrounded(name, scores):
    return METRICS[name].of_measured(measure(sum_scores(scores), shared_constants(scores)))


@given(runs)
def test_standard_error_against_a_slow_jackknife(scores):
    n = len(scores)
    for name in METRICS:
        if n < 2:
            assert standard_error(name, scores) is None
            continue
        theta = [unrounded(name, scores[:i] + scores[i + 1 :]) for i in range(n)]
        mean = sum(theta) / n
        expected = math.sqrt((n - 1) / n * sum((value - mean) ** 2 for value in theta))
        scale = max(abs(value) for value in theta)
        assert standard_error(name, scores) == pytest.approx(expected, rel=1e-6, abs=1e-7 * scale)


def test_jackknife_of_equal_documents_is_the_error_of_a_mean():
    # With one number of tokens for all, H is the mean of the documents' H.
    random = np.random.default_rng(0)
    nll = random.uniform(1, 5, 50)
    scores = [DocumentScore("d", 40, 10, 10 * x, 1e9, -27) for x in nll]
    expected = nll.std(ddof=1) / math.sqrt(50)
    assert standard_error("nll_bits_per_token", scores) == pytest.approx(expected)
    assert standard_error("flops_per_token", scores) == 0


def test_scores_of_two_runs_are_not_mixed():
    with pytest.raises(ValueError, match="2 sets"):
        aggregate("bits_per_byte", [DocumentScore("d", 1, 1, 1.0, n, -27) for n in (10, 11)])


def test_scores_travel_between_processes():
    score = DocumentScore("d", 3, 2, 1.5, 10, -27)
    assert pickle.loads(pickle.dumps(score)) == score


def test_units():
    assert nats_to_bits(math.log(256)) == 8
    assert bytes_to_bits(3) == 24
