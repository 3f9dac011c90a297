import re

import pytest
from lm_eval.tasks import TaskManager

from infocap_tasks.errors import InfocapError
from infocap_tasks.paths import task_configs_dir
from infocap_tasks.task.names import _has_word, _texts, harness_folder, refuse_unknown_tasks

OURS = [str(task_configs_dir())]


def test_no_name_that_the_harness_knows_is_refused():
    text = b"\n".join(_texts([harness_folder(), *OURS]))
    words = set(re.findall(rb"[\w.+-]+", text))  # fast, for nearly all of them
    names = [name.encode() for name in TaskManager(include_path=OURS).all_tasks]
    assert len(names) > 10_000
    assert [n for n in names if n not in words and not _has_word(text, n)] == []


def test_patterns_and_files_are_left_to_the_harness():
    refuse_unknown_tasks(["no_such_*", "folder/no_such.yaml", "no_such.yaml"], OURS)


def test_tasks_of_a_users_folder_are_known_and_suggested(tmp_path):
    (tmp_path / "mine.yaml").write_text("task: letters_of_mine\ntag: 'my_tag'\n")
    folders = [*OURS, str(tmp_path)]
    refuse_unknown_tasks(["letters_of_mine", "my_tag", "infocap"], folders)
    with pytest.raises(InfocapError, match="did you mean letters_of_mine"):
        refuse_unknown_tasks(["letters_of_mne"], folders)
    with pytest.raises(InfocapError, match="letters_of_mine: there is no such task"):
        refuse_unknown_tasks(["letters_of_mine"], OURS)


def test_a_part_of_a_name_is_not_a_name():
    with pytest.raises(InfocapError, match="did you mean infocap_pydocs"):
        refuse_unknown_tasks(["infocap_pydoc"], OURS)
