import json

import numpy as np
import pytest
from helpers.made_up import documents, run_of, write_results
from scipy import stats

from infocap_tasks.analysis.correlate import (
    MEAN,
    correlate,
    demeaned,
    estimate,
    kendall,
    pearson,
    scores_by_benchmark,
    spearman,
)
from infocap_tasks.cli.main import main
from infocap_tasks.errors import InfocapError
from infocap_tasks.results.published import published_runs

SCORES = [0.30, 0.45, 0.40, 0.60, 0.70, 0.65]
SERIES = ["A", "A", "A", "B", "B", "C"]


def made_up_runs(scores=SCORES, **benchmarks):
    return [
        run_of(
            f"m{index}",
            documents([400.0 - 20 * index - 7 * (index % 2)] * 3, flops=2.0 ** (30 + index)),
            series=SERIES[index],
            benchmarks={"arc": score, **{name: row[index] for name, row in benchmarks.items()}},
        )
        for index, score in enumerate(scores)
    ]


def pick(found, **wanted):
    (row,) = [
        row for row in found if all(getattr(row, name) == value for name, value in wanted.items())
    ]
    return row


@pytest.mark.parametrize(
    ("name", "of_scipy"),
    [("pearson", stats.pearsonr), ("spearman", stats.spearmanr), ("kendall", stats.kendalltau)],
)
@pytest.mark.parametrize("quantity", ["information_capacity", "bits_per_byte"])
def test_coefficients_over_all_models_equal_scipy(name, of_scipy, quantity):
    runs = made_up_runs()
    row = pick(
        correlate(runs), benchmark="arc", quantity=quantity, within_series=False, coefficient=name
    )
    assert row.value == pytest.approx(of_scipy([r.metric(quantity) for r in runs], SCORES)[0])
    assert row.low <= row.value <= row.high
    assert row.num_models == 6


@pytest.mark.parametrize(
    ("ours", "of_scipy"),
    [(pearson, stats.pearsonr), (spearman, stats.spearmanr), (kendall, stats.kendalltau)],
)
def test_coefficients_of_many_rows_with_ties_equal_scipy(ours, of_scipy):
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 5, (2, 50, 12)).astype(float)
    expected = [of_scipy(a, b)[0] for a, b in zip(x, y, strict=True)]
    assert ours(x, y) == pytest.approx(np.array(expected))


def test_within_series_equals_hand_calculation():
    """A and B less their means; C has one model and says nothing."""
    runs = made_up_runs()
    x = [run.information_capacity for run in runs]
    x = [*(np.array(x[:3]) - np.mean(x[:3])), *(np.array(x[3:5]) - np.mean(x[3:5]))]
    y = [0.30 - 1.15 / 3, 0.45 - 1.15 / 3, 0.40 - 1.15 / 3, -0.05, 0.05]
    row = pick(
        correlate(runs), quantity="information_capacity", within_series=True, coefficient="pearson"
    )
    assert row.value == pytest.approx(stats.pearsonr(x, y)[0])
    assert row.num_models == 5


def test_demeaned_takes_off_the_mean_of_each_series():
    assert demeaned(np.array([1.0, 5.0, 3.0]), ["a", "b", "a"]).tolist() == [-1, 0, 1]
    rows = np.array([[1.0, 5.0, 3.0], [2.0, 1.0, 8.0]])
    assert demeaned(rows, ["a", "b", "a"]).tolist() == [[-1, 0, 1], [-3, 0, 3]]
    assert demeaned(np.full(3, 0.1), ["a", "a", "a"]).tolist() == [0, 0, 0]


@pytest.mark.parametrize("sizes", [(4, 4), (2,) * 8, (5, 4, 3, 2, 2)])
@pytest.mark.parametrize("name", ["pearson", "kendall"])
def test_intervals_within_series_cover_zero_for_independent_values(sizes, name):
    """Of 200 draws of independent x and y about 95 % have 0 in the interval; never far fewer."""
    series = [str(index) for index, size in enumerate(sizes) for _ in range(size)]
    covered = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        levels = rng.normal(0, 3, (2, len(sizes)))  # what tells the series apart
        x, y = (
            demeaned(rng.normal(size=len(series)) + level[list(map(int, series))], series)
            for level in levels
        )
        _, low, high = estimate(x, y, name, series, seed)
        covered += low <= 0 <= high
    assert 0.87 <= covered / 200 <= 0.99


def test_note_says_that_too_few_models_have_no_interval_within_series():
    """5 models of 2 series: 3."""
    found = correlate(made_up_runs())
    within = [row for row in found if row.within_series]
    assert all(row.value is not None and row.low is row.high is None for row in within)
    assert all("5 models less 2 series is 3, and it needs 4" in row.note for row in within)
    assert all(row.low is not None for row in found if not row.within_series)


def test_every_format_warns_of_few_models(tmp_path, capsys):
    for run in made_up_runs():
        write_results(tmp_path, run)
    for name in ("json", "csv", "table"):
        assert main(["correlate", str(tmp_path), "--format", name]) == 0
        text = capsys.readouterr().out
        assert "ewer than 10 models say little" in text
        assert ("note" in text) is (name != "table")


def test_mean_is_over_models_that_have_all_benchmarks():
    runs = made_up_runs(other=[0.5, 0.6, 0.7, 0.8, 0.9, 0.1])
    scores = scores_by_benchmark(runs)
    assert list(scores) == ["arc", "other", MEAN]
    assert scores[MEAN]["m0"] == pytest.approx(0.4)


def test_constant_scores_have_no_coefficient():
    row = pick(
        correlate(made_up_runs([0.5] * 6)),
        quantity="bits_per_byte", within_series=False, coefficient="kendall",
    )  # fmt: skip
    assert (row.value, row.low, row.high) == (None, None, None)


def test_too_few_models_and_unknown_benchmarks_are_refused():
    with pytest.raises(InfocapError, match="3 of 3 models have a score"):
        correlate(made_up_runs()[:3])
    with pytest.raises(InfocapError, match="there are arc"):
        correlate(made_up_runs(), ["hellaswag"])
    with pytest.raises(InfocapError, match="0 of 39"):
        correlate(published_runs())


def test_command_refuses_published_numbers_in_one_line(capsys):
    assert main(["correlate", "--published"]) == 2
    about_figures, error = capsys.readouterr().err.splitlines()
    assert "read off a figure" in about_figures
    assert error.startswith("infocap: error: ")


def test_intervals_are_reproducible():
    assert json.dumps(correlate(made_up_runs())) == json.dumps(correlate(made_up_runs()))


@pytest.fixture
def two_tasks(tmp_path):
    """Four models with a benchmark on two tasks, and one model on a third."""
    for number, task in enumerate(("x_docs", "x_code", "x_few")):
        for place in range(4 if number < 2 else 1):
            scores = documents([300.0 + 10 * place * (1 - 2 * number) + i for i in range(8)])
            run = run_of(
                f"m{place}", scores, task=task, corpus_sha256=str(number) * 64,
                benchmarks={"arc": 0.2 * place},
            )  # fmt: skip
            write_results(tmp_path, run)
    return tmp_path


def test_several_tasks_are_correlated_each_by_itself(two_tasks, capsys):
    assert main(["correlate", str(two_tasks), "--format", "json"]) == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert {row["task"] for row in found} == {"x_docs", "x_code"}
    pearson = {
        row["task"]: row["value"]
        for row in found
        if (row["quantity"], row["coefficient"]) == ("information_capacity", "pearson")
        and not row["within_series"]
    }
    # More bits are less capacity, and the score rises with them on one task and falls on the other.
    assert pearson["x_docs"] == pytest.approx(-1)
    assert pearson["x_code"] == pytest.approx(1)
    assert "left out x_few: benchmarks: 1 of 1 models have a score" in err
    alone = "x_docs"
    assert main(["correlate", str(two_tasks), "--task", alone, "--format", "json"]) == 0
    assert [{"task": alone, **row} for row in json.loads(capsys.readouterr().out)] == [
        row for row in found if row["task"] == alone
    ]


def test_each_task_has_a_heading_and_a_panel(two_tasks, tmp_path, capsys):
    path = tmp_path / "scatter.svg"
    assert main(["correlate", str(two_tasks), "--format", "md", "-o", str(path)]) == 0
    headings = [line for line in capsys.readouterr().out.splitlines() if line.startswith("##")]
    assert headings == ["## x_code", "## x_docs"]
    assert path.read_text().count("<!-- x_") == 2


def test_tasks_without_enough_scores_are_refused_in_one_line(two_tasks, capsys):
    assert main(["correlate", str(two_tasks), "--benchmarks", "beauty"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "beauty: no score of it beside the runs; there are arc" in line
