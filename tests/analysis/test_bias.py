import csv
import json
from importlib.resources import files

import numpy as np
import pytest
from helpers.made_up import documents, made_up_series, run_of

from infocap_tasks.analysis.bias import POOLED, by_series, fit_bias, fit_biases, relative_range
from infocap_tasks.cli.main import main
from infocap_tasks.errors import InfocapError
from infocap_tasks.results.published import published_runs


def rows_by_series():
    """log2 N and G by series from the CSV alone; G = IC log2 N + 24 where C and H are not given."""
    text = files("infocap_tasks.results").joinpath("published_mixed_text.csv").read_text("utf-8")
    series = {}
    for row in csv.DictReader(text.splitlines()):
        x = np.log2(float(row["reference_flops_per_token"]))
        gain = float(row["information_capacity"]) * x + 24
        if row["nll_bits_per_token"]:
            gain = float(row["text_size_bits_per_token"]) - float(row["nll_bits_per_token"])
        series.setdefault(row["series"], []).append((x, gain))
    return {name: np.array(rows) for name, rows in series.items()}


def test_published_biases_equal_the_closed_forms():
    fits = {fit.series: fit for fit in fit_biases(published_runs())}
    series = {name: rows for name, rows in rows_by_series().items() if len(rows) > 1}
    assert fits.keys() == series.keys() | {POOLED}
    for name, rows in series.items():
        x, gain = rows.T
        slope = ((x - x.mean()) * (gain - gain.mean())).sum() / ((x - x.mean()) ** 2).sum()
        bias = slope * x.mean() - gain.mean()
        assert fits[name].bias_bits_per_token == pytest.approx(bias, abs=1e-8)
        assert fits[name].information_capacity[name] == pytest.approx(slope, rel=1e-9)
        for own, b in (
            (fits[name].relative_range_before, -24),
            (fits[name].relative_range_after, bias),
        ):
            capacities = (gain + b) / x
            expected = (capacities.max() - capacities.min()) / capacities.mean()
            assert own == pytest.approx(expected, rel=1e-3, abs=1e-9)


def test_published_pooled_bias_equals_profiled_least_squares():
    """Another way to the same fit: for a given b the slopes are ratios; b by a fine search."""
    series = [rows for rows in rows_by_series().values() if len(rows) > 1]

    def squares(b):
        total = 0.0
        for x, gain in (rows.T for rows in series):
            slope = (x * (gain + b)).sum() / (x**2).sum()
            total += ((gain + b - slope * x) ** 2).sum()
        return total

    grid = np.linspace(-30, -18, 2401)
    best = grid[np.argmin([squares(b) for b in grid])]
    pooled = fit_biases(published_runs())[-1]
    assert pooled.series == POOLED
    assert pooled.bias_bits_per_token == pytest.approx(best, abs=6e-3)
    assert pooled.num_models == 35
    # The published constant of this corpus is -24.
    assert pooled.interval.low < -24 < pooled.interval.high


def test_known_bias_and_slopes_are_recovered():
    series = {
        "A": made_up_series("A", 0.21, -25.5, [30, 32, 35]),
        "B": made_up_series("B", 0.13, -25.5, [29, 36]),
    }
    for group in series.values():
        alone = fit_bias({group[0].series: group})
        assert alone.bias_bits_per_token == pytest.approx(-25.5, abs=1e-9)
        assert alone.relative_range_after == pytest.approx(0, abs=1e-12)
        assert alone.relative_range_before > 0.001
    pooled = fit_bias(series)
    assert pooled.bias_bits_per_token == pytest.approx(-25.5, abs=1e-9)
    assert pooled.information_capacity == pytest.approx({"A": 0.21, "B": 0.13})


def test_two_models_have_no_interval_and_pooled_series_do():
    a, b = (made_up_series(n, s, -24, [30, 35], [0, 0.1]) for n, s in (("A", 0.2), ("B", 0.3)))
    assert fit_bias({"A": a}).interval is None
    assert fit_bias({"A": a, "B": b}).interval is not None


@pytest.mark.parametrize("sizes", [[30, 32, 34], [29, 30, 32, 33, 36]])
def test_intervals_over_models_cover_the_true_bias(sizes):
    covered = 0
    for seed in range(100):
        noise = np.random.default_rng(seed).normal(0, 0.05, len(sizes))
        fit = fit_bias({"A": made_up_series("A", 0.2, -24, sizes, noise)})
        covered += fit.interval.low <= -24 <= fit.interval.high
    assert covered >= 90


def test_intervals_over_documents_cover_the_true_bias():
    """Two sizes on the same texts: what other texts would have given."""
    sizes, covered = (30, 36), 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        hard = rng.gamma(9, 30 / 9, 50)
        runs = [run_of(f"m{x}", documents(10 * hard * (36 / x) ** 2, 2.0**x), "A") for x in sizes]
        gains = [40 - 10 * 30 * (36 / x) ** 2 / 100 for x in sizes]
        slope = (gains[1] - gains[0]) / (sizes[1] - sizes[0])
        low, high = fit_bias({"A": runs}).interval_over_documents
        covered += low <= slope * sizes[0] - gains[0] <= high
    assert covered >= 90


def test_series_without_two_sizes_are_refused():
    with pytest.raises(InfocapError, match="same FLOPs"):
        fit_biases(made_up_series("A", 0.2, -24, [30, 30]))
    with pytest.raises(InfocapError, match="at least two sizes"):
        fit_biases(made_up_series("A", 0.2, -24, [30]))


def test_by_series_sorts_each_series_by_cost():
    runs = made_up_series("A", 0.2, -24, [33, 30, 35])
    (group,) = by_series(runs).values()
    assert [run.flops_per_token for run in group] == [2.0**30, 2.0**33, 2.0**35]
    assert relative_range(group) == pytest.approx(0)


def test_json_says_why_there_is_no_interval(capsys):
    assert main(["bias", "--published", "--series", "Qwen1.5", "--format", "json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["series"] == "Qwen1.5"
    assert found["interval"][0] < found["bias_bits_per_token"] < found["interval"][1]
    assert found["relative_range_after"] < found["relative_range_before"]
    assert main(["bias", "--published", "--series", "GLM-4.5-Base", "--format", "json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["interval"], found["interval_reason"]) == (None, "two models leave no residual")
