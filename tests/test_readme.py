import re
import subprocess
import sys
from pathlib import Path

from helpers.models import SAFE, write_jsonl
from helpers.readme import README, setup_commands
from lm_eval.tasks import TaskManager

from infocap_tasks.metrics import METRICS
from infocap_tasks.paths import task_configs_dir

ROOT = README.parent
TEXT = README.read_text("utf-8")


def test_there_are_exactly_two_setup_commands():
    commands = setup_commands()
    assert set(commands) == {"demo", "test"}
    assert commands["demo"].endswith("infocap demo")
    assert "pytest" in commands["test"]


def test_ci_runs_the_command_for_the_tests():
    assert "tests/helpers/readme.py test" in (ROOT / ".ci" / "run").read_text()


def test_every_metric_is_in_the_table():
    assert all(f"| `{name}` |" in TEXT for name in METRICS)


def test_the_file_map_names_every_module_and_nothing_else():
    modules = {path.name for path in (ROOT / "infocap_tasks").rglob("[!_]*.py")}
    mapped = {Path(line.split()[0]).name for line in TEXT.splitlines() if line.startswith("    ")}
    assert modules <= mapped
    assert {name for name in mapped if name.endswith(".py")} <= modules


def test_the_flops_table_is_what_its_command_prints():
    done = subprocess.run(
        [sys.executable, "benchmarks/well_known_models.py"],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.stdout in TEXT


def test_the_python_example_runs(tiny_model, tmp_path, monkeypatch):
    (example,) = re.findall(r"```python\n(.+?)```", TEXT, re.DOTALL)
    example = example.replace("HuggingFaceTB/SmolLM2-135M", str(tiny_model))
    example = example.replace("metadata = {", 'metadata = {"max_length": 2048, ')
    example = example.replace("task_manager=tasks", 'task_manager=tasks, limit=2, device="cpu"')
    names: dict = {}
    exec(example, names)
    assert names["results"]["results"]["infocap_pydocs"]["sample_len"] == 2


def test_the_yaml_example_loads(tiny_model, tmp_path):
    (example,) = re.findall(r"```yaml\n(.+?)```", TEXT, re.DOTALL)
    letters = write_jsonl(tmp_path / "letters.jsonl", [{"text": "Dear reader, hello."}])
    example = example.replace("/path/printed/by/infocap tasks", str(task_configs_dir()))
    (tmp_path / "letters.yaml").write_text(example.replace("letters.jsonl", str(letters)))
    metadata = {"pretrained": str(tiny_model), "max_tokens": 64, **SAFE}
    manager = TaskManager(include_path=str(tmp_path), include_defaults=False, metadata=metadata)
    task = manager.load(["infocap_letters"])["tasks"]["infocap_letters"]
    assert [doc["text"] for _, doc in task.doc_iterator()] == ["Dear reader, hello."]
