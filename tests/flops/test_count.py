"""Goldens with their derivation, and relations that hold for every model.

An independent way to each total: 2 x matrix parameters (LM head included also where tied), plus
2 * heads * (key width + value width) * mean number of keys for each layer.
"""

from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import (
    AutoModelForCausalLM,
    BartConfig,
    Gemma2Config,
    Gemma3Config,
    Gemma3TextConfig,
    GPT2Config,
    GPTNeoXConfig,
    LlamaConfig,
    LongcatFlashConfig,
    MistralConfig,
    NemotronHConfig,
    Olmo2Config,
    Phi3Config,
    Qwen2Config,
    Qwen3Config,
    ViTConfig,
    xLSTMConfig,
)

from infocap_tasks.errors import InfocapError
from infocap_tasks.flops.count import count
from infocap_tasks.flops.record import given_flops
from infocap_tasks.flops.trace.attention import AttentionCall, count_keys, windowed_keys

SMALL = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 300,
    "pad_token_id": 0,
}
DENSE = {
    "llama": LlamaConfig(**SMALL),
    "qwen2": Qwen2Config(**SMALL),
    "qwen3": Qwen3Config(**SMALL, head_dim=32),
    "gemma2": Gemma2Config(**SMALL, head_dim=32),
    "gemma3_text": Gemma3TextConfig(**SMALL, head_dim=32),
    "mistral": MistralConfig(**SMALL),
    "phi3": Phi3Config(**SMALL),
    "olmo2": Olmo2Config(**SMALL),
    "gpt2": GPT2Config(n_embd=64, n_layer=3, n_head=4, vocab_size=300),
    "gpt_neox": GPTNeoXConfig(
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=3,
        num_attention_heads=4,
        vocab_size=300,
    ),
}

# hidden 576, 30 layers, 9 heads of 64, 3 of them for keys and values, MLP 1536, vocabulary 49152.
# A layer: q and o 2*2*576*576, k and v 2*2*576*192, MLP 2*3*576*1536; head 2*576*49152.
SMOLLM2_135M = LlamaConfig(
    hidden_size=576, num_hidden_layers=30, num_attention_heads=9, num_key_value_heads=3,
    intermediate_size=1536, vocab_size=49152, tie_word_embeddings=True,
)  # fmt: skip


def test_smollm2_equals_a_count_by_hand():
    flops = count(SMOLLM2_135M, 1024)
    assert flops.breakdown == {
        "attention_projections": 30 * (2 * 2 * 576 * 576 + 2 * 2 * 576 * 192),
        "attention_core": 30 * 2 * 9 * (64 + 64) * 1025 // 2,
        "mlp": 30 * 2 * 3 * 576 * 1536,
        "lm_head": 2 * 576 * 49152,
    }
    assert flops.flops_per_token == 304_383_744
    assert flops.total_params == 134_515_008


def matrix_parameters(config):
    """Parameters of all matrices that a token is multiplied with, from real weights."""
    model = AutoModelForCausalLM.from_config(config)
    embedding = model.get_input_embeddings().weight
    head = model.get_output_embeddings().weight
    positions = [m.weight for m in model.modules() if isinstance(m, torch.nn.Embedding)]
    looked_up = {id(p) for p in [embedding, *positions]}
    rest = [p for p in model.parameters() if p.dim() == 2 and id(p) not in looked_up | {id(head)}]
    return sum(p.numel() for p in rest) + head.numel()


@pytest.mark.parametrize("name", DENSE)
def test_linear_part_is_twice_the_matrix_parameters(name):
    flops = count(DENSE[name], 100)
    linear = flops.flops_per_token - flops.breakdown["attention_core"]
    assert linear == 2 * matrix_parameters(DENSE[name])


@pytest.mark.parametrize("name", DENSE)
def test_only_attention_depends_on_the_context(name):
    one, two = count(DENSE[name], 10), count(DENSE[name], 30)
    assert {k: v for k, v in one.breakdown.items() if k != "attention_core"} == {
        k: v for k, v in two.breakdown.items() if k != "attention_core"
    }
    # Linear in the mean number of keys, (L + 1) / 2, as long as no window is shorter.
    assert (
        Fraction(one.breakdown["attention_core"]) / 11
        == Fraction(two.breakdown["attention_core"]) / 31
    )


def attention_per_key(config):
    return 2 * config.num_attention_heads * 2 * 32  # both widths are head_dim = 32


@pytest.mark.parametrize("window", [1, 7, 8, 99, 100, 500])
def test_sliding_windows_count_in_the_layers_that_have_them(window):
    config = Gemma3TextConfig(
        **{**SMALL, "num_hidden_layers": 6}, head_dim=32, sliding_window=window
    )
    kinds = config.layer_types
    assert {"sliding_attention", "full_attention"} == set(kinds)
    full = Fraction(sum(range(1, 101)), 100)
    windowed = Fraction(sum(min(t, window) for t in range(1, 101)), 100)
    expected = sum(full if kind == "full_attention" else windowed for kind in kinds)
    core = count(config, 100).breakdown["attention_core"]
    assert core == float(attention_per_key(config) * expected)


def test_a_window_as_long_as_the_text_changes_nothing():
    def mistral(window):
        return count(MistralConfig(**SMALL, sliding_window=window), 100)

    assert mistral(100) == mistral(None) == mistral(4096)
    assert mistral(99).flops_per_token < mistral(100).flops_per_token


@given(num_tokens=st.integers(1, 70), window=st.integers(1, 80), chunk=st.integers(1, 80))
@settings(deadline=None)
def test_visible_keys_equal_a_count_of_every_pair(num_tokens, window, chunk):
    def sees(batch, head, position, key):
        near = position - key < window
        return (key <= position) & near & (position // chunk == key // chunk)

    expected = sum(
        key <= position and position - key < window and position // chunk == key // chunk
        for position in range(num_tokens)
        for key in range(num_tokens)
    )
    call = AttentionCall(torch.nn.Identity(), 1, 1, 1, sees, 16, None)
    assert count_keys(call, num_tokens) == expected


@given(st.integers(1, 70), st.integers(1, 80))
def test_windowed_keys_equal_their_sum(num_tokens, window):
    assert windowed_keys(num_tokens, window) == sum(
        min(t, window) for t in range(1, num_tokens + 1)
    )


@pytest.mark.parametrize("context", [1, 2, 3, 1000, 1024, 4097])
def test_breakdown_sums_to_the_total(context):
    flops = count(DENSE["gemma3_text"], context)
    assert (
        sum(flops.breakdown.values()) == flops.flops_per_token == flops.record()["flops_per_token"]
    )


def test_tied_and_untied_heads_cost_the_same():
    tied = count(LlamaConfig(**SMALL, tie_word_embeddings=True))
    untied = count(LlamaConfig(**SMALL, tie_word_embeddings=False))
    assert tied.breakdown == untied.breakdown
    assert tied.verification["agrees"]
    assert untied.verification["agrees"]
    assert untied.total_params - tied.total_params == 300 * 64


def test_wrappers_and_quantised_configs_count_as_their_text_model():
    text = DENSE["gemma3_text"]
    assert count(Gemma3Config(text_config=text)).breakdown == count(text).breakdown
    quantised = LlamaConfig(**SMALL, quantization_config={"quant_method": "gptq", "bits": 4})
    assert count(quantised) == count(DENSE["llama"])
    assert quantised.quantization_config  # the caller's config is left as it was


def test_uncountable_config_error_names_flops_per_token():
    with pytest.raises(InfocapError, match="context 0: must be at least 1"):
        count(DENSE["llama"], 0)
    with pytest.raises(InfocapError, match=r"vit model cannot .* knows no .* flops_per_token=N"):
        count(ViTConfig())
    blt = LlamaConfig(**SMALL)
    blt.model_type = "blt"
    with pytest.raises(InfocapError, match=r"patches .* --metadata flops_per_token=N"):
        count(blt)


def test_given_flops_must_be_a_number_above_one():
    assert given_flops(2.5e9, 1024).flops_per_token == 2_500_000_000
    assert given_flops(3, 1024).record()["method"] == "given"
    for wrong in (1, 0, -5, "many", True, float("inf"), float("nan"), None):
        with pytest.raises(InfocapError, match="must be a number above 1"):
            given_flops(wrong, 1024)


@pytest.mark.parametrize(
    ("config", "named"),
    [
        (LlamaConfig(num_hidden_layers=5000), "num_hidden_layers"),
        (GPT2Config(n_layer=5000), "n_layer"),
        (LongcatFlashConfig(num_layers=5000), "num_(hidden_)?layers"),
        (NemotronHConfig(layers_block_type=["mamba"] * 5000), "layers_block_type"),
        (xLSTMConfig(num_blocks=5000), "num_blocks"),
        (BartConfig(decoder_layers=5000), "decoder_layers"),
        (Gemma3Config(text_config={"num_hidden_layers": 5000}), r"text_config\.num_hidden_layers"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_more_layers_than_any_model_has_are_refused(config, named):
    with pytest.raises(InfocapError, match=f"{named} asks for 5,000 layers, and at most 1,000"):
        count(config)
