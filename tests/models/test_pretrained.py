import json
import shutil

import pytest
from helpers.models import byte_fallback_tokenizer, byte_tokenizer
from transformers import PreTrainedTokenizerFast

from infocap_tasks.errors import InfocapError
from infocap_tasks.models.layers import more_layers_than
from infocap_tasks.models.pretrained import (
    Pretrained,
    added_special_tokens,
    load_config,
    load_tokenizer,
    require_offsets,
    tokenizer_fingerprint,
)


def test_config_from_a_folder_and_from_its_file(tiny_model):
    folder = load_config(Pretrained.from_file_or_id(str(tiny_model)))
    file = load_config(Pretrained.from_file_or_id(str(tiny_model / "config.json")))
    assert folder.hidden_size == file.hidden_size == 32


@pytest.mark.parametrize("name", ["./none", "/none", "none/config.json", "none/model.gguf"])
def test_missing_files_are_not_looked_up_on_the_hub(name):
    with pytest.raises(InfocapError, match="no such file or folder"):
        load_config(Pretrained.from_file_or_id(name))


def test_a_folder_without_config_or_tokenizer(tmp_path, tiny_model):
    with pytest.raises(InfocapError, match=f"no config for model {tmp_path}"):
        load_config(Pretrained(str(tmp_path)))
    (tmp_path / "config.json").write_text("no JSON")
    with pytest.raises(InfocapError, match="no config for model"):
        load_config(Pretrained.from_file_or_id(str(tmp_path / "config.json")))
    bare = tmp_path / "bare"
    bare.mkdir()
    shutil.copy(tiny_model / "config.json", bare)
    with pytest.raises(InfocapError, match=f"no tokenizer for model {bare}") as error:
        load_tokenizer(Pretrained(str(bare)))
    assert "\n" not in str(error.value)


def test_special_tokens_that_a_tokenizer_adds():
    assert added_special_tokens(byte_tokenizer()) == []
    assert added_special_tokens(byte_tokenizer(adds_bos=True)) == ["!"]


def test_fingerprint_depends_on_behaviour_not_on_names():
    first, second = byte_tokenizer(), byte_tokenizer()
    second.name_or_path = "elsewhere"
    assert tokenizer_fingerprint(first) == tokenizer_fingerprint(second)
    others = {
        tokenizer_fingerprint(t) for t in (byte_tokenizer(merges=True), byte_fallback_tokenizer())
    }
    assert len(others | {tokenizer_fingerprint(first)}) == 3


def test_a_slow_tokenizer_is_refused():
    class Slow(PreTrainedTokenizerFast):
        is_fast = False

    slow = Slow(tokenizer_object=byte_tokenizer().backend_tokenizer)
    with pytest.raises(InfocapError, match="slow one, without offsets"):
        require_offsets(slow)


def test_absurd_numbers_of_layers_are_refused_before_transformers_lists_them(tmp_path):
    config = {"model_type": "qwen2", "text_config": {"num_hidden_layers": 10**12}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(InfocapError, match=r"text_config\.num_hidden_layers asks for 1,000"):
        load_config(Pretrained(str(tmp_path)))


def test_other_sizes_are_no_numbers_of_layers():
    config = {
        "num_hidden_layers": 24,
        "max_window_layers": 10**6,
        "vocab_size_per_layer_input": 10**6,
        "layer_types": ["full_attention"] * 24,
        "block_size": 10**6,
        "id2label": {0: "LABEL_0"},
    }
    assert more_layers_than(24, config) is None
    assert more_layers_than(23, config) == (
        "num_hidden_layers asks for 24 layers, and at most 23 are allowed"
    )
