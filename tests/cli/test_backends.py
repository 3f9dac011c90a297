"""``infocap eval`` on a server, from the command line to the results, and what it is told."""

import json

import pytest
from helpers.api_server import serving
from helpers.models import write_jsonl

from infocap_tasks.cli.evaluate import evaluate
from infocap_tasks.errors import InfocapError
from infocap_tasks.results.read import read_runs


def run(tmp_path, name, *flags):
    evaluate([*flags, "--limit", "3", "--output_path", str(tmp_path / name)])
    (file,) = (tmp_path / name).rglob("results_*.json")
    return file


def content(file, task):
    return json.loads(file.read_text())["configs"][task]["metadata"]["infocap"]


@pytest.mark.parametrize("regime", ["", "_reference"])
def test_a_server_gives_the_numbers_of_the_model_it_serves(
    tiny_model, corpus_file, tmp_path, regime
):
    task = f"infocap_custom{regime}"
    texts = f"corpus_path={corpus_file}"
    asked = ["--tasks", task, "--metadata", texts, "max_tokens=100"]
    here = run(tmp_path, "here", "--model_args", f"pretrained={tiny_model},dtype=float32", *asked)
    with serving(tiny_model, root=str(tiny_model)) as server:
        there = run(
            tmp_path,
            "there",
            "--model",
            "infocap-api",
            "--model_args",
            f"base_url={server.url}/v1",
            *asked,
        )
    (a,), (b,) = (read_runs([file]).runs for file in (here, there))
    assert b.flops_per_token == a.flops_per_token
    assert b.text_size_bits_per_token == a.text_size_bits_per_token
    assert b.nll_bits_per_token == pytest.approx(a.nll_bits_per_token, rel=1e-6)
    assert content(there, task)["engine"]["name"] == "vllm"
    assert content(here, task)["engine"]["name"] == "transformers"
    if regime:
        assert content(there, task)["scored_as"] == ["ids"]


def test_standard_tasks_run_on_the_server_beside_ours(tiny_model, corpus_file, tmp_path):
    write_jsonl(
        tmp_path / "choices.jsonl", [{"q": "The sky is", "c": [" blue", " dry"], "a": 0}] * 3
    )
    (tmp_path / "choice.yaml").write_text(
        "task: a_choice\ndataset_path: json\noutput_type: multiple_choice\n"
        f"dataset_kwargs: {{data_files: {{test: {tmp_path}/choices.jsonl}}}}\n"
        'test_split: test\ndoc_to_text: "{{q}}"\ndoc_to_target: a\ndoc_to_choice: c\n'
        "metric_list: [{metric: acc, aggregation: mean, higher_is_better: true}]\n"
    )
    asked = [
        "--tasks", "infocap_custom,a_choice", "--include_path", str(tmp_path),
        "--metadata", f"corpus_path={corpus_file}", "max_tokens=100",
    ]  # fmt: skip
    with serving(tiny_model, root=str(tiny_model)) as server:
        file = run(
            tmp_path,
            "out",
            "--model",
            "infocap-api",
            "--model_args",
            f"base_url={server.url}",
            *asked,
        )
    here = run(tmp_path, "here", "--model_args", f"pretrained={tiny_model},dtype=float32", *asked)
    scores = [json.loads(f.read_text())["results"]["a_choice"]["acc,none"] for f in (file, here)]
    assert scores[0] == scores[1]


@pytest.mark.parametrize(
    ("model", "arguments", "message"),
    [
        ("infocap-api", "model=served", "give the address of a server"),
        ("infocap-api", "pretrained=x,base_url=http://h", "a model that runs here"),
        ("infocap-api", "base_url=http://127.0.0.1:9", "no server answers there"),
        ("infocap-api", "base_url=http://h,api_key=k", "would stand in the results"),
        ("infocap-vllm", "pretrained=x", "infocap-vllm: needs vllm, not installed here; run `pip"),
        ("sglang", "pretrained=x", "sglang: needs sglang, not installed here"),
    ],
)
def test_what_cannot_run_is_refused_in_one_line(corpus_file, model, arguments, message):
    asked = ["--tasks", "infocap_custom", "--metadata", f"corpus_path={corpus_file}"]
    with pytest.raises(InfocapError, match=message):
        evaluate(["--model", model, "--model_args", arguments, *asked])


def test_backends_of_the_harness_get_the_defaults_that_each_takes():
    from infocap_tasks.cli.backends import _DEFAULTS

    assert "softmax_dtype" not in _DEFAULTS["vllm"]
    assert _DEFAULTS["hf"]["softmax_dtype"] == "float32"
    assert all(defaults["add_bos_token"] is False for defaults in _DEFAULTS.values())
