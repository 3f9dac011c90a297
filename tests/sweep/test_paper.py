import re

from infocap_tasks.results.groups import task_groups
from infocap_tasks.results.published import published_runs
from infocap_tasks.sweep.study import read_study


def test_the_study_of_the_paper_has_the_published_models_in_their_series():
    rows = read_study("paper").rows
    assert len(rows) == 39
    published = [(run.model, run.series) for run in published_runs()]
    assert [(row.name, row.series) for row in rows] == published


def test_its_boards_call_the_models_as_published():
    for row in read_study("paper").rows:
        assert row.label or row.model.split("/")[1] == row.name


def test_each_of_its_models_has_a_hub_id_of_its_own():
    models = [row.model for row in read_study("paper").rows]
    assert len(set(models)) == 39
    assert all(re.fullmatch(r"[\w-]+/[\w.-]+", model) for model in models)


def test_it_runs_the_protocol_of_the_paper_and_ours_on_the_same_corpora():
    for row in read_study("paper").rows:
        assert row.tasks == ["infocap_reference", "infocap"]
    theirs, ours = (task_groups()[group] for group in ("infocap_reference", "infocap"))
    assert [task.removesuffix("_reference") for task in theirs] == list(ours)


def test_it_runs_no_code_of_a_repository():
    for row in read_study("paper").rows:
        assert "trust_remote_code" not in {*row.config, *row.config["model_args"]}
