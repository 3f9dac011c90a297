"""Reading files and folders of the real harness, and commands on them."""

import copy
import json
import os
from pathlib import Path

import pytest
from helpers.made_up import save_content as save
from helpers.models import byte_tokenizer, save_llama

from infocap_tasks.cli.main import main
from infocap_tasks.errors import InfocapError
from infocap_tasks.results.read import read_runs
from infocap_tasks.results.series import read_series_map


def test_files_folders_and_repetitions_give_the_same_runs(results):
    files = sorted(results.rglob("*.json"))
    assert read_runs([*files, results, files[0]]) == read_runs([results])


def test_series_map_overrides_the_rules(results):
    runs = read_runs([results], {"mini-0.1B": "Other"}).runs
    assert {run.series for run in runs} == {"mini", "Other"}


@pytest.mark.parametrize(
    "command",
    [
        ["bias", "--task", "words_en"],
        ["predict", "--task", "words_zh"],
        ["predict", "--task", "words_zh", "--target-flops", "1e9"],
        ["languages"],
        ["languages", "--baseline", "words_zh", "--format", "csv"],
    ],
)
def test_commands_accept_real_files(results, command, capsys):
    assert main([*command, str(results)]) == 0
    assert "nan" not in capsys.readouterr().out


def test_comparisons_accept_two_real_runs(results, capsys):
    pair = [str(results.glob(f"*mini-0.{n}B").__next__()) for n in (1, 2)]
    for command in ("compare", "explain"):
        assert main([command, *pair, "--task", "words_en", "--format", "json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert found["num_documents"] == 12
        assert found["interval"][0] < found["difference"] < found["interval"][1]
    assert main(["compare", *pair]) == 2
    assert "--task" in capsys.readouterr().err


def test_target_config_is_counted_like_the_reference(results, tmp_path, capsys):
    model = save_llama(tmp_path / "new", byte_tokenizer(), hidden_size=48)
    arguments = ["predict", str(results), "--task", "words_en", "--target", str(model)]
    assert main([*arguments, "--format", "json"]) == 0
    (prediction,) = json.loads(capsys.readouterr().out)["predictions"]
    assert main(["flops", str(model), "--context", "96", "--format", "json"]) == 0
    assert prediction["flops_per_token"] == json.loads(capsys.readouterr().out)["flops_per_token"]


# ------------------------------------------------------------------ several files of a model


def test_newest_run_is_taken(content, tmp_path):
    newer = copy.deepcopy(content)
    newer["date"] += 100
    save(tmp_path, newer, "results_a.json")
    save(tmp_path, content, "results_b.json")
    runs, complaints, notes = read_runs([tmp_path])
    assert not complaints
    assert {Path(run.source).name for run in runs} == {"results_a.json"}
    assert len(notes) == len(runs) == 2
    assert "the newest is taken" in notes[0]


def test_dated_run_is_newer_than_undated_one(content, tmp_path):
    undated = {key: value for key, value in content.items() if key != "date"}
    save(tmp_path, undated, "results_z.json")
    save(tmp_path, content, "results_a.json")
    runs = read_runs([tmp_path]).runs
    assert {Path(run.source).name for run in runs} == {"results_a.json"}
    assert read_runs([tmp_path / "results_z.json"]).runs[0].date is None


def partial_of(content, count):
    """The content of a run of the first documents, as --limit leaves it."""
    cut = copy.deepcopy(content)
    for task in ("words_en", "words_zh"):
        record = cut["configs"][task]["metadata"]["infocap"]
        record["corpus"]["num_documents_scored"] = count
        record["documents"] = {name: column[:count] for name, column in record["documents"].items()}
        cut["results"][task] = {"alias": task}
    return cut


def test_newer_partial_run_does_not_replace_a_full_one(content, tmp_path):
    for age, (name, count) in enumerate((("full", 12), ("four", 4), ("two", 2))):
        newer = partial_of(content, count)
        newer["date"] += age
        save(tmp_path, newer, f"results_{name}.json")
    runs, complaints, notes = read_runs([tmp_path])
    assert not complaints
    assert [run.num_documents for run in runs] == [12, 12]
    assert "3 runs; the newest has only 2 documents; a fuller is taken" in notes[0]
    runs = read_runs([tmp_path / f"results_{name}.json" for name in ("four", "two")]).runs
    assert [(run.num_documents, run.is_partial) for run in runs] == [(4, True)] * 2


def test_runs_on_other_texts_or_lengths_are_kept_apart(content, tmp_path):
    for index, (part, value) in enumerate([(("corpus", "sha256"), "f" * 64), (("max_tokens",), 7)]):
        other = copy.deepcopy(content)
        other["date"] += index
        record = other["configs"]["words_en"]["metadata"]["infocap"]
        for key in part[:-1]:
            record = record[key]
        record[part[-1]] = value
        save(tmp_path, other, f"results_{index}.json")
    runs, _, notes = read_runs([tmp_path])
    assert sum(run.task == "words_en" for run in runs) == 2
    assert sum(run.task == "words_zh" for run in runs) == len(notes) == 1


def test_models_that_share_a_name_keep_their_folders(content, tmp_path):
    for lab in ("lab_a", "lab_b"):
        content["config"]["model_args"] = {"pretrained": f"{lab}/mini-0.1B"}
        save(tmp_path, content, f"results_{lab}.json")
    runs, _, notes = read_runs([tmp_path])
    assert {run.model for run in runs} == {"lab_a/mini-0.1B", "lab_b/mini-0.1B"}
    assert not notes


def test_revision_is_another_model(content, tmp_path):
    content["config"]["model_args"] = "pretrained=lab/mini-0.1B,revision=step7,dtype=float32"
    save(tmp_path, content)
    assert {run.model for run in read_runs([tmp_path]).runs} == {"mini-0.1B@step7"}


# ------------------------------------------------------------------ variants of a model


def variant(content, *, name=None, config=None, engine=None, **arguments):
    """The content of a run of the same path with another engine, dtype, quantisation or name."""
    other = copy.deepcopy(content)
    other["config"]["model_args"] = {"pretrained": "lab/mini-0.1B", **arguments}
    other["config"] |= config or {}
    for config in other["configs"].values():
        if name and "infocap" in config["metadata"]:
            config["metadata"]["infocap"]["name"] = name
        if engine and "infocap" in config["metadata"]:
            config["metadata"]["infocap"]["engine"] = engine
    return other


def models_in(folder, *contents):
    for index, content in enumerate(contents):
        save(folder, content, f"results_{index}.json")
    runs, _, notes = read_runs([folder])
    assert not notes
    assert {run.series for run in runs} == {"mini"}
    return [run.model for run in runs if run.task == "words_en"]


@pytest.mark.parametrize(
    ("differs", "labels"),
    [
        ({"config": {"model_dtype": "torch.bfloat16"}}, ("float32", "bfloat16")),
        ({"config": {"model": "infocap-hf"}}, ("hf", "infocap-hf")),
        ({"load_in_4bit": True}, (None, "4-bit")),
        ({"quantization_config": {"quant_method": "fp8"}}, (None, "fp8")),
        (
            {"config": {"model": "vllm", "model_dtype": None}, "quantization": "awq"},
            ("hf, float32", "vllm, awq"),
        ),
    ],
)
def test_engine_dtype_and_quantisation_tell_runs_of_one_path_apart(
    content, tmp_path, differs, labels
):
    found = models_in(tmp_path, variant(content), variant(content, **differs))
    assert found == [f"mini-0.1B ({label})" if label else "mini-0.1B" for label in labels]


VLLM = {"name": "vllm", "version": "0.32.0", "dtype": "bfloat16", "method": "vllm server"}
SGLANG = {**VLLM, "name": "sglang", "version": "0.5"}
TRANSFORMERS = {**VLLM, "name": "transformers", "version": "5.20.0"}
SERVED, OURS = {"model": "infocap-api", "model_dtype": None}, {"model": "infocap-hf"}


def test_engine_its_version_and_dtype_are_read_from_the_task_and_absent_from_older_files(
    content, tmp_path
):
    save(tmp_path, variant(content, engine=VLLM, config=OURS), "results_new.json")
    told = read_runs([tmp_path]).runs[0].provenance
    assert (told.engine, told.engine_version, told.dtype) == ("vllm", "0.32.0", "bfloat16")
    (tmp_path / "old").mkdir()
    save(tmp_path / "old", variant(content, config=OURS))
    told = read_runs([tmp_path / "old"]).runs[0].provenance
    assert (told.engine, told.engine_version, told.dtype) == (None, None, "torch.float32")


def test_servers_of_one_path_say_their_engine(content, tmp_path):
    half = {**OURS, "model_dtype": "torch.bfloat16"}
    found = models_in(
        tmp_path,
        variant(content, engine=VLLM, config=SERVED),
        variant(content, engine=SGLANG, config=SERVED),
        variant(content, engine=TRANSFORMERS, config=half),
    )
    kinds = ("infocap-api, vllm", "infocap-api, sglang", "infocap-hf")
    assert found == [f"mini-0.1B ({kind})" for kind in kinds]


def test_file_that_names_the_engine_replaces_an_older_one_that_does_not(content, tmp_path):
    half = {**OURS, "model_dtype": "torch.bfloat16"}
    newer = variant(content, engine=TRANSFORMERS, config=half)
    newer["date"] += 100
    save(tmp_path, newer, "results_new.json")
    save(tmp_path, variant(content, config=half), "results_old.json")
    runs, _, notes = read_runs([tmp_path])
    assert {(run.model, Path(run.source).name) for run in runs} == {
        ("mini-0.1B", "results_new.json")
    }
    assert "2 runs; the newest is taken" in notes[0]


# ------------------------------------------------------------------ --alias


def two_engines(content, folder):
    """A run by transformers, and a newer one of a server that calls the model otherwise."""
    served = variant(content, engine=VLLM, config=SERVED)
    served["config"]["model_args"] = {"model": "prod"}
    served["date"] += 100
    served["results"] = {"arc": {"acc,none": 0.4}} | served["results"]
    save(folder, served, "results_served.json")
    save(folder, variant(content, engine=TRANSFORMERS, config=OURS), "results_local.json")
    return folder


def test_two_engines_are_two_models_without_an_alias_and_one_with_it(content, tmp_path):
    folder = two_engines(content, tmp_path)
    assert {run.model for run in read_runs([folder]).runs} == {"prod", "mini-0.1B"}
    runs, _, notes = read_runs([folder], aliases={"prod": "mini-0.1B"})
    assert {(run.model, run.series, Path(run.source).name) for run in runs} == {
        ("mini-0.1B", "mini", "results_served.json")
    }
    assert "mini-0.1B, words_en: 2 runs; the newest is taken" in notes[0]
    assert runs[0].benchmarks["arc"] == 0.4


def test_alias_of_a_newer_partial_run_leaves_the_full_one(content, tmp_path):
    folder = two_engines(content, tmp_path)
    served = json.loads((folder / "results_served.json").read_text())
    save(folder, partial_of(served, 4), "results_served.json")
    runs = read_runs([folder], aliases={"prod": "mini-0.1B"}).runs
    assert {Path(run.source).name for run in runs} == {"results_local.json"}


def test_alias_of_a_path_to_itself_puts_its_engines_together(content, tmp_path):
    """By its label one of them alone is meant."""
    for index, engine in enumerate((VLLM, SGLANG)):
        save(tmp_path, variant(content, engine=engine, config=SERVED), f"results_{index}.json")
    for aliases in ({"mini-0.1B": "mini-0.1B"}, {"mini-0.1B (vllm)": "mini-0.1B"}):
        runs = read_runs([tmp_path], aliases=aliases).runs
        assert [run.task for run in runs] == ["words_en", "words_zh"]


def test_alias_may_give_a_name_that_no_run_has(content, tmp_path):
    runs = read_runs([two_engines(content, tmp_path)], aliases={"prod": "GLM-9-Base"}).runs
    assert {run.model for run in runs} == {"GLM-9-Base", "mini-0.1B"}


def test_alias_that_cannot_be_meant_is_one_line(content, tmp_path, capsys):
    folder = str(two_engines(content, tmp_path))
    for given, said in (
        ("prood=mini-0.1B", "no run has the name prood; did you mean prod?"),
        ("prod", "prod: is no NAME=MODEL"),
        ("=mini", "=mini: is no NAME=MODEL"),
    ):
        assert main(["leaderboard", folder, "--alias", given]) == 2
        assert said in capsys.readouterr().err
    save(tmp_path, variant(content, config={**OURS, "model_dtype": "torch.float32"}))
    assert main(["leaderboard", folder, "--alias", "prod=mini-0.1B"]) == 2
    said = capsys.readouterr().err
    assert "several runs have this name; name one of them: mini-0.1B (bfloat16), mini-0.1B" in said


def test_named_runs_have_their_names_and_others_their_models(content, tmp_path):
    runs = (variant(content), variant(content, name="base"), variant(content, name="tuned"))
    assert models_in(tmp_path, *runs) == ["mini-0.1B", "base", "tuned"]


def test_one_name_for_two_models_or_precisions_is_made_longer(content, tmp_path):
    half = {"model_dtype": "torch.float16"}
    other = variant(content, name="x", config=half)
    other["config"]["model_args"]["pretrained"] = "lab/mini-9B"
    runs = (variant(content, name="x"), other, variant(content, name="x", config=half))
    assert models_in(tmp_path, *runs) == [
        "x (lab/mini-0.1B) (float32)", "x (lab/mini-9B)", "x (lab/mini-0.1B) (float16)",
    ]  # fmt: skip


def test_benchmarks_of_a_variant_are_not_those_of_another(content, tmp_path):
    quantised = variant(content, load_in_8bit=True)
    quantised["results"]["quiz"]["acc,none"] = 0.125
    apart = variant(content)
    apart["results"] = {"arc": {"acc,none": 0.4}}
    for index, file in enumerate((variant(content), quantised, apart)):
        save(tmp_path, file, f"results_{index}.json")
    found = {run.model: run.benchmarks for run in read_runs([tmp_path]).runs}
    quiz = content["results"]["quiz"]["acc,none"]
    assert found["mini-0.1B"] == {"quiz": quiz, "arc": 0.4}
    assert found["mini-0.1B (8-bit)"] == {"quiz": 0.125, "arc": 0.4}


def test_benchmarks_of_other_files_are_joined(content, tmp_path):
    standard = copy.deepcopy(content)
    standard["results"] = {
        "arc": {"alias": "arc", "acc,none": 0.4, "acc_norm,none": 0.5, "acc_stderr,none": 0.1},
        "gsm8k": {"exact_match,strict-match": 0.2, "exact_match,flexible-extract": 0.3},
        "lambada": {"perplexity,none": 9.0, "acc,none": 0.6},
        "wikitext": {"word_perplexity,none": 12.0},
        "chess": {"elo,none": 1500.0, "moves,none": 3.0},
        "mmlu": {"acc,none": 0.7},
        "mmlu_law": {"acc,none": 0.1},
        "broken": {"acc,none": "N/A", "acc_norm,none": float("nan")},
    }
    standard["group_subtasks"] = {"mmlu": ["mmlu_law"], "arc": ["arc"]}
    standard["higher_is_better"] = {"chess": {"moves": False, "elo": True}}
    save(tmp_path, standard, "results_1.json")
    save(tmp_path, content, "results_2.json")
    older = copy.deepcopy(standard)
    older["date"] -= 5
    older["results"] = {"arc": {"acc": 0.9}, "piqa": {"acc": 0.8}}  # keys without a filter
    save(tmp_path, older, "results_3.json")
    runs = read_runs([tmp_path]).runs
    quiz = content["results"]["quiz"]["acc,none"]
    assert runs[0].benchmarks == {
        "arc": 0.5, "gsm8k": 0.2, "lambada": 0.6, "chess": 1500, "mmlu": 0.7, "piqa": 0.8,
        "quiz": quiz,
    }  # fmt: skip


def test_file_with_benchmarks_alone_is_noted(content, tmp_path):
    content["results"] = {"arc": {"acc,none": 0.4}}
    save(tmp_path, content)
    runs, complaints, notes = read_runs([tmp_path])
    assert (runs, complaints) == ([], [])
    assert "only benchmark scores were read" in notes[0]


# ------------------------------------------------------------------ what cannot be read


def test_commands_leave_out_a_damaged_file_and_exit_with_1(results, tmp_path, capsys):
    save(tmp_path, '{"results": ')
    assert main(["bias", str(results), str(tmp_path), "--task", "words_en"]) == 1
    done = capsys.readouterr()
    assert str(tmp_path) in done.err
    assert "mini" in done.out


@pytest.mark.parametrize("command", [["bias", "FOLDER"], ["explain", "FOLDER", "FOLDER"]])
def test_folder_whose_only_file_is_damaged_exits_with_1(tmp_path, capsys, command):
    path = save(tmp_path, '{"results": ')
    assert main([str(tmp_path) if word == "FOLDER" else word for word in command]) == 1
    complaint, error = capsys.readouterr().err.splitlines()
    assert str(path) in complaint
    assert "infocap eval" in error


def test_missing_path_is_refused(tmp_path):
    with pytest.raises(InfocapError, match="no such file or folder"):
        read_runs([tmp_path / "nothing"])


def test_what_could_be_read_for_ever_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.json")
    os.mkfifo(tmp_path / "pipe.csv")
    for path in (tmp_path / "pipe.json", "/dev/zero"):
        with pytest.raises(InfocapError, match="no plain file"):
            read_runs([path])
    with pytest.raises(InfocapError, match="an empty path"):
        read_runs([""])
    with pytest.raises(InfocapError, match="no plain file"):
        read_series_map(str(tmp_path / "pipe.csv"))
