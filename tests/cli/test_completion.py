"""The shells themselves complete by the script; zsh is asked only where it is installed."""

import shutil
import subprocess

import pytest

from infocap_tasks.cli.main import main

# Calls the function that bash calls when TAB is pressed, and prints its suggestions.
_COMPLETE = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
_shtab_infocap
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    def write(shell, capsys):
        assert main(["completion", shell]) == 0
        path = tmp_path_factory.mktemp(shell) / "_infocap"
        path.write_text(capsys.readouterr().out)
        return path

    return write


def test_bash_completes_commands_flags_metrics_figures_and_tasks(script, capsys):
    path = script("bash", capsys)
    for line, expected in (
        ("infocap leaderb", {"leaderboard"}),
        ("infocap leaderboard --publ", {"--published"}),
        ("infocap leaderboard --sort bits_per", {"bits_per_byte"}),
        (
            "infocap leaderboard --sort infor",
            {"information_capacity", "information_capacity_unbiased"},
        ),
        ("infocap plot fr", {"frontier"}),
        ("infocap corpus ch", {"check"}),
        ("infocap export --task infocap_par", None),
        ("infocap eval --tasks infocap_par", None),
        ("infocap eval --model_a", {"--model_args"}),
        ("infocap demo --cache_", {"--cache_requests"}),
    ):
        done = subprocess.run(
            ["bash", "-c", _COMPLETE, "bash", path, *line.split()], capture_output=True, text=True
        )
        found = set(done.stdout.split())
        if expected is None:
            expected = found
            assert {"infocap_parallel", "infocap_parallel_de"} <= found
            assert all(name.startswith("infocap_parallel") for name in found)
        assert found == expected, line


@pytest.mark.skipif(shutil.which("zsh") is None, reason="no zsh here")
def test_zsh_reads_its_script(script, capsys):
    done = subprocess.run(["zsh", "-n", script("zsh", capsys)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_script_of_zsh_names_tasks_and_metrics(capsys):
    assert main(["completion", "zsh"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("#compdef infocap\n")
    assert "infocap_parallel_de" in text
    assert "(information_capacity " in text


def test_another_shell_is_refused(capsys):
    assert main(["completion", "bsh"]) == 2
    assert "did you mean bash, zsh?" in capsys.readouterr().err
