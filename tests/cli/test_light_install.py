"""Where only ``pip install infocap-tasks`` or its extra ``report`` was run, analyses work."""

import json
import subprocess
import sys

import pytest
from helpers.made_up import documents, run_of, write_results

# What the extra eval brings, and analyses must not need.
SCORING = ("lm_eval", "torch", "transformers", "tokenizers", "accelerate", "huggingface_hub",
           "datasets", "safetensors", "pyarrow")  # fmt: skip
BLOCKER = f"""
import sys
class Absent:
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in {SCORING!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Absent)
"""


def without_scoring(code, *arguments, cwd=None):
    """Run code in a Python that does not have the packages of the extra eval."""
    return subprocess.run(
        [sys.executable, "-c", BLOCKER + code, *arguments], capture_output=True, text=True, cwd=cwd
    )


def run_all(commands, cwd):
    """The exit status of each command, and the lines on stderr; in one process, to be fast."""
    code = (
        "import json\nfrom infocap_tasks.cli.main import main\n"
        "statuses = [main(command.split()) for command in sys.argv[1:]]\n"
        "open('statuses.json', 'w').write(json.dumps(statuses))"
    )
    done = without_scoring(code, *commands, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return json.loads((cwd / "statuses.json").read_text()), done.stderr.splitlines()


@pytest.fixture
def results(tmp_path):
    for model, shift in (("A", 0), ("B", 7)):
        bits = [150.0 + shift + 3 * index % 11 for index in range(9)]
        write_results(tmp_path, run_of(model, documents(bits, flops=2.0 ** (30 + shift))))
    return tmp_path


@pytest.mark.parametrize("package", SCORING)
def test_the_packages_are_not_there(package):
    assert f"No module named '{package}'" in without_scoring(f"import {package}").stderr


def test_analyses_need_none_of_them(results):
    a, b = (str(path) for path in sorted(results.glob("results_*.json")))
    (results / "texts.jsonl").write_text('{"text": "A river keeps no record of the rain."}\n')
    commands = [
        "leaderboard . --published",
        "leaderboard . -o page.html",
        "plot capacity . -o capacity.png",
        "plot frontier --published -o frontier.svg",
        f"compare {a} {b}",
        f"explain {a} {b} -o explain.png",
        "bias --published",
        "predict --published --series Qwen3-Base",
        "predict --published --series Qwen3-Base --target-flops 6e10",
        "export . --format csv -o results.csv",
        "corpus check texts.jsonl",
        "tasks",
        "tasks --list",
        "completion bash",
    ]
    found, said = run_all(commands, results)
    assert found == [0] * len(commands), said
    made = ("page.html", "capacity.png", "frontier.svg", "explain.png", "results.csv")
    assert all((results / name).stat().st_size > 100 for name in made)


@pytest.mark.parametrize(
    ("command", "package", "extra"),
    [
        ("eval --tasks infocap_pydocs", "lm-eval", "eval"),
        ("demo", "lm-eval", "eval"),
        ("flops some/model", "transformers", "eval"),
        ("tokenizers some/model", "transformers", "eval"),
        ("predict --published --series Qwen3-Base --target x", "transformers", "eval"),
        ("export --published -o a.parquet", "pyarrow", "export"),
        ("corpus check a.parquet", "pyarrow", "export"),
    ],
)
def test_a_command_that_needs_one_says_what_installs_it(command, package, extra, tmp_path):
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    statuses, said = run_all([command], tmp_path)
    assert statuses == [2]
    assert said[-1] == (
        f"infocap: error: infocap {command.split()[0]} needs the package {package}, which is not "
        f'installed; run `pip install "infocap-tasks[{extra}]"`'
    )


def test_python_names_say_it_too_and_can_be_tried():
    done = without_scoring(
        "from infocap_tasks import leaderboard, published_runs\n"
        "print(leaderboard(published_runs())[0].rows[0].rank)\n"
        "try:\n    from infocap_tasks import score\n"
        "except ImportError as error:\n    print(error)\n"
        "import infocap_tasks; infocap_tasks.count_flops"
    )
    rank, caught = done.stdout.splitlines()
    assert rank == "1"
    remedy = 'which is not installed; run `pip install "infocap-tasks[eval]"`'
    assert caught == f"infocap_tasks.score needs the package lm-eval, {remedy}"
    assert done.stderr.splitlines()[-1].endswith(
        f"infocap_tasks.count_flops needs the package transformers, {remedy}"
    )


@pytest.mark.parametrize("command", ["flops", "tokenizers"])
def test_commands_say_that_they_load_the_libraries_before_they_do(command):
    code = "from infocap_tasks.cli.main import main\nmain(sys.argv[1:])"
    first, complaint = without_scoring(code, command, "model").stderr.splitlines()
    assert first == "infocap: loading the libraries …"
    assert "which is not installed" in complaint
