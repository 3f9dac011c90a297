"""What pyproject.toml tells pip and the harness is what the code has."""

import re

from helpers.lower_bounds import PYPROJECT, constraints, declared, requirements

from infocap_tasks.backend.names import BACKENDS

ENTRY_POINTS = declared()["project"]["entry-points"]


def test_the_harness_is_told_of_all_our_backends():
    assert ENTRY_POINTS["lm_eval.models"] == BACKENDS


def test_the_harness_is_told_of_the_folder_of_our_tasks_in_a_wheel():
    folders = declared()["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    in_wheel = folders["task_configs"].replace("/", ".")
    assert ENTRY_POINTS["lm_eval.tasks"] == {"infocap": in_wheel}
    assert (PYPROJECT.parent / "task_configs" / "infocap_custom.yaml").is_file()


def test_every_package_that_is_needed_has_a_lower_bound():
    found = dict(re.split("==|; ", line)[:2] for line in constraints())
    assert found.keys() == {requirement.name for requirement in requirements()}
    for requirement in requirements():
        assert requirement.specifier.contains(found[requirement.name], prereleases=True)


def test_a_package_that_several_extras_need_has_one_lower_bound():
    lines = sorted(set(constraints()))
    names = [line.split("==")[0] for line in lines]
    assert len(names) == len(set(names))
