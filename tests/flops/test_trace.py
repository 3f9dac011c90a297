"""Experts, sparse attention and recurrent mixers, each against a count by hand."""

from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import pytest
import torch
from transformers import (
    AttentionInterface,
    Cohere2Config,
    DbrxConfig,
    DeepseekV2Config,
    DeepseekV3Config,
    FalconMambaConfig,
    Glm4MoeConfig,
    GPTNeoConfig,
    GptOssConfig,
    JambaConfig,
    JetMoeConfig,
    Lfm2Config,
    Llama4TextConfig,
    LongcatFlashConfig,
    Mamba2Config,
    MambaConfig,
    MiniMaxConfig,
    MixtralConfig,
    Qwen2MoeConfig,
    Qwen3MoeConfig,
    Qwen3NextConfig,
    RecurrentGemmaConfig,
    RwkvConfig,
    xLSTMConfig,
)
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from infocap_tasks.errors import InfocapError
from infocap_tasks.flops.count import count
from infocap_tasks.flops.trace import attention, forward, mixers
from infocap_tasks.flops.trace.attention import windowed_keys
from infocap_tasks.flops.verify import closed_form_attention

D, F, V, L = 64, 48, 100, 40
COMMON = {"hidden_size": D, "vocab_size": V, "pad_token_id": 0}
GROUPED = COMMON | {"num_attention_heads": 4, "num_key_value_heads": 2, "num_hidden_layers": 3}


def moe(kind, experts=8, picked=2, **more):
    names = {
        MixtralConfig: {"num_local_experts": experts, "intermediate_size": F},
        Qwen3MoeConfig: {"num_experts": experts, "moe_intermediate_size": F, "head_dim": 16},
        Qwen2MoeConfig: {
            "num_experts": experts, "moe_intermediate_size": F,
            "shared_expert_intermediate_size": 32,
        },
        GptOssConfig: {
            "num_local_experts": experts, "intermediate_size": F, "head_dim": 16,
            "sliding_window": 8,
        },
        Glm4MoeConfig: {
            "n_routed_experts": experts, "moe_intermediate_size": F, "intermediate_size": 96,
            "first_k_dense_replace": 1, "n_shared_experts": 1, "head_dim": 16,
        },
        Llama4TextConfig: {
            "num_local_experts": experts, "intermediate_size": F, "intermediate_size_mlp": 96,
            "moe_layers": [1, 2], "head_dim": 16, "attention_chunk_size": 8,
        },
    }[kind]  # fmt: skip
    return kind(**(GROUPED | names | {"num_experts_per_tok": picked} | more))


ONE_EXPERT = 2 * 3 * D * F


@pytest.mark.parametrize(
    ("kind", "moe_layers", "rest"),
    [
        (MixtralConfig, 3, {}),
        (Qwen3MoeConfig, 3, {}),
        (Qwen2MoeConfig, 3, {"shared_experts": 3 * (2 * 3 * D * 32 + 2 * D)}),
        (GptOssConfig, 3, {}),
        (Glm4MoeConfig, 2, {"mlp": 2 * 3 * D * 96, "shared_experts": 2 * ONE_EXPERT}),
        (Llama4TextConfig, 2, {"mlp": 2 * 3 * D * 96, "shared_experts": 2 * ONE_EXPERT}),
    ],
)
def test_experts_router_and_dense_layers_equal_a_count_by_hand(kind, moe_layers, rest):
    flops = count(moe(kind), L)
    assert flops.breakdown["experts"] == moe_layers * 2 * ONE_EXPERT
    assert flops.breakdown["router"] == moe_layers * 2 * D * 8
    assert {k: flops.breakdown.get(k) for k in ("mlp", "shared_experts")} == {
        "mlp": None, "shared_experts": None, **rest,
    }  # fmt: skip
    assert flops.verification["agrees"]
    more = count(moe(kind, experts=16), L)
    changed = {k for k in more.breakdown if more.breakdown[k] != flops.breakdown.get(k)}
    assert changed == {"router"}
    assert more.breakdown["router"] == 2 * flops.breakdown["router"]
    # Eight more experts: their matrices (gpt-oss: and biases) and rows of the router.
    grown = more.total_params - flops.total_params
    assert grown >= moe_layers * 8 * (ONE_EXPERT // 2 + D)
    assert more.active_params - flops.active_params < grown / 50


def test_untraceable_experts_are_charged_for_their_picks():
    dbrx = count(
        DbrxConfig(
            d_model=D, n_heads=4, n_layers=2, vocab_size=V,
            attn_config={"rope_theta": 1e4, "clip_qkv": 8, "kv_n_heads": 2},
            ffn_config={"ffn_hidden_size": F, "moe_num_experts": 8, "moe_top_k": 3},
        ), L,
    )  # fmt: skip
    assert dbrx.breakdown["experts"] == 2 * 3 * ONE_EXPERT
    jetmoe = count(
        JetMoeConfig(
            **COMMON, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
            kv_channels=16, intermediate_size=F, num_local_experts=8, num_experts_per_tok=2,
        ), L,
    )  # fmt: skip
    # MLP experts, and experts for the attention's query and output of 2 heads of 16 each.
    assert jetmoe.breakdown["experts"] == 2 * 2 * (ONE_EXPERT + 2 * 2 * D * 2 * 16)
    longcat = count(
        LongcatFlashConfig(
            **COMMON, num_hidden_layers=2, num_layers=1, num_attention_heads=4,
            n_routed_experts=8, zero_expert_num=4, moe_topk=3, expert_ffn_hidden_size=F,
            ffn_hidden_size=F, q_lora_rank=16, kv_lora_rank=16,
        ), L,
    )  # fmt: skip
    assert longcat.breakdown["experts"] == 2 * ONE_EXPERT  # of 3 picks among 12, 8 are real


MLA = {"kv_lora_rank": 24, "qk_nope_head_dim": 16, "qk_rope_head_dim": 8, "v_head_dim": 20}


@pytest.mark.parametrize("q_lora_rank", [None, 12])
@pytest.mark.parametrize("kind", [DeepseekV2Config, DeepseekV3Config])
def test_latent_attention_equals_a_count_by_hand(kind, q_lora_rank):
    config = kind(
        **(GROUPED | {"num_key_value_heads": 4}), **MLA, q_lora_rank=q_lora_rank,
        intermediate_size=96, moe_intermediate_size=F, n_routed_experts=8, num_experts_per_tok=2,
        n_shared_experts=1, first_k_dense_replace=1, n_group=1, topk_group=1,
        topk_method="greedy",
    )  # fmt: skip
    flops = count(config, L)
    query = D * 4 * 24 if q_lora_rank is None else 12 * (D + 4 * 24)
    latent = D * (24 + 8) + 24 * 4 * (16 + 20)
    output = 4 * 20 * D
    assert flops.breakdown["attention_projections"] == 3 * 2 * (query + latent + output)
    assert flops.breakdown["attention_core"] == 3 * 2 * 4 * (24 + 20) * Fraction(L + 1, 2)
    assert flops.breakdown["mlp"] == 2 * 3 * D * 96
    assert flops.breakdown["shared_experts"] == 2 * ONE_EXPERT


def core(layers_of_keys):
    """Attention's core of 4 heads of 16 for these sums of keys, per token."""
    return float(Fraction(2 * 4 * 32 * sum(layers_of_keys), L))


def test_windows_and_chunks_count_layer_by_layer():
    full, window = windowed_keys(L, L), windowed_keys(L, 8)
    assert count(moe(GptOssConfig), L).breakdown["attention_core"] == core([window, full, window])
    kinds = ["sliding_attention", "full_attention", "sliding_attention"]
    cohere = Cohere2Config(**GROUPED, intermediate_size=F, sliding_window=8, layer_types=kinds)
    assert count(cohere, L).breakdown["attention_core"] == core([window, full, window])
    llama4 = moe(Llama4TextConfig)
    chunked = sum(t % 8 + 1 for t in range(L))
    keys = [chunked if kind == "chunked_attention" else full for kind in llama4.layer_types]
    assert chunked in keys
    assert count(llama4, L).breakdown["attention_core"] == core(keys)
    neo = GPTNeoConfig(
        hidden_size=D, num_layers=2, num_heads=4, vocab_size=V, window_size=8, intermediate_size=F,
        attention_types=[[["global", "local"], 1]],
    )  # fmt: skip
    assert count(neo, L).breakdown["attention_core"] == core([full, window])


def test_attention_without_the_registry_is_charged_for_half_of_all_pairs():
    from transformers import BloomConfig, CodeGenConfig

    bloom = BloomConfig(hidden_size=D, n_layer=2, n_head=4, vocab_size=V)
    codegen = CodeGenConfig(n_embd=D, n_layer=2, n_head=4, vocab_size=V, rotary_dim=8)
    for config in (bloom, codegen):
        assert count(config, L).breakdown["attention_core"] == core(2 * [windowed_keys(L, L)])


MAMBA = {"state_size": 8, "conv_kernel": 4, "num_hidden_layers": 2}
INNER = 2 * D


@pytest.mark.parametrize("kind", [MambaConfig, FalconMambaConfig])
def test_mamba_equals_a_count_by_hand(kind):
    flops = count(kind(**COMMON, **MAMBA, expand=2, intermediate_size=INNER, time_step_rank=5), L)
    assert flops.breakdown["mixer_core"] == 2 * (2 * 4 * INNER + 4 * INNER * 8)
    projections = D * 2 * INNER + INNER * (5 + 2 * 8) + 5 * INNER + INNER * D
    assert flops.breakdown["mixer_projections"] == 2 * 2 * projections


def test_mamba_2_equals_a_count_by_hand():
    config = Mamba2Config(**COMMON, **MAMBA, num_heads=8, head_dim=16, expand=2, n_groups=2)
    flops = count(config, L)
    channels = INNER + 2 * 2 * 8
    assert flops.breakdown["mixer_core"] == 2 * (2 * 4 * channels + 4 * INNER * 8)
    assert flops.breakdown["mixer_projections"] == 2 * 2 * D * (2 * INNER + 2 * 2 * 8 + 8 + INNER)


def test_hybrids_equal_a_count_by_hand():
    next_ = Qwen3NextConfig(
        **(GROUPED | {"num_hidden_layers": 4}), head_dim=16, intermediate_size=F,
        moe_intermediate_size=F, shared_expert_intermediate_size=F, num_experts=8,
        num_experts_per_tok=2, linear_num_key_heads=2, linear_num_value_heads=4,
        linear_key_head_dim=8, linear_value_head_dim=12, linear_conv_kernel_dim=4,
    )  # fmt: skip
    flops = count(next_, L)
    conv = 2 * 4 * (2 * 2 * 8 + 4 * 12)
    assert flops.breakdown["mixer_core"] == 3 * (conv + 6 * 4 * 8 * 12)
    assert flops.breakdown["attention_core"] == core([windowed_keys(L, L)])
    jamba = JambaConfig(
        **(GROUPED | {"num_hidden_layers": 2}), intermediate_size=F, num_experts=4,
        num_experts_per_tok=2, mamba_d_state=8, mamba_d_conv=4, mamba_expand=2,
        attn_layer_period=2, attn_layer_offset=1, expert_layer_period=2, expert_layer_offset=1,
    )  # fmt: skip
    flops = count(jamba, L)
    assert flops.breakdown["mixer_core"] == 2 * 4 * INNER + 4 * INNER * 8
    assert flops.breakdown["attention_core"] == core([windowed_keys(L, L)])
    assert flops.breakdown["experts"] == 2 * ONE_EXPERT
    assert flops.breakdown["mlp"] == ONE_EXPERT


def test_other_mixers_equal_a_count_by_hand():
    lfm2 = Lfm2Config(**GROUPED, intermediate_size=F, conv_L_cache=3,
                      layer_types=["conv", "full_attention", "conv"])  # fmt: skip
    flops = count(lfm2, L)
    assert flops.breakdown["mixer_core"] == 2 * (2 * 3 * D)
    assert flops.breakdown["mixer_projections"] == 2 * 2 * (D * 3 * D + D * D)
    rwkv = count(
        RwkvConfig(hidden_size=D, vocab_size=V, num_hidden_layers=2, attention_hidden_size=D), L
    )
    assert rwkv.breakdown["mixer_core"] == 2 * 8 * D
    minimax = MiniMaxConfig(**GROUPED, intermediate_size=F, head_dim=16, num_local_experts=4,
                            layer_types=["linear_attention", "full_attention"] * 1
                            + ["linear_attention"])  # fmt: skip
    assert count(minimax, L).breakdown["mixer_core"] == 2 * 4 * 4 * 16 * 16
    gemma = RecurrentGemmaConfig(
        **GROUPED, intermediate_size=F, lru_width=D, conv1d_width=4, head_dim=16,
        attention_window_size=8, block_types=["recurrent", "recurrent", "attention"],
    )  # fmt: skip
    flops = count(gemma, L)
    assert flops.breakdown["mixer_core"] == 2 * (2 * D + 2 * 4 * D)
    assert flops.breakdown["attention_core"] == core([windowed_keys(L, 8)])
    xlstm = count(
        xLSTMConfig(hidden_size=D, num_hidden_layers=2, num_blocks=2, num_heads=4, vocab_size=V), L
    )
    # Queries and keys are half as wide as the values, which are as wide as the model.
    assert xlstm.breakdown["mixer_core"] == 2 * 4 * 4 * 8 * (16 + 1)


@pytest.mark.skipif("dory" not in CONFIG_MAPPING, reason="transformers 5.24 brings it")
def test_looped_layers_cost_as_often_as_they_run():
    """Dory's forward runs its recurrent section, here layers 1 and 2 of 4, once for each loop."""
    config = CONFIG_MAPPING["dory"](
        **GROUPED | {"num_hidden_layers": 4}, head_dim=16, intermediate_size=F, sliding_window=8,
        layer_types=["sliding_attention", "sliding_attention", "full_attention", "full_attention"],
        n_input_layers=1, n_output_layers=1, n_recurrent_loops=3,
    )  # fmt: skip
    flops = count(config, L)
    runs = 1 + 3 * 2 + 1
    # Queries, the gate of the output and its projection have 4 heads of 16, keys and values 2.
    assert flops.breakdown["attention_projections"] == runs * 2 * (3 * D * 64 + 2 * D * 32)
    assert flops.breakdown["mlp"] == runs * 2 * 3 * D * F
    assert flops.breakdown["lm_head"] == 2 * D * V
    keys = (1 + 3) * windowed_keys(L, 8) + (3 + 1) * windowed_keys(L, L)
    assert flops.breakdown["attention_core"] == 2 * 4 * (16 + 16) * keys / L


def test_modules_are_converted_while_tensors_have_no_data():
    """As constructors do that keep a part in float32, past torch's refusal to swap fake tensors."""
    with forward._without_data():
        block = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
        assert block.to(torch.bfloat16) is block
        assert {p.dtype for p in block.parameters()} == {torch.bfloat16}
        assert block[1].running_mean.dtype == torch.bfloat16
        assert block[0](torch.ones(1, 3, dtype=torch.bfloat16)).shape == (1, 2)
    assert torch.nn.Linear(3, 2).half().weight.dtype == torch.float16


def test_shared_expert_as_wide_as_the_number_of_experts_is_no_router():
    flops = count(moe(Qwen2MoeConfig, shared_expert_intermediate_size=8), L)
    assert flops.breakdown["router"] == 3 * 2 * D * 8
    assert flops.breakdown["shared_experts"] == 3 * (2 * 3 * D * 8 + 2 * D)


def test_renamed_core_raises_instead_of_lowering_the_count(monkeypatch):
    monkeypatch.delitem(mixers.FUNCTIONS, "mamba2_chunk_scan")
    monkeypatch.delitem(mixers.FUNCTIONS, "causal_conv1d_fn")
    config = Mamba2Config(**COMMON, **MAMBA, num_heads=8, head_dim=16, expand=2, n_groups=2)
    with pytest.raises(InfocapError, match="core of Mamba2Mixer is not called"):
        count(config, L)


def test_failed_count_leaves_no_hooks(monkeypatch):
    hooks = len(torch.nn.modules.module._global_forward_pre_hooks)
    monkeypatch.setattr(torch.nn.Embedding, "forward", None)
    for _ in range(2):
        with pytest.raises(InfocapError):
            count(moe(MixtralConfig), L)
    monkeypatch.undo()
    assert len(torch.nn.modules.module._global_forward_pre_hooks) == hooks
    assert count(moe(MixtralConfig), L)


def test_threads_count_the_same():
    with ThreadPoolExecutor(4) as pool:
        first, *rest = pool.map(lambda _: count(moe(MixtralConfig), L).breakdown, range(4))
    assert all(breakdown == first for breakdown in rest)


def test_attention_that_calls_the_kernel_itself_is_counted(monkeypatch):
    """As the code that some repositories bring does, past transformers' registry."""

    def attend(module, query, key, value, mask, **_):
        heads = query.shape[1] // key.shape[1]
        key, value = (x.repeat_interleave(heads, 1) for x in (key, value))
        out = torch.nn.functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        return out.transpose(1, 2), None

    expected = count(moe(MixtralConfig), L).breakdown
    monkeypatch.setitem(AttentionInterface._global_mapping, attention.IMPLEMENTATION, attend)
    assert count(moe(MixtralConfig), L).breakdown == expected


def test_closed_form_attention_is_none_for_undeclared_layers():
    assert closed_form_attention(moe(Llama4TextConfig), L) is None
    assert closed_form_attention(moe(MixtralConfig), L) == core([windowed_keys(L, L)] * 3)
