"""FLOPs of well-known models: the table of docs/explanation/flops.md.

    python benchmarks/well_known_models.py

The configs are those that the models were published with, in the fields that decide FLOPs.
"""

from transformers import (
    AutoConfig,
    DeepseekV3Config,
    Gemma3TextConfig,
    Glm4MoeConfig,
    GptOssConfig,
    LlamaConfig,
    Mamba2Config,
    MixtralConfig,
    PretrainedConfig,
    Qwen2MoeConfig,
    Qwen3Config,
    Qwen3MoeConfig,
)

from infocap_tasks.flops.count import count


def llama(d: int, layers: int, heads: int, kv: int, width: int, vocab: int) -> LlamaConfig:
    return LlamaConfig(
        hidden_size=d, num_hidden_layers=layers, num_attention_heads=heads,
        num_key_value_heads=kv, intermediate_size=width, vocab_size=vocab,
    )  # fmt: skip


def qwen3(d: int, layers: int, heads: int, width: int) -> Qwen3Config:
    return Qwen3Config(
        hidden_size=d, num_hidden_layers=layers, num_attention_heads=heads,
        num_key_value_heads=8, head_dim=128, intermediate_size=width, vocab_size=151936,
    )  # fmt: skip


MODELS: dict[str, tuple[PretrainedConfig, str]] = {
    "SmolLM2-135M": (
        llama(576, 30, 9, 3, 1536, 49152),
        "each position sees itself too: 1025 / 2 keys, not 1023 / 2",
    ),
    "Gemma-3-270m": (
        Gemma3TextConfig(
            hidden_size=640,
            num_hidden_layers=18,
            num_attention_heads=4,
            num_key_value_heads=1,
            head_dim=256,
            intermediate_size=2048,
            vocab_size=262144,
            sliding_window=512,
        ),
        "heads are 256 wide, not 640 / 4; 15 of 18 layers see 512 keys",
    ),
    "Qwen3-0.6B": (qwen3(1024, 28, 16, 3072), "heads are 128 wide, not 1024 / 16"),
    "Llama-3.2-1B": (llama(2048, 16, 32, 8, 8192, 128256), "keys, as above"),
    "Mamba2-2.7B": (
        Mamba2Config(
            hidden_size=2560,
            num_hidden_layers=64,
            num_heads=80,
            head_dim=64,
            state_size=128,
            n_groups=1,
            expand=2,
            conv_kernel=4,
            vocab_size=50288,
        ),
        "no formula was published for it",
    ),
    "Qwen1.5-MoE-A2.7B": (
        Qwen2MoeConfig(
            hidden_size=2048,
            num_hidden_layers=24,
            num_attention_heads=16,
            num_key_value_heads=16,
            intermediate_size=5632,
            moe_intermediate_size=1408,
            shared_expert_intermediate_size=5632,
            num_experts=60,
            num_experts_per_tok=4,
            vocab_size=151936,
        ),
        "it leaves out the router and the shared gate (4 experts of 1408 are 5632)",
    ),
    "Qwen3-30B-A3B": (
        Qwen3MoeConfig(
            hidden_size=2048,
            num_hidden_layers=48,
            num_attention_heads=32,
            num_key_value_heads=4,
            head_dim=128,
            moe_intermediate_size=768,
            num_experts=128,
            num_experts_per_tok=8,
            vocab_size=151936,
        ),
        "no formula was published for it",
    ),
    "gpt-oss-20b": (
        GptOssConfig(num_hidden_layers=24, num_local_experts=32, num_experts_per_tok=4),
        "experts have 6 d F, not 4 d F; heads are 64 wide, not 45; half the layers see 128 keys",
    ),
    "Qwen3-8B": (qwen3(4096, 36, 32, 12288), "keys, as above (32 heads of 128 are 4096)"),
    "Mixtral-8x7B": (MixtralConfig(sliding_window=None), "no formula was published for it"),
    "GLM-4.5-Air": (
        Glm4MoeConfig(
            hidden_size=4096,
            num_hidden_layers=46,
            num_attention_heads=96,
            num_key_value_heads=8,
            head_dim=128,
            intermediate_size=10944,
            moe_intermediate_size=1408,
            n_routed_experts=128,
            num_experts_per_tok=8,
            n_shared_experts=1,
            first_k_dense_replace=1,
            vocab_size=151552,
        ),
        "96 heads of 128, not of 42; 9 experts of 1408, not a dense 10944",
    ),
    "DeepSeek-V3": (
        DeepseekV3Config(),
        "MLA's own projections, not dense ones; 3 dense layers; keys are tokens, not kv_lora_rank",
    ),
    "Llama-3-70B": (llama(8192, 80, 64, 8, 28672, 128256), "keys, as above"),
}


def table() -> str:
    lines = [
        "| model | FLOPs per token | published formula | ratio | what explains the difference |",
        "| --- | ---: | ---: | ---: | --- |",
    ]
    for name, (config, why) in MODELS.items():
        flops = count(AutoConfig.for_model(**config.to_dict()))
        ours, reference = flops.flops_per_token, flops.reference_flops_per_token
        theirs = f"{reference:,} | {ours / reference:.3f}" if reference else "- | -"
        lines.append(f"| {name} | {ours:,} | {theirs} | {why} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
