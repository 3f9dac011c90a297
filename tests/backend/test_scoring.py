import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from infocap_tasks.backend import scoring
from infocap_tasks.backend.scoring import Head, score_blockwise, score_logits


def make(rows, width, vocabulary, dtype=torch.float32, **head):
    torch.manual_seed(rows + width + vocabulary)
    hidden = torch.randn(rows, width).to(dtype)
    weight = torch.randn(vocabulary, width).to(dtype)
    tokens = torch.randint(vocabulary, (rows,))
    return hidden, tokens, Head(weight, **head)


def slow(hidden, tokens, head):
    """One row at a time, all logits, float64."""
    nats, greedy = [], []
    for row, token in zip(hidden, tokens.tolist(), strict=True):
        logits = row.double() @ head.weight.double().T
        if head.bias is not None:
            logits = logits + head.bias.double()
        logits = logits * head.scale
        if head.soft_cap:
            logits = torch.tanh(logits / head.soft_cap) * head.soft_cap
        nats.append((logits[token] - logits.logsumexp(0)).item())
        greedy.append(logits.argmax().item() == token)
    return nats, greedy


@pytest.mark.parametrize(
    "head",
    [
        {},
        {"bias": torch.linspace(-1, 1, 97)},
        {"scale": 0.25},
        {"soft_cap": 3.0},
        {"bias": torch.linspace(-1, 1, 97), "scale": 2.0, "soft_cap": 5.0},
    ],
)
@given(rows=st.integers(1, 40), block=st.integers(1, 120), chunk=st.integers(1, 50))
@settings(max_examples=20, deadline=None)
def test_blockwise_scores_equal_float64_over_all_logits(head, rows, block, chunk):
    hidden, tokens, head = make(rows, 16, 97, **head)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scoring, "_BLOCK", block)
        patch.setattr(scoring, "_ROWS", chunk)
        scores = score_blockwise(hidden, tokens, head, want_greedy=True)
        without = score_blockwise(hidden, tokens, head)
    nats, greedy = slow(hidden, tokens, head)
    assert scores.loglikelihood_nats.dtype == torch.float64
    assert scores.loglikelihood_nats.tolist() == pytest.approx(nats, abs=2e-5)
    assert scores.is_greedy.tolist() == greedy
    assert without.is_greedy is None
    assert torch.equal(without.loglikelihood_nats, scores.loglikelihood_nats)


def test_probabilities_sum_to_one():
    hidden, _, head = make(1, 16, 50)
    everything = score_blockwise(hidden.expand(50, -1), torch.arange(50), head)
    assert everything.loglikelihood_nats.exp().sum().item() == pytest.approx(1, abs=1e-6)


def test_uniform_head_is_exact_and_huge_logits_do_not_overflow():
    flat = Head(torch.zeros(2**13, 4))
    scores = score_blockwise(torch.randn(3, 4), torch.tensor([0, 5, 8191]), flat)
    assert scores.loglikelihood_nats.tolist() == pytest.approx([-13 * math.log(2)] * 3, abs=1e-6)
    steep = Head(torch.tensor([[1e4], [-1e4]]))
    scores = score_blockwise(torch.ones(2, 1), torch.tensor([0, 1]), steep)
    assert scores.loglikelihood_nats.tolist() == [0.0, -2e4]


def test_full_logits_give_the_same_scores():
    hidden, tokens, head = make(30, 16, 97)
    rows = torch.arange(29, -1, -1)
    logits = head.logits(hidden, 0, 97)
    one, other = (
        score_logits(logits, rows, tokens),
        score_blockwise(hidden[rows], tokens, head, True),
    )
    assert one.loglikelihood_nats.tolist() == pytest.approx(
        other.loglikelihood_nats.tolist(), abs=1e-5
    )
    assert torch.equal(one.is_greedy, other.is_greedy)


def test_bf16_stays_close_to_float32_logits_and_below_certainty():
    torch.manual_seed(0)
    weight = torch.randn(500, 64).bfloat16()
    tokens = torch.randint(500, (2000,))
    for certainty in (0.2, 1.0):  # hidden states that point at their token, more or less
        hidden = (weight[tokens].float() * certainty + torch.randn(2000, 64) / 4).bfloat16()
        coarse = score_blockwise(hidden, tokens, Head(weight)).loglikelihood_nats
        fine = score_blockwise(hidden.float(), tokens, Head(weight.float())).loglikelihood_nats
        assert abs((coarse - fine).mean().item()) < 1e-3 * math.log(2)
        assert coarse.max() <= 0


def test_as_the_model_rounds_is_a_softmax_of_its_own_logits():
    """What the published protocol takes: logits in bf16, then float32."""
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(40, 16, generator=generator).bfloat16()
    head = Head((torch.randn(9000, 16, generator=generator)).bfloat16())
    tokens = torch.randint(9000, (40,), generator=generator)
    logits = torch.nn.functional.linear(hidden, head.weight).double()
    expected = torch.log_softmax(logits, -1)[torch.arange(40), tokens]
    rounded = score_blockwise(hidden, tokens, head, as_model_rounds=True).loglikelihood_nats
    assert torch.allclose(rounded, expected, atol=1e-5)
    exact = score_blockwise(hidden, tokens, head).loglikelihood_nats
    assert (exact - expected).abs().max() > 1e-3
