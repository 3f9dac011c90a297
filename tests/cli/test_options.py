"""The flags that commands share, on published numbers."""

import csv
import json

import pytest

from infocap_tasks.cli.main import main


def test_series_is_a_name_or_a_map(tmp_path, capsys):
    assert main(["bias", "--published", "--series", "Qwen1.5", "--series", "Llama-3",
                 "--format", "csv"]) == 0  # fmt: skip
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert {row["series"] for row in rows} == {"Qwen1.5", "Llama-3", "all series"}
    (tmp_path / "map.csv").write_text("model,series\nx,y\n")
    assert main(["bias", "--published", "--series", str(tmp_path / "map.csv")]) == 0
    assert "Gemma-3-Base" in capsys.readouterr().out


@pytest.mark.parametrize("suffix", ["json", "csv", "md", "txt"])
def test_ending_of_the_output_chooses_the_format(tmp_path, capsys, suffix):
    path = tmp_path / f"bias.{suffix}"
    assert main(["bias", "--published", "-o", str(path)]) == 0
    out, err = capsys.readouterr()
    assert not out
    assert err.endswith(f"infocap: wrote {path}: 35 models, 4 left out\n")
    text = path.read_text()
    assert "Hunyuan-Pretrain" in text
    assert (text[0] == "[") == (suffix == "json")
    assert ("\n| ---" in text) == (suffix == "md")
    assert list(tmp_path.iterdir()) == [path]


def test_format_overrides_the_ending(tmp_path):
    path = tmp_path / "bias.txt"
    assert main(["bias", "--published", "--format", "json", "-o", str(path)]) == 0
    assert json.loads(path.read_text())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "no results given"),
        (["nowhere"], "no such file or folder"),
        (["--published", "--task", "x"], "choose from infocap_mixed_reference"),
        (["--published", "--regime", "harness"], "choose from reference"),
        (["--published", "--series", "x"], "DeepSeek-V2"),
        (["--published", "--series", "x.csv"], "cannot be read"),
        (["--published", "-o", "bias.png"], "has no chart"),
        (["--published", "-o", "bias.xlsx"], "ends in none of"),
        (["--published", "-o", "nowhere/bias.csv"], "cannot be written"),
    ],
)
def test_wrong_input_is_one_line(arguments, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["bias", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["bias", "nowhere", "-o", "folder"], "is a folder"),
        (["leaderboard", "nowhere", "--format", "html", "-o", "folder"], "is a folder"),
        (["export", "nowhere", "--format", "parquet", "-o", "folder"], "is a folder"),
        (["languages", "nowhere", "-o", "folder"], "is a folder"),
        (["plot", "capacity", "nowhere", "-o", "folder.png"], "is a folder"),
        (["plot", "capacity", "nowhere", "-o", "s.txt"], "ends in none of .pdf, .png, .svg"),
        (["export", "nowhere", "--format", "parquet", "-o", "p.csv"], "--format is parquet"),
        (["export", "nowhere", "-o", "p.json"], "ends in none of .csv, .parquet"),
        (["bias", "nowhere", "--format", "csv", "-o", "b.md"], "--format is csv"),
        (["bias", "nowhere", "--format", "csv", "-o", "b.png"], "has no chart"),
        (["languages", "nowhere", "-o", "no/b.png"], "no folder no"),
    ],
)
def test_impossible_outputs_are_refused_before_anything_is_read(
    arguments, said, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder.png").mkdir()
    assert main(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert len(list(tmp_path.iterdir())) == 2


def test_export_format_follows_the_ending(tmp_path, capsys):
    assert main(["export", "--published", "-o", str(tmp_path / "flat.parquet")]) == 0
    assert (tmp_path / "flat.parquet").read_bytes().startswith(b"PAR1")
    assert main(["export", "--published"]) == 0
    assert capsys.readouterr().out.startswith("series,model,task")


def test_empty_folder_is_refused_with_the_command_that_fills_it(tmp_path, capsys):
    assert main(["bias", str(tmp_path)]) == 2
    assert "infocap eval --output_path" in capsys.readouterr().err
