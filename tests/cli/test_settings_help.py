from infocap_tasks.cli.settings_help import eval_preface, settings_markdown
from infocap_tasks.task.keys import INTERNAL, METADATA, SETTINGS


def test_help_shows_every_key_of_metadata_with_an_example():
    lines = eval_preface().splitlines()
    assert max(map(len, lines)) <= 100
    for setting in SETTINGS:
        flag = f"  --metadata {setting.name}={setting.example}"
        assert sum(line.startswith(flag) for line in lines) == (setting.given_in == METADATA)


def test_the_reference_page_lists_every_key_that_a_user_gives():
    page = settings_markdown()
    for setting in SETTINGS:
        assert (f"| `{setting.name}` | {setting.meaning} |" in page) is (
            setting.given_in != INTERNAL
        )
    assert "misspelling" in page
