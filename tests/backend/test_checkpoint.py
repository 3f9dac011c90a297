"""A checkpoint that is not whole is no model: it is named, and nothing is scored."""

import json
import shutil
import struct

import pytest
import torch
from helpers.models import byte_tokenizer, save_llama
from lm_eval.models.huggingface import HFLM
from safetensors.torch import load_file, save_file

from infocap_tasks.backend.checkpoint import whole_checkpoints
from infocap_tasks.backend.infocap_hf import InfocapHF
from infocap_tasks.errors import InfocapError

NORM, DOWN = "model.norm.weight", "model.layers.1.mlp.down_proj.weight"


@pytest.fixture
def copy(tiny_model, tmp_path):
    return shutil.copytree(tiny_model, tmp_path / "copy")


def rewrite(folder, change):
    file = folder / "model.safetensors"
    tensors = load_file(file)
    change(tensors)
    save_file(tensors, file, metadata={"format": "pt"})


def load(engine, folder, **arguments):
    if engine is InfocapHF:
        return InfocapHF(str(folder), **arguments)
    with whole_checkpoints():
        return HFLM(str(folder), device="cpu", **arguments)


ENGINES = pytest.mark.parametrize("engine", [InfocapHF, HFLM])


@ENGINES
def test_missing_tensors_are_named(copy, engine):
    rewrite(copy, lambda tensors: [tensors.pop(name) for name in (NORM, DOWN)])
    with pytest.raises(InfocapError, match=f"lacks {DOWN}, {NORM}, which would be random"):
        load(engine, copy)
    assert load(engine, copy, allow_missing_tensors=True).model


@ENGINES
def test_tensors_of_another_shape_are_named(copy, engine):
    rewrite(copy, lambda tensors: tensors.update({NORM: torch.ones(16)}))
    with pytest.raises(InfocapError, match=rf"other shapes for {NORM} \(16, the model has 32\)"):
        load(engine, copy)


def test_many_missing_tensors_are_counted(copy):
    rewrite(copy, lambda tensors: [tensors.pop(name) for name in list(tensors)[1:]])
    with pytest.raises(InfocapError, match=r"and \d+ more tensors"):
        load(InfocapHF, copy)


def test_a_tied_head_and_further_tensors_lack_nothing(tmp_path):
    folder = save_llama(tmp_path / "tied", byte_tokenizer(), tie_word_embeddings=True)
    assert "lm_head.weight" not in load_file(folder / "model.safetensors")
    rewrite(folder, lambda tensors: tensors.update({"more": torch.ones(1)}))
    lm = load(InfocapHF, folder)
    assert lm.model.lm_head.weight is lm.model.model.embed_tokens.weight


def test_the_harness_is_left_as_it_was(copy):
    rewrite(copy, lambda tensors: tensors.pop(NORM))
    with pytest.raises(InfocapError):
        load(HFLM, copy)
    assert HFLM(str(copy), device="cpu").model


def cut(folder):
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])


def with_large_header(folder):
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", 2**40) + b"{}")


def as_pickle(content):
    def write(folder):
        (folder / "model.safetensors").unlink()
        (folder / "pytorch_model.bin").write_bytes(content)

    return write


def with_index_to_nowhere(folder):
    (folder / "model.safetensors").unlink()
    index = {"metadata": {}, "weight_map": {NORM: "model-00001-of-00002.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


@ENGINES
@pytest.mark.parametrize(
    "damage",
    [
        cut,
        lambda folder: (folder / "model.safetensors").write_bytes(b""),
        lambda folder: (folder / "model.safetensors").write_bytes(b"junk" * 100),
        lambda folder: (folder / "model.safetensors").unlink(),
        with_large_header,
        as_pickle(b""),
        as_pickle(b"junk" * 100),
        as_pickle(b"\x80\x04cos\nsystem\n(S'true'\ntR."),
        with_index_to_nowhere,
    ],
    ids=["cut", "empty", "junk", "gone", "header", "no_pickle", "pickle", "code", "index"],
)  # fmt: skip
def test_damaged_weights_are_one_line(copy, engine, damage):
    damage(copy)
    with pytest.raises(InfocapError, match=f"model {copy}: cannot be loaded .* again") as error:
        load(engine, copy)
    assert "\n" not in str(error.value)


@ENGINES
def test_what_an_argument_needs_and_lacks_is_said(copy, engine):
    with pytest.raises(InfocapError, match=r"FlashAttention2.*install what is missing"):
        load(engine, copy, attn_implementation="flash_attention_2")
