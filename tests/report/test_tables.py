import csv
import json

import pytest

from infocap_tasks.report.tables import (
    WIDTH,
    as_csv,
    as_json,
    as_markdown,
    as_table,
    as_wide_table,
    shortened,
    si,
    without_empty_columns,
    wrapped,
)

ROWS = [
    {"model": "a|b", "flops_per_token": 1.5e9, "bits": 1 / 3, "count": 7},
    {"model": "longer", "flops_per_token": 2.0, "bits": None, "count": 1000},
]


def test_table_aligns_columns():
    assert as_table(ROWS).splitlines() == [
        "        flops_per_",
        "model        token    bits  count",
        "a|b        1.5e+09  0.3333      7",
        "longer      2.0000       -   1000",
    ]


def test_markdown_escapes_pipes():
    assert as_markdown(ROWS).splitlines() == [
        "| model | flops_per_token | bits | count |",
        "| --- | ---: | ---: | ---: |",
        "| a\\|b | 1.5e+09 | 0.3333 | 7 |",
        "| longer | 2.0000 | - | 1000 |",
    ]


def test_csv_and_json_keep_full_precision():
    first, second = csv.DictReader(as_csv(ROWS).splitlines())
    assert float(first["bits"]) == 1 / 3
    assert second["bits"] == ""
    assert json.loads(as_json(ROWS)) == ROWS


def test_columns_are_those_of_all_rows():
    rows = [{"a": 1}, {"a": 2, "b": 3}]
    assert as_csv(rows) == "a,b\n1,\n2,3"


def test_empty_columns_are_removed():
    assert without_empty_columns([{"a": None, "b": 1}, {"a": None, "b": None}]) == [
        {"b": 1},
        {"b": None},
    ]


def test_headers_break_at_spaces():
    assert as_table([{"Model": "m", "95 % interval of it": "x"}]).splitlines() == [
        "              95 %",
        "       interval of",
        "Model           it",
        "m                x",
    ]


def wide_rows(*names):
    return [{"model": name} | {f"number_{n}": 1.5 + n for n in range(12)} for name in names]


def test_columns_that_do_not_fit_are_named_below():
    rows = wide_rows("a", "b")
    text = as_table(rows)
    assert max(map(len, text.splitlines())) <= WIDTH
    table, left_out = text.split("\n\n")
    num_shown = len(table.splitlines()[-1].split()) - 1
    names = left_out.removeprefix("With --wide: ").rstrip(".").replace("\n", " ").split("; ")
    assert names == [f"number_{n}" for n in range(num_shown, 12)]
    assert max(map(len, as_wide_table(rows).splitlines())) > WIDTH


def test_names_lose_their_middle_and_stay_apart():
    names = [f"model-name-{size}-with-an-ending-that-is-the-same" for size in ("1B", "2B")]
    lines = as_table(wide_rows(*names)).splitlines()
    shown = [line.split()[0] for line in lines if line.startswith("model-name")]
    assert [name[:12] for name in shown] == ["model-name-1", "model-name-2"]
    assert all(name.endswith("the-same") and "…" in name for name in shown)


def test_short_text_is_not_shortened():
    assert shortened("abcdef", 6) == "abcdef"
    assert shortened("abcdefg", 6) == "ab…efg"


def test_long_lines_are_folded_with_their_indent():
    lines = wrapped("  " + "word " * 40 + "y" * 100).splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert all(line.startswith("  ") for line in lines)
    assert "…" in lines[-1]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1, "1.00"),
        (999.4, "999"),
        (999.6, "1.00 k"),
        (1.0745e9, "1.07 G"),
        (304383744, "304 M"),
        (1.4347e11, "143 G"),
        (0, "0"),
        (0.0123, "0.0123"),
        (2e22, "2e+22"),
    ],
)
def test_si_shows_three_digits_and_a_prefix(value, shown):
    assert si(value) == shown
