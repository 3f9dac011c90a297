import json

import pytest
from helpers.models import write_jsonl

from infocap_tasks.cli.main import main
from infocap_tasks.corpora.check import check, script_of
from infocap_tasks.corpora.corpus import FileCorpus
from infocap_tasks.corpora.text import Fields


def checked(path):
    return check(FileCorpus(path, Fields()))


def test_script_of_a_character():
    characters = {"a": "Latin", "数": "Han", "の": "Hiragana", "カ": "Katakana", "한": "Hangul",
                  "д": "Cyrillic", "ن": "Arabic", "ह": "Devanagari", "က": "Burmese", "1": "digits",
                  "…": "punctuation", "+": "symbols", "🙂": "symbols", "\n": "white space",
                  "\u00a0": "white space", "\0": "other", "ꓤ": "other"}  # fmt: skip
    assert {character: script_of(character) for character in characters} == characters


def test_the_report_counts_bytes_scripts_duplicates_and_faults(tmp_path):
    lines = [
        '{"text": "Some text that is long enough."}', '{"text": "数据压缩"}', "", "not JSON",
        '{"text": "Some text that is long enough."}', '{"text": "  "}', '{"body": 3}',
        '{"text": "a\\ud800b"}', '{"text": ""}',
    ]  # fmt: skip
    path = tmp_path / "c.jsonl"
    path.write_text("\n".join(lines) + "\n")
    report = checked(path)
    assert (report.num_documents, report.num_bytes) == (8, 30 + 12 + 30 + 2)
    assert report.characters_by_script == {
        "Latin": 48, "white space": 12, "Han": 4, "punctuation": 2,
    }  # fmt: skip
    assert (report.num_duplicates, report.num_empty, report.num_very_short) == (1, 2, 1)
    assert report.num_faulty == 5
    places = [fault.split(": ")[0].rpartition(":")[2] for fault in report.faults]
    assert places == ["4", "6", "7", "8", "9"]


def test_ten_faults_are_shown_and_the_exit_status_is_1(tmp_path, capsys):
    path = tmp_path / "c.jsonl"
    path.write_text('{"text": "fine text"}\n' + "{\n" * 25)
    assert main(["corpus", "check", str(path)]) == 1
    shown = capsys.readouterr().out
    assert "faulty         25" in shown
    assert shown.count("not a line of JSON") == 10
    assert "c.jsonl:2:" in shown  # the folder may be folded away
    assert "and 15 more" in shown


def test_a_faultless_corpus_exits_with_status_0(tmp_path, capsys):
    path = write_jsonl(tmp_path / "c.jsonl", [{"body": f"text number {n}"} for n in range(9)])
    assert main(["corpus", "check", str(path), "--text_field", "body", "--format", "json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["num_documents"], report["num_faulty"]) == (9, 0)
    assert main(["corpus", "check", str(path)]) == 1


def test_texts_before_the_damage_are_counted(tmp_path):
    path = tmp_path / "c.json"
    path.write_text('[{"text": "one text"}, {"text": "two')
    report = checked(path)
    assert (report.num_documents, report.num_faulty) == (1, 1)
    assert "item 2: not JSON" in report.faults[0]


@pytest.mark.parametrize("name", ["c.json", "c.jsonl", "c.jsonl.gz"])
def test_a_fault_in_the_first_text_exits_with_status_1(tmp_path, capsys, name):
    (tmp_path / name).write_text('[{"text": 3}]' if name == "c.json" else '{"text": 3}')
    assert main(["corpus", "check", str(tmp_path / name)]) == 1
    assert "faulty         1" in capsys.readouterr().out


def test_duplicate_document_names_are_counted(tmp_path, capsys):
    path = write_jsonl(tmp_path / "c.jsonl", [{"text": f"text {n}", "id": n % 3} for n in range(5)])
    assert main(["corpus", "check", str(path), "--corpus_id_field", "id"]) == 0
    assert "same names     2" in capsys.readouterr().out


def test_a_missing_file_exits_with_status_2(tmp_path, capsys):
    assert main(["corpus", "check", str(tmp_path / "none.jsonl")]) == 2
    assert "does not exist" in capsys.readouterr().err
