import pytest

from infocap_tasks.errors import InfocapError
from infocap_tasks.task.keys import SETTINGS, refuse_unknown

NAMES = [setting.name for setting in SETTINGS]


def test_every_key_is_listed_once_and_explained():
    assert len(set(NAMES)) == len(NAMES)
    assert all(setting.meaning for setting in SETTINGS)


@pytest.mark.parametrize("has_other_tasks", [False, True])
def test_known_keys_pass(has_other_tasks):
    refuse_unknown(dict.fromkeys(NAMES), has_other_tasks)


@pytest.mark.parametrize("has_other_tasks", [False, True])
@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("max_tokns", "max_tokens"),
        ("max_token", "max_tokens"),
        ("corpus_paht", "corpus_path"),
        ("bias_bits_per_tokens", "bias_bits_per_token"),
        ("flops_per_tokens", "flops_per_token"),
        ("textfield", "text_field"),
    ],
)
def test_a_misspelt_key_is_refused_whatever_tasks_run(given, meant, has_other_tasks):
    with pytest.raises(InfocapError, match=f"^--metadata {given}: did you mean {meant}\\?$"):
        refuse_unknown({"max_tokens": 64, given: 1}, has_other_tasks)


# Keys of tasks of the harness, RULER among them.
@pytest.mark.parametrize("key", ["max_seq_lengths", "shuffle", "num_samples"])
def test_keys_of_other_tasks_pass_where_such_a_task_runs(key):
    refuse_unknown({key: 1}, has_other_tasks=True)
    with pytest.raises(InfocapError, match=f"--metadata {key}: "):
        refuse_unknown({key: 1}, has_other_tasks=False)


def test_without_a_similar_key_the_known_ones_are_listed():
    with pytest.raises(InfocapError, match=r"xyzzy: no infocap task knows it; .*max_tokens, bias_"):
        refuse_unknown({"xyzzy": 1}, has_other_tasks=False)
