"""From training to the page: models trained here, scored by the real harness, then every report."""

import csv
import json
import random

import pyarrow.parquet
import pytest
import torch
from helpers.models import SAFE, byte_tokenizer, save_llama, write_jsonl
from lm_eval import simple_evaluate
from lm_eval.loggers import EvaluationTracker
from lm_eval.tasks import TaskManager
from transformers import AutoModelForCausalLM, AutoTokenizer

from infocap_tasks.cli.main import main
from infocap_tasks.metrics import METRICS
from infocap_tasks.paths import task_configs_dir

WIDTHS = {"tiny-1m": 16, "tiny-2m": 32, "tiny-4m": 64, "other-4m": 64}
WORDS = ["river", "record", "rain", "stone", "sea", "cloud", "keep", "turn", "light", "sound"]


def sentence(rng):
    subject, verb, place = (rng.choice(WORDS) for _ in range(3))
    return f"The {subject} {verb}s the {place}, then the {place} {verb}s the {subject}. "


def texts(seed, count):
    rng = random.Random(seed)
    return ["".join(sentence(rng) for _ in range(6)) for _ in range(count)]


def train(folder, width, steps):
    """A model whose loss really falls; the seed fixes weights and batches."""
    path = save_llama(
        folder,
        byte_tokenizer(),
        hidden_size=width,
        intermediate_size=2 * width,
        initializer_range=0.05,
    )
    model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32).train()
    tokenizer = AutoTokenizer.from_pretrained(path)
    ids = torch.tensor(tokenizer("".join(texts(0, 60))).input_ids)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    generator = torch.Generator().manual_seed(0)
    for _ in range(steps):
        starts = torch.randint(len(ids) - 96, (8,), generator=generator)
        batch = torch.stack([ids[start : start + 96] for start in starts])
        loss = model(batch, labels=batch).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.save_pretrained(path)
    return path


def write_tasks(folder):
    corpus = write_jsonl(folder / "corpus.jsonl", [{"text": text} for text in texts(1, 12)])
    (folder / "ours.yaml").write_text(
        f"include: {task_configs_dir() / '_infocap.yaml'}\ntask: ours\n"
        f"metadata: {{version: 1.0, corpus: {{path: {corpus}, text_field: text}}, "
        "bias_bits_per_token: -4}\n"
    )
    rng = random.Random(2)
    rows = []
    for number in range(24):  # whether it ends on the word that it began with
        right = sentence(rng)
        subject = right.split()[1]
        other = rng.choice([word for word in WORDS if word != subject])
        choices = [f" {subject}.", f" {other}."]
        question = right.rpartition(" the ")[0] + " the"
        rows.append({"question": question, "choices": choices[:: 1 - number % 2 * 2],
                     "answer": number % 2})  # fmt: skip
    quiz = write_jsonl(folder / "quiz.jsonl", rows)
    (folder / "quiz.yaml").write_text(
        f"task: quiz\ndataset_path: json\ndataset_kwargs: {{data_files: {{test: {quiz}}}}}\n"
        "test_split: test\noutput_type: multiple_choice\ndoc_to_text: '{{question}}'\n"
        "doc_to_choice: choices\ndoc_to_target: answer\n"
        "metric_list: [{metric: acc, aggregation: mean, higher_is_better: true}]\n"
    )


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """What ``--output_path`` leaves; ``other-4m`` was trained less than its size deserves."""
    folder = tmp_path_factory.mktemp("report")
    write_tasks(folder)
    for name, width in WIDTHS.items():
        model = train(folder / name, width, steps=15 if name == "other-4m" else 80)
        arguments = {"pretrained": str(model), "dtype": "float32", **SAFE}
        tracker = EvaluationTracker(output_path=str(folder / "results"))
        evaluated = simple_evaluate(
            "hf",
            model_args=arguments,
            tasks=["ours", "quiz"],
            task_manager=TaskManager(
                include_path=str(folder),
                include_defaults=False,
                metadata={**arguments, "max_tokens": 128},
            ),
            batch_size=8,
            device="cpu",
            evaluation_tracker=tracker,
            log_samples=False,
        )
        tracker.save_results_aggregated(evaluated, samples={})
    return folder / "results"


def run(*arguments, status=0):
    assert main([str(argument) for argument in arguments]) == status


def written(results):
    """The harness's own numbers, by model."""
    found = {}
    for path in results.rglob("results*.json"):
        content = json.loads(path.read_text())
        name = content["config"]["model_args"]["pretrained"].rpartition("/")[2]
        found[name] = content["results"]
    return found


def test_the_leaderboard_shows_what_the_harness_wrote(results, tmp_path):
    target = tmp_path / "board.json"
    run("leaderboard", results, "-o", target)
    (board,) = json.loads(target.read_text())
    expected = written(results)
    assert len(board["rows"]) == len(WIDTHS)
    for row in board["rows"]:
        values = expected[row["model"]]["ours"]
        assert row["information_capacity"] == values["information_capacity,none"]
        assert row["information_capacity_low"] < row["information_capacity"]
        assert row["information_capacity"] < row["information_capacity_high"]
        assert row["rank_best"] <= row["rank"] <= row["rank_worst"]
        assert row["quiz"] == expected[row["model"]]["quiz"]["acc,none"]
        assert row["series"] == row["model"].partition("-")[0]
    by_model = {row["model"]: row for row in board["rows"]}
    # Same size and FLOPs, a fifth of the training: worse on every one of the documents.
    assert by_model["other-4m"]["rank_best"] > by_model["tiny-4m"]["rank_worst"]


def test_the_page_has_every_row(results, tmp_path):
    target = tmp_path / "page.html"
    run("leaderboard", results, "-o", target)
    text = target.read_text()
    assert text.count('<th scope="row"') == len(WIDTHS)
    assert all(f">{name}</th>" in text for name in WIDTHS)
    assert ">quiz</button>" in text


@pytest.mark.parametrize("figure", ["capacity", "frontier", "flops", "series", "benchmarks"])
def test_every_figure_is_the_same_each_time(results, tmp_path, figure):
    run("plot", figure, results, "-o", tmp_path / "figure.svg")
    text = (tmp_path / "figure.svg").read_text()
    assert text.startswith("<?xml")
    run("plot", figure, results, "-o", tmp_path / "again.svg")
    assert (tmp_path / "again.svg").read_text() == text


def test_bias_and_prediction_read_the_results(results, capsys):
    run("bias", results, "--series", "tiny", "--format", "json")
    biases = json.loads(capsys.readouterr().out)
    assert biases[0]["num_models"] == 3
    run("predict", results, "--series", "tiny", "--format", "json")
    assert "tiny-4m" in capsys.readouterr().out


def test_correlation_covers_the_benchmark(results, capsys, tmp_path):
    run("correlate", results, "--format", "json")
    rows = json.loads(capsys.readouterr().out)
    assert {row["num_models"] for row in rows} == {4}
    assert {row["benchmark"] for row in rows} == {"quiz"}
    run("correlate", results, "-o", tmp_path / "scatter.pdf")
    assert (tmp_path / "scatter.pdf").read_bytes().startswith(b"%PDF")


def test_exports_hold_what_the_harness_wrote(results, tmp_path):
    expected = written(results)
    run("export", results, "--format", "csv", "-o", tmp_path / "flat.csv")
    run("export", results, "--format", "parquet", "-o", tmp_path / "flat.parquet")
    run("export", results, "--format", "every_eval_ever", "-o", tmp_path / "eee")
    with (tmp_path / "flat.csv").open() as file:
        rows = list(csv.DictReader(file))
    table = pyarrow.parquet.read_table(tmp_path / "flat.parquet").to_pylist()
    records = [json.loads(path.read_text()) for path in (tmp_path / "eee").rglob("*.json")]
    assert len(rows) == len(table) == len(records) == len(WIDTHS)
    for row, typed in zip(rows, table, strict=True):
        values = expected[row["model"]]["ours"]
        for name in METRICS:
            assert float(row[name]) == typed[name]
            assert typed[name] == pytest.approx(values[f"{name},none"], rel=1e-12)
            assert typed[f"{name}_stderr"] == values[f"{name}_stderr,none"]
    for record in records:
        scores = {r["metric_config"]["metric_name"]: r for r in record["evaluation_results"]}
        values = expected[record["model_info"]["name"]]["ours"]
        bits = scores["bits_per_byte"]
        assert bits["score_details"]["score"] == pytest.approx(values["bits_per_byte,none"])
        assert bits["metric_config"]["lower_is_better"]
        assert str(tmp_path.parent) not in json.dumps(record)


def test_a_damaged_file_is_named_and_left_out(results, tmp_path, capsys):
    folder = tmp_path / "some"
    folder.mkdir()
    for number, path in enumerate(sorted(results.rglob("results*.json"))):
        text = path.read_text()
        (folder / f"results_{number}.json").write_text(text[:1000] if number == 0 else text)
    run("leaderboard", folder, "--format", "csv", status=1)
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == len(WIDTHS)
    assert "results_0.json" in err
