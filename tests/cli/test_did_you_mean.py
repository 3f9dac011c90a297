"""Wherever a name is looked up, a mistyped one is refused with the nearest that is known."""

import pytest
from helpers.made_up import documents, run_of

from infocap_tasks.cli.main import main
from infocap_tasks.errors import InfocapError, did_you_mean


@pytest.mark.parametrize(
    ("command", "meant"),
    [
        ("leaderbord --published", "leaderboard"),
        ("leaderboard --publishd", "--published"),
        ("leaderboard --published --sort bits_per_bit", "bits_per_byte"),
        ("leaderboard --published --format jsn", "json"),
        ("plot capasity --published -o a.png", "capacity"),
        ("compare published:qwen3-8b published:Qwen3-4B-Base", "Qwen3-8B-Base"),
        ("predict --published --series Qwen3-Base --reference Qwen3-8-Base", "Qwen3-8B-Base"),
        ("corpus chek a.jsonl", "check"),
    ],
)
def test_a_mistyped_name_is_refused_with_the_nearest(command, meant, capsys):
    assert main(command.split()) == 2
    (line,) = capsys.readouterr().err.splitlines()[-1:]
    assert line.partition("did you mean ")[2].split(maxsplit=1)[0].rstrip(",?") == meant


def test_metrics_of_a_run_too():
    with pytest.raises(InfocapError, match=r"bits_per_bit: .*did you mean bits_per_byte"):
        run_of("A", documents([1.0, 2.0])).metric("bits_per_bit")


def test_case_does_not_matter_and_a_far_name_gives_nothing():
    assert did_you_mean("QWEN", ["qwen", "gemma"]) == "did you mean qwen? "
    assert did_you_mean("zzz", ["qwen", "gemma"]) == ""
