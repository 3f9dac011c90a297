"""Which models are refused, scored one text at a time, or batched."""

from importlib.metadata import version

import pytest
import torch
from helpers.models import byte_tokenizer
from lm_eval.api.instance import Instance
from packaging.version import Version
from transformers import AutoModelForCausalLM
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from infocap_tasks.backend.causality import must_score_alone
from infocap_tasks.backend.engine import WindowScore
from infocap_tasks.backend.infocap_hf import InfocapHF
from infocap_tasks.backend.windows import Window
from infocap_tasks.errors import InfocapError

TOKENIZER = byte_tokenizer(adds_bos=True)
SMALL = {
    "vocab_size": len(TOKENIZER), "hidden_size": 32, "intermediate_size": 64,
    "num_hidden_layers": 2, "num_attention_heads": 4, "max_position_embeddings": 64,
    "bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0, "initializer_range": 0.1,
}  # fmt: skip
DOGE = {"is_moe": True, "num_experts": 16, "num_experts_per_tok": 2, "num_key_value_heads": 2}


def loaded(model_type, dtype=torch.float32, **more):
    torch.manual_seed(0)
    config = CONFIG_MAPPING[model_type](**more)
    model = AutoModelForCausalLM.from_config(config, dtype=dtype).eval()
    return InfocapHF(model, tokenizer=TOKENIZER, max_length=48, batch_size=3)


XLNET = {"vocab_size": len(TOKENIZER), "d_model": 32, "n_layer": 2, "n_head": 4, "d_inner": 64}


@pytest.mark.parametrize(
    ("model_type", "config", "dtype"),
    [
        ("bert", SMALL, torch.float32),
        ("bert", SMALL, torch.bfloat16),
        ("roberta", SMALL, torch.float32),
        ("camembert", SMALL, torch.bfloat16),
        ("xlnet", XLNET, torch.float32),
    ],
)
def test_model_that_looks_ahead_is_refused(model_type, config, dtype):
    with pytest.raises(InfocapError, match=r"not causal.*is_decoder"):
        loaded(model_type, dtype, **config)


@pytest.mark.parametrize(
    ("model_type", "config"),
    [("bert", SMALL | {"is_decoder": True}), ("llama", SMALL), ("gemma2", SMALL),
     ("mixtral", SMALL | {"num_local_experts": 4, "num_key_value_heads": 2}),
     ("gpt2", {"vocab_size": len(TOKENIZER), "n_embd": 32, "n_layer": 2, "n_head": 4}),
     ("mamba", {"vocab_size": len(TOKENIZER), "hidden_size": 32, "num_hidden_layers": 2})],
)  # fmt: skip
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_causal_model_is_batched(model_type, config, dtype, caplog):
    info = loaded(model_type, dtype, **config).get_model_info()
    assert info["infocap_scoring"]["batches"] == "padded"
    assert "in batches of one length" not in caplog.text


SHORT = ["a", "Some words.", "Some other words.", "A text of two or three more words."]


def rolling(lm):
    asked = [Instance("loglikelihood_rolling", {}, (t,), n) for n, t in enumerate(SHORT)]
    return lm.loglikelihood_rolling(asked, True)


@pytest.mark.skipif(
    Version(version("transformers")) < Version("5.17"),
    reason="Doge with experts does not run in transformers 5.15 and 5.16: it adds up tuples",
)
def test_model_that_sees_padding_is_scored_one_text_at_a_time(caplog):
    """Doge picks a token's experts by the scores of others in its batch."""
    lm = loaded("doge", **SMALL | DOGE)
    assert "in batches of one length" in caplog.text
    assert lm.get_model_info()["infocap_scoring"]["batches"] == "one text"
    ids = [TOKENIZER(text, add_special_tokens=False)["input_ids"] for text in SHORT]
    windows = [Window((lm.prefix_token_id,), tuple(one)) for one in ids]
    together = lm.scorer.engine.score(windows, False)
    alone = [one for window in windows for one in lm.scorer.engine.score([window], False)]
    expected = [sum(one.loglikelihoods_nats) for one in alone]
    assert rolling(lm) == pytest.approx(expected, rel=1e-9)
    padded = [sum(one.loglikelihoods_nats) for one in together]
    assert padded != pytest.approx(expected, rel=1e-3)


def test_xlstm_is_scored_at_any_batch_size():
    config = {"vocab_size": len(TOKENIZER), "hidden_size": 64, "embedding_dim": 64,
              "num_hidden_layers": 2, "num_blocks": 2, "num_heads": 4}  # fmt: skip
    lm = loaded("xlstm", **config)
    assert lm.model.config.use_cache  # as it was, for generation
    assert all(nats < 0 for nats in rolling(lm))


@pytest.mark.parametrize("max_length", [1, 3, 4, 16])
def test_uniform_model_is_batched_at_any_length(max_length):
    def uniform(batch, want_greedy):
        return [WindowScore([-5.0] * len(window.continuation), False) for window in batch]

    assert not must_score_alone(uniform, 2, max_length, 1e-7)
