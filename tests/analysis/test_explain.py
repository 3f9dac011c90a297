import json
import math
from itertools import combinations

import pytest
from helpers.made_up import documents, run_of
from hypothesis import given
from hypothesis import strategies as st

from infocap_tasks.analysis.compare import (
    SOURCES,
    Factors,
    capacity,
    explain,
    factors_of,
    gain_factors_of,
    shapley_parts,
)
from infocap_tasks.cli.main import main
from infocap_tasks.report.figures.explain import waterfall
from infocap_tasks.results.published import published_runs

FACTORS = st.builds(
    Factors,
    st.floats(8, 50),
    st.floats(0.1, 9),
    st.floats(1e3, 1e13),
    st.floats(-40, 0),
)


def slow_shapley(a, b):
    """By coalitions: |S|! (n - |S| - 1)! / n! times what the factor adds to each set S."""
    n = len(a)

    def value(coalition):
        text_size, bits_per_byte, flops, bias = (a[i] if i in coalition else b[i] for i in range(n))
        return (text_size - text_size * bits_per_byte / 8 + bias) / math.log2(flops)

    return [
        sum(
            math.factorial(size) * math.factorial(n - size - 1) / math.factorial(n)
            * (value({*others, factor}) - value(others))
            for size in range(n)
            for others in combinations([i for i in range(n) if i != factor], size)
        )
        for factor in range(n)
    ]  # fmt: skip


@given(FACTORS, FACTORS)
def test_parts_are_shapley_values_and_sum_to_the_difference(a, b):
    parts = shapley_parts(a, b)
    assert parts == pytest.approx(slow_shapley(a, b), abs=1e-9)
    assert sum(parts) == pytest.approx(capacity(a) - capacity(b), abs=1e-9)
    assert shapley_parts(b, a) == pytest.approx([-part for part in parts], abs=1e-9)


@given(FACTORS, st.integers(0, 3), st.floats(1.01, 3))
def test_single_changed_factor_takes_the_whole_difference(a, factor, scale):
    b = a._replace(**{Factors._fields[factor]: a[factor] * scale})
    parts = shapley_parts(a, b)
    assert parts[factor] == pytest.approx(capacity(a) - capacity(b), abs=1e-9)
    assert [part for i, part in enumerate(parts) if i != factor] == pytest.approx([0] * 3, abs=1e-9)


def test_factors_reproduce_the_published_capacities():
    for run in published_runs():
        if run.text_size_bits_per_token:
            assert capacity(factors_of(run)) == pytest.approx(run.information_capacity, abs=2e-6)
        else:
            assert factors_of(run) is None
            assert capacity(gain_factors_of(run)) == pytest.approx(run.information_capacity)


def test_runs_without_documents_have_no_intervals():
    a, b = (
        run_of(n, documents([300, 400], f), documents=None) for n, f in (("a", 2e9), ("b", 1e9))
    )
    found = explain(a, b)
    assert (found.interval, found.probability, found.num_documents) == (None, None, 0)
    assert found.difference == pytest.approx(a.information_capacity - b.information_capacity)
    parts = {part.source: part.information_capacity for part in found.parts}
    assert parts["FLOPs"] == pytest.approx(found.difference)
    assert parts.keys() == set(SOURCES)


PAIR = ["published:GLM-4.5-Air-Base-106B-A12B", "published:DeepSeek-V2-236B-A21B"]


def test_parts_of_published_models_sum_to_the_published_difference(capsys, tmp_path):
    assert main(["explain", *PAIR, "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["difference"] == pytest.approx(0.242212 - 0.167171, abs=3e-6)
    assert sum(p["information_capacity"] for p in found["parts"]) == pytest.approx(
        found["difference"]
    )
    assert [part["source"] for part in found["parts"]] == ["tokenizer", "prediction", "FLOPs"]


def test_waterfall_shows_capacities_over_the_shared_documents():
    a = run_of("a", documents([310, 350, 900]))
    b = run_of("b", documents([300, 340], flops=2e9))
    found = explain(a, b)
    of_two = run_of("a", documents([310, 350])).information_capacity
    assert found.capacity_a == pytest.approx(of_two)
    assert found.capacity_a != pytest.approx(a.information_capacity, abs=1e-3)
    assert found.capacity_a - found.capacity_b == pytest.approx(found.difference)
    (axes,) = waterfall(a, b, found).axes
    bars = list(axes.patches)
    assert bars[0].get_height() == found.capacity_b
    assert bars[-1].get_height() == found.capacity_a
    first, *_, last = [label.get_text().splitlines()[-1] for label in axes.get_xticklabels()]
    assert (first, last) == (f"{found.capacity_b:.4f}", f"{found.capacity_a:.4f}")
    # A line from each bar to the next one, the last at the height of A's.
    ends = [(*line.get_xdata(), *line.get_ydata()) for line in axes.get_lines()]
    x = len(bars) - 1
    assert any(end == pytest.approx((x - 1.3, x + 0.3, *[found.capacity_a] * 2)) for end in ends)


def test_output_holds_both_capacities(capsys):
    assert main(["explain", *PAIR, "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["run_a"]["information_capacity"] == pytest.approx(0.242212, abs=2e-6)
    assert main(["explain", *PAIR]) == 0
    (line,) = [x for x in capsys.readouterr().out.splitlines() if x.startswith("difference")]
    assert line.split()[1:] == ["IC", "0.2422", "0.1672", "+0.0750"]


def test_of_a_row_read_off_a_figure_the_gain_is_one_part(capsys, tmp_path):
    pair = ["published:GLM-4-9B", PAIR[0]]
    assert main(["explain", *pair, "-o", str(tmp_path / "x.svg")]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "C and H of GLM-4-9B are not known" in said
    assert "read off a figure, good to 5e-05): tokenizer and prediction are one part." in said
    assert main(["explain", *pair, "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [part["source"] for part in found["parts"]] == ["tokenizer and prediction", "FLOPs"]
    assert found["run_a"]["information_capacity_margin"] == 5e-5
    # By hand: with G and g = log2 N, the order that changes G first and the one that does so last.
    a, b = (
        {run.model: run for run in published_runs()}[name[len("published:") :]] for name in pair
    )
    gain = (a.compression_gain_bits_per_token - b.compression_gain_bits_per_token) * sum(
        1 / math.log2(run.flops_per_token) / 2 for run in (a, b)
    )
    assert found["parts"][0]["information_capacity"] == pytest.approx(gain)
    difference = a.information_capacity - b.information_capacity
    assert found["difference"] == pytest.approx(difference, abs=2e-6)
    assert sum(p["information_capacity"] for p in found["parts"]) == pytest.approx(
        found["difference"]
    )


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_waterfall_is_written_by_the_ending(capsys, tmp_path, suffix):
    path = tmp_path / f"chart.{suffix}"
    assert main(["explain", *PAIR, "-o", str(path)]) == 0
    assert "tokenizer" in capsys.readouterr().out
    content = path.read_bytes()
    assert content[:5] in (b"\x89PNG\r", b"<?xml", b"%PDF-")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["published:nobody", PAIR[0]], "not published"),
        (["nowhere.json", PAIR[0]], "no such file"),
        ([*PAIR, "-o", "chart.gif"], ".gif"),
    ],
)
def test_wrong_input_is_one_line(arguments, said, capsys):
    assert main(["explain", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
