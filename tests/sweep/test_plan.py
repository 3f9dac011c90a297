import csv
import io
import json

import pytest
from helpers.gguf_files import save_gguf
from helpers.models import TEXTS, byte_tokenizer, save_llama
from transformers import AutoModelForCausalLM

from infocap_tasks.errors import InfocapError
from infocap_tasks.flops.count import count_model
from infocap_tasks.models.pretrained import Pretrained
from infocap_tasks.results.groups import task_groups
from infocap_tasks.sweep.plan import plan_study
from infocap_tasks.sweep.plan_shown import RENDERERS
from infocap_tasks.sweep.study import read_study
from infocap_tasks.task.listing import task_entries, task_metadata

L = 64


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    """No hub: what a plan cannot find is a cause, and nothing waits for a network."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


@pytest.fixture
def plan(tmp_path, corpus_file):
    """Plans a study of these models on the custom corpus."""

    def made(*models, metadata=None, gpu_memory_gb=80, tflops=400, **keys):
        told = {"corpus_path": str(corpus_file), "max_tokens": L} | (metadata or {})
        study = {"tasks": ["infocap_custom"], "metadata": told, "models": list(models)} | keys
        path = tmp_path / "study.yaml"
        path.write_text(json.dumps(study))  # JSON is YAML
        return plan_study(read_study(str(path)), gpu_memory_gb, tflops)

    return made


def flops_per_token(folder, context=L):
    return count_model(Pretrained(str(folder)), context).flops_per_token


def test_a_row_has_the_parameters_and_the_bytes_of_the_saved_checkpoint(plan, tiny_model):
    (row,) = plan(str(tiny_model)).rows
    loaded = AutoModelForCausalLM.from_pretrained(tiny_model)
    assert row.total_params == loaded.num_parameters()
    assert row.weight_bytes == sum(p.nbytes for p in loaded.parameters())
    assert row.download_bytes == 0
    assert not row.causes


def test_flops_are_those_of_a_token_times_the_texts_times_their_length(plan, tiny_model):
    (row,) = plan(str(tiny_model)).rows
    assert row.flops == flops_per_token(tiny_model) * len(TEXTS) * L


@pytest.mark.parametrize(("limit", "texts"), [(2, 2), (0.5, 2), (0.3, 2), (99, 4)])
def test_a_limit_counts_as_in_the_harness(plan, tiny_model, limit, texts):
    (row,) = plan(str(tiny_model), limit=limit).rows
    assert row.flops == flops_per_token(tiny_model) * texts * L


def test_a_sample_counts_no_more_than_its_documents(plan, tiny_model):
    (row,) = plan(str(tiny_model), metadata={"max_documents": 3}).rows
    assert row.flops == flops_per_token(tiny_model) * 3 * L


def test_groups_and_patterns_count_each_task_once(plan, tiny_model):
    rows = plan(
        {"pretrained": str(tiny_model), "tasks": ["infocap_parallel"], "label": "group"},
        {"pretrained": str(tiny_model), "tasks": "infocap_parallel_d*,infocap_parallel"},
        metadata={"max_tokens": 32},
    ).rows
    members = task_groups()["infocap_parallel"]
    assert set(members) <= task_metadata().keys()
    assert len({row.flops for row in rows}) == 1
    assert rows[0].flops > len(members) * 32 * flops_per_token(tiny_model, 32)


def test_each_task_is_counted_at_its_own_length(tiny_model, tmp_path):
    tasks = ["infocap_pydocs", "infocap_parallel_de"]
    study = {"tasks": tasks, "models": [str(tiny_model)], "limit": 1}
    (tmp_path / "own.yaml").write_text(json.dumps(study))
    (row,) = plan_study(read_study(str(tmp_path / "own.yaml"))).rows
    lengths = {entry.task: entry.max_tokens for entry in task_entries()}
    assert [lengths[task] for task in tasks] == [1024, 2048]
    assert row.flops == sum(n * flops_per_token(tiny_model, n) for n in (1024, 2048))


def test_a_corpus_on_the_hub_that_is_not_here_counts_only_up_to_a_limit(tiny_model, tmp_path):
    revision = "f" * 40  # of which no cache holds a file
    told = {"max_tokens": L, "corpus_revision": revision}
    models = [
        {"pretrained": str(tiny_model), "label": "whole"},
        {"pretrained": str(tiny_model), "label": "share", "limit": 0.5},
        {"pretrained": str(tiny_model), "label": "limit", "limit": 5},
        {"pretrained": str(tiny_model), "label": "sample", "metadata": {"max_documents": 7}},
    ]
    study = {"tasks": ["infocap_fineweb_edu"], "metadata": told, "models": models}
    (tmp_path / "hub.yaml").write_text(json.dumps(study))
    rows = plan_study(read_study(str(tmp_path / "hub.yaml"))).rows
    each = L * flops_per_token(tiny_model)
    assert [row.flops for row in rows] == [None, None, 5 * each, 7 * each]
    assert not any(row.causes for row in rows)


def test_a_copy_of_a_corpus_on_the_hub_is_counted(plan, tiny_model):
    (row,) = plan(str(tiny_model), tasks=["infocap_fineweb_edu"]).rows
    assert row.flops == flops_per_token(tiny_model) * len(TEXTS) * L


def test_a_task_of_the_harness_leaves_the_flops_open(plan, tiny_model):
    (row,) = plan(str(tiny_model), tasks=["infocap_custom", "hellaswag"]).rows
    assert row.flops is None
    assert row.weight_bytes
    assert not row.causes


@pytest.mark.parametrize(
    ("dtype", "num_bytes"), [("bfloat16", 2), ("float16", 2), ("float32", 4), ("auto", 4)]
)
def test_the_dtype_of_the_model_arguments_sets_the_bytes_in_memory(
    plan, tiny_model, dtype, num_bytes
):
    (row,) = plan({"pretrained": str(tiny_model), "model_args": {"dtype": dtype}}).rows
    assert row.weight_bytes == num_bytes * row.total_params


def quantised(folder, declared, **config):
    save_llama(folder, byte_tokenizer(), **config)
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"quantization_config": declared}))
    return folder


@pytest.mark.parametrize(
    ("declared", "bits"),
    [
        ({"quant_method": "gptq", "bits": 4}, 4),
        ({"quant_method": "fp8"}, 8),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, 4),
        (
            {
                "quant_method": "compressed-tensors",
                "config_groups": {"group_0": {"weights": {"num_bits": 8}}},
            },
            8,
        ),
        ({"quant_method": "of tomorrow"}, 32),
    ],
)
def test_a_declared_quantisation_sets_the_bytes_of_all_but_the_embeddings(
    plan, tmp_path, declared, bits
):
    folder = quantised(tmp_path / "small", declared)
    (row,) = plan(str(folder)).rows
    kept = 2 * 256 * 32  # embedding and LM head, vocabulary times width
    assert row.weight_bytes == 4 * kept + (row.total_params - kept) * bits // 8


def test_tied_embeddings_are_kept_once_beside_quantised_weights(plan, tmp_path):
    declared = {"quant_method": "gptq", "bits": 4}
    (row,) = plan(str(quantised(tmp_path / "tied", declared, tie_word_embeddings=True))).rows
    kept = 256 * 32
    assert row.weight_bytes == 4 * kept + (row.total_params - kept) // 2


def test_a_gguf_file_takes_its_own_bytes_in_llama_cpp_and_four_a_parameter_else(
    plan, tiny_model, tmp_path
):
    file = save_gguf(tiny_model, tmp_path / "tiny.gguf")
    own, dequantised = plan(
        {"pretrained": str(file), "model": "infocap-gguf", "label": "own"}, str(file)
    ).rows
    assert own.weight_bytes == file.stat().st_size
    assert dequantised.weight_bytes == 4 * dequantised.total_params
    assert own.flops == dequantised.flops == flops_per_token(tiny_model) * len(TEXTS) * L


def test_a_gguf_file_on_the_hub_is_not_downloaded_to_plan_it(plan, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    (row,) = plan({"pretrained": "org/name", "model_args": {"gguf_file": "x.gguf"}}).rows
    assert row.causes == ["model org/name/x.gguf: no such file; download the GGUF file to plan it"]


def test_gpus_are_as_many_as_hold_the_weights_in_nine_tenths_of_their_memory(plan, tiny_model):
    (row,) = plan(str(tiny_model)).rows
    assert row.gpus == 1
    for gpus in (1, 2, 7):
        memory_gb = row.weight_bytes / 1e9 / 0.9 / gpus
        assert plan(str(tiny_model), gpu_memory_gb=memory_gb * 1.0001).rows[0].gpus == gpus
        assert plan(str(tiny_model), gpu_memory_gb=memory_gb * 0.9999).rows[0].gpus == gpus + 1


def test_what_the_study_says_of_gpus_wins_then_what_the_engine_is_told(plan, tiny_model):
    split = {"tensor_parallel_size": 4, "data_parallel_size": 2}
    said, told = plan(
        {"pretrained": str(tiny_model), "gpus": 3, "model_args": split, "label": "said"},
        {"pretrained": str(tiny_model), "model": "infocap-vllm", "model_args": split},
    ).rows
    assert (said.gpus, told.gpus) == (3, 8)


def test_hours_are_the_flops_at_the_throughput(plan, tiny_model):
    slow, fast = (plan(str(tiny_model), tflops=tflops) for tflops in (1e-9, 2e-9))
    assert slow.rows[0].hours == pytest.approx(slow.rows[0].flops / 1000 / 3600)
    assert fast.total.hours == pytest.approx(slow.total.hours / 2)


def test_a_row_on_a_server_needs_nothing_of_this_machine(plan, tiny_model):
    server = {"model": "infocap-api", "base_url": "http://localhost:1/v1/completions"}
    given, config, unknown = plan(
        {**server, "label": "given", "metadata": {"flops_per_token": 2e9}},
        {**server, "label": "config", "metadata": {"flops_config": str(tiny_model)}},
        server,
    ).rows
    for row in (given, config, unknown):
        assert (row.total_params, row.weight_bytes, row.gpus, row.download_bytes) == (None, 0, 0, 0)
    assert given.flops == 2e9 * len(TEXTS) * L
    assert config.flops == flops_per_token(tiny_model) * len(TEXTS) * L
    assert unknown.flops is None
    assert unknown.causes[0].startswith("no config known to count FLOPs from")


def uncountable(tmp_path):
    folder = save_llama(tmp_path / "strange", byte_tokenizer())
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"model_type": "of-no-one"}))
    return folder


def test_a_row_that_cannot_be_counted_has_one_line_why_and_the_others_are_planned(
    plan, tiny_model, tmp_path
):
    made = plan(
        "nobody/no-such-model",
        str(tiny_model),
        str(tmp_path / "missing"),
        str(uncountable(tmp_path)),
        {"pretrained": str(tiny_model), "tasks": "infocap_fineweb", "label": "no task"},
        {
            "pretrained": str(tiny_model),
            "metadata": {"corpus_path": "no.jsonl"},
            "label": "no file",
        },
        {"pretrained": str(tiny_model), "model_args": {"dtype": "float17"}, "label": "no dtype"},
        {"pretrained": str(tiny_model), "limit": -1, "label": "no limit"},
        {"pretrained": str(tiny_model), "metadata": {"max_tokens": 1}, "label": "no length"},
    )
    causes = [row.causes for row in made.rows]
    assert causes[1] == []
    assert made.rows[1].flops
    for each in [*causes[:1], *causes[2:]]:
        assert len(each) == 1
        assert "\n" not in each[0]
    assert "nobody/no-such-model" in causes[0][0]
    assert "missing: no such file or folder" in causes[2][0]
    assert "of-no-one" in causes[3][0]
    assert "did you mean infocap_fineweb_edu" in causes[4][0]
    assert "no.jsonl" in causes[5][0]
    assert causes[6] == ["dtype=float17: there is none; give bfloat16, float16 or float32"]
    assert causes[7] == ["limit: -1: must be at least 1 text, or a share below 1"]
    assert causes[8][0].startswith("max_tokens=1: must be")
    assert made.total.rows_with_causes == 8


def test_given_flops_stand_where_the_model_cannot_be_counted(plan, tmp_path):
    folder = str(uncountable(tmp_path))
    (row,) = plan({"pretrained": folder, "metadata": {"flops_per_token": 1e6}}).rows
    assert row.flops == 1e6 * len(TEXTS) * L
    assert row.weight_bytes is None
    assert len(row.causes) == 1


@pytest.fixture
def in_cache(tmp_path, monkeypatch, tiny_model):
    """A hub id whose config is in the cache, as ``huggingface_hub`` keeps it."""
    commit = "0" * 40
    repository = tmp_path / "hub" / "models--org--tiny"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(commit)
    snapshot = repository / "snapshots" / commit
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text((tiny_model / "config.json").read_text())
    for module in ("huggingface_hub.constants", "huggingface_hub.file_download.constants"):
        monkeypatch.setattr(f"{module}.HF_HUB_CACHE", str(tmp_path / "hub"))
    return "org/tiny"


def test_a_checkpoint_on_the_hub_is_downloaded_once_in_the_dtype_that_it_has(plan, in_cache):
    half = {"pretrained": in_cache, "model_args": {"dtype": "bfloat16"}, "label": "half"}
    made = plan(in_cache, half)
    whole, half_row = made.rows
    assert not whole.causes
    assert whole.download_bytes == half_row.download_bytes == 4 * whole.total_params
    assert half_row.weight_bytes == 2 * whole.total_params
    assert made.total.download_bytes == whole.download_bytes
    assert made.total.flops == 2 * whole.flops


def test_totals_of_nothing_known_are_unknown(plan):
    total = plan("nobody/no-such-model").total
    assert (total.flops, total.hours, total.download_bytes, total.gpus) == (None,) * 4


@pytest.mark.parametrize("value", [0, -1, float("inf"), float("nan")])
@pytest.mark.parametrize("name", ["gpu_memory_gb", "tflops"])
def test_memory_and_throughput_are_numbers_above_0(plan, tiny_model, name, value):
    with pytest.raises(InfocapError, match="must be a number above 0"):
        plan(str(tiny_model), **{name: value})


# ------------------------------------------------------------------ what is shown


@pytest.fixture
def shown(plan, tiny_model, tmp_path):
    long = tmp_path / ("a-model-whose-name-is-as-long-as-names-of-models-get" * 2)
    save_llama(long, byte_tokenizer())
    return plan(str(tiny_model), str(long), "nobody/no-such-model", "nobody/another")


def test_the_table_has_80_columns_with_a_line_a_row_totals_and_causes(shown):
    text = RENDERERS["table"](shown)
    lines = text.splitlines()
    assert max(map(len, lines)) <= 80
    header = lines[0].split()
    assert header == ["row", "params", "weights", "GPUs", "FLOPs", "hours", "download"]
    assert len(lines[1 : lines.index("")]) == len(shown.rows) + 1
    assert lines[len(shown.rows) + 1].split()[:2] == ["total", "-"]
    assert "no-such-model: no config for model" in " ".join(text.split())


def test_one_cause_of_several_rows_is_said_once(plan, tiny_model):
    models = [{"pretrained": str(tiny_model), "label": name} for name in ("a", "b")]
    text = RENDERERS["table"](plan(*models, tasks="infocap_fineweb"))
    assert "\n\na, b: tasks: infocap_fineweb: there is no such task" in text


def test_the_wide_table_has_whole_names_and_models(shown):
    text = RENDERERS["wide"](shown)
    assert all(row.row in text and row.model in text for row in shown.rows)


def test_json_has_rows_totals_and_assumptions(shown):
    record = json.loads(RENDERERS["json"](shown))
    assert [row["row"] for row in record["rows"]] == [row.row for row in shown.rows]
    assert record["rows"][0]["flops"] == shown.rows[0].flops
    assert record["total"]["rows_with_causes"] == 2
    assert (record["gpu_memory_gb"], record["tflops"]) == (80, 400)


def test_csv_has_a_line_a_row_and_empty_cells_for_what_is_unknown(shown):
    rows = list(csv.DictReader(io.StringIO(RENDERERS["csv"](shown))))
    assert [row["row"] for row in rows] == [row.row for row in shown.rows]
    assert int(rows[0]["weight_bytes"]) == shown.rows[0].weight_bytes
    assert rows[0]["causes"] == rows[2]["flops"] == ""
    assert rows[2]["causes"].startswith("no config for model nobody/no-such-model")
