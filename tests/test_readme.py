from pathlib import Path

from readme import README, setup_commands

from infocap_tasks.metrics import METRICS

ROOT = README.parent
TEXT = README.read_text("utf-8")


def test_there_are_exactly_two_setup_commands():
    commands = setup_commands()
    assert set(commands) == {"demo", "test"}
    assert commands["demo"].endswith("infocap demo")
    assert "pytest" in commands["test"]


def test_ci_runs_the_command_for_the_tests():
    assert "tests/readme.py test" in (ROOT / ".ci" / "run").read_text()


def test_every_metric_is_in_the_table():
    assert all(f"| `{name}` |" in TEXT for name in METRICS)


def test_the_file_map_names_every_module_and_nothing_else():
    modules = {path.name for path in (ROOT / "infocap_tasks").glob("[!_]*.py")}
    mapped = {Path(line.split()[0]).name for line in TEXT.splitlines() if line.startswith("    ")}
    assert modules <= mapped
    assert {name for name in mapped if name.endswith(".py")} <= modules
