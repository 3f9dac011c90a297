"""On real files of the real harness, and on those files damaged or made older."""

import copy
import json
import math
from pathlib import Path

import pytest
from helpers.models import SAFE, byte_tokenizer, save_llama, write_jsonl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lm_eval import simple_evaluate
from lm_eval.loggers import EvaluationTracker
from lm_eval.tasks import TaskManager

from infocap_tasks.cli.main import main
from infocap_tasks.errors import InfocapError
from infocap_tasks.metrics import METRICS, aggregate
from infocap_tasks.paths import task_configs_dir
from infocap_tasks.results.read import gain_of_capacity, published_runs, read_runs

TEXTS = {
    "en": [f"The theory of weather number {i}, {'then there ' * (i % 3)}." for i in range(12)],
    "zh": [f"天气的理论，第{i}条，{'然后那里' * (i % 3)}。" for i in range(12)],
}


def write_tasks(folder: Path) -> None:
    """Two parallel corpora of ours, and a multiple-choice task of the harness's own kind."""
    for language, texts in TEXTS.items():
        corpus = write_jsonl(folder / f"{language}.jsonl", [{"text": text} for text in texts])
        (folder / f"words_{language}.yaml").write_text(
            f"include: {task_configs_dir() / '_infocap.yaml'}\ntask: words_{language}\n"
            f"metadata: {{version: 1.0, corpus: {{path: {corpus}, text_field: text}}, "
            "bias_bits_per_token: -27}\n"
        )
    quiz = write_jsonl(
        folder / "quiz.jsonl",
        [
            {"question": f"Is {n} even?", "choices": ["yes", "no"], "answer": n % 2}
            for n in range(4)
        ],
    )
    (folder / "quiz.yaml").write_text(
        f"task: quiz\ndataset_path: json\ndataset_kwargs: {{data_files: {{test: {quiz}}}}}\n"
        "test_split: test\noutput_type: multiple_choice\ndoc_to_text: '{{question}}'\n"
        "doc_to_choice: choices\ndoc_to_target: answer\n"
        "metric_list: [{metric: acc, aggregation: mean, higher_is_better: true}]\n"
    )


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    """What ``--output_path`` leaves of two sizes of one made-up series."""
    folder = tmp_path_factory.mktemp("real")
    (folder / "tasks").mkdir()
    write_tasks(folder / "tasks")
    for name, width in (("mini-0.1B", 32), ("mini-0.2B", 64)):
        model = save_llama(folder / name, byte_tokenizer(merges=True), hidden_size=width)
        write_results(model, folder / "tasks", folder / "results")
    return folder / "results"


def write_results(model: Path, tasks: Path, output: Path) -> None:
    """As ``infocap eval --output_path`` does, without indexing the harness's own tasks."""
    arguments = {"pretrained": str(model), "dtype": "float32", **SAFE}
    tracker = EvaluationTracker(output_path=str(output))
    evaluated = simple_evaluate(
        "hf",
        model_args=arguments,
        tasks=["words_en", "words_zh", "quiz"],
        task_manager=TaskManager(
            include_path=str(tasks),
            include_defaults=False,
            metadata={**arguments, "max_tokens": 96},
        ),
        batch_size=4,
        device="cpu",
        evaluation_tracker=tracker,
        log_samples=False,
    )
    tracker.save_results_aggregated(evaluated, samples={})


@pytest.fixture
def content(results) -> dict:
    """The JSON of one real file."""
    return json.loads(sorted(results.rglob("*.json"))[0].read_text())


def save(folder: Path, content, name: str = "results_x.json") -> Path:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


# ------------------------------------------------------------------ real files


def test_real_files(results):
    runs, complaints, notes = read_runs([results])
    assert (complaints, notes) == ([], [])
    assert sorted((run.model, run.task) for run in runs) == [
        (model, task) for model in ("mini-0.1B", "mini-0.2B") for task in ("words_en", "words_zh")
    ]
    for run in runs:
        written = json.loads(Path(run.source).read_text())
        row = written["results"][run.task]
        for name in METRICS:
            assert run.metric(name) == pytest.approx(row[f"{name},none"], rel=1e-12)
            assert run.standard_errors[name] == row[f"{name}_stderr,none"]
            assert aggregate(name, run.documents) == pytest.approx(run.metric(name), rel=1e-12)
        assert run.benchmarks == {"quiz": written["results"]["quiz"]["acc,none"]}
        assert (run.series, run.regime, run.max_tokens) == ("mini", "harness", 96)
        assert run.bias_bits_per_token == -27
        assert run.corpus == f"{run.task[-2:]}.jsonl"
        assert len(run.corpus_sha256) == 64
        assert run.active_params > 0
        assert run.date == written["date"]
        assert [score.document_id for score in run.documents] == [str(n) for n in range(1, 13)]
        assert not run.has_named_documents


@pytest.mark.parametrize(
    ("id_field", "names", "is_named"),
    [
        ("id", "123456789", True),  # named by numbers of their own
        (None, "abcdefghi", True),  # files of a folder, modules of Python
        (None, "123456789", False),
    ],
)
def test_names_of_documents_by_the_field_else_by_the_names(content, tmp_path, id_field, names,
                                                           is_named):  # fmt: skip
    for config in (content["configs"][task] for task in ("words_en", "words_zh")):
        infocap = config["metadata"]["infocap"]
        infocap["documents"]["document_id"] = [*names, *names[:3]]
        infocap["corpus"]["id_field"] = id_field
        if not id_field:
            del infocap["corpus"]["id_field"]  # as in older files
    runs, complaints, _ = read_runs([save(tmp_path, content)])
    assert complaints == []
    assert [run.has_named_documents for run in runs] == [is_named] * 2


def test_files_of_version_0_1_name_their_documents_otherwise(content, tmp_path):
    newer = read_runs([save(tmp_path, content)]).runs
    for config in content["configs"].values():
        documents = config["metadata"].get("infocap", {}).get("documents")
        if documents:
            documents["document"] = documents.pop("document_id")
    older = read_runs([save(tmp_path, content)]).runs
    assert older == newer
    assert all(run.documents for run in older)


def test_files_and_folders_and_repetitions_are_the_same(results):
    files = sorted(results.rglob("*.json"))
    assert read_runs([*files, results, files[0]]) == read_runs([results])


def test_a_map_of_series(results):
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
def test_commands_on_real_files(results, command, capsys):
    assert main([*command, str(results)]) == 0
    assert "nan" not in capsys.readouterr().out


def test_commands_on_two_real_runs(results, capsys):
    pair = [str(results.glob(f"*mini-0.{n}B").__next__()) for n in (1, 2)]
    for command in ("compare", "explain"):
        assert main([command, *pair, "--task", "words_en", "--format", "json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert found["num_documents"] == 12
        assert found["interval"][0] < found["difference"] < found["interval"][1]
    assert main(["compare", *pair]) == 2
    assert "--task" in capsys.readouterr().err


def test_a_target_config_is_counted_as_the_reference_was(results, tmp_path, capsys):
    model = save_llama(tmp_path / "new", byte_tokenizer(), hidden_size=48)
    arguments = ["predict", str(results), "--task", "words_en", "--target", str(model)]
    assert main([*arguments, "--format", "json"]) == 0
    (prediction,) = json.loads(capsys.readouterr().out)["predictions"]
    assert main(["flops", str(model), "--context", "96", "--format", "json"]) == 0
    assert prediction["flops_per_token"] == json.loads(capsys.readouterr().out)["flops_per_token"]


# ------------------------------------------------------------------ several files of a model


def test_the_newest_run_counts(content, tmp_path):
    newer = copy.deepcopy(content)
    newer["date"] += 100
    save(tmp_path, newer, "results_a.json")
    save(tmp_path, content, "results_b.json")
    runs, complaints, notes = read_runs([tmp_path])
    assert not complaints
    assert {Path(run.source).name for run in runs} == {"results_a.json"}
    assert len(notes) == len(runs) == 2
    assert "the newest is taken" in notes[0]


def test_a_run_with_a_date_is_newer_than_one_without(content, tmp_path):
    undated = {key: value for key, value in content.items() if key != "date"}
    save(tmp_path, undated, "results_z.json")
    save(tmp_path, content, "results_a.json")
    runs = read_runs([tmp_path]).runs
    assert {Path(run.source).name for run in runs} == {"results_a.json"}
    assert read_runs([tmp_path / "results_z.json"]).runs[0].date is None


def test_other_texts_or_lengths_are_other_runs(content, tmp_path):
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


def test_models_of_one_name_keep_their_folders(content, tmp_path):
    for lab in ("lab_a", "lab_b"):
        content["config"]["model_args"] = {"pretrained": f"{lab}/mini-0.1B"}
        save(tmp_path, content, f"results_{lab}.json")
    runs, _, notes = read_runs([tmp_path])
    assert {run.model for run in runs} == {"lab_a/mini-0.1B", "lab_b/mini-0.1B"}
    assert not notes


def test_a_revision_is_another_model(content, tmp_path):
    content["config"]["model_args"] = "pretrained=lab/mini-0.1B,revision=step7,dtype=float32"
    save(tmp_path, content)
    assert {run.model for run in read_runs([tmp_path]).runs} == {"mini-0.1B@step7"}


def test_benchmarks_from_other_files(content, tmp_path):
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


def test_benchmarks_alone_are_noted(content, tmp_path):
    content["results"] = {"arc": {"acc,none": 0.4}}
    save(tmp_path, content)
    runs, complaints, notes = read_runs([tmp_path])
    assert (runs, complaints) == ([], [])
    assert "benchmark scores alone" in notes[0]


# ------------------------------------------------------------------ older shapes


def test_older_files(content, tmp_path):
    expected = {run.task: run for run in read_runs([save(tmp_path, content)]).runs}
    for key in ("model_name", "model_name_sanitized", "model_source", "n-samples", "date",
                "higher_is_better", "group_subtasks", "task_hashes"):  # fmt: skip
        del content[key]
    content["config"]["model_args"] = "pretrained=mini-0.1B,dtype=float32"
    for task in expected:
        row = content["results"][task]
        content["results"][task] = {key.partition(",")[0]: row[key] for key in row}
        infocap = content["configs"][task]["metadata"]["infocap"]
        del infocap["documents"], infocap["regime"]
    runs, complaints, _ = read_runs([save(tmp_path, content)])
    assert not complaints
    for run in runs:
        assert run.information_capacity == expected[run.task].information_capacity
        assert (run.model, run.documents, run.regime) == ("mini-0.1B", None, "harness")


def test_documents_that_do_not_say_whether_they_are_whole(content, tmp_path):
    """Only those are that cannot have been cut, which leaves up to 3 tokens less than L."""
    for task in ("words_en", "words_zh"):
        infocap = content["configs"][task]["metadata"]["infocap"]
        tokens = infocap["documents"]["num_tokens"]
        infocap["max_tokens"] = sorted(tokens)[6] + 3
        del infocap["documents"]["is_whole"]
    runs, complaints, _ = read_runs([save(tmp_path, content)])
    assert not complaints
    for run in runs:
        assert {score.is_whole for score in run.documents} == {True, False}
        for score in run.documents:
            assert score.is_whole is (score.num_tokens < run.max_tokens - 3)


def test_metrics_that_a_task_does_not_list_follow_from_its_documents(content, tmp_path):
    expected = {run.task: run for run in read_runs([save(tmp_path, content)]).runs}
    for task in expected:
        row = content["results"][task]
        content["results"][task] = {
            key: row[key] for key in row if key.startswith(("information_capacity,", "flops_per_t"))
        }
    for run in read_runs([save(tmp_path, content)]).runs:
        assert run.metric("bits_per_byte") == pytest.approx(
            expected[run.task].metric("bits_per_byte"), rel=1e-12
        )


def test_a_ready_model_is_named_by_its_metadata(content, tmp_path):
    content["config"]["model_args"] = None
    content["model_name"] = "model_x7f3"  # the harness makes one up
    assert {run.model for run in read_runs([save(tmp_path, content)]).runs} == {"mini-0.1B"}


# ------------------------------------------------------------------ damaged and foreign files


def change(path, value):
    def apply(content):
        for key in path[:-1]:
            content = content[key]
        if value is None:
            del content[path[-1]]
        else:
            content[path[-1]] = value

    return apply


INFOCAP = ("configs", "words_zh", "metadata", "infocap")
ROW = ("results", "words_zh")


@pytest.mark.parametrize(
    "damage",
    [
        change(("results",), [1, 2]),
        change(("results",), None),
        change(("configs",), None),
        change(ROW, "0.3"),
        change(INFOCAP, None),
        change((*INFOCAP, "bias_bits_per_token"), None),
        change((*INFOCAP, "bias_bits_per_token"), "-27"),
        change((*INFOCAP, "bias_bits_per_token"), -24),
        change((*INFOCAP, "max_tokens"), None),
        change((*INFOCAP, "regime"), "other"),
        change((*INFOCAP, "documents", "nll_bits"), None),
        change((*INFOCAP, "documents", "nll_bits"), [1.0]),
        change((*INFOCAP, "documents", "nll_bits"), [1.0] * 12),
        change((*INFOCAP, "documents", "is_whole"), [True]),
        change((*INFOCAP, "documents", "is_whole"), [1] * 12),
        change((*INFOCAP, "documents", "num_tokens"), [0] * 12),
        change((*INFOCAP, "documents", "num_bytes"), [True] * 12),
        change((*ROW, "nll_bits_per_token,none"), 3.0),
        change((*ROW, "information_capacity,none"), 0.123),
        change((*ROW, "flops_per_token,none"), 1),
        change((*ROW, "text_size_bits_per_token,none"), float("inf")),
    ],
)
def test_damaged_files_are_named_and_left_out_whole(content, tmp_path, damage):
    damage(content)
    path = save(tmp_path, content)
    runs, complaints, _ = read_runs([tmp_path])
    assert runs == []
    assert len(complaints) == 1
    assert complaints[0].startswith(str(path))
    assert "\n" not in complaints[0]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "{}", '{"results": {}}', "\x00", '{"a": 1}', "[" * 100_000]
)
def test_what_is_no_results_file(tmp_path, text):
    path = save(tmp_path, text)
    assert len(read_runs([path]).complaints) == 1


def test_a_truncated_file(results, tmp_path):
    text = sorted(results.rglob("*.json"))[0].read_text()
    for length in (1, len(text) // 3, len(text) - 2):
        path = save(tmp_path, text[:length])
        runs, complaints, _ = read_runs([path])
        assert (len(runs), len(complaints)) == (0, 1)


JUNK = st.sampled_from(
    [None, True, -1, 0, 10**400, 1e308, float("nan"), "x", "", [], [1], {}, {"a": 1}, [[{}]]]
)


@given(data=st.data(), junk=JUNK)
@settings(max_examples=150, suppress_health_check=list(HealthCheck), deadline=None)
def test_junk_anywhere_is_a_complaint_or_does_not_matter(content, tmp_path, data, junk):
    """Whatever stands in any one place: never another exception, never half of a file."""
    damaged = copy.deepcopy(content)
    place = damaged
    while True:
        keys = range(len(place)) if isinstance(place, list) else sorted(place)
        key = data.draw(st.sampled_from(keys))
        below = place[key]
        if not isinstance(below, dict | list) or not below or data.draw(st.booleans()):
            break
        place = below
    place[key] = junk
    runs, complaints, _ = read_runs([save(tmp_path, damaged)])
    assert len(complaints) <= 1
    assert not (complaints and runs)


def test_a_file_that_is_no_text(tmp_path):
    (tmp_path / "results_1.json").write_bytes(b"\xff\xfe\x00")
    assert len(read_runs([tmp_path]).complaints) == 1


def test_commands_go_on_without_a_damaged_file_and_end_with_1(results, tmp_path, capsys):
    save(tmp_path, '{"results": ')
    assert main(["bias", str(results), str(tmp_path), "--task", "words_en"]) == 1
    done = capsys.readouterr()
    assert str(tmp_path) in done.err
    assert "mini" in done.out


@pytest.mark.parametrize("command", [["bias", "FOLDER"], ["explain", "FOLDER", "FOLDER"]])
def test_a_folder_whose_only_file_is_damaged_ends_with_1_too(tmp_path, capsys, command):
    path = save(tmp_path, '{"results": ')
    assert main([str(tmp_path) if word == "FOLDER" else word for word in command]) == 1
    complaint, error = capsys.readouterr().err.splitlines()
    assert str(path) in complaint
    assert "infocap eval" in error


def test_a_path_that_is_not_there(tmp_path):
    with pytest.raises(InfocapError, match="no such file or folder"):
        read_runs([tmp_path / "nothing"])


# ------------------------------------------------------------------ published numbers


def test_published_runs_agree_with_the_definition():
    runs = published_runs()
    assert len(runs) == 39
    assert len({run.series for run in runs}) == 13
    for run in runs:
        ours = (run.compression_gain_bits_per_token - 24) / math.log2(run.flops_per_token)
        assert ours == pytest.approx(run.information_capacity, abs=2e-6)
        assert run.capacity_with(-24) == pytest.approx(ours, rel=1e-12)
        assert run.metric("information_capacity_unbiased") == pytest.approx(
            ours + 24 / math.log2(run.flops_per_token), rel=1e-12
        )
        assert gain_of_capacity(ours, run.flops_per_token, -24) == pytest.approx(
            run.compression_gain_bits_per_token, rel=1e-12
        )
    known = [run for run in runs if run.text_size_bits_per_token is not None]
    assert len(known) == 7 == sum("leaderboard table" in run.source for run in runs)
    assert all(run.metric("bits_per_byte") is None for run in runs if run not in known)
