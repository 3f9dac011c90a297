"""The published protocol against a slow twin of it: one text at a time, everything in full."""

import copy
import json
import math
import pickle

import pytest
import torch
from helpers.models import (
    byte_fallback_tokenizer,
    byte_tokenizer,
    save_llama,
    task_manager,
    write_jsonl,
)
from helpers.strategies import texts
from hypothesis import given, settings
from hypothesis import strategies as st
from lm_eval import simple_evaluate
from transformers import AutoModelForCausalLM, AutoTokenizer

from infocap_tasks.backend.token_text import TokenText
from infocap_tasks.corpora.text import Text
from infocap_tasks.errors import InfocapError
from infocap_tasks.flops.published import reference_flops_per_token
from infocap_tasks.task.reference import cut_reference

TASK = "infocap_custom_reference"
LENGTH = 48
TEXTS = {
    "english": ["The weather: the thunder, then the other, there. " * 4] * 3,
    "chinese": ["数据压缩与预测是同一件事。" * 9, "天气很好，我们去公园散步吧。" * 3],
    "lengths": ["Hi.", "the other " * 3, "数据", "def f(x):\n    return x ** 2\n" * 30, "  the"],
    "special": ["<s> is no start </s> and this is no end" * 2, "naïve café 👩‍👩‍👧" * 5],
}
MODELS = {
    "merges": (byte_tokenizer(merges=True), {}),
    "adds_bos": (byte_tokenizer(adds_bos=True, merges=True), {}),
    "word_starts": (byte_fallback_tokenizer(), {}),
    "padded_vocabulary": (byte_tokenizer(merges=True), {"vocab_size": 320}),
    "tied": (byte_tokenizer(adds_bos=True), {"tie_word_embeddings": True}),
}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return {
        name: save_llama(tmp_path_factory.mktemp(name), tokenizer, **config)
        for name, (tokenizer, config) in MODELS.items()
    }


def twin(folder, many):
    """C, H and N as the public code takes them, in words of its README and paper."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    sizes, bits = [], []
    for text in many:
        ids = tokenizer(text, truncation=True, max_length=LENGTH)["input_ids"]
        sizes.append(8 * len(tokenizer.decode(ids[1:]).encode()) / len(ids[1:]))
        with torch.no_grad():
            logits = model(torch.tensor([ids])).logits[0, :, : len(tokenizer)].double()
        logprobs = torch.log_softmax(logits, -1)
        bits += [-logprobs[k, ids[k + 1]].item() / math.log(2) for k in range(len(ids) - 1)]
    flops = reference_flops_per_token(model.config, LENGTH)
    return round(sum(sizes) / len(sizes), 2), sum(bits) / len(bits), flops


def evaluate(folder, corpus, backend="infocap-hf", batch_size=2, **more):
    metadata = {"pretrained": str(folder), "corpus_path": str(corpus), "max_tokens": LENGTH}
    if backend == "infocap-hf":
        metadata["takes_token_ids"] = True
    metadata |= more
    arguments = {"pretrained": str(folder), "dtype": "float32"}
    if backend == "hf":
        arguments |= {"softmax_dtype": "float32", "add_bos_token": False}
    results = simple_evaluate(
        backend,
        model_args=arguments,
        tasks=[TASK],
        task_manager=task_manager(**arguments | metadata),
        batch_size=batch_size,
        device="cpu",
    )
    values = {key.removesuffix(",none"): v for key, v in results["results"][TASK].items()}
    return values, results["configs"][TASK]["metadata"]["infocap"]


@pytest.mark.parametrize("kind", TEXTS)
@pytest.mark.parametrize("name", MODELS)
def test_infocap_hf_is_exact(models, tmp_path, name, kind):
    corpus = write_jsonl(tmp_path / "c.jsonl", [{"text": text} for text in TEXTS[kind]])
    values, infocap = evaluate(models[name], corpus)
    size, nll, flops = twin(models[name], TEXTS[kind])
    assert values["text_size_bits_per_token"] == size
    assert values["nll_bits_per_token"] == pytest.approx(nll, abs=1e-5)
    assert values["flops_per_token"] == flops
    capacity = (size - nll - 27) / math.log2(flops)
    assert values["information_capacity"] == pytest.approx(capacity, abs=1e-6)
    assert values["bits_per_byte"] == pytest.approx(8 * nll / size, rel=1e-5)
    assert infocap["regime"] == "reference"
    assert infocap["flops"]["method"] == "published formula"
    assert sum(infocap["documents"]["num_tokens"]) == infocap["corpus"]["num_tokens"]
    shorter = infocap["corpus"]["num_documents_shorter_than_max_tokens"]
    assert (shorter > 0) is (kind == "lengths")


@pytest.mark.parametrize("kind", TEXTS)
@pytest.mark.parametrize("name", ["merges", "adds_bos"])
def test_other_backends_are_exact_up_to_the_cut_string(models, tmp_path, name, kind):
    """Exact where the cut falls between characters; else a few tokens of 48 are left out."""
    corpus = write_jsonl(tmp_path / "c.jsonl", [{"text": text} for text in TEXTS[kind]])
    values, _ = evaluate(models[name], corpus, backend="hf", batch_size=1)
    size, nll, flops = twin(models[name], TEXTS[kind])
    assert values["text_size_bits_per_token"] == size
    assert values["flops_per_token"] == flops
    is_exact = kind == "english"
    assert values["nll_bits_per_token"] == pytest.approx(nll, abs=1e-4 if is_exact else 0.4)


def test_the_cache_keeps_answers_of_both_regimes_apart(models, tmp_path):
    """The padded vocabulary changes the probabilities, so the answers must be kept apart."""
    corpus = write_jsonl(tmp_path / "c.jsonl", [{"text": text} for text in TEXTS["chinese"]])
    folder = models["padded_vocabulary"]
    arguments = {"pretrained": str(folder), "dtype": "float32", "cache": str(tmp_path / "cache")}
    metadata = {"corpus_path": str(corpus), "max_tokens": LENGTH, "takes_token_ids": True}
    runs = [
        simple_evaluate(
            "infocap-hf",
            model_args=arguments,
            tasks=[TASK, "infocap_custom"],
            task_manager=task_manager(**arguments | metadata),
            device="cpu",
            batch_size=4,
        )["results"]
        for _ in range(2)
    ]
    assert runs[0] == runs[1]
    assert runs[0][TASK]["nll_bits_per_token,none"] == pytest.approx(
        twin(folder, TEXTS["chinese"])[1], abs=1e-5
    )


@given(many=st.lists(texts, min_size=1, max_size=5), max_tokens=st.integers(4, 40))
@settings(max_examples=40, deadline=None)
def test_cut_reference_equals_truncation_by_the_tokenizer(many, max_tokens):
    for tokenizer, _ in MODELS.values():
        documents = cut_reference([Text("x" + t, "t", "1") for t in many], tokenizer, max_tokens)
        for text, document in zip(many, documents, strict=True):
            ids = tokenizer("x" + text)["input_ids"]
            assert list(document.token_ids) == ids[:max_tokens]
            assert document.num_tokens == min(len(ids), max_tokens) - 1
            sized = tokenizer.decode(ids[1:max_tokens])
            assert document.num_bytes == len(sized.encode())
            assert document.is_whole is (len(ids) <= max_tokens)


def test_cut_reference_of_a_first_part_equals_that_of_the_whole():
    text = "the other " * 200 + "数据压缩与预测 " * 3000 + " " * 9000 + "then the end. " * 2000
    for tokenizer, _ in MODELS.values():
        (document,) = cut_reference([Text(text, "t", "1")], tokenizer, LENGTH)
        ids = tokenizer(text, truncation=True, max_length=LENGTH)["input_ids"]
        assert list(document.token_ids) == ids
        assert not document.is_whole


def test_texts_of_exactly_L_ids_are_not_shorter(models, tmp_path):
    corpus = write_jsonl(tmp_path / "c.jsonl", [{"text": "x" * n} for n in (47, 48, 49)])
    _, infocap = evaluate(models["merges"], corpus)
    assert infocap["corpus"]["num_documents_shorter_than_max_tokens"] == 1


def test_results_say_whether_ids_or_strings_were_scored(models, tmp_path):
    """By the Python API `takes_token_ids` may be missing: the ids are scored all the same."""
    corpus = write_jsonl(tmp_path / "c.jsonl", [{"text": text} for text in TEXTS["chinese"]])
    folder = models["padded_vocabulary"]
    values, infocap = evaluate(folder, corpus, takes_token_ids=False)
    assert infocap["scored_as"] == ["ids"]
    assert values["nll_bits_per_token"] == pytest.approx(
        twin(folder, TEXTS["chinese"])[1], abs=1e-5
    )
    _, infocap = evaluate(folder, corpus, backend="hf", batch_size=1)
    assert infocap["scored_as"] == ["strings"]


def test_copies_of_a_token_text_keep_its_ids():
    text = TokenText("the other", (1,), (2, 3), 100)
    for copied in (pickle.loads(pickle.dumps(text)), copy.deepcopy(text)):
        assert (copied, copied.context_ids, copied.token_ids) == (text, (1,), (2, 3))
        assert copied.vocabulary_size == 100


def test_texts_and_models_outside_the_protocol_are_refused(models, tmp_path):
    single = write_jsonl(tmp_path / "single.jsonl", [{"text": "a"}])
    with pytest.raises(InfocapError, match=r"single.jsonl:1: the text encodes to 1 token"):
        evaluate(models["merges"], single)
    config = json.loads((models["merges"] / "config.json").read_text())
    other = tmp_path / "other"
    other.mkdir()
    (other / "config.json").write_text(json.dumps(config | {"model_type": "persimmon"}))
    fine = write_jsonl(tmp_path / "fine.jsonl", [{"text": "the other"}])
    with pytest.raises(InfocapError, match="no formula was published for model_type persimmon"):
        evaluate(models["merges"], fine, flops_config=str(other / "config.json"))
    values, _ = evaluate(models["merges"], fine, flops_per_token=1e9)
    assert values["flops_per_token"] == 1e9
