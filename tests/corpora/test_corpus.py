import gzip
import hashlib
import json

import pytest
from helpers.models import TEXTS, write_jsonl

from infocap_tasks.corpora.corpus import open_corpus
from infocap_tasks.corpora.records import Copy, File, Sample, StandardLibrary
from infocap_tasks.corpora.standard_library import STANDARD_LIBRARY_MODULES
from infocap_tasks.corpora.text import Fields
from infocap_tasks.errors import InfocapError


def open_file(path, *fields, max_documents=None, seed=None):
    file = File(path, Fields(*fields))
    return open_corpus(Sample(file, max_documents, seed) if max_documents else file)


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


def test_the_text_may_be_in_another_field(tmp_path):
    path = write_jsonl(tmp_path / "c.jsonl", [{"body": "a b"}])
    assert [text.text for text in open_file(path, "body")] == ["a b"]


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


def test_missing_files_and_folders_without_texts_are_refused(tmp_path):
    with pytest.raises(InfocapError, match="does not exist"):
        open_file(tmp_path / "none.jsonl")
    with pytest.raises(InfocapError, match=r"is a folder without \.txt files"):
        open_file(tmp_path)


def test_a_file_is_read_lazily(tmp_path):
    path = tmp_path / "c.jsonl"
    path.write_text(json.dumps({"text": "a b"}) + "\nnot JSON\n")
    assert next(iter(open_file(path))).text == "a b"


def test_standard_library():
    topics = open_corpus(StandardLibrary("pydocs"))
    assert len(topics) > 50
    assert "assert" in next(iter(topics)).text.lower()
    sources = open_corpus(StandardLibrary("pycode"))
    assert [text.origin for text in sources] == sorted(STANDARD_LIBRARY_MODULES)
    assert all("def " in text.text and len(text.text) > 6000 for text in sources)
    assert len(topics.sha256) == 64
    assert topics.sha256 != sources.sha256


def numbers(**metadata):
    return [text.document_id for text in open_file(**metadata)]


def test_the_first_documents_or_a_sample(tmp_path):
    path = write_jsonl(tmp_path / "c.jsonl", [{"text": f"text {n}"} for n in range(100)])
    assert numbers(path=path, max_documents=3) == ["1", "2", "3"]
    sample = numbers(path=path, max_documents=10, seed=1)
    assert sample == numbers(path=path, max_documents=10, seed=1)
    assert sample != numbers(path=path, max_documents=10, seed=2)
    assert sample == sorted(set(sample), key=int)  # in the corpus's order, none twice
    assert numbers(path=path, max_documents=1000, seed=1) == numbers(path=path)


def test_samples_are_spread_evenly(tmp_path):
    path = write_jsonl(tmp_path / "c.jsonl", [{"text": f"text {n}"} for n in range(20)])
    drawn = [n for seed in range(200) for n in numbers(path=path, max_documents=5, seed=seed)]
    assert all(25 <= drawn.count(str(n)) <= 75 for n in range(1, 21))  # 50 each, 4 deviations


def test_the_record_of_a_sample_names_its_whole_corpus(tmp_path):
    path = write_jsonl(tmp_path / "c.jsonl", [{"text": f"text {n}"} for n in range(100)])
    corpus = open_file(path, max_documents=10, seed=1)
    assert len(corpus) == 10
    record = corpus.record()
    assert (record["num_documents"], record["max_documents"], record["seed"]) == (100, 10, 1)
    assert record["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_record_says_what_names_the_documents(tmp_path):
    path = write_jsonl(tmp_path / "c.jsonl", [{"text": "a", "id": "x"}])
    assert open_file(path).record()["id_field"] is None
    assert open_file(path, "text", "id", max_documents=1).record()["id_field"] == "id"


def test_a_sample_parses_only_its_own_lines(tmp_path):
    path = tmp_path / "c.jsonl"
    path.write_text('{"text": "a b"}\n' + "not JSON\n" * 999)
    assert numbers(path=path, max_documents=1) == ["1"]


def test_a_copy_stands_in_for_a_file_on_the_hub(corpus_file):
    corpus = open_corpus(Copy("datasets/none.jsonl", corpus_file))
    assert [text.text for text in corpus] == TEXTS
    assert corpus.record()["source"] == str(corpus_file)


def test_the_digest_of_a_folder_tells_names_and_contents_apart(tmp_path):
    digests = set()
    for n, files in enumerate(({"a": "x", "b": "y"}, {"a": "y", "b": "x"}, {"a": "xy", "c": "y"})):
        folder = tmp_path / str(n)
        folder.mkdir()
        for name, content in files.items():
            (folder / f"{name}.txt").write_text(content)
        corpus = open_file(folder)
        assert len(corpus) == 2
        digests.add(corpus.sha256)
    assert len(digests) == 3


def test_a_folder_gives_the_copy_of_each_file(tmp_path):
    (tmp_path / "datasets").mkdir()
    for name in ("one", "two"):
        write_jsonl(tmp_path / "datasets" / f"{name}.jsonl", [{"text": f"text {name}"}])
        for folder in (tmp_path, tmp_path / "datasets"):
            corpus = open_corpus(Copy(f"datasets/{name}.jsonl", folder))
            assert [text.text for text in corpus] == [f"text {name}"]


def test_a_corpus_that_cannot_be_counted_still_has_a_record(tmp_path):
    """It is asked for after scoring, so it must not raise."""
    path = tmp_path / "c.jsonl.gz"
    lines = "".join(json.dumps({"text": f"text {n}" * 50}) + "\n" for n in range(9000))
    path.write_bytes(gzip.compress(lines.encode())[:-20])
    corpus = open_file(path, max_documents=2)
    assert [text.document_id for text in corpus] == ["1", "2"]
    assert corpus.record()["num_documents"] is None
    with pytest.raises(InfocapError, match="damaged or cut short"):
        list(open_file(path))
    with pytest.raises(InfocapError, match="damaged or cut short"):
        list(open_file(path, max_documents=2, seed=1))
