"""The parallel corpus: the same 16 passages in every language, and programs that run."""

import json
import subprocess
import sys
import unicodedata

import pytest
from helpers.models import SAFE, byte_tokenizer, load_task, task_manager

from infocap_tasks.corpora.check import script_of
from infocap_tasks.paths import task_configs_dir

FOLDER = task_configs_dir() / "parallel"
SCRIPTS = {
    "en": "Latin", "de": "Latin", "fr": "Latin", "es": "Latin", "ru": "Cyrillic",
    "ar": "Arabic", "hi": "Devanagari", "zh": "Han", "ja": "Hiragana", "ko": "Hangul",
}  # fmt: skip


def passages(name):
    lines = (FOLDER / f"{name}.jsonl").read_text("utf-8").splitlines()
    return {record["id"]: record["text"] for record in map(json.loads, lines)}


def test_each_language_and_code_has_a_file_and_a_task():
    assert {path.stem for path in FOLDER.glob("*.jsonl")} == {*SCRIPTS, "code"}
    index = task_manager().match_tasks(["infocap_parallel*"])
    assert set(index) == {
        "infocap_parallel", "infocap_parallel_code", *(f"infocap_parallel_{n}" for n in SCRIPTS)
    }  # fmt: skip


@pytest.mark.parametrize("name", SCRIPTS)
def test_passages_match_in_every_language(name):
    english, translated = passages("en"), passages(name)
    assert list(translated) == list(english)
    assert len(set(translated.values())) == 16
    for key, text in translated.items():
        assert text == unicodedata.normalize("NFC", text).strip()
        assert text.count("\n") == english[key].count("\n"), key
        letters = [script_of(c) for c in text if c.isalpha()]
        assert letters.count(SCRIPTS[name]) > 0.2 * len(letters), key
        assert "\ufffd" not in text


def test_english_passages_are_of_the_promised_length():
    assert all(500 <= len(text) <= 900 for text in passages("en").values())


def test_the_programs_run(tmp_path):
    programs = passages("code")
    assert len(programs) == 16
    both = "\n".join(f"exec({text!r}, {{'__name__': '__main__'}})" for text in programs.values())
    done = subprocess.run(
        [sys.executable, "-c", both], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert all("#" in text for text in programs.values())


def test_documents_are_paired_by_their_names():
    tokenizer = byte_tokenizer(merges=True)
    named = {}
    for name in ("en", "hi"):
        task = load_task(
            f"infocap_parallel_{name}",
            tokenizer=tokenizer, flops_per_token=1e9, **SAFE | {"max_tokens": 4096},
        )  # fmt: skip
        docs = [doc for _, doc in task.doc_iterator()]
        assert all(doc["is_whole"] for doc in docs)
        named[name] = [doc["document_id"] for doc in docs]
    assert named["en"] == named["hi"] == list(passages("en"))
