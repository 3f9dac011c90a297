"""The tutorial as it stands: its files, its commands in their order, and what they print."""

import re
import runpy

import pytest
from helpers.docs import DOCS, blocks, words_of

from infocap_tasks.cli.main import main

BLOCKS = blocks(DOCS / "tutorial.md")
INSTALLS, *REST = BLOCKS


def test_the_first_block_only_installs():
    programs = [words[0] for line in INSTALLS.text.splitlines() for words in words_of(line)]
    assert set(programs) == {"python3", ".", "pip"}


def tokens(text):
    return [word for word in re.split(r"[\s|\[\],]+", text) if word]


def is_number(word):
    return re.fullmatch(r"[-+]?\d+(\.\d+)?(e[-+]?\d+)?", word) is not None


def assert_shown(expected, output):
    """The words are the same, and the numbers as close as two processors come in float32."""
    start = output.index(expected.splitlines()[0])
    found = tokens(output[start:])[: len(tokens(expected))]
    for ours, theirs in zip(tokens(expected), found, strict=True):
        if is_number(ours):
            assert float(theirs) == pytest.approx(float(ours), rel=2e-3, abs=2e-3)
        else:
            assert theirs == ours


def run(line):
    (words,) = words_of(line)
    if words[0] == "python":
        runpy.run_path(words[1])
    else:
        assert words[0] == "infocap"
        assert main(words[1:]) == 0


def test_the_tutorial_runs_to_its_end(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    output = ""
    for block in REST:
        if block.language == "python":
            (tmp_path / "make_models.py").write_text(block.text)
        elif block.language == "bash":
            lines = block.text.splitlines()
            outputs = []
            for line in lines:
                run(line)
                outputs.append(capsys.readouterr().out)
            output = outputs[0]
        else:
            assert_shown(block.text, output)
    assert (tmp_path / "leaderboard.html").stat().st_size > 100_000
    assert (tmp_path / "capacity.png").read_bytes().startswith(b"\x89PNG")
