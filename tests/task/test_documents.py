import copy

import pytest
from helpers.models import (
    TEXTS,
    byte_fallback_tokenizer,
    byte_tokenizer,
    lower_casing_tokenizer,
)
from helpers.strategies import texts
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import decoders, normalizers, processors

from infocap_tasks.corpora.text import Text
from infocap_tasks.errors import InfocapError
from infocap_tasks.task.documents import cut as cut_all

TOKENIZERS = {
    "bytes": byte_tokenizer(),
    "merges": byte_tokenizer(merges=True),
    "adds_bos": byte_tokenizer(adds_bos=True),
    "byte_fallback": byte_fallback_tokenizer(),
}


def changed(tokenizer, **parts):
    """The tokenizer with another normalizer, post-processor or decoder."""
    for name, part in parts.items():
        setattr(tokenizer.backend_tokenizer, name, part)
    return tokenizer


AROUND = ("</s>", 0), ("<s>", 0)
PREPEND = [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
SPACED = {
    "trims": changed(byte_tokenizer(merges=True), post_processor=processors.ByteLevel()),
    "keeps": changed(
        byte_tokenizer(merges=True), post_processor=processors.ByteLevel(trim_offsets=False)
    ),
    "roberta": changed(byte_tokenizer(), post_processor=processors.RobertaProcessing(*AROUND)),
    "strips": changed(byte_tokenizer(), normalizer=normalizers.Strip()),
    "strips_the_end": changed(
        byte_tokenizer(merges=True), normalizer=normalizers.Strip(left=False)
    ),
    "prepends": byte_fallback_tokenizer(),
    "prepends_and_strips": changed(
        byte_fallback_tokenizer(),
        normalizer=normalizers.Sequence([normalizers.Strip(), *PREPEND]),
    ),
    "collapses": changed(
        byte_fallback_tokenizer(),
        normalizer=normalizers.Sequence([normalizers.Replace("  ", " "), *PREPEND]),
    ),
}
spaces = st.sampled_from(
    ["the ", "other", "  ", " ", "    ", "\n", "\t", "数据", "é", "a", " the", "\r\n", " " * 20]
)
spaced_texts = st.lists(spaces, min_size=4, max_size=60).map("".join)


def cut(text, tokenizer, max_tokens):
    """One text; that several give the same is a test of its own."""
    (document,) = cut_all([text], tokenizer, max_tokens)
    return document


def slow_cut(text, tokenizer, max_tokens):
    """By definition: try the end of every token of the whole text, keep the longest that fits."""

    def count(prefix):
        return len(tokenizer(prefix, add_special_tokens=False)["input_ids"])

    backend = copy.deepcopy(tokenizer.backend_tokenizer)
    backend.post_processor = None  # it may take white space from the offsets
    ends = {end for _, end in backend.encode(text, add_special_tokens=False).offsets} | {len(text)}
    fitting = [end for end in ends if end and count(text[:end]) <= max_tokens]
    best = text[: max(fitting)]
    return best, len(best.encode()), count(best)


@pytest.mark.parametrize("name", TOKENIZERS)
@given(text=texts, max_tokens=st.integers(20, 60))
@settings(max_examples=60, deadline=None)
def test_cut_is_the_longest_prefix_that_fits(name, text, max_tokens):
    document = cut(Text("x" + text + "y", "test", "7"), TOKENIZERS[name], max_tokens)
    assert document[:3] == slow_cut("x" + text + "y", TOKENIZERS[name], max_tokens)


@pytest.mark.parametrize("name", SPACED)
@given(text=spaced_texts, max_tokens=st.integers(12, 60))
@settings(max_examples=60, deadline=None)
def test_white_space_is_cut_by_the_definition_whatever_parts_a_tokenizer_has(
    name, text, max_tokens
):
    text, tokenizer = f"xyz{text}y", SPACED[name]
    document = cut(Text(text, "test", "7"), tokenizer, max_tokens)
    assert document[:3] == slow_cut(text, tokenizer, max_tokens)


@given(text=spaced_texts)
@settings(max_examples=60, deadline=None)
def test_a_post_processor_changes_no_cut_and_stays_as_it_is(text):
    trimmed, kept = (cut(Text(f"x{text}y", "t", "7"), SPACED[n], 20) for n in ("trims", "keeps"))
    assert trimmed == kept
    assert isinstance(SPACED["trims"].backend_tokenizer.post_processor, processors.ByteLevel)


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
    assert document == ("naïve", 6, 6, True, True, 0)


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


def test_special_tokens_are_text_where_the_tokenizer_is_to_split_them():
    tokenizer = byte_fallback_tokenizer()
    text = Text("<s>the</s> <unk><s> the", "test", "7")
    (plain,) = cut_all([text], tokenizer, 50, split_special_tokens=True)
    (control,) = cut_all([text], tokenizer, 50)
    assert plain.num_special_token_names == control.num_special_token_names == 4
    ids = tokenizer(text.text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
    assert plain.num_tokens == len(ids) > control.num_tokens
    assert not {0, 1, 2} & set(ids)


@pytest.mark.parametrize(
    ("tokenizer", "text", "comes_back"),
    [
        (byte_tokenizer(), "Naïve café: the cafe\u0301\n\n 🙂 ", True),
        (lower_casing_tokenizer(), "the of the", True),
        (lower_casing_tokenizer(), "The of the", False),
        (lower_casing_tokenizer(), "the  of", False),
        (lower_casing_tokenizer(), "the apple", False),
        (SPACED["strips"], "the \n", False),
        (changed(byte_tokenizer(), normalizer=normalizers.NFC()), "cafe\u0301", True),
        (changed(byte_tokenizer(), normalizer=normalizers.NFKC()), "½ ﬁ", False),
        (changed(byte_tokenizer(), normalizer=normalizers.Prepend(" ")), "the", True),
        (changed(byte_fallback_tokenizer(), decoder=decoders.ByteFallback()), "1 2", False),
    ],
)
def test_a_document_says_whether_its_tokens_carry_it(tokenizer, text, comes_back):
    assert cut(Text(text, "t", "7"), tokenizer, 50).round_trips is comes_back


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
