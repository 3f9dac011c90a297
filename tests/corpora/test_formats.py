"""Every reader on what it should take and what it must refuse; hostile text comes back whole."""

import gzip
import json
import os
import subprocess
import sys
from collections import deque

import pyarrow
import pyarrow.parquet
import pytest
from helpers.models import write_jsonl
from hypothesis import given, settings
from hypothesis import strategies as st

from infocap_tasks.corpora import formats as reader
from infocap_tasks.corpora import json_array
from infocap_tasks.corpora import text as text_module
from infocap_tasks.corpora.formats import read_texts
from infocap_tasks.corpora.text import Fields
from infocap_tasks.errors import InfocapError


def zstd(content: bytes) -> bytes:
    return pyarrow.compress(content, "zstd", asbytes=True)


def read(path, fields=None):
    return [load() for load in read_texts(path, fields or Fields())]


def write_form(folder, form, many):
    """The texts in one of the forms, and what their documents are called."""
    lines = "".join(json.dumps({"text": text}) + "\n" for text in many).encode()
    numbers = [str(n) for n in range(1, len(many) + 1)]
    path = folder / f"c{form}"
    if form == ".txt":  # a folder
        names = [f"{n:03}.txt" for n in range(len(many))]
        path.mkdir(exist_ok=True)
        for name, text in zip(names, many, strict=True):
            (path / name).write_bytes(text.encode())
        return path, names
    if form == ".parquet":
        pyarrow.parquet.write_table(pyarrow.table({"n": range(len(many)), "text": many}), path)
        return path, numbers
    contents = {
        ".jsonl": lines,
        ".jsonl.gz": gzip.compress(lines),
        ".jsonl.zst": zstd(lines),
        ".json": json.dumps([{"text": text} for text in many], indent=1).encode(),
    }
    path.write_bytes(contents[form])
    return path, numbers


# All that breaks readers: NUL, line ends of all kinds, right-to-left marks, joined emoji, special
# tokens, surrogate pairs, what looks like the end of an array or of a line.
hostile = st.lists(
    st.sampled_from(
        ["\0", "\r\n", "\n", "\r", "\u2028", "\x85", "\ufeff", "‏مرحبا‎", "👩‍👩‍👧", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "<s>",
         "<|endoftext|>", '"}', "]", ",", "\\ud800", "\\", "𝕏", "é", "e\u0301", "数据", "a", " "]
    )
    | st.characters(exclude_categories=["Cs"]),
    min_size=1,
    max_size=40,
).map("".join)  # fmt: skip


@pytest.mark.parametrize("form", [*reader.FORMS])
@given(many=st.lists(hostile, min_size=1, max_size=6), chunk=st.integers(1, 50))
@settings(max_examples=40, deadline=None)
def test_texts_come_back_exactly(tmp_path_factory, form, many, chunk):
    if form == ".txt":
        many = [text.lstrip("\ufeff") for text in many]  # at its start a byte order mark
    path, names = write_form(tmp_path_factory.mktemp("forms"), form, many)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_array, "_CHUNK_CHARACTERS", chunk)  # arrays are cut at every place
        found = read(path)
    assert [text.text for text in found] == many
    assert [text.document_id for text in found] == names
    assert all(str(path) in text.origin for text in found)


def complaint_about(path):
    try:
        read(path)
    except InfocapError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("form", [*reader.FORMS])
@given(content=st.binary(max_size=200), keep=st.floats(0, 1))
@settings(max_examples=40, deadline=None)
def test_damaged_files_are_refused_in_one_line(tmp_path_factory, form, content, keep):
    """Random bytes, true files that were cut short, and such with more behind: no traceback."""
    path, _ = write_form(tmp_path_factory.mktemp("damaged"), form, ["one text", "another 🙂"])
    path = path / "000.txt" if path.is_dir() else path
    whole = path.read_bytes()
    for damaged in (content, whole[: int(keep * len(whole))], whole + content):
        path.write_bytes(damaged)
        complaint = complaint_about(path)
        assert "\n" not in complaint
        assert not complaint or str(path) in complaint


@pytest.mark.parametrize("form", [".jsonl.gz", ".jsonl.zst", ".json", ".parquet"])
def test_a_truncated_file_is_refused_at_every_length(tmp_path, form):
    path, _ = write_form(tmp_path, form, [f"text number {n}" for n in range(50)])
    whole = path.read_bytes()
    for length in range(1, len(whole), max(1, len(whole) // 40)):
        path.write_bytes(whole[:length])
        with pytest.raises(InfocapError, match=path.name):
            read(path)


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("c.json", b'{"text": "a"}\n{"text": "b"}\n', "not a JSON array; .*named .jsonl"),
        ("c.json", b'[{"text": "a"} {"text": "b"}]', "',' or '\\]' is missing after item 1"),
        ("c.json", b'[{"text": "a"}, ]', "item 2: not JSON"),
        ("c.json", b'[{"text": "a"}] {}', "text after the JSON array"),
        ("c.json", b'["a"]', "item 1: a JSON str"),
        ("c.json", b'[{"text": "a"', "item 1: not JSON"),
        ("c.json", b'[{"text": "\xff"}]', "damaged or cut short, or not what its name says"),
        ("c.jsonl", '{"text": "a"}'.encode("utf-16"), "c.jsonl:1: not a line of JSON in UTF-8"),
        ("c.jsonl", b'{"text": "caf\xe9"}', "c.jsonl:1: not a line of JSON in UTF-8"),
        ("c.jsonl.gz", b'{"text": "a"}', "damaged or cut short"),
        ("c.jsonl.zst", b'{"text": "a"}', "damaged or cut short"),
        ("c.parquet", b'{"text": "a"}', "damaged or cut short"),
        ("c.txt", b"caf\xe9", "not UTF-8 .byte 0xE9 at 3"),
        ("c.csv", b"text\na\n", "its name does not tell its form; known are .jsonl, .jsonl.gz"),
        ("c", b"a", "its name does not tell its form"),
    ],
)
def test_files_of_another_form_are_refused(tmp_path, name, content, complaint):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InfocapError, match=complaint):
        read(tmp_path / name)


def test_an_empty_array_has_no_texts(tmp_path):
    for content in (b"[]", b" [ \n ] "):
        (tmp_path / "c.json").write_bytes(content)
        assert read(tmp_path / "c.json") == []


def test_a_byte_order_mark_is_no_text(tmp_path):
    for name, content in (
        ("c.txt", b"a\r\nb"),
        ("c.json", b'[{"text": "a\\r\\nb"}]'),
        ("c.jsonl", b'{"text": "a\\r\\nb"}\r\n'),
    ):
        (tmp_path / name).write_bytes(b"\xef\xbb\xbf" + content)
        assert [text.text for text in read(tmp_path / name)] == ["a\r\nb"]


def test_folders_are_read_by_name_with_their_sub_folders(tmp_path):
    (tmp_path / "b").mkdir()
    for name in ("z.txt", "b/a.txt", "notes.md"):
        (tmp_path / name).write_text(name)
    assert [(t.text, t.document_id) for t in read(tmp_path)] == [
        ("b/a.txt", "b/a.txt"),
        ("z.txt", "z.txt"),
    ]
    (tmp_path / "empty").mkdir()
    with pytest.raises(InfocapError, match=r"a folder without \.txt files"):
        read(tmp_path / "empty")


def test_documents_may_have_names_of_their_own(tmp_path):
    records = [{"text": "a b", "id": "news"}, {"text": "c d", "id": 7}]
    write_jsonl(tmp_path / "c.jsonl", records)
    (tmp_path / "c.json").write_text(json.dumps(records))
    table = pyarrow.table({"text": ["a b", "c d"], "id": ["news", "7"]})
    pyarrow.parquet.write_table(table, tmp_path / "c.parquet")
    for name in ("c.jsonl", "c.json", "c.parquet"):
        found = read(tmp_path / name, Fields("text", "id"))
        assert [text.document_id for text in found] == ["news", "7"]
        with pytest.raises(InfocapError, match=r"no field 'key' among .*corpus_id_field=NAME"):
            read(tmp_path / name, Fields("text", "key"))
        with pytest.raises(InfocapError, match=r"no field 'body' among .*text_field=NAME"):
            read(tmp_path / name, Fields("body"))


def test_parquet_texts_must_be_strings(tmp_path):
    for values in ([1, 2], [["a"], ["b"]], [None, "b"]):
        pyarrow.parquet.write_table(pyarrow.table({"text": values}), tmp_path / "c.parquet")
        with pytest.raises(InfocapError, match=r"row 1: field 'text' is of type"):
            read(tmp_path / "c.parquet")


def test_a_faulty_line_raises_only_when_its_text_is_loaded(tmp_path):
    path = tmp_path / "c.jsonl"
    path.write_bytes(b'{"text": "a"}\nnot JSON\n{"text": "c"}\n')
    loads = list(read_texts(path, Fields()))
    assert [loads[0]().text, loads[2]().text] == ["a", "c"]
    with pytest.raises(InfocapError, match=r"c\.jsonl:2"):
        loads[1]()


def test_one_line_of_50_MB(tmp_path):
    text = "数据 and text. " * (50_000_000 // 18)
    path = write_jsonl(tmp_path / "c.jsonl", [{"text": text}])
    assert path.stat().st_size > 50_000_000
    (found,) = read(path)
    assert found.text == text


_READ_AND_TELL_MEMORY = """
import resource, sys
from pathlib import Path
from infocap_tasks import InfocapError
from infocap_tasks.corpora.formats import read_texts
from infocap_tasks.corpora.text import Fields
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    sum(len(load().text) for load in read_texts(Path(sys.argv[1]), Fields()))
except InfocapError as error:
    print(error)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def read_and_tell_memory(path):
    """What the reader said, if it refused the file, and by how many MB the process grew."""
    command = [sys.executable, "-c", _READ_AND_TELL_MEMORY, str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


@pytest.mark.parametrize("form", [".gz", ".zst"])
def test_a_zip_bomb_is_refused_in_bounded_memory(tmp_path, form):
    path = tmp_path / f"bomb.jsonl{form}"
    piece = b"a" * 2**20
    with path.open("wb") as file:
        file.write(gzip.compress(b'{"text": "') if form == ".gz" else zstd(b'{"text": "'))
        packed = gzip.compress(piece * 64, 1) if form == ".gz" else zstd(piece * 64)
        for _ in range(32):  # 2 GiB in one line
            file.write(packed)
    assert path.stat().st_size < 20 * 2**20
    complaint, num_megabytes = read_and_tell_memory(path)
    assert "bomb.jsonl" in complaint
    assert "more than 128 MiB in one text" in complaint
    assert int(num_megabytes) < 600


def test_memory_does_not_grow_with_the_file(tmp_path):
    line = json.dumps({"text": "some text that is long enough " * 30}) + "\n"
    sizes = []
    for num_lines in (1_000, 100_000):
        path = tmp_path / "c.jsonl"
        path.write_text(line * num_lines)
        (num_megabytes,) = read_and_tell_memory(path)
        sizes.append(int(num_megabytes))
    assert sizes[1] - sizes[0] < 20  # MB, for 90 MB more of text


def test_the_error_names_the_faulty_item_of_an_array(tmp_path, monkeypatch):
    """The error names the fault, though a fault looks like a value that is cut off."""
    monkeypatch.setattr(json_array, "_CHUNK_CHARACTERS", 50)
    good = ", ".join('{"text": "some text"}' for _ in range(100))
    (tmp_path / "c.json").write_text(f"[{good}, {{\"text\": 'b'}}, {good}]")
    loads = read_texts(tmp_path / "c.json", Fields())
    for _ in range(100):
        next(loads)
    with pytest.raises(InfocapError, match=r"item 101: not JSON \(Expecting value\)"):
        next(loads)


def test_a_dictionary_of_one_long_text_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(text_module, "MAX_TEXT_BYTES", 2**20)
    values = pyarrow.array(["a" * 2**21] * 3).dictionary_encode()
    pyarrow.parquet.write_table(pyarrow.table({"text": values}), tmp_path / "c.parquet")
    assert (tmp_path / "c.parquet").stat().st_size < 200_000
    with pytest.raises(InfocapError, match="row 1: more than 1 MiB in one text"):
        read(tmp_path / "c.parquet")


def test_file_names_that_are_not_utf8_are_escaped(tmp_path):
    """The harness writes them into its results, which would fail at the very end."""
    (tmp_path / os.fsdecode(b"caf\xe9.txt")).write_text("the other thing")
    (text,) = read(tmp_path)
    for name in (text.document_id, text.origin):
        assert name.endswith("caf\\udce9.txt")
        assert name.encode()


@pytest.mark.parametrize("name", [None, 1.5, True, {"x": 1}, "a\ud800"])
def test_document_names_are_strings_or_numbers(tmp_path, name):
    write_jsonl(tmp_path / "c.jsonl", [{"text": "a b", "id": name}])
    with pytest.raises(InfocapError, match="the document's name"):
        read(tmp_path / "c.jsonl", Fields("text", "id"))


def test_a_cyclic_link_is_followed_once(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "A.TXT").write_text("a text")
    (tmp_path / "b" / "back").symlink_to(tmp_path)
    elsewhere = tmp_path.parent / f"{tmp_path.name}-elsewhere"
    elsewhere.mkdir()
    (elsewhere / "c.txt").write_text("another text")
    (tmp_path / "c").symlink_to(elsewhere)
    assert [text.document_id for text in read(tmp_path)] == ["b/A.TXT", "c/c.txt"]


def test_a_parquet_bomb_is_refused_at_a_share_of_its_texts(tmp_path):
    path = tmp_path / "bomb.parquet"
    many = pyarrow.array([0] * 300)
    same = pyarrow.DictionaryArray.from_arrays(many, pyarrow.array(["x" * 2**20]))
    pyarrow.parquet.write_table(pyarrow.table({"text": same}), path, compression="zstd")
    assert path.stat().st_size < 10_000
    texts = read_texts(path, Fields())
    assert all(next(texts) for _ in range(100))
    with pytest.raises(InfocapError, match="unpacks to more than 1000 times its size"):
        deque(texts, maxlen=0)
