import json
import math

import pytest
from helpers.models import TEXTS, write_jsonl

from infocap_tasks.cli.evaluate import evaluate
from infocap_tasks.results.file import read_file


def summary(tiny_model, corpus, capsys, tasks="infocap_custom", *flags):
    evaluate([
        "--model_args", f"pretrained={tiny_model}", "--tasks", tasks,
        "--metadata", f"corpus_path={corpus}", "max_tokens=64", *flags,
    ])  # fmt: skip
    out = capsys.readouterr().out
    table, _, ours = out.rpartition("|\n\n")
    assert "|information_capacity " in table  # the harness's own table stands above
    return ours.splitlines()


@pytest.fixture
def texts(tmp_path):
    return write_jsonl(tmp_path / "texts.jsonl", [{"text": text * 3} for text in TEXTS])


def test_the_summary_says_what_the_results_file_says(tiny_model, texts, tmp_path, capsys):
    lines = summary(tiny_model, texts, capsys, "infocap_custom", "--output_path", str(tmp_path))
    (file,) = tmp_path.rglob("results_*.json")
    (run,) = read_file(file).runs
    row = json.loads(file.read_text())["results"]["infocap_custom"]
    error = row["information_capacity_stderr,none"]
    assert lines[1] == (
        f"IC {run.information_capacity:.4f} ± {error:.4f} (standard error), infocap_custom"
    )
    (cells,) = [line.split() for line in lines if line.startswith("custom ")]
    assert cells[1:5] == [str(len(TEXTS)), "of", str(len(TEXTS)), f"{run.information_capacity:.4f}"]
    low, high = float(cells[5]), float(cells[7])
    assert low < run.information_capacity < high
    assert high - low > 2 * 1.96 * error - 0.002  # Student's t is wider than the normal
    assert cells[8:10] == [
        f"{row[f'{name},none']:.4f}" for name in ("bits_per_byte", "bytes_per_token")
    ]
    assert f"results: {file}" in lines
    assert f"next: infocap leaderboard {tmp_path}" in lines
    assert not any("artial" in line for line in lines)
    assert all(len(line) <= 80 for line in lines if str(tmp_path) not in line)


def test_a_run_that_limit_cut_is_marked_and_no_file_is_named(tiny_model, texts, capsys):
    lines = summary(tiny_model, texts, capsys, "infocap_custom", "--limit", "2")
    assert lines[1].endswith(", infocap_custom, partial")
    assert lines[2].startswith("Partial: ")
    assert f" 2 of {len(TEXTS)} " in "\n".join(lines)
    assert lines[-1].startswith("results: not written; --output_path FOLDER")


def test_each_regime_has_its_own_mean(tiny_model, texts, capsys):
    tasks = "infocap_custom,infocap_custom_reference"
    lines = summary(tiny_model, texts, capsys, tasks)
    assert "infocap_custom" in lines[1]
    assert lines[2].endswith(", infocap_custom_reference, reference protocol")


def test_the_mean_over_corpora_has_the_error_of_a_mean(tiny_model, tmp_path, capsys):
    tasks = "infocap_parallel_en,infocap_parallel_code"
    flags = ["--model_args", f"pretrained={tiny_model}", "--tasks", tasks]
    evaluate([*flags, "--metadata", "max_tokens=64", "--output_path", str(tmp_path)])
    out = capsys.readouterr().out
    (file,) = tmp_path.rglob("results_*.json")
    runs = read_file(file).runs
    mean = sum(run.information_capacity for run in runs) / 2
    error = math.hypot(*(run.standard_errors["information_capacity"] for run in runs)) / 2
    headline = f"IC {mean:.4f} ± {error:.4f} (standard error), mean of 2 corpora"
    assert headline in out.splitlines()
