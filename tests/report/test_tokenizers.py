"""Measurements of tokenizers as table, JSON, CSV and heat map."""

import csv
import json

from infocap_tasks.models.measure import TokenizerRow
from infocap_tasks.report.figures.tokenizers import heat_map
from infocap_tasks.report.tokenizers import RENDERERS


def row(tokenizer, corpus, num_tokens, **other):
    values = {
        "source": "tiktoken", "vocab_size": 1000, "num_documents": 1, "num_bytes": 1200,
        "bytes_per_token": 1200 / num_tokens, "text_size_bits_per_token": 9600 / num_tokens,
        "characters_per_token": 600 / num_tokens, "single_byte_token_share": 0.25,
        "round_trip": "yes", "tokens_per_second": 5.0,
    }  # fmt: skip
    return TokenizerRow(tokenizer, corpus, num_tokens=num_tokens, **(values | other))


ROWS = [
    row("a/slow.json", "parallel/en", 400),
    row("a/slow.json", "parallel/hi", 1200),
    row("a/slow.json", "parallel/code", 300),
    row("b/fast.json", "parallel/en", 200),
    row("b/fast.json", "parallel/hi", 300),
    row("b/fast.json", "parallel/code", 150, single_byte_token_share=None),
]


def test_renderers_sort_by_corpus_then_by_tokens():
    order = [(c, t) for c in ("en", "hi", "code") for t in ("b/fast.json", "a/slow.json")]
    records = json.loads(RENDERERS["json"](ROWS))
    assert [(r["corpus"].partition("/")[2], r["tokenizer"]) for r in records] == order
    assert list(records[0]) == list(TokenizerRow._fields)
    rows = list(csv.DictReader(RENDERERS["csv"](ROWS).splitlines()))
    assert [(r["tokenizer"], int(r["num_tokens"])) for r in rows] == [
        (r["tokenizer"], r["num_tokens"]) for r in records
    ]
    *header, a, b, c, d, e, f = RENDERERS["wide"](ROWS).splitlines()
    lines = [line.split() for line in (a, b, c, d, e, f)]
    assert [line[0] for line in lines] == [tokenizer for _, tokenizer in order]
    assert header[-1].split()[:2] == ["tokenizer", "corpus"]
    assert lines[4][6] == "-"


LOSSY_ROWS = [
    row("c/lossy.json", corpus, 20, round_trip="3: at character 0 …")
    for corpus in dict.fromkeys(r.corpus for r in ROWS)
]


def test_a_lossy_tokenizer_comes_last_and_is_no_reference():
    records = json.loads(RENDERERS["json"]([*LOSSY_ROWS, *ROWS]))
    assert [r["tokenizer"][0] for r in records] == ["b", "a", "c"] * 3
    names = {"parallel/en": "English", "parallel/hi": "Hindi"}
    languages, others = heat_map([*LOSSY_ROWS, *ROWS], names).axes
    assert languages.get_title(loc="left").endswith("1.00 = English, fast.json")
    large = [text.get_text() for text in languages.texts[:12:2]]
    assert large == ["1.00", "1.50", "2.00", "6.00", "0.10†", "0.10†"]
    assert [text.get_text() for text in others.texts[::2]] == ["1.00", "2.00", "0.13†"]
    assert languages.images[0].norm.vmin == 1
    assert languages.images[0].norm.vmax == 6


def test_if_all_tokenizers_are_lossy_the_fewest_tokens_are_the_reference():
    (axes,) = heat_map(LOSSY_ROWS[:1], {"parallel/en": "English"}).axes
    assert axes.texts[0].get_text() == "1.00†"


def test_the_heat_map_is_relative_to_english():
    figure = heat_map(ROWS, {"parallel/en": "English", "parallel/hi": "Hindi"})
    languages, others = figure.axes
    assert languages.get_title(loc="left") == "Tokens for the same texts; 1.00 = English, fast.json"
    large = [text.get_text() for text in languages.texts[:8:2]]
    assert large == ["1.00", "1.50", "2.00", "6.00"]  # the cheapest tokenizer first
    small = [text.get_text() for text in languages.texts[1:8:2]]
    assert small == ["6.00", "4.00", "3.00", "1.00"]
    assert [label.get_text() for label in languages.get_xticklabels()] == ["English", "Hindi"]
    assert [text.get_text() for text in others.texts[::2]] == ["1.00", "2.00"]


def test_names_in_the_heat_map_are_as_long_as_needed_to_differ():
    rows = [row("x/a/tokenizer.json", "my.jsonl", 4), row("x/b/tokenizer.json", "my.jsonl", 5)]
    (axes,) = heat_map(rows, {}).axes
    assert [t.get_text() for t in axes.texts[4::2]] == ["a/tokenizer.json", "b/tokenizer.json"]
