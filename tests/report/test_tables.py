import csv
import json

import pytest

from infocap_tasks.report.tables import (
    as_csv,
    as_json,
    as_markdown,
    as_table,
    si,
    without_empty_columns,
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
