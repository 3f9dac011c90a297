import csv
import json

import pytest
from helpers.models import TEXTS, byte_tokenizer, lower_casing_tokenizer, write_jsonl
from helpers.real_files import MISTRAL_SENTENCEPIECE, unpack_ranks
from hypothesis import given, settings
from hypothesis import strategies as st

from infocap_tasks.cli.main import main
from infocap_tasks.corpora.corpus import open_corpus
from infocap_tasks.corpora.records import StandardLibrary
from infocap_tasks.corpora.text import Text
from infocap_tasks.errors import InfocapError
from infocap_tasks.models.measure import TokenizerRow, measure
from infocap_tasks.models.round_trip import comes_back
from infocap_tasks.models.tokenizers import load
from infocap_tasks.paths import task_configs_dir

DOCUMENTS = [Text(text, f"t:{index}", str(index)) for index, text in enumerate(TEXTS)]
MISTRAL = load(str(MISTRAL_SENTENCEPIECE))


@pytest.fixture(scope="module")
def byte_json(tmp_path_factory):
    path = tmp_path_factory.mktemp("byte") / "tokenizer.json"
    byte_tokenizer().backend_tokenizer.save(str(path))
    return str(path)


@pytest.fixture(scope="module")
def lossy_json(tmp_path_factory):
    path = tmp_path_factory.mktemp("lossy") / "tokenizer.json"
    lower_casing_tokenizer().backend_tokenizer.save(str(path))
    return str(path)


@pytest.fixture(scope="module")
def o200k(tmp_path_factory):
    return str(unpack_ranks("o200k_base", tmp_path_factory.mktemp("ranks")))


def test_a_byte_tokenizer_has_exactly_8_bits_a_token(byte_json):
    row = measure(load(byte_json), "texts", DOCUMENTS)
    num_bytes = sum(len(text.encode()) for text in TEXTS)
    assert row._replace(tokens_per_second=0) == TokenizerRow(
        byte_json, "texts", "tokenizers", 256, len(TEXTS), num_bytes, num_bytes,
        1.0, 8.0, sum(map(len, TEXTS)) / num_bytes, 1.0, "yes", 0,
    )  # fmt: skip
    assert row.tokens_per_second > 0


def test_ratios_are_of_sums_over_all_batches(o200k):
    loaded = load(o200k)
    many = [text._replace(document_id=str(n)) for n in range(50) for text in DOCUMENTS]
    row = measure(loaded, "texts", iter(many))
    ids = [loaded.encode_batch([text.text])[0] for text in many]
    num_bytes, num_tokens = sum(len(t.text.encode()) for t in many), sum(map(len, ids))
    assert (row.num_documents, row.num_bytes, row.num_tokens) == (200, num_bytes, num_tokens)
    assert row.bytes_per_token == num_bytes / num_tokens
    assert row.text_size_bits_per_token == pytest.approx(8 * row.bytes_per_token)
    assert row.characters_per_token == sum(len(t.text) for t in many) / num_tokens
    single = sum(loaded.is_single_byte(token) for text in ids for token in text)
    assert row.single_byte_token_share == single / num_tokens
    assert row.round_trip == "yes"


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1))
def test_sentencepiece_on_any_text_agrees_with_one_text_at_a_time(texts):
    documents = [Text(text, f"t:{n}", str(n)) for n, text in enumerate(texts)] + DOCUMENTS[:1]
    row = measure(MISTRAL, "texts", documents)
    assert row.num_tokens == sum(len(MISTRAL.encode_batch([t.text])[0]) for t in documents)
    differing = [
        t
        for t in documents
        if not comes_back(t.text, MISTRAL.decode(MISTRAL.encode_batch([t.text])[0]))
    ]
    assert (row.round_trip == "yes") == (not differing)
    if differing:
        assert row.round_trip.startswith(f"{differing[0].document_id}: at character ")


def test_round_trip_names_the_first_text_that_differs(lossy_json):
    fine = Text("the of", "t:8", "fine")
    row = measure(load(lossy_json), "texts", [fine, *DOCUMENTS])
    assert row.round_trip == "0: at character 0 'The theory o' comes back as 'the [UNK] of'"
    assert measure(load(lossy_json), "texts", [fine]).round_trip == "yes"
    # .: one byte; x: one byte; ##er: two; the, [UNK]: more.
    share = measure(load(lossy_json), "texts", [Text("the x. thermo", "", "")])
    assert (share.num_tokens, share.single_byte_token_share) == (4, 0.5)


def test_round_trip_names_a_text_that_lost_its_end(lossy_json):
    assert measure(load(lossy_json), "c", [Text("the\n", "", "a")]).round_trip == (
        "a: at character 3 '\\n' comes back as ''"
    )


def test_lone_surrogates_and_texts_without_tokens_are_refused(byte_json, lossy_json):
    broken = Text("ab\ud800", "my.jsonl:7", "7")
    with pytest.raises(InfocapError, match=r"my\.jsonl:7: character 2 is a lone surrogate"):
        measure(load(byte_json), "c", [broken])
    with pytest.raises(InfocapError, match="1 texts of 2 bytes make no token"):
        measure(load(lossy_json), "c", [Text("\n\n", "", "")])


def test_the_command_on_a_file_and_on_an_embedded_corpus(
    byte_json, lossy_json, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    write_jsonl(tmp_path / "my.jsonl", [{"body": text} for text in TEXTS])
    corpora = ["--corpus", "my.jsonl", "--text_field", "body", "--corpus", "pydocs"]
    arguments = ["tokenizers", byte_json, lossy_json, byte_json, *corpora, "--format", "json"]
    assert main([*arguments, "-o", "map.png"]) == 0
    streams = capsys.readouterr()
    records = json.loads(streams.out)
    assert [(r["corpus"], r["tokenizer"]) for r in records] == [
        (corpus, name) for corpus in ("my.jsonl", "pydocs") for name in (byte_json, lossy_json)
    ]
    assert records[1]["round_trip"].startswith("1: at character 0 'The theory o'")  # line 1
    assert records[2]["num_bytes"] == sum(
        len(text.text.encode()) for text in open_corpus(StandardLibrary("pydocs"))
    )
    assert (tmp_path / "map.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.skipif(
    not (task_configs_dir() / "parallel" / "en.jsonl").is_file(), reason="no parallel texts"
)
def test_the_command_takes_the_parallel_texts_by_default(byte_json, capsys):
    assert main(["tokenizers", byte_json, "--format", "csv"]) == 0
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    languages = [row["corpus"].removeprefix("parallel/") for row in rows]
    assert languages == ["en", "de", "fr", "es", "ru", "ar", "hi", "zh", "ja", "ko", "code"]
    assert all(row["num_bytes"] == row["num_tokens"] for row in rows)
    assert {row["round_trip"] for row in rows} == {"yes"}


def test_parallel_passages_are_named_by_their_ids(lossy_json, capsys):
    assert main(["tokenizers", lossy_json, "--format", "csv"]) == 0
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert {row["round_trip"].partition(":")[0] for row in rows[:10]} == {"01-news"}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["./none.json"], "no such file or folder"),
        (["BYTE", "--corpus", "none.jsonl"], "does not exist"),
        (["BYTE", "-o", "map.jpg"], "ends in none of .txt, .json, .csv, .pdf, .png, .svg"),
        (["BYTE", "--corpus", "empty.jsonl"], "the file is empty"),
    ],
)
def test_wrong_input_ends_in_one_line_and_status_2(
    byte_json, tmp_path, monkeypatch, capsys, arguments, complaint
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.jsonl").write_text("")
    arguments = [byte_json if word == "BYTE" else word for word in arguments]
    assert main(["tokenizers", *arguments]) == 2
    streams = capsys.readouterr()
    assert streams.out == ""
    assert streams.err.startswith("infocap: error: ")
    assert complaint in streams.err
    assert streams.err.count("\n") == 1


def test_help_explains_every_column(capsys):
    with pytest.raises(SystemExit):
        main(["tokenizers", "--help"])
    text = capsys.readouterr().out
    assert all(field in text for field in TokenizerRow._fields)
    assert 'gguf for .gguf files\nwith `pip install "infocap-tasks[demo]"`' in text
