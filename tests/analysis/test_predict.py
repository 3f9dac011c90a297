import csv
import json
import math
from importlib.resources import files

import numpy as np
import pytest
from helpers.made_up import documents, made_up_series, run_of
from helpers.models import byte_tokenizer, save_llama

from infocap_tasks.analysis.bias import by_series
from infocap_tasks.analysis.predict import (
    FROM_CAPACITY,
    FROM_NEAREST,
    FROM_POWER_LAW,
    OVER_DOCUMENTS,
    OVER_MODELS,
    leave_one_out,
    nearest,
    power_law,
    predict_new,
    predict_others,
)
from infocap_tasks.analysis.prediction import errors_of
from infocap_tasks.cli.main import main
from infocap_tasks.errors import InfocapError
from infocap_tasks.results.published import published_runs


def published(series):
    text = files("infocap_tasks.results").joinpath("published_mixed_text.csv").read_text("utf-8")
    return [row for row in csv.DictReader(text.splitlines()) if row["series"] == series]


def test_published_predictions_equal_those_from_the_csv():
    """G of Qwen1.5 from each of its sizes: G = IC_ref log2 N + 24, measured G = IC log2 N + 24."""
    rows = published("Qwen1.5")
    series = by_series(published_runs())["Qwen1.5"]
    errors = []
    for reference in rows:
        for target in rows:
            if target is not reference:
                x = math.log2(float(target["reference_flops_per_token"]))
                measured = float(target["information_capacity"]) * x + 24
                errors.append(
                    abs(float(reference["information_capacity"]) * x + 24 - measured) / measured
                )
    found = errors_of(FROM_CAPACITY, leave_one_out(series)[FROM_CAPACITY])
    assert found.num_predictions == len(errors) == 42
    assert found.mean_gain_error == pytest.approx(np.mean(errors), rel=1e-9)
    assert found.largest_gain_error == pytest.approx(max(errors), rel=1e-9)
    assert found.mean_nll_error is None


def test_published_baselines_equal_those_from_the_csv():
    """Power law by lstsq in logarithms, nearest by hand."""
    rows = published("Gemma-3-Base")
    x = np.log([float(row["reference_flops_per_token"]) for row in rows])
    gain = np.array([float(row["information_capacity"]) for row in rows]) * x / math.log(2) + 24
    series = by_series(published_runs())["Gemma-3-Base"]
    predicted = [p.predicted_gain_bits_per_token for p in power_law(series)]
    for index in range(len(rows)):
        keep = np.arange(len(rows)) != index
        design = np.stack([x[keep], np.ones(keep.sum())], axis=1)
        slope, intercept = np.linalg.lstsq(design, np.log(gain[keep]), rcond=None)[0]
        assert predicted[index] == pytest.approx(math.exp(intercept + slope * x[index]), rel=1e-9)
    of_nearest = [p.predicted_gain_bits_per_token for p in nearest(series)]
    others = [
        min((j for j in range(5) if j != i), key=lambda j: abs(x[j] - x[i])) for i in range(5)
    ]
    assert of_nearest == pytest.approx(gain[others])


def test_published_nll_is_predicted_from_the_leaderboard_numbers():
    """GLM-4.5: H of the large one from the small one, with the numbers of the leaderboard."""
    series = by_series(published_runs())["GLM-4.5-Base"]
    (prediction,) = predict_others(series[0], series)
    capacity = (34.82 - 2.58169 - 24) / math.log2(1.73334e10)
    gain = capacity * math.log2(4.76842e10) + 24
    assert prediction.predicted_nll_bits_per_token == pytest.approx(34.82 - gain, abs=1e-4)
    assert prediction.nll_error == pytest.approx((34.82 - gain) / 2.281375 - 1, abs=1e-4)
    assert prediction.interval is None


def test_flat_series_is_predicted_exactly():
    series = made_up_series("A", 0.2, -24, [30, 32, 35, 36])
    found = {name: errors_of(name, p) for name, p in leave_one_out(series).items()}
    assert found[FROM_CAPACITY].largest_gain_error == pytest.approx(0, abs=1e-12)
    assert found[FROM_CAPACITY].num_predictions == 12
    assert found[FROM_NEAREST].mean_gain_error > 0.001


def test_power_law_fits_nll_if_it_is_known():
    """H = 40 N^-0.1 exactly, in the series and in the prediction."""
    runs = [run_of(f"m{x}", documents([100 * 40 * 2 ** (-0.1 * x)], 2.0**x)) for x in (28, 31, 36)]
    for prediction in power_law(runs):
        assert prediction.nll_error == pytest.approx(0, abs=1e-9)
        assert prediction.gain_error == pytest.approx(0, abs=1e-9)


def test_power_law_needs_two_other_sizes():
    series = made_up_series("A", 0.2, -24, [30, 32])
    assert leave_one_out(series)[FROM_POWER_LAW] == []
    assert errors_of(FROM_POWER_LAW, []).mean_gain_error is None


def test_intervals_over_models_cover_the_measured_gain():
    covered = total = 0
    for seed in range(100):
        noise = np.random.default_rng(seed).normal(0, 0.05, 4) * np.array([30, 32, 34, 36]) / 33
        series = made_up_series("A", 0.2, -24, [30, 32, 34, 36], noise)
        for prediction in predict_others(series[0], series):
            assert prediction.interval_over == OVER_MODELS
            low, high = prediction.interval
            covered += low <= prediction.gain_bits_per_token <= high
            total += 1
    assert covered >= 0.9 * total


def test_interval_does_not_depend_on_the_target():
    series = made_up_series("A", 0.2, -24, [30, 32, 34], [0, 0.01, 0])
    moved = made_up_series("A", 0.2, -24, [30, 32, 34], [0, 0.01, 9])
    target = [predict_others(runs[0], runs)[1] for runs in (series, moved)]
    assert target[0].interval == target[1].interval
    assert target[0].gain_error != target[1].gain_error


def test_new_size_is_predicted_with_an_interval_over_models():
    series = made_up_series("A", 0.2, -24, [30, 32], [0, 0.05])
    prediction = predict_new(series[0], series, "new", 2.0**40)
    assert prediction.predicted_gain_bits_per_token == pytest.approx(0.2 * 40 + 24)
    assert prediction.interval_over == OVER_MODELS
    assert prediction.gain_error is None
    alone = predict_new(series[0], series[:1], "new", 2.0**40)
    assert (alone.interval, alone.interval_over) == (None, None)
    with pytest.raises(InfocapError, match="above 1"):
        predict_new(series[0], series, "new", 1)


def test_single_size_has_an_interval_over_its_documents():
    run = run_of("m", documents([300, 350, 280, 310, 400]))
    prediction = predict_new(run, [run], "new", 2.0**40)
    assert prediction.interval_over == OVER_DOCUMENTS
    low, high = prediction.interval
    assert low < prediction.predicted_gain_bits_per_token < high
    assert prediction.predicted_nll_bits_per_token == pytest.approx(
        40 - prediction.predicted_gain_bits_per_token
    )


def test_single_size_cannot_be_held_against_a_measurement():
    with pytest.raises(InfocapError, match="--target"):
        leave_one_out(made_up_series("A", 0.2, -24, [30]))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--reference", "Qwen1.5-4B"], "choose one with --series"),
        (["--series", "Qwen1.5", "--reference", "Qwen9"], "not among the models"),
        (["--series", "Nobody"], "no run has it"),
        (["--series", "Seed-OSS-Base"], "has one size"),
        *((["--series", "Qwen1.5", "--target-flops", n], "finite number above 1")
          for n in ("inf", "nan", "0", "-1")),
    ],
)  # fmt: skip
def test_wrong_input_is_one_line(arguments, said, capsys):
    assert main(["predict", "--published", *arguments]) == 2
    # Before it stands what was assumed of published rows.
    *_, line = capsys.readouterr().err.splitlines()
    assert line.startswith("infocap: error:")
    assert said in line


def test_target_of_reference_runs_costs_by_the_published_formula(tmp_path, capsys):
    """The runs are of the regime reference, so the target's N is the published formula's."""
    model = save_llama(tmp_path / "new", byte_tokenizer(), hidden_size=32)
    arguments = ["predict", "--published", "--series", "Llama-3", "--target", str(model)]
    assert main([*arguments, "--format", "json"]) == 0
    (prediction,) = json.loads(capsys.readouterr().out)["predictions"]
    layer = 4 * 32 * 32 + 4 * 32 * 2 * 8 + 6 * 32 * 64 + 4 * 32 * 1023 // 2
    assert prediction["flops_per_token"] == 2 * layer + 2 * 32 * 256


def test_survey_of_all_series_gives_the_published_error(capsys):
    assert main(["predict", "--published", "--format", "csv"]) == 0
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    (total,) = [r for r in rows if r["series"] == "all series" and r["method"] == FROM_CAPACITY]
    assert float(total["largest_nll_error"]) < 0.08  # as published
    assert int(total["num_predictions"]) == 122


def test_shared_sizes_are_those_that_all_methods_predict(capsys):
    """Series of two sizes have no power law: GLM-4.5-Base and GLM-4-Base are not among them."""
    assert main(["predict", "--published", "--format", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    shared = {row["method"]: row for row in rows if row["series"] == "all series, shared sizes"}
    targets = [{e["target"] for e in row["errors"]} for row in shared.values()]
    assert targets[0] == targets[1] == targets[2]
    assert len(targets[0]) == 31
    assert [row["num_predictions"] for row in shared.values()] == [118, 31, 31]
    assert [row["num_nll_predictions"] for row in shared.values()] == [6, 2, 2]
    with_nll = [
        {e["target"] for e in row["errors"] if e["nll_error"] is not None}
        for row in shared.values()
    ]
    assert with_nll == [{"Hunyuan-0.5B-Pretrain", "Hunyuan-1.8B-Pretrain"}] * 3


def test_listed_errors_make_the_mean(capsys):
    assert main(["predict", "--published", "--series", "Qwen1.5", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)["leave_one_out"]
    assert [len(row["errors"]) for row in found] == [42, 7, 7]
    for row in found:
        sizes = [abs(error["gain_error"]) for error in row["errors"]]
        assert np.mean(sizes) == pytest.approx(row["mean_gain_error"])
        assert set(row["errors"][0]) == {"reference", "target", "gain_error", "nll_error"}
    pairs = {(error["reference"], error["target"]) for error in found[0]["errors"]}
    assert len(pairs) == 42
    assert all(error["reference"] is None for error in found[1]["errors"])


def test_nll_interval_mirrors_the_gain_interval(capsys):
    arguments = ["predict", "--published", "--series", "Hunyuan-Pretrain", "--format", "csv"]
    assert main(arguments) == 0
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert {row["interval_over"] for row in rows} == {OVER_MODELS}
    for row in rows:
        low, high, of_nll_low, of_nll_high, predicted = (
            float(row[f"predicted_{name}"])
            for name in ("gain_low", "gain_high", "nll_low", "nll_high", "nll_bits_per_token")
        )
        assert of_nll_low == pytest.approx(34.95 - high)
        assert of_nll_high == pytest.approx(34.95 - low)
        assert of_nll_low < predicted < of_nll_high
    assert main([*arguments, "--target-flops", "1e11"]) == 0
    (row,) = csv.DictReader(capsys.readouterr().out.splitlines())
    assert float(row["predicted_nll_low"]) < float(row["predicted_nll_high"])
