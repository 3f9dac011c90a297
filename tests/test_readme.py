import math
import re

import pytest
from helpers.docs import ROOT, blocks
from helpers.readme import README, setup_commands

TEXT = README.read_text("utf-8")


def test_there_are_exactly_two_setup_commands():
    commands = setup_commands()
    assert set(commands) == {"demo", "test"}
    assert commands["demo"].endswith("infocap demo")
    assert "pytest" in commands["test"]


def test_ci_runs_the_command_for_the_tests():
    assert "tests/helpers/readme.py test" in (ROOT / ".ci" / "run").read_text()


def test_the_readme_is_short_and_starts_with_code():
    lines = TEXT.splitlines()
    assert len(lines) <= 150
    assert lines.index("```bash") < 20


def test_the_map_names_every_folder_in_the_order_of_imports():
    mapped = [line.split()[0] for line in TEXT.splitlines() if re.match(r" {4}\S", line)]
    folders = [line.removeprefix("infocap_tasks/").rstrip("/") for line in mapped[2:]]
    packages = {path.parent.name for path in (ROOT / "infocap_tasks").glob("*/__init__.py")}
    assert mapped[1] == "task_configs/"
    assert set(folders) == packages
    contract = (ROOT / "pyproject.toml").read_text()
    layers = contract.partition("\nlayers = [")[2].partition("\n]")[0]
    depth = {
        name: number for number, line in enumerate(layers.splitlines()) for name in words_in(line)
    }
    assert [depth[name] for name in folders] == sorted((depth[n] for n in folders), reverse=True)


def words_in(layer):
    return [part.strip(' ",').removeprefix("infocap_tasks.") for part in layer.split("|")]


def test_the_numbers_that_the_demo_printed_agree_with_the_definition():
    (summary,) = [block.text for block in blocks(README) if not block.language]
    rows = [line.split() for line in summary.splitlines() if line.startswith("py")]
    capacities = []
    for _, _, _, _, said, *_, bits_per_byte, bytes_per_token, flops, unit in rows:
        assert unit == "M"
        gain = float(bytes_per_token) * (8 - float(bits_per_byte))
        capacity = (gain - 27) / math.log2(float(flops) * 1e6)
        assert float(said) == pytest.approx(capacity, abs=1e-4)
        capacities.append(float(said))
    assert len(capacities) == 2
    mean = float(summary.split()[1])
    assert mean == pytest.approx(sum(capacities) / 2, abs=1e-4)
