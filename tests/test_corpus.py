import hashlib
import json

import pytest
from conftest import TEXTS, write_jsonl

from infocap_tasks.corpus import STANDARD_LIBRARY_MODULES, open_corpus
from infocap_tasks.errors import InfocapError


def open_file(path, **metadata):
    return open_corpus({"corpus": "file", "corpus_path": str(path), **metadata})


def test_json_lines(corpus_file):
    corpus = open_file(corpus_file)
    assert [text.text for text in corpus] == TEXTS
    assert [text.text for text in corpus] == TEXTS  # again, from the start
    assert [text.origin for text in corpus][:2] == [f"{corpus_file}:1", f"{corpus_file}:2"]
    assert len(corpus) == 4
    assert corpus.sha256 == hashlib.sha256(corpus_file.read_bytes()).hexdigest()


def test_blank_lines_are_skipped_and_lines_keep_their_numbers(tmp_path):
    path = tmp_path / "c.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"text": "a b"}\r\n\r\n  \n{"text": "c d"}')
    corpus = open_file(path)
    assert [(t.text, t.origin) for t in corpus] == [("a b", f"{path}:1"), ("c d", f"{path}:4")]
    assert len(corpus) == 2


def test_another_field(tmp_path):
    path = write_jsonl(tmp_path / "c.jsonl", [{"body": "a b"}])
    assert [text.text for text in open_file(path, text_field="body")] == ["a b"]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (b'{"text": "a"}\n{"text": \n', r"c.jsonl:2: not a line of JSON"),
        (b'{"text": "a"}\n["b"]\n', r"c.jsonl:2: a JSON list"),
        (b'{"body": "a"}', r"c.jsonl:1: no field 'text' among \['body'\].*text_field=NAME"),
        (b'{"text": 3}', r"c.jsonl:1: field 'text' is of type int"),
        (b'{"text": null}', r"c.jsonl:1: field 'text' is of type NoneType"),
        (b'{"text": "a\xff"}', r"c.jsonl:1: not a line of JSON in UTF-8"),
    ],
)
def test_faulty_files_are_named_with_the_line(tmp_path, content, complaint):
    path = tmp_path / "c.jsonl"
    path.write_bytes(content)
    with pytest.raises(InfocapError, match=complaint):
        list(open_file(path))


def test_paths_that_are_no_file(tmp_path):
    with pytest.raises(InfocapError, match="does not exist"):
        open_file(tmp_path / "none.jsonl")
    with pytest.raises(InfocapError, match="is a folder"):
        open_file(tmp_path)
    with pytest.raises(InfocapError, match="corpus_path=FILE"):
        open_corpus({"corpus": "file"})
    with pytest.raises(InfocapError, match="known corpora are pydocs, pycode, file"):
        open_corpus({"corpus": "wiki"})


def test_a_file_is_read_lazily(tmp_path):
    path = tmp_path / "c.jsonl"
    path.write_text(json.dumps({"text": "a b"}) + "\nnot JSON\n")
    assert next(iter(open_file(path))).text == "a b"


def test_standard_library():
    topics = open_corpus({"corpus": "pydocs"})
    assert len(topics) > 50
    assert "assert" in next(iter(topics)).text.lower()
    sources = open_corpus({"corpus": "pycode"})
    assert [text.origin for text in sources] == sorted(STANDARD_LIBRARY_MODULES)
    assert all("def " in text.text and len(text.text) > 6000 for text in sources)
    assert len(topics.sha256) == 64
    assert topics.sha256 != sources.sha256
