import hashlib
import io
import json
import os
import shutil
import sys

import huggingface_hub.constants
import pytest
import sentencepiece
import tiktoken
from helpers.models import TEXTS, byte_fallback_tokenizer, byte_tokenizer
from helpers.real_files import MISTRAL_SENTENCEPIECE, MISTRAL_TEKKEN, SMOLLM2_GGUF, unpack_ranks
from tokenizers import Regex, Tokenizer, pre_tokenizers
from transformers import AutoTokenizer, ByT5Tokenizer

from infocap_tasks.errors import InfocapError
from infocap_tasks.models import tokenizers as tokenizer_sources
from infocap_tasks.models.tokenizers import load


@pytest.fixture(scope="module")
def o200k(tmp_path_factory):
    # Its name says nothing: the file is known by its content.
    return unpack_ranks("o200k_base", tmp_path_factory.mktemp("ranks")).rename(
        tmp_path_factory.mktemp("renamed") / "ranks.txt"
    )


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")


def bytes_of(loaded, ids):
    return [loaded.is_single_byte(token) for token in ids]


def test_tokenizer_json_as_the_library_reads_it(tmp_path):
    path = tmp_path / "tokenizer.json"
    byte_tokenizer(merges=True).backend_tokenizer.save(str(path))
    loaded = load(str(path))
    twin = Tokenizer.from_file(str(path))
    assert loaded.encode_batch(TEXTS) == [twin.encode(text).ids for text in TEXTS]
    assert (loaded.name, loaded.source, loaded.vocab_size) == (str(path), "tokenizers", 261)
    (ids,) = loaded.encode_batch(["the é"])
    assert bytes_of(loaded, ids) == [False, True, True, True]  # the, space, two bytes
    assert loaded.decode(ids) == "the é"


def test_byte_level_is_recognised_among_other_parts(tmp_path):
    tokenizer = byte_tokenizer(merges=True).backend_tokenizer
    others = [pre_tokenizers.Split(Regex(f"{'x' * 200}{i}"), "isolated") for i in range(9)]
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([*others, tokenizer.pre_tokenizer])
    tokenizer.decoder = None
    assert "ByteLevel" not in str(tokenizer.pre_tokenizer)
    tokenizer.save(str(tmp_path / "t.json"))
    loaded = load(str(tmp_path / "t.json"))
    (ids,) = loaded.encode_batch(["the é"])
    assert bytes_of(loaded, ids) == [False, True, True, True]


def test_single_bytes_are_unknown_for_parts_written_in_python(tiny_model, monkeypatch):
    tokenizer = byte_tokenizer()
    custom = pre_tokenizers.PreTokenizer.custom(object())
    tokenizer.backend_tokenizer.pre_tokenizer = custom
    monkeypatch.setattr(tokenizer_sources, "load_tokenizer", lambda _: tokenizer)
    assert load(str(tiny_model)).is_single_byte is None


def test_truncation_padding_and_bos_of_the_file_are_left_out(tmp_path):
    tokenizer = byte_tokenizer(adds_bos=True).backend_tokenizer
    tokenizer.enable_truncation(5)
    tokenizer.enable_padding(length=9)
    tokenizer.save(str(tmp_path / "t.json"))
    assert len(Tokenizer.from_file(str(tmp_path / "t.json")).encode("x").ids) == 9
    encoded = load(str(tmp_path / "t.json")).encode_batch(["x", "A longer text."])
    assert [len(ids) for ids in encoded] == [1, 14]


def test_a_folder_that_adds_bos_as_transformers_reads_it(bos_model):
    loaded = load(str(bos_model))
    assert loaded.source == "transformers"
    twin = AutoTokenizer.from_pretrained(bos_model)
    assert len(twin("x")["input_ids"]) == 2
    for text, ids in zip(TEXTS, loaded.encode_batch(TEXTS), strict=True):
        assert ids == twin(text, add_special_tokens=False)["input_ids"]
        assert loaded.decode(ids) == text
        assert all(bytes_of(loaded, ids))


def test_names_of_special_tokens_in_a_text_are_text(tmp_path):
    byte_fallback_tokenizer().save_pretrained(tmp_path)
    for given in (tmp_path, tmp_path / "tokenizer.json"):
        loaded = load(str(given))
        (ids,) = loaded.encode_batch(["</s>"])
        assert 2 not in ids
        assert len(ids) == 5


def test_byte_fallback_tokens_are_single_bytes(tmp_path):
    byte_fallback_tokenizer().save_pretrained(tmp_path)
    loaded = load(str(tmp_path))
    (ids,) = loaded.encode_batch(["the t🙂"])
    assert bytes_of(loaded, ids) == [False, True, True, *[True] * 4]  # ▁the, ▁, t, four bytes


def test_a_slow_tokenizer_works_without_single_bytes(tmp_path):
    ByT5Tokenizer().save_pretrained(tmp_path)
    loaded = load(str(tmp_path))
    assert loaded.encode_batch(["hé"]) == [[107, 198, 172]]
    assert loaded.decode([107, 198, 172]) == "hé"
    assert loaded.is_single_byte is None


def test_smollm2_gguf():
    loaded = load(str(SMOLLM2_GGUF))
    assert (loaded.source, loaded.vocab_size) == ("transformers", 49152)
    for text, ids in zip(TEXTS, loaded.encode_batch(TEXTS), strict=True):
        assert loaded.decode(ids) == text
    (ids,) = loaded.encode_batch(["the 🙂"])
    assert bytes_of(loaded, ids)[0] is False
    assert loaded.encode_batch(["<|im_start|>"]) != [[1]]


def test_mistral_sentencepiece():
    loaded = load(str(MISTRAL_SENTENCEPIECE))
    twin = sentencepiece.SentencePieceProcessor(model_file=str(MISTRAL_SENTENCEPIECE))
    assert (loaded.source, loaded.vocab_size) == ("sentencepiece", 32000)
    assert loaded.encode_batch(TEXTS) == [twin.encode(text) for text in TEXTS]
    assert twin.bos_id() not in loaded.encode_batch(["<s>x"])[0]
    (ids,) = loaded.encode_batch(["a 𓀀b"])  # ▁a, ▁, four bytes, b
    assert bytes_of(loaded, ids) == [False, True, *[True] * 4, True]


@pytest.mark.parametrize("as_folder", [False, True])
def test_mistral_tekken(tmp_path, as_folder):
    if as_folder:
        shutil.copy(MISTRAL_TEKKEN, tmp_path / "tekken.json")
    loaded = load(str(tmp_path if as_folder else MISTRAL_TEKKEN))
    assert (loaded.source, loaded.vocab_size) == ("tiktoken", 131072)
    assert loaded.encode_batch(["the <s> 🙂"])[0] != []
    for text, ids in zip(TEXTS, loaded.encode_batch(TEXTS), strict=True):
        assert loaded.decode(ids) == text
        assert max(ids) < 131072 - 1000


def test_tiktoken_file_known_by_content(o200k, monkeypatch):
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", "kept")
    loaded = load(str(o200k))
    assert os.environ["TIKTOKEN_CACHE_DIR"] == "kept"
    assert (loaded.source, loaded.vocab_size) == ("tiktoken", 200019)
    assert loaded.encode_batch(["hello world"]) == [[24912, 2375]]
    twin = tiktoken.get_encoding("o200k_base")
    assert loaded.encode_batch(TEXTS) == [twin.encode(text) for text in TEXTS]
    assert len(loaded.encode_batch(["<|endoftext|>"])[0]) > 1
    (ids,) = loaded.encode_batch(["hello\U00013000"])
    assert bytes_of(loaded, ids)[0] is False
    assert sum(len(twin.decode_single_token_bytes(token)) for token in ids) == 9


def test_tiktokens_cache_setting_is_left_as_it_was(o200k, monkeypatch):
    monkeypatch.delenv("TIKTOKEN_CACHE_DIR", raising=False)
    load(str(o200k))
    assert "TIKTOKEN_CACHE_DIR" not in os.environ


def test_a_tiktoken_name_is_read_from_tiktokens_own_cache(tmp_path, monkeypatch):
    path = unpack_ranks("cl100k_base", tmp_path)
    address = "https://openaipublic.blob.core.windows.net/encodings/cl100k_base.tiktoken"
    path.rename(tmp_path / hashlib.sha1(address.encode()).hexdigest())
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    assert load("cl100k_base").encode_batch(["hello world"]) == [[15339, 1917]]


def test_a_hub_id_that_holds_a_sentencepiece_model_only(tmp_path, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    repository = tmp_path / "models--someone--something"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("0" * 40)
    snapshot = repository / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    shutil.copy(MISTRAL_SENTENCEPIECE, snapshot / "tokenizer.model")
    loaded = load("someone/something")
    assert (loaded.name, loaded.source) == ("someone/something", "sentencepiece")


def test_sentencepiece_without_byte_fallback_has_unknown_tokens(tmp_path):
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["the theory of the weather", "there and then"] * 20),
        model_writer=model, vocab_size=20, minloglevel=2, hard_vocab_limit=False,
    )  # fmt: skip
    (tmp_path / "tiny.model").write_bytes(model.getvalue())
    loaded = load(str(tmp_path))  # the folder holds nothing else
    (ids,) = loaded.encode_batch(["the  数"])
    assert loaded.decode(ids) != "the  数"
    assert bytes_of(loaded, ids)[-1] is False


WRONG = {
    "jpeg.json": (b"\xff\xd8\xff\xe0\x00\x10JFIF", "no tokenizer but a JPEG image"),
    "page.json": (b"\n<!DOCTYPE html><html>", "an HTML or XML page"),
    "pointer.model": (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"),
    "empty.model": (b"", "the file is empty"),
    "packed.tiktoken": (b"\x1f\x8b\x08\x00", "compressed with gzip"),
    "other.json": (b'{"hidden_size": 64}', "no tokenizer: a tokenizer.json has a model"),
    "list.json": (b"[1, 2]", "this is a list"),
    "cut.json": (b'{"model": {"type": "BPE", "vo', "starts as JSON, but is none"),
    "binary.json": (b'{"model": "\xff\xfe"}', "starts as JSON, but is none"),
    "unread.json": (b'{"model": {"type": "Future"}}', "tokenizers cannot read it"),
    "tekken.json": (b'{"config": {}, "vocab": []}', "no tekken.json"),
    "noise.model": (bytes(range(128, 256)), "nor a SentencePiece model"),
    "words.txt": (b"just some words\n", "nor a SentencePiece model"),
    "own.tiktoken": (b"IQ== 0\nIg== 1\n", "the pattern that splits texts"),
    "cut.gguf": (b"GGUF\x03\x00\x00\x00", "not a whole one with a tokenizer"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_file_that_is_no_tokenizer_is_refused_in_one_line(tmp_path, name):
    content, complaint = WRONG[name]
    (tmp_path / name).write_bytes(content)
    assert_refused(str(tmp_path / name), complaint)


def assert_refused(name, complaint):
    with pytest.raises(InfocapError) as error:
        load(name)
    (line,) = str(error.value).splitlines()
    assert line.startswith(f"tokenizer {name}: ")
    assert complaint in line


def test_truncated_tokenizer_files_are_refused(tmp_path):
    for source, name, complaint in [
        (SMOLLM2_GGUF, "cut.gguf", "not a whole one with a tokenizer"),
        (MISTRAL_SENTENCEPIECE, "cut.model", "nor a SentencePiece model"),
        (MISTRAL_TEKKEN, "cut.json", "starts as JSON, but is none"),
    ]:
        with source.open("rb") as file:
            (tmp_path / name).write_bytes(file.read(100_001))
        assert_refused(str(tmp_path / name), complaint)


def test_ranks_of_a_model_that_tiktoken_does_not_know_are_refused(tmp_path):
    assert_refused(str(unpack_ranks("voyage3_base", tmp_path)), "the pattern that splits texts")


@pytest.mark.parametrize("package", ["tiktoken", "sentencepiece", "gguf"])
def test_a_missing_package_is_named_with_its_extra(o200k, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    given = {"tiktoken": o200k, "sentencepiece": MISTRAL_SENTENCEPIECE, "gguf": SMOLLM2_GGUF}
    extra = "demo" if package == "gguf" else "tokenizers"
    assert_refused(str(given[package]), f'pip install "infocap-tasks[{extra}]"')
    if package == "tiktoken":
        assert_refused("o200k_base", "needs the package tiktoken")


def test_missing_tokenizers_are_refused(tmp_path, monkeypatch):
    assert_refused("./none.json", "no such file or folder")
    assert_refused("none.gguf", "no such file or folder")
    assert_refused("nobody/nothing", "the hub does not give it")
    assert_refused(str(tmp_path), "the folder holds none of tokenizer.json")
    for name in ("", " "):
        with pytest.raises(InfocapError, match=f"tokenizer '{name}': the name is empty"):
            load(name)


def test_an_encoding_whose_file_tiktoken_cannot_get(tmp_path, monkeypatch):
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    assert_refused("p50k_base", "give the file itself (p50k_base.tiktoken)")
    for name in ("o200k_harmony", "p50k_edit", "gpt2"):  # made from another one's file
        with pytest.raises(InfocapError, match=f"cannot get the file of {name}") as error:
            load(name)
        assert "give the file" not in str(error.value)


def assert_folder_refused(folder, files, named, complaint):
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    with pytest.raises(InfocapError) as error:
        load(str(folder))
    (line,) = str(error.value).splitlines()
    assert line.startswith(f"tokenizer {folder}{named}: ")
    assert complaint in line


@pytest.mark.parametrize("name", [name for name in WRONG if name.endswith(".json")])
def test_a_wrong_file_in_a_folder_is_refused_as_if_it_were_given(tmp_path, name):
    content, complaint = WRONG[name]
    files = {"tokenizer.json": content}
    assert_folder_refused(tmp_path / "a", files, "/tokenizer.json", complaint)
    files["tokenizer_config.json"] = b'{"tokenizer_class": "PreTrainedTokenizerFast"}'
    assert_folder_refused(tmp_path / "b", files, "/tokenizer.json", complaint)


def test_a_folder_with_a_wrong_config_or_with_a_config_only_is_refused(tmp_path):
    whole = byte_tokenizer().backend_tokenizer.to_str().encode()
    for number, name in enumerate(("jpeg.json", "page.json", "cut.json")):
        content, complaint = WRONG[name]
        files = {"tokenizer.json": whole, "tokenizer_config.json": content}
        assert_folder_refused(tmp_path / str(number), files, "/tokenizer_config.json", complaint)
    # Of the last two transformers makes a tokenizer of a few special tokens.
    for name in ("PreTrainedTokenizerFast", "LlamaTokenizer", "BertTokenizer"):
        files = {"tokenizer_config.json": json.dumps({"tokenizer_class": name}).encode()}
        assert_folder_refused(tmp_path / name, files, "", "holds none of tokenizer.json, vocab.*")
