"""Runs of ``infocap eval --model infocap-gguf``, whole and ended, and what their results say."""

import json
import signal
import subprocess
import sys
from importlib.metadata import version

import gguf
import pytest
from helpers.gguf_files import save_gguf
from helpers.models import TEXTS, write_jsonl

from infocap_tasks.cli.evaluate import evaluate
from infocap_tasks.errors import InfocapError
from infocap_tasks.results.file import read_file

pytest.importorskip("llama_cpp", reason="llama.cpp is not built here: pip install llama-cpp-python")

from infocap_tasks.backend.gguf_engine import GGUFEngine


@pytest.fixture(scope="module")
def tiny_gguf(tiny_model, tmp_path_factory):
    return save_gguf(tiny_model, tmp_path_factory.mktemp("gguf") / "tiny.gguf")


def results_of(folder, file, corpus, model, *more):
    arguments = f"pretrained={file}" + (",n_threads=1" if "gguf" in model else ",dtype=float32")
    tasks = "infocap_custom,infocap_custom_reference"
    told = ("--metadata", f"corpus_path={corpus}", "max_tokens=64")
    evaluate(
        ["--model", model, "--model_args", arguments, "--tasks", tasks, *told, *more,
         "--output_path", str(folder)]
    )  # fmt: skip
    (path,) = folder.rglob("results_*.json")
    return path


@pytest.mark.parametrize(
    "texts",
    [
        TEXTS,
        ["数据压缩与预测是同一件事。" * 9, "天气的理论"],
        ["ab", "the end", "naïve", "Wow! So!"],
    ],
    ids=["mixed", "Chinese", "short"],
)
def test_sizes_and_flops_are_those_of_infocap_hf_in_both_regimes(tiny_gguf, tmp_path, texts):
    corpus = write_jsonl(tmp_path / "corpus.jsonl", [{"text": text} for text in texts])
    ours, theirs = (
        read_file(results_of(tmp_path / model, tiny_gguf, corpus, model)).runs
        for model in ("infocap-gguf", "infocap-hf")
    )
    assert [run.regime for run in ours] == [run.regime for run in theirs]
    assert len({run.regime for run in ours}) == 2
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.text_size_bits_per_token == other.text_size_bits_per_token
        assert mine.flops_per_token == other.flops_per_token
        # llama.cpp keeps keys and values in float16.
        assert mine.nll_bits_per_token == pytest.approx(other.nll_bits_per_token, abs=5e-3)
        assert mine.provenance.quantization == "all F32"
        assert other.provenance.quantization is None


def test_results_say_what_the_file_holds(tiny_gguf, corpus_file, tmp_path):
    path = results_of(tmp_path / "out", tiny_gguf, corpus_file, "infocap-gguf")
    record = json.loads(path.read_text())["configs"]["infocap_custom"]["metadata"]["infocap"]
    (of_tensors,) = {sum(int(t.n_bytes) for t in gguf.GGUFReader(tiny_gguf).tensors)}
    assert record["engine"] == {
        "name": "llama.cpp",
        "version": version("llama-cpp-python"),
        "dtype": "all F32",
        "method": "blocks of logits",
        "softmax_dtype": "float64",
        "weight_bytes": of_tensors,
    }
    assert record["softmax_dtype"] == "float64"


def test_texts_longer_than_the_window_and_tasks_that_generate(tiny_gguf, corpus_file, tmp_path):
    flags = ["--model", "infocap-gguf", "--metadata", f"corpus_path={corpus_file}"]
    given = f"pretrained={tiny_gguf},n_threads=1"
    too_long = ["--model_args", f"{given},max_length=32", "--tasks", "infocap_custom"]
    with pytest.raises(InfocapError, match="is above the model's max_length of 32"):
        evaluate([*flags, "max_tokens=64", *too_long])
    (tmp_path / "writes.yaml").write_text(
        f"task: writes\ndataset_path: json\ndataset_kwargs: {{data_files: {corpus_file}}}\n"
        "test_split: train\noutput_type: generate_until\ndoc_to_text: '{{text}}'\n"
        "doc_to_target: ''\n"
    )
    writes = ["--model_args", given, "--tasks", "writes", "--include_path", str(tmp_path)]
    with pytest.raises(InfocapError, match="infocap-gguf: scores texts and does not write them"):
        evaluate([*flags, *writes])


# ------------------------------------------------------------------ runs that are cut short

_ENDS_ITSELF = """
import os, signal, sys
from infocap_tasks.backend import gguf_engine
from infocap_tasks.cli.main import main

signal.signal(signal.SIGINT, signal.default_int_handler)  # jobs in the background are deaf to it
number, score = 0, gguf_engine.GGUFEngine._score

def counted(self, window):
    global number
    number += 1
    if number == 4 + 3:  # 4 of the check that the model is causal
        os.kill(os.getpid(), int(sys.argv[1]))
    return score(self, window)

gguf_engine.GGUFEngine._score = counted
sys.exit(main(sys.argv[2:]))
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_was_ended_goes_on_to_the_same_bits(
    tiny_gguf, corpus_file, tmp_path, how, monkeypatch
):
    cache = ("--cache", str(tmp_path / "cache"))
    flags = [
        "eval", "--model", "infocap-gguf", "--model_args", f"pretrained={tiny_gguf},n_threads=1",
        "--tasks", "infocap_custom,infocap_custom_reference", *cache,
        "--metadata", f"corpus_path={corpus_file}", "max_tokens=64",
    ]  # fmt: skip
    ended = subprocess.run(
        [sys.executable, "-c", _ENDS_ITSELF, str(int(how)), *flags], capture_output=True, text=True
    )
    assert ended.returncode == (-how if how == signal.SIGKILL else 130)
    assert "Traceback" not in ended.stderr
    asked = []
    score = GGUFEngine._score
    monkeypatch.setattr(
        GGUFEngine, "_score", lambda self, window: asked.append(window) or score(self, window)
    )
    kept = results_of(tmp_path / "on", tiny_gguf, corpus_file, "infocap-gguf", *cache)
    assert len(asked) == 4 + 2 * len(TEXTS) - 2
    whole = results_of(tmp_path / "whole", tiny_gguf, corpus_file, "infocap-gguf")
    on, unbroken = (json.loads(path.read_text())["results"] for path in (kept, whole))
    assert on == unbroken
