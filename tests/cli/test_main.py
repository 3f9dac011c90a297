import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest
from huggingface_hub import constants

import infocap_tasks.cli.commands
from infocap_tasks import __version__
from infocap_tasks.cli.main import main
from infocap_tasks.paths import task_configs_dir

COMMANDS = Path(infocap_tasks.cli.commands.__file__).parent


def run(*arguments, cwd=None):
    return subprocess.run(
        [sys.executable, "-m", "infocap_tasks", *arguments], capture_output=True, text=True, cwd=cwd
    )


def test_tasks_prints_the_folder_from_any_directory(tmp_path):
    done = run("tasks", cwd=tmp_path)
    assert done.stdout == f"{task_configs_dir()}\n"
    assert done.stderr == ""
    assert (task_configs_dir() / "_infocap.yaml").is_file()


@pytest.mark.parametrize("arguments", [["tasks"], ["--help"], []])
def test_light_commands_import_nothing_heavy(arguments):
    code = (
        "import sys; from infocap_tasks.cli.main import main\n"
        f"try: main({arguments!r})\nexcept SystemExit: pass\n"
        "sys.exit(bool({'torch', 'transformers', 'lm_eval', 'numpy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL).returncode == 0


def test_help_names_every_command_and_version(capsys):
    assert main([]) == 0
    text = capsys.readouterr().out
    commands = {path.stem for path in COMMANDS.glob("[!_]*.py")}
    assert all(text.count(f"\n  {command} ") == 1 for command in commands | {"eval", "demo"})
    assert all(text.count(f"\n{group}") == 1 for group in ("measure:", "inspect:", "analyse"))
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"infocap {__version__}\n"


def test_eval_help_includes_that_of_the_harness(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["eval", "--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    assert "--metadata bias_bits_per_token" in text
    assert "--output_path" in text


@pytest.mark.parametrize("as_file", [False, True])
def test_flops_json_counts_the_tiny_model(tiny_model, capsys, as_file):
    model = str(tiny_model / "config.json" if as_file else tiny_model)
    assert main(["flops", model, "--format", "json", "--context", "64"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert list(record) == [
        "model", "model_type", "context_tokens", "flops_per_token", "breakdown",
        "total_params", "active_params", "method", "reference_flops_per_token",
    ]  # fmt: skip
    assert record["model"] == model
    assert record["model_type"] == "llama"
    # 2 layers: q, o 32x32, k, v 32x16, MLP 3x32x64; head 32x261; keys (64 + 1) / 2 on average.
    linear = 2 * (2 * (2 * 32 * 32 + 2 * 32 * 16 + 3 * 32 * 64) + 32 * 261)
    assert record["flops_per_token"] == linear + 2 * 2 * 4 * 16 * 65 // 2
    assert sum(record["breakdown"].values()) == record["flops_per_token"]


@pytest.fixture
def two_models(tiny_model, tmp_path):
    """The small one of conftest, and one that costs more, as a config.json only."""
    larger = tmp_path / "config.json"
    config = json.loads((tiny_model / "config.json").read_text())
    larger.write_text(json.dumps(config | {"num_hidden_layers": 7}))
    return [str(larger), str(tiny_model)]


def test_several_models_are_sorted_by_flops_with_their_ratio(two_models, capsys):
    assert main(["flops", *two_models, "--format", "json", "--verify"]) == 0
    records = json.loads(capsys.readouterr().out)
    assert [record["model"] for record in records] == two_models[::-1]
    assert all(record["verification"]["agrees"] for record in records)
    assert main(["flops", *two_models, "--format", "csv"]) == 0
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert [row["model"] for row in rows] == two_models[::-1]
    for row, record in zip(rows, records, strict=True):
        assert int(row["flops_per_token"]) == record["flops_per_token"]
        assert int(row["attention_core"]) == record["breakdown"]["attention_core"]
    assert main(["flops", *two_models, "--wide"]) == 0
    *_, first, second = capsys.readouterr().out.splitlines()
    assert (first.split()[0], second.split()[0]) == (two_models[1], two_models[0])
    ratios = [line.split()[2] for line in (first, second)]
    expected = records[1]["flops_per_token"] / records[0]["flops_per_token"]
    assert ratios == ["1.000", f"{expected:.3f}"]


def test_models_that_cannot_be_counted_are_named_and_the_others_printed(
    two_models, tmp_path, capsys
):
    damaged = tmp_path / "damaged" / "config.json"
    damaged.parent.mkdir()
    damaged.write_text('{"model_type": "llama", "hidden_size": "wide"}')
    uncounted = tmp_path / "uncounted" / "config.json"
    uncounted.parent.mkdir()
    config = json.loads(Path(two_models[0]).read_text())
    uncounted.write_text(json.dumps(config | {"num_hidden_layers": 5000}))
    bad = [str(damaged), str(uncounted)]
    assert main(["flops", two_models[0], *bad, two_models[1], "--format", "json"]) == 1
    printed = capsys.readouterr()
    assert [record["model"] for record in json.loads(printed.out)] == two_models[::-1]
    lines = printed.err.splitlines()
    assert len(lines) == 2
    assert str(damaged.parent) in lines[0]
    assert str(uncounted.parent) in lines[1]
    assert main(["flops", *bad]) == 1
    assert "no model is left to count" in capsys.readouterr().err
    assert main(["flops", *two_models, "--context", "0"]) == 2


def test_mistyped_hub_id_is_refused_with_the_nearest_in_the_cache(tmp_path, monkeypatch, capsys):
    (tmp_path / "models--Someone--Small-135M").mkdir()
    (tmp_path / "models--Another--Large-7B").mkdir()
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert main(["flops", "Someone/Smal-135M"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("infocap: error: no config for model Someone/Smal-135M: ")
    assert line.endswith("; did you mean Someone/Small-135M?")


def test_flops_table_shows_the_verification(tiny_model, capsys):
    assert main(["flops", str(tiny_model), "--verify"]) == 0
    text = capsys.readouterr().out
    assert "attention_core" in text
    assert "+0.0000%" in text
    assert "flops_per_token" in text


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["flops", "./none"], "no such file or folder"),
        (["eval", "--model_args", "pretrained=./none"], "no such file or folder"),
        (["flops", "MODEL", "--context", "-1"], "context -1: must be at least 1"),
        (["flops", "no_json/config.json"], "no config for model"),
        (["flops", "no_type/config.json"], "model_type"),
        (["flops", "unknown/config.json"], "unheard_of"),
        (["flops", "broken/config.json"], "no config for model"),
        (["flops", "vision/config.json"], "knows no causal language model"),
        (
            ["flops", "partial/config.json"],
            "does not say num_hidden_layers, num_attention_heads, v",
        ),
        (["flops", "MODEL", "--context", "99999999999"], "at most 67,108,864"),
    ],
)
def test_wrong_input_ends_in_one_line_and_status_2(
    tiny_model, tmp_path, monkeypatch, capfd, arguments, complaint
):
    monkeypatch.chdir(tmp_path)
    for name, content in {
        "no_json": "{no",
        "no_type": "{}",
        "unknown": '{"model_type": "unheard_of"}',
        "broken": '{"model_type": "llama", "hidden_size": "wide"}',
        "vision": '{"model_type": "vit", "hidden_size": 8, "num_hidden_layers": 1, '
        '"num_attention_heads": 2}',
        "partial": '{"model_type": "llama", "hidden_size": 64}',
    }.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(content)
    arguments = [str(tiny_model) if word == "MODEL" else word for word in arguments]
    assert main(arguments) == 2
    streams = capfd.readouterr()
    assert streams.out == ""
    assert streams.err.startswith("infocap: error: ")
    assert complaint in streams.err
    assert streams.err.count("\n") == 1


def test_python_m_exits_with_the_status():
    done = run("flops", "./none")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", sorted({path.stem for path in COMMANDS.glob("[!_]*.py")}))
def test_the_help_of_every_command_has_its_usage_and_an_example(command, capsys):
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    assert f"usage: infocap {command}" in text
    _, found, example = text.rpartition("example")
    assert found
    assert f"infocap {command}" in example


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["bias", "--wrong"], "infocap bias does not take --wrong there; see infocap bias --help"),
        (["--wrong"], "infocap does not take --wrong there; see infocap --help"),
        (["wrong"], "see infocap --help"),
        (["plot", "capacity", "-o", "a.png", "OUT"], "take OUT there; put it before the flags"),
        (["compare", "one"], "see infocap compare --help"),
        (["predict", "--target-flops", "many"], "see infocap predict --help"),
        (["corpus", "check"], "see infocap corpus check --help"),
        (["bias", "--regime", "none"], "choose from"),
    ],
)
def test_wrong_flags_end_in_one_line(arguments, said, capsys):
    assert main(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("infocap: error: ")
    assert said in line


def test_a_closed_pipe_is_not_an_error():
    command = f"{sys.executable} -m infocap_tasks bias --published --format json | head -1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert "Traceback" not in done.stderr
