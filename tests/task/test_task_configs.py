"""The harness logs a YAML that it cannot read at DEBUG and goes on without it: so look here."""

import subprocess
import sys
import zipfile

import pytest
import yaml
from helpers.models import task_manager
from lm_eval.tasks import TaskManager

from infocap_tasks.paths import task_configs_dir

YAMLS = sorted(task_configs_dir().glob("**/[!_]*.yaml"))


def name_in(path):
    config = yaml.load(path.read_text(), Loader=yaml.BaseLoader)
    return config.get("task") if isinstance(config.get("task"), str) else config["group"]


@pytest.fixture(scope="module")
def index():
    return TaskManager(include_path=str(task_configs_dir()), include_defaults=False)


def test_every_yaml_is_indexed_under_its_own_name(index):
    assert YAMLS
    assert {path.stem for path in YAMLS} == {name_in(path) for path in YAMLS}
    assert set(index.all_tasks) == {path.stem for path in YAMLS}


def test_every_task_and_group_loads(tiny_model, corpus_file):
    manager = task_manager(
        pretrained=str(tiny_model), corpus_path=str(corpus_file), max_tokens=64, add_bos_token=False
    )
    for path in YAMLS:
        loaded = manager.load([path.stem])
        assert path.stem in loaded["tasks"] | loaded["groups"]
        for task in loaded["tasks"].values():
            assert isinstance(task.VERSION, float)
            assert task.config.num_fewshot == 0


def test_the_readme_lists_every_task_and_group():
    text = (task_configs_dir() / "README.md").read_text()
    assert all(f"`{path.stem}`" in text for path in YAMLS)


def test_a_wheel_holds_the_configs(tmp_path):
    root = task_configs_dir().parent
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", tmp_path, root], check=True
    )
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    for path in task_configs_dir().rglob("*.*"):
        relative = path.relative_to(task_configs_dir()).as_posix()
        assert f"infocap_tasks/task_configs/{relative}" in names
    assert "infocap_tasks/py.typed" in names
    assert not [name for name in names if name.startswith("tests/")]
