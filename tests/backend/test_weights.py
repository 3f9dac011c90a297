"""The digest of a model's weights sees every value and its place."""

import pytest
import torch
from accelerate import cpu_offload, disk_offload
from helpers.models import byte_tokenizer
from transformers import LlamaConfig, LlamaForCausalLM

from infocap_tasks.backend.weights import _BLOCK, digest_weights, weighted_sums

VOCAB = len(byte_tokenizer())


def llama(dtype=torch.float32):
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCAB, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=64,
    )  # fmt: skip
    return LlamaForCausalLM(config).to(dtype).eval()


def swap_rows(model):
    rows = model.model.embed_tokens.weight.data
    rows[[23, 67]] = rows[[67, 23]]
    return model


def change_one_bit(model):
    bits = model.model.layers[1].mlp.up_proj.weight.data.view(torch.uint8)
    bits[3, 5] ^= 1
    return model


@pytest.mark.parametrize("change", [swap_rows, change_one_bit])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_digest_changes_with_any_value_and_its_place(change, dtype):
    assert digest_weights(llama(dtype)) == digest_weights(llama(dtype))
    assert digest_weights(change(llama(dtype))) != digest_weights(llama(dtype))


@pytest.mark.parametrize("where", ["memory", "disk"])
def test_digest_sees_weights_that_are_offloaded(where, tmp_path):
    def offloaded(model, folder):
        if where == "memory":
            return cpu_offload(model, torch.device("cpu"))
        return disk_offload(model, tmp_path / folder, torch.device("cpu"))

    model = offloaded(llama(), "one")
    assert model.model.embed_tokens.weight.device.type == "meta"
    assert digest_weights(model) == digest_weights(llama())
    assert digest_weights(offloaded(swap_rows(llama()), "two")) != digest_weights(llama())
    assert model.model.embed_tokens.weight.device.type == "meta"


@pytest.mark.parametrize(
    "dtype", [torch.float32, torch.bfloat16, torch.float8_e4m3fn, torch.int64, torch.bool]
)
@pytest.mark.parametrize("places", [(0, 1), (7, _BLOCK - 1), (5, _BLOCK + 5), (0, _BLOCK + 9)])
def test_weighted_sums_see_an_exchange_of_two_values(dtype, places):
    values = torch.zeros(_BLOCK + 10, dtype=torch.float32)
    values[places[0]] = 1.0
    values = values.to(dtype)
    exchanged = values.clone().view(torch.uint8).view(len(values), -1)
    exchanged[list(places)] = exchanged[list(places[::-1])]
    assert weighted_sums(exchanged.flatten().view(dtype)) != weighted_sums(values)
    assert weighted_sums(values.clone()) == weighted_sums(values)


def test_weighted_sums_are_exact_modulo_two_to_the_64():
    torch.manual_seed(0)
    values = torch.randint(-(2**31), 2**31, (1000,), dtype=torch.int64).to(torch.int32)
    random = torch.Generator().manual_seed(0)
    factors = torch.randint(-(2**62), 2**62, (_BLOCK,), generator=random).tolist()
    exact = sum(v * f for v, f in zip(values.tolist(), factors, strict=False))
    wrapped = (exact + 2**63) % 2**64 - 2**63
    assert weighted_sums(values) == f"[{wrapped}]".encode()
