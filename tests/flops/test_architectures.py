"""Every causal language model that the installed transformers can build is counted or refused with
a reason."""

import re
from importlib.metadata import version

import pytest
from packaging.version import Version
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from infocap_tasks.errors import InfocapError
from infocap_tasks.flops.count import UNCOUNTABLE, count, count_model
from infocap_tasks.flops.record import ATTENTION_CORE, MIXER_CORE
from infocap_tasks.models.pretrained import Pretrained, load_config

# Default configs that do not describe a model: fields that every published config.json has.
MISSING = {
    "cohere_compass_text": {
        "rope_parameters": {
            kind: {"rope_type": "default", "rope_theta": 1e4}
            for kind in ("full_attention", "sliding_attention")
        }
    },
    "dbrx": {"attn_config": {"rope_theta": 1e4, "clip_qkv": 8, "kv_n_heads": 8}},
    "deepseek_v2": {
        "num_experts_per_tok": 6, "n_routed_experts": 64, "topk_method": "greedy", "n_group": 1,
        "topk_group": 1,
    },
    "dory": {"n_input_layers": 1, "n_output_layers": 1},  # of the default, 20 of 36 are in the loop
    "dots1": {
        "n_routed_experts": 32, "num_experts_per_tok": 4, "n_shared_experts": 1, "n_group": 1,
        "topk_group": 1,
    },
    "gemma3n_text": {"num_kv_shared_layers": 0},
    "hunyuan_v1_dense": {"head_dim": 128},
    "hunyuan_v1_moe": {"head_dim": 128},
    "lfm2_moe": {"layer_types": ["conv", "conv", "full_attention", "conv"]},
    "marian": {"decoder_vocab_size": 58101},
    "ministral": {"head_dim": 128},
    "nemotron": {"num_key_value_heads": 8},
    "zamba": {"num_hidden_layers": 8},  # its shared weights need two layers that share them
}  # fmt: skip

# Why parameters, each counted once, are not what a token costs.
COST_IS_NOT_IN_PARAMETERS = {
    "dory": "the layers of its recurrent section run several times",
    "hrm_text": "its layers run several times",
    "prophetnet": "its streams for further tokens run too",
    "xlnet": "its relative positions are projected as well as its tokens",
}

LAYERS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers", "decoder_layers",
          "num_decoder_layers", "encoder_layers")  # fmt: skip


def small_config(model_type, num_layers=4):
    kind = CONFIG_MAPPING[model_type]
    arguments = MISSING.get(model_type, {})
    default = kind(**({} if "layer_types" in arguments else arguments))
    fewer = {
        name: num_layers
        for name in LAYERS
        if isinstance(getattr(default, name, None), int) and getattr(default, name) > num_layers
    }
    text = default.get_text_config()
    if text is not default and text.model_type in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        fewer["text_config"] = small_config(text.model_type, num_layers)
    try:
        return kind(**(fewer | arguments))
    except Exception:  # some defaults fit only their own number of layers
        return default


@pytest.mark.parametrize("model_type", sorted(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES))
def test_architecture_is_counted_or_refused_with_a_reason(model_type):
    if model_type in UNCOUNTABLE:
        with pytest.raises(InfocapError, match=re.escape(UNCOUNTABLE[model_type])):
            count(make_named(model_type))
        return
    config = small_config(model_type)
    flops = count(config, 64)
    assert sum(flops.breakdown.values()) == flops.flops_per_token > 0
    assert all(value > 0 for value in flops.breakdown.values())
    assert flops.breakdown["lm_head"] > 0
    assert 0 < flops.active_params <= flops.total_params
    if model_type not in COST_IS_NOT_IN_PARAMETERS:
        second = flops.verification
        linear = second["counted_linear_flops_per_token"] - flops.breakdown["lm_head"]
        expected = second["linear_flops_per_token"] - flops.breakdown["lm_head"]
        assert linear == pytest.approx(expected, rel=0.02)  # the head would hide a difference
    assert ATTENTION_CORE in flops.breakdown or MIXER_CORE in flops.breakdown


@pytest.mark.parametrize(
    "model_type", sorted(set(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES) - set(UNCOUNTABLE))
)
def test_config_is_read_as_its_class_writes_it(model_type, tmp_path):
    config = small_config(model_type)
    config.save_pretrained(tmp_path)
    model = Pretrained.from_file_or_id(str(tmp_path / "config.json"))
    assert load_config(model).model_type == config.model_type


@pytest.mark.parametrize("model_type", ["longcat_flash", "nemotron_h", "dots3_note_text"])
def test_written_config_has_the_same_flops(model_type, tmp_path):
    if model_type not in CONFIG_MAPPING:
        pytest.skip("this release of transformers does not have it")
    config = small_config(model_type)
    config.save_pretrained(tmp_path)
    written = count_model(Pretrained.from_file_or_id(str(tmp_path)), 64)
    assert written.flops_per_token == count(config, 64).flops_per_token


def test_config_without_layers_is_refused(tmp_path):
    text = '{"model_type": "longcat_flash", "hidden_size": 64, "num_attention_heads": 4'
    (tmp_path / "config.json").write_text(text + ', "vocab_size": 99}')
    model = Pretrained.from_file_or_id(str(tmp_path))
    with pytest.raises(InfocapError, match="does not say num_hidden_layers"):
        load_config(model)


def make_named(model_type):
    """A config of this type; where the default one is refused, one that only has its name."""
    try:
        return CONFIG_MAPPING[model_type]()
    except Exception:
        config = CONFIG_MAPPING["llama"]()
        config.model_type = model_type
        return config


def test_all_but_nine_architectures_are_counted():
    """187 of 196 with transformers 5.24, 180 of 189 with 5.23."""
    assert len(set(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES) & set(UNCOUNTABLE)) <= 9


WRAPPERS = ("gemma3", "llama4", "mistral3", "qwen2_vl", "qwen2_5_vl", "qwen3_vl", "qwen3_vl_moe",
            "llava", "ernie4_5_vl_moe", "paligemma", "smolvlm")  # fmt: skip


# Before transformers 5.23 their default configs make no model; it was not tried in which release.
INCOMPLETE_BEFORE_5_23 = {"qwen2_vl", "qwen2_5_vl", "smolvlm"}


@pytest.mark.parametrize("model_type", WRAPPERS)
def test_wrappers_count_their_text_model(model_type):
    is_old = Version(version("transformers")) < Version("5.23")
    if is_old and model_type in INCOMPLETE_BEFORE_5_23:
        pytest.skip("the default config makes no model in this release of transformers")
    flops = count(CONFIG_MAPPING[model_type](), 64)
    assert flops.verification["agrees"]
    assert flops.breakdown["lm_head"] > 0
    # A dense model's parameters are its matrices, its embedding and little else.
    if "experts" not in flops.breakdown:
        linear = flops.verification["linear_flops_per_token"]
        assert flops.total_params <= 1.001 * (linear + flops.breakdown["lm_head"]) / 2
