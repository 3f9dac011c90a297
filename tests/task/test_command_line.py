import pytest
from lm_eval.tasks import TaskManager, _index

from infocap_tasks.cli.evaluate import evaluate
from infocap_tasks.paths import task_configs_dir
from infocap_tasks.task.command_line import _task_manager
from infocap_tasks.task.names import harness_folder


@pytest.fixture
def indexed(monkeypatch):
    """The folders whose YAMLs the harness parses."""
    folders = []
    build = _index.TaskIndex.build

    def build_and_tell(paths, **options):
        folders.extend(paths)
        return build(paths, **options)

    monkeypatch.setattr(_index.TaskIndex, "build", staticmethod(build_and_tell))
    return folders


def test_a_run_of_our_tasks_reads_no_yaml_of_the_harness(tiny_model, corpus_file, indexed):
    evaluate([
        "--model_args", f"pretrained={tiny_model}", "--tasks", "infocap_custom",
        "--metadata", f"corpus_path={corpus_file}", "max_tokens=64",
    ])  # fmt: skip
    assert set(indexed) == {task_configs_dir()}


def reads_harness(tasks, *folders) -> bool:
    asked = []

    def make(include_defaults=True, **options):
        asked.append(include_defaults)
        return TaskManager(include_defaults=False, **options)

    _task_manager(make, tasks, [str(task_configs_dir()), *folders], {})
    return asked[-1]


def test_the_harness_tasks_are_indexed_where_one_can_be_meant(tmp_path):
    (tmp_path / "group.yaml").write_text("group: mine\ntask: [arc_easy]\n")
    (tmp_path / "task.yaml").write_text("include: base\ntask: my_task\ntag: my_tag\n")
    (tmp_path / "base").write_text("dataset_path: json\n")
    folder = str(tmp_path)
    for tasks in (
        "infocap",
        ["infocap_pydocs", "my_task"],
        ["infocap_parallel_*"],
        "infocap_local",
    ):
        assert not reads_harness(tasks, folder), tasks
    for tasks in (
        "infocap,arc_easy",
        ["mine"],
        ["my_tag"],
        ["*"],
        "my_*",
        ["none"],
        [{"task": "x"}],
    ):
        assert reads_harness(tasks, folder), tasks


def test_the_harness_folder_is_where_it_keeps_its_tasks():
    assert (harness_folder() / "arc" / "arc_easy.yaml").is_file()
