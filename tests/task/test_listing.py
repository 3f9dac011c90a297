import csv
import io
import json
import subprocess
import sys

import pytest
from helpers.models import byte_tokenizer, save_llama, task_manager

from infocap_tasks.cli.main import main
from infocap_tasks.corpora.records import Hub, Packaged, StandardLibrary
from infocap_tasks.results.groups import task_groups
from infocap_tasks.task.listing import task_entries


@pytest.fixture
def loaded(tmp_path, corpus_file):
    """The tasks as the harness makes them of the same YAMLs."""
    model = save_llama(tmp_path / "long", byte_tokenizer(), max_position_embeddings=4096)
    manager = task_manager(pretrained=str(model), corpus_path=str(corpus_file), add_bos_token=False)
    return manager.load(manager.all_subtasks)["tasks"]


def test_the_list_says_what_the_tasks_themselves_say(loaded):
    entries = {entry.task: entry for entry in task_entries()}
    assert entries.keys() == loaded.keys()
    for name, task in loaded.items():
        entry = entries[name]
        assert entry.regime == task.regime
        assert entry.max_tokens == task.settings.max_tokens
        assert entry.bias_bits_per_token == task.settings.bias_bits_per_token
        match task.settings.declared_corpus:
            case StandardLibrary(corpus) | Packaged(corpus) | Hub(_, corpus):
                assert entry.corpus == corpus
                assert entry.language
            case _:
                assert (entry.corpus, entry.language) == ("file", None)


def test_the_command_lists_tasks_and_groups_in_80_columns(capsys):
    assert main(["tasks", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].split() == ["task", "corpus", "language", "b", "regime", "L"]
    named = {line.split()[0] for line in lines[1:] if line}
    assert named >= {entry.task for entry in task_entries()}
    assert named >= {f"{group}:" for group in task_groups()}
    assert ["infocap_parallel_de", "parallel/de", "German", "-27", "harness", "2048"] in [
        line.split() for line in lines
    ]


def test_machines_read_the_same_list(tmp_path, capsys):
    assert main(["tasks", "--list", "--format", "json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["tasks"] == [entry._asdict() for entry in task_entries()]
    assert "infocap_parallel_de" in record["groups"]["infocap_parallel"]
    assert main(["tasks", "--list", "-o", str(tmp_path / "tasks.csv")]) == 0
    rows = list(csv.DictReader(io.StringIO((tmp_path / "tasks.csv").read_text())))
    assert [row["task"] for row in rows] == [entry.task for entry in task_entries()]


def test_a_format_without_a_list_is_refused(capsys):
    assert main(["tasks", "--format", "json"]) == 2
    assert "add --list" in capsys.readouterr().err


def test_listing_imports_neither_the_harness_nor_torch():
    code = (
        "import sys; from infocap_tasks.cli.main import main; main(['tasks', '--list'])\n"
        "sys.exit(bool({'torch', 'transformers', 'lm_eval', 'numpy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL).returncode == 0
