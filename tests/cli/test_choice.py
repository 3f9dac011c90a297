"""--task takes a task, a group and a pattern, in each command that has it."""

import pytest
from helpers.made_up import documents, run_of, write_results

from infocap_tasks.cli.main import main
from infocap_tasks.paths import task_configs_dir
from infocap_tasks.results.groups import task_groups

TASKS = ["infocap_parallel_en", "infocap_parallel_de", "infocap_pydocs"]


@pytest.fixture
def results(tmp_path):
    for number, task in enumerate(TASKS):
        for model, bits in (("a-1B", 300.0), ("a-2B", 280.0)):
            scores = documents([bits + i for i in range(8)])
            run = run_of(model, scores, task=task, corpus_sha256=str(number) * 64)
            write_results(tmp_path, run)
    return str(tmp_path)


def tasks_in(capsys):
    lines = capsys.readouterr().out.splitlines()[1:]
    return {task for task in TASKS for line in lines if f",{task}," in line}


@pytest.mark.parametrize(
    ("wanted", "kept"),
    [
        (["infocap_parallel"], TASKS[:2]),
        (["infocap_parallel_*"], TASKS[:2]),
        (["*"], TASKS),
        (["infocap_p[y]docs"], TASKS[2:]),
        (["infocap_local"], TASKS[2:]),
        (["infocap_parallel_d?", "infocap_pydocs"], TASKS[1:]),
    ],
)
def test_a_group_or_a_pattern_names_tasks(results, capsys, wanted, kept):
    flags = [part for value in wanted for part in ("--task", value)]
    assert main(["export", results, *flags]) == 0
    assert tasks_in(capsys) == {*kept}


COMMANDS = {
    "bias": [], "correlate": [], "export": [], "languages": [], "leaderboard": [], "predict": [],
    "plot": ["capacity", "-o", "f.png"],
}  # fmt: skip


@pytest.mark.parametrize("command", [*COMMANDS, "compare", "explain"])
@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ("infocap_paralel", "did you mean infocap_parallel?"),
        ("infocap_pydoc", "did you mean infocap_pydocs?"),
        ("infocap_reference", "groups of these: infocap_local, infocap_parallel"),
        ("arc_*", f"no run has it; choose from {', '.join(sorted(TASKS))}; groups"),
    ],
)
def test_a_name_that_matches_nothing_is_refused_with_the_nearest(
    results, capsys, command, wanted, said
):
    positional = COMMANDS.get(command, [results])
    assert main([command, *positional[:1], results, *positional[1:], "--task", wanted]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"--task {wanted}: no run has it" in line
    assert said in line


@pytest.mark.parametrize("command", ["compare", "explain"])
def test_two_runs_are_chosen_by_a_pattern(results, tmp_path, capsys, command):
    paths = []
    for model in ("a-1B", "a-2B"):
        (folder := tmp_path / model).mkdir()
        for path in tmp_path.glob(f"results_{model}_*"):
            path.rename(folder / path.name)
        paths.append(str(folder))
    assert main([command, *paths, "--task", "infocap_local"]) == 0
    assert "difference" in capsys.readouterr().out


def test_the_groups_are_those_that_the_harness_loads():
    from lm_eval.tasks import TaskManager

    manager = TaskManager(include_path=str(task_configs_dir()), include_defaults=False)
    assert set(task_groups()) == set(manager.all_groups)
    for group, tasks in task_groups().items():
        assert {*tasks} <= set(manager.all_subtasks), group
