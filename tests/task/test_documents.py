import pytest
from helpers.models import TEXTS, byte_fallback_tokenizer, byte_tokenizer
from helpers.strategies import texts
from hypothesis import given, settings
from hypothesis import strategies as st

from infocap_tasks.corpora.text import Text
from infocap_tasks.errors import InfocapError
from infocap_tasks.task.documents import cut as cut_all

TOKENIZERS = {
    "bytes": byte_tokenizer(),
    "merges": byte_tokenizer(merges=True),
    "adds_bos": byte_tokenizer(adds_bos=True),
    "byte_fallback": byte_fallback_tokenizer(),
}


def cut(text, tokenizer, max_tokens):
    """One text; that several give the same is a test of its own."""
    (document,) = cut_all([text], tokenizer, max_tokens)
    return document


def slow_cut(text, tokenizer, max_tokens):
    """By definition: try the end of every token of the whole text, keep the longest that fits."""

    def count(prefix):
        return len(tokenizer(prefix, add_special_tokens=False)["input_ids"])

    whole = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    ends = {end for _, end in whole["offset_mapping"]} | {len(text)}
    fitting = [end for end in ends if end and count(text[:end]) <= max_tokens]
    best = text[: max(fitting)]
    return best, len(best.encode()), count(best)


@pytest.mark.parametrize("name", TOKENIZERS)
@given(text=texts, max_tokens=st.integers(20, 60))
@settings(max_examples=60, deadline=None)
def test_cut_is_the_longest_prefix_that_fits(name, text, max_tokens):
    document = cut(Text("x" + text + "y", "test", "7"), TOKENIZERS[name], max_tokens)
    assert document[:3] == slow_cut("x" + text + "y", TOKENIZERS[name], max_tokens)


@given(many=st.lists(texts, min_size=1, max_size=12), max_tokens=st.integers(20, 40))
@settings(max_examples=30, deadline=None)
def test_cutting_in_a_batch_equals_cutting_alone(many, max_tokens):
    many = [Text("x" + text + "y", "test", str(n)) for n, text in enumerate(many)]
    for tokenizer in TOKENIZERS.values():
        together = cut_all(many, tokenizer, max_tokens)
        assert together == [cut(text, tokenizer, max_tokens) for text in many]


@pytest.mark.parametrize("text", ["数据压缩" * 40, "🙂" * 100, "नमस्ते " * 50])
@pytest.mark.parametrize("max_tokens", range(20, 32))
def test_a_split_character_is_left_out(text, max_tokens):
    document = cut(Text(text, "test", "7"), TOKENIZERS["bytes"], max_tokens)
    assert text.startswith(document.text)
    assert "\ufffd" not in document.text
    assert document.num_tokens == document.num_bytes == len(document.text.encode())
    assert max_tokens - 4 < document.num_tokens <= max_tokens


def test_a_short_text_is_whole():
    document = cut(Text("naïve", "test", "7"), TOKENIZERS["bytes"], 64)
    assert document == ("naïve", 6, 6, True)


def test_cutting_a_first_part_equals_cutting_the_whole_text():
    text = " " * 4000 + "the end " * 20_000
    tokenizer = TOKENIZERS["merges"]
    assert cut(Text(text, "t", "7"), tokenizer, 32) == cut(
        Text(text[:8000], "t", "7"), tokenizer, 32
    )


@pytest.mark.parametrize("text", TEXTS)
def test_special_token_strings_count_as_what_they_encode_to(text):
    tokenizer = byte_fallback_tokenizer()
    document = cut(Text("<s>" + text, "test", "7"), tokenizer, 50)
    ids = tokenizer.encode(document.text, add_special_tokens=False)
    assert (document.num_tokens, document.num_bytes) == (len(ids), len(document.text.encode()))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "empty"),
        (" \n\t", "white space only"),
        ("a\ud800b", "lone surrogate"),
        ("a", "1 token,"),
    ],
)
def test_unusable_texts_are_named(text, complaint):
    with pytest.raises(InfocapError, match=r"my.jsonl:7: .*" + complaint):
        cut(Text(text, "my.jsonl:7", "7"), TOKENIZERS["bytes"], 64)


def test_a_first_character_of_too_many_tokens_is_refused():
    with pytest.raises(InfocapError, match="first character"):
        cut(Text("🙂🙂", "my.jsonl:7", "7"), TOKENIZERS["bytes"], 3)
