"""Differences that the arithmetic of a run does not resolve are ties."""

import json
from dataclasses import replace

import numpy as np
import pytest
from helpers.made_up import documents, run_of, write_results

from infocap_tasks.analysis.compare import compare, explain
from infocap_tasks.analysis.leaderboard import boards, record
from infocap_tasks.analysis.over_corpora import over_corpora
from infocap_tasks.analysis.ranks import rank_ranges, ranks
from infocap_tasks.analysis.resolution import resolution_of
from infocap_tasks.cli.main import main
from infocap_tasks.report.compare import comparison_answer
from infocap_tasks.report.page.render import page
from infocap_tasks.results.published import published_runs
from infocap_tasks.results.run import Provenance, Run

LOG2_FLOPS = 30
BITS = np.random.default_rng(0).gamma(9, 40, 40)


def two_engines(difference_bits_per_token, *dtypes, **told):
    """The same 40 texts by two engines, whose H differ by this in each text."""
    return [
        run_of(
            name,
            documents(BITS + 100 * shift, 2.0**LOG2_FLOPS),
            provenance=Provenance(engine=name, dtype=dtype, **told),
        )
        for name, shift, dtype in zip(
            ("first", "second"), (0.0, difference_bits_per_token), dtypes, strict=True
        )
    ]


def board_ranks(runs):
    (board,) = boards(runs)
    return [(row.rank, row.ranks) for row in board.rows]


def test_a_difference_of_0_00004_in_bfloat16_is_a_tie_on_the_board_and_in_compare():
    runs = two_engines(0.00004 * LOG2_FLOPS, "bfloat16", "bfloat16")
    assert runs[0].information_capacity - runs[1].information_capacity == pytest.approx(4e-5)
    assert board_ranks(runs) == [(1, (1, 2)), (1, (1, 2))]
    found = compare(*runs)
    assert found.is_tie
    assert found.probability == 0.5
    assert found.difference == pytest.approx(4e-5)
    said = comparison_answer(*runs, found).headlines[0]
    assert said.startswith(
        "Tie: the difference is below what bfloat16 arithmetic resolves (0.002 bits per token)."
    )
    assert "better" not in said


def test_ties_are_said_on_the_board_and_the_page_and_the_tied_are_named():
    (board,) = boards(two_engines(0.001, "bfloat16", "torch.bfloat16"))
    said = "below what bfloat16 arithmetic resolves (0.002 bits per token): first and second"
    assert said in " ".join(board.remarks)
    assert said in page([board])


@pytest.mark.parametrize(
    ("dtypes", "is_tie"),
    [
        (("float32", "float32"), False),
        (("torch.float32", "float32"), False),
        (("float32", "bfloat16"), True),
        (("float16", "float32"), True),
        (("float32", None), True),
        (("float32", "float8_e4m3fn"), True),
    ],
)
def test_the_worse_of_two_arithmetics_counts(dtypes, is_tie):
    runs = two_engines(0.001, *dtypes)
    assert compare(*runs).is_tie is explain(*runs).is_tie is is_tie
    assert board_ranks(runs)[1] == ((1, (1, 2)) if is_tie else (2, (2, 2)))


@pytest.mark.parametrize(
    ("engine", "dtype", "quantization", "floor"),
    [
        ("llama.cpp", "llama 135M Q4_1", None, 5e-3),
        ("llama.cpp", "llama 135M Q4_K - Medium", None, 5e-3),
        ("llama.cpp", "llama 135M all F32", None, 2e-3),
        ("llama.cpp", "llama 135M BF16", None, 2e-3),
        ("transformers", "float32", "8-bit", 5e-3),
        (None, "torch.bfloat16", "awq", 5e-3),
        (None, None, None, 2e-3),
    ],
)
def test_quantised_arithmetic_resolves_less(engine, dtype, quantization, floor):
    """llama.cpp is never as fine as float32: it keeps keys and values in float16."""
    told = Provenance(engine=engine, dtype=dtype, quantization=quantization)
    (run, _) = two_engines(0, None, None)
    assert resolution_of(replace(run, provenance=told)).bits_per_token == floor


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", None])
def test_differences_above_the_floor_are_what_the_texts_say(dtype):
    a, b = two_engines(0.0021, dtype, dtype)
    found = compare(a, b)
    assert not found.is_tie
    assert found.probability > 0.999
    assert board_ranks([a, b]) == [(1, (1, 1)), (2, (2, 2))]
    assert "is better than" in comparison_answer(a, b, found).headlines[0]


def test_what_rounding_leaves_open_is_added_to_what_texts_leave_open():
    noise = np.random.default_rng(1).normal(0, 0.1, (40, 2))
    influences = (noise.mean(axis=0) - noise) / np.sqrt(40 * 39)
    values = np.array([1.06, 1.0])
    assert rank_ranges(values, influences, 39) == [(1, 1), (2, 2)]
    rounding = np.array([0.0, 0.03])
    assert rank_ranges(values, influences, 39, resolutions=rounding) == [(1, 2), (1, 2)]
    assert ranks(values, rounding) == [1, 2]


def test_no_run_ranks_before_a_higher_one_however_coarse_it_is():
    values, resolutions = np.array([3.0, 2.9, 2.8]), np.array([0.01, 0.01, 0.5])
    assert ranks(values, resolutions) == [1, 2, 2]
    rng = np.random.default_rng(0)
    for _ in range(50):
        values, resolutions = rng.normal(0, 1, 9), rng.exponential(0.3, 9)
        found = np.array(ranks(values, resolutions))[np.argsort(-values)]
        assert (np.diff(found) >= 0).all()
        assert found[0] == 1


def test_published_rows_resolve_what_their_figure_does(capsys):
    runs = {run.model: run for run in published_runs()}
    margins = {resolution_of(run).information_capacity for run in runs.values()}
    assert margins == {0.0, 5e-5}
    read_off = next(run for run in runs.values() if run.information_capacity_margin)
    near = replace(
        read_off, model="near", information_capacity=read_off.information_capacity + 4e-5,
        compression_gain_bits_per_token=(read_off.information_capacity + 4e-5)
        * np.log2(read_off.flops_per_token) - read_off.bias_bits_per_token,
    )  # fmt: skip
    found = explain(read_off, near)
    assert found.is_tie
    said = comparison_answer(read_off, near, found).headlines[0]
    assert said.startswith(
        "Tie: the difference is below what the published figure resolves (5e-05 in IC)"
    )


def test_means_over_corpora_tie_as_the_corpora_do():
    def on_corpus(run: Run, number: int) -> Run:
        return replace(run, task=f"t{number}", corpus=f"c{number}", corpus_sha256=str(number) * 64)

    for difference, expected in ((0.001, [1, 1]), (0.003, [1, 2])):
        pair = two_engines(difference, "bfloat16", "bfloat16")
        (table,) = over_corpora(boards([on_corpus(run, n) for run in pair for n in (1, 2)]))
        assert [row.mean.rank for row in table.rows] == expected


def test_json_says_engine_dtype_resolution_and_tie(tmp_path, capsys):
    runs = two_engines(0.001, "bfloat16", "float32")
    (board,) = boards(runs)
    values = record(board.rows[0], [])
    assert (values["engine"], values["dtype"]) == ("first", "bfloat16")
    assert values["information_capacity_resolution"] == pytest.approx(2e-3 / LOG2_FLOPS)
    files = [str(write_results(tmp_path, run)) for run in runs]
    for command in ("compare", "explain"):
        assert main([command, *files, "--format", "json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert found["is_tie"] is True
        assert found["resolution"]["bits_per_token"] == 2e-3
        assert main([command, *files]) == 0
        assert capsys.readouterr().out.startswith("Tie: the difference is below what arithmetic")


def test_compare_says_what_ran_each_where_that_differs():
    different = two_engines(0.001, "torch.bfloat16", "Q4_1", quantization="Q4_1")
    text = comparison_answer(*different, compare(*different)).render("table")
    assert "A ran on first Q4_1 in bfloat16, B on second in Q4_1." in text
    twice = (different[0], different[0])
    assert "ran on" not in comparison_answer(*twice, compare(*twice)).render("table")
