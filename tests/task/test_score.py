"""Texts and a model in, a run out: by every kind of model, the same numbers as the command."""

import math
import tempfile
from dataclasses import replace

import pytest
import torch
from helpers.models import TEXTS, byte_tokenizer, write_jsonl
from lm_eval.api.model import LM
from lm_eval.models.huggingface import HFLM
from transformers import AutoModelForCausalLM, AutoTokenizer

from infocap_tasks import InfocapError, compare, read_runs, score
from infocap_tasks.analysis.resolution import resolution_of
from infocap_tasks.cli.main import main

ALL = {"max_tokens": 64}


class UniformBytes(LM):
    """Gives each byte the probability 1/256."""

    def loglikelihood_rolling(self, requests):
        return [-len(request.args[0].encode()) * math.log(256) for request in requests]

    def loglikelihood(self, requests):
        raise NotImplementedError

    def generate_until(self, requests):
        raise NotImplementedError


@pytest.fixture(scope="module")
def named(tiny_model):
    return score(TEXTS, str(tiny_model), dtype="float32", **ALL)


@pytest.fixture
def loaded(tiny_model):
    return AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32)


def values(run):
    """What must not depend on how the model was given."""
    provenance = replace(run.provenance, model_id="", corpus={})
    return replace(run, date=None, source="", corpus="", corpus_sha256=None, provenance=provenance)


def test_the_numbers_are_those_of_the_command(tiny_model, named, tmp_path):
    corpus = write_jsonl(tmp_path / "corpus.jsonl", [{"text": text} for text in TEXTS])
    command = [
        "eval", "--model_args", f"pretrained={tiny_model},dtype=float32",
        "--tasks", "infocap_custom", "--metadata", f"corpus_path={corpus}", "max_tokens=64",
        "--output_path", str(tmp_path / "out"),
    ]  # fmt: skip
    assert main(command) == 0
    (read,) = read_runs(tmp_path / "out")
    assert values(named) == values(read)
    assert named.standard_errors["information_capacity"] > 0


def test_a_model_that_is_loaded_is_scored_as_it_is(named, loaded):
    assert values(score(TEXTS, loaded, **ALL)) == values(named)
    with torch.no_grad():
        loaded.get_output_embeddings().weight.zero_()
    flat = score(TEXTS, loaded, **ALL)
    assert flat.nll_bits_per_token == pytest.approx(math.log2(261))


def test_weights_that_the_config_says_are_quantised_resolve_less(loaded, named):
    loaded.config.quantization_config = {"quant_method": "fp8", "activation_scheme": "dynamic"}
    run = score(TEXTS, loaded, **ALL)
    assert (named.provenance.quantization, run.provenance.quantization) == (None, "fp8")
    assert resolution_of(run).bits_per_token > resolution_of(named).bits_per_token


def test_a_model_made_in_memory_needs_a_tokenizer_and_no_name(tiny_model, named, loaded):
    loaded.config._name_or_path = loaded.name_or_path = ""
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    run = score(TEXTS, loaded, tokenizer=tokenizer, **ALL)
    assert run.model == "LlamaForCausalLM"
    assert values(replace(run, model=named.model, series=named.series)) == values(named)


def test_a_model_object_of_the_harness_scores_in_its_own_way(tiny_model, named):
    model = HFLM(
        str(tiny_model), dtype="float32", softmax_dtype="float32", add_bos_token=False, device="cpu"
    )
    run = score(TEXTS, model, **ALL)
    assert (run.model, run.flops_per_token) == (named.model, named.flops_per_token)
    assert run.nll_bits_per_token == pytest.approx(named.nll_bits_per_token, rel=1e-6)


def test_uniform_bytes_cost_8_bits_a_byte():
    run = score(
        TEXTS, UniformBytes(), tokenizer=byte_tokenizer(), flops_per_token=2.0**30,
        bias_bits_per_token=-20.0, **ALL,
    )  # fmt: skip
    assert run.model == "UniformBytes"
    assert run.metric("bits_per_byte") == pytest.approx(8, rel=1e-12)
    assert run.information_capacity == pytest.approx(-20 / 30, rel=1e-9)


def test_the_reference_regime_leaves_the_first_token_out(tiny_model, named):
    run = score(TEXTS, str(tiny_model), regime="reference", dtype="float32", **ALL)
    assert run.regime == "reference"
    first, reference_first = named.documents[0], run.documents[0]
    assert reference_first.num_tokens == first.num_tokens - 1


def test_runs_on_the_same_texts_are_comparable_and_others_are_not(tiny_model, named, loaded):
    with torch.no_grad():
        loaded.get_output_embeddings().weight.zero_()
    assert compare(named, score(TEXTS, loaded, **ALL)).num_documents == len(TEXTS)
    with pytest.raises(InfocapError, match="differ in corpus_sha256"):
        compare(named, score(TEXTS[:3], str(tiny_model), dtype="float32", **ALL))


def test_nothing_is_left_behind_but_the_cache(tiny_model, tmp_path, monkeypatch, named):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "temporary").mkdir()
    run = score(TEXTS, str(tiny_model), dtype="float32", cache=tmp_path / "cache", **ALL)
    assert values(run) == values(named)
    assert list((tmp_path / "temporary").iterdir()) == []
    assert [path.name for path in tmp_path.iterdir() if path.name != "temporary"] == ["cache"]
    assert list((tmp_path / "cache").iterdir())


@pytest.mark.parametrize(
    ("texts", "more", "said"),
    [
        ("one text", {}, "one string was given"),
        ([], {}, "none was given"),
        (["fine", 3], {}, "text 2: is of type int"),
        (["fine enough"], {"regime": "other"}, "give one of harness, reference"),
        (["fine enough"], {"max_tokens": 1}, "max_tokens=1: must be"),
    ],
)
def test_wrong_settings_are_found_before_weights_are_read(tiny_config, texts, more, said):
    with pytest.raises(InfocapError, match=said):
        score(texts, str(tiny_config), **ALL | more)


def test_a_faulty_text_is_named_by_its_number(tiny_model):
    with pytest.raises(InfocapError, match=r"^text 2: the text is white space only"):
        score(["fine enough", " "], str(tiny_model), **ALL)


def test_the_seeds_of_the_caller_are_not_set(tiny_model):
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    score(TEXTS, str(tiny_model), **ALL)
    assert torch.rand(1) == expected


@pytest.fixture
def tiny_config(tiny_model, tmp_path):
    """Config and tokenizer alone: whoever asks for the weights fails otherwise."""
    for path in tiny_model.iterdir():
        if path.suffix != ".safetensors":
            (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def test_texts_given_several_times_are_said_and_make_no_number_surer(tiny_model, named, caplog):
    often = score(TEXTS * 3, str(tiny_model), dtype="float32", **ALL)
    assert often.information_capacity == pytest.approx(named.information_capacity)
    for metric, error in named.standard_errors.items():
        assert often.standard_errors[metric] == pytest.approx(error, rel=1e-6)
    assert often.provenance.corpus["num_duplicate_documents"] == 2 * len(TEXTS)
    assert named.provenance.corpus["num_duplicate_documents"] == 0
    (said,) = [record.message for record in caplog.records if "duplicates" in record.message]
    assert f"{2 * len(TEXTS)} of the {3 * len(TEXTS)} scored texts" in said
