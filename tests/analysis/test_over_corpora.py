"""Models by corpora, with their unweighted mean."""

import csv
import io
import json
import math
import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest
from helpers.made_up import documents, of_corpus, run_of, write_results

from infocap_tasks import leaderboard, over_corpora, to_frame
from infocap_tasks.analysis.intervals import margin_factor
from infocap_tasks.analysis.leaderboard import boards
from infocap_tasks.cli.main import main
from infocap_tasks.report.leaderboard import as_markdown, as_table
from infocap_tasks.report.page.render import page
from infocap_tasks.results.published import published_runs


def run_on(task, model, level, count=12, seed=0, **fields):
    """A run whose documents scatter about this many bits."""
    bits = level + np.random.default_rng(seed).normal(0, 20, count)
    digest = f"{sum(map(ord, task)):064d}"
    return run_of(model, documents(bits), task=task, corpus_sha256=digest, **fields)


def on_two_corpora():
    return [
        run_on("infocap_pydocs", "a", 300),
        run_on("infocap_pydocs", "b", 330),
        run_on("infocap_pydocs", "alone", 200),
        run_on("infocap_pycode", "a", 320, seed=1),
        run_on("infocap_pycode", "b", 250, seed=1),
    ]


def only_table(runs):
    (table,) = over_corpora(boards(runs))
    return table


def by_model(table):
    return {row.model: row for row in table.rows}


def test_models_are_ranked_by_the_unweighted_mean_over_all_corpora():
    runs = on_two_corpora()
    table = only_table(runs)
    of_corpus = {(run.task, run.model): run.information_capacity for run in runs}
    assert [row.model for row in table.rows] == ["b", "a", "alone"]
    for row in table.rows[:2]:
        both = [of_corpus[task, row.model] for task in table.names]
        assert row.mean.value == pytest.approx(sum(both) / 2)
    assert [row.mean.rank for row in table.rows[:2]] == [1, 2]
    assert table.rows[2].mean is None
    assert [run and run.model for run in table.rows[2].runs] == [None, "alone"]


def test_the_number_of_documents_is_no_weight():
    runs = [run_on("x", "m", 300, count=50), run_on("y", "m", 200, count=3)]
    (row,) = only_table(runs).rows
    assert row.mean.value == pytest.approx(np.mean([run.information_capacity for run in runs]))


def test_the_variance_of_the_mean_is_that_of_its_independent_parts():
    """Two corpora of 12 and 30 texts of one length: Satterthwaite's degrees of freedom."""
    runs = [run_on("x", "m", 300, count=12), run_on("y", "m", 200, count=30, seed=1)]
    (row,) = only_table(runs).rows
    variances = []
    for run in runs:
        bits = np.array([score.nll_bits for score in run.documents])
        variances.append((bits / 100 / 30).var(ddof=1) / len(bits))  # 100 tokens, log2 N = 30
    assert row.mean.standard_error == pytest.approx(math.sqrt(sum(variances)) / 2)
    degrees = sum(variances) ** 2 / (variances[0] ** 2 / 11 + variances[1] ** 2 / 29)
    low, high = row.mean.interval
    assert (low + high) / 2 == pytest.approx(row.mean.value)
    margin = margin_factor(degrees) * row.mean.standard_error
    assert (high - low) / 2 == pytest.approx(margin)


def test_parallel_passages_are_not_counted_as_independent():
    """The same costs in two languages tell no more than those in one."""
    english = run_on("x_en", "m", 300, has_named_documents=True)
    chinese = replace(english, task="x_zh", corpus_sha256="2" * 64)
    of_one = boards([english])[0].rows[0].interval
    parallel = by_model(only_table([english, chinese]))["m"].mean
    assert parallel.interval == pytest.approx(of_one)
    numbered = [replace(run, has_named_documents=False) for run in (english, chinese)]
    independent = by_model(only_table(numbered))["m"].mean
    assert independent.standard_error == pytest.approx(parallel.standard_error / math.sqrt(2))


def test_without_documents_the_mean_has_no_interval():
    runs = [run_on("x", "m", 300), run_on("y", "m", 300, documents=None)]
    (row,) = only_table(runs).rows
    assert row.mean.standard_error is row.mean.interval is None


def test_equal_means_share_a_rank():
    runs = [run_on(task, model, 300) for task in "xy" for model in "ab"]
    assert [row.mean.rank for row in only_table(runs).rows] == [1, 1]


def test_regimes_have_tables_of_their_own_and_one_corpus_has_none():
    assert over_corpora(boards(published_runs())) == []
    assert over_corpora(boards([run_on("x", "a", 300), run_on("y", "b", 300)])) == []
    runs = [*on_two_corpora(), *published_runs()]
    assert [table.regime for table in over_corpora(boards(runs))] == ["harness"]


def test_runs_that_are_not_ranked_have_no_mean():
    runs = [*on_two_corpora(), run_on("infocap_pydocs", "lossy", 90, lossy_share=0.9)]
    runs.append(run_on("infocap_pycode", "lossy", 90))
    assert by_model(only_table(runs))["lossy"].mean is None


def test_full_runs_are_taken_before_partial_ones():
    whole = [run_on(task, "m", 300, **of_corpus(12)) for task in "xy"]
    partial = [run_on(task, name, 100, 4, **of_corpus(12)) for task in "xy" for name in "ab"]
    table = only_table([*partial, *whole])
    assert by_model(table).keys() == {"m"}
    assert [shared.num_documents for shared in table.left_out] == [4, 4]
    assert "Not in the mean: made_up, task x" in as_table(boards([*partial, *whole]))
    alone = only_table(partial)
    assert {row.model for row in alone.rows} == {"a", "b"}
    assert "x (partial)" in as_table(boards(partial))


def test_corpora_of_one_task_are_told_apart_by_their_names():
    runs = [
        replace(run_on("infocap_custom", "m", 300), corpus=name, corpus_sha256=name * 64)
        for name in "ab"
    ]
    assert only_table(runs).names == ["infocap_custom a", "infocap_custom b"]


@pytest.fixture
def results(tmp_path):
    for run in on_two_corpora():
        write_results(tmp_path, run)
    return str(tmp_path)


def test_the_board_of_several_corpora_begins_with_the_means(results, capsys):
    printed = {}
    for name in ("table", "md", "csv", "json"):
        assert main(["leaderboard", results, "--format", name]) == 0
        printed[name] = capsys.readouterr().out
    table = only_table(on_two_corpora())
    best = f"{table.rows[0].mean.value:.4f}"
    lines = printed["table"].splitlines()
    assert lines[0] == "Mean of 2 corpora, infocap_*, regime harness"
    assert lines[2].endswith("95 % interval  pycode  pydocs")
    assert lines[3].split()[:3] == ["b", "1", best]
    assert lines[5].split()[:4] == ["alone", "-", "-", "-"]
    assert "Without a mean (-): 1, which" in printed["table"]
    assert printed["md"].startswith("## Mean of 2 corpora")
    first, *others = csv.DictReader(io.StringIO(printed["csv"]))
    assert (first["corpus"], first["model"], first["rank"]) == ("mean of 2 corpora", "b", "1")
    assert float(first["information_capacity"]) == pytest.approx(table.rows[0].mean.value)
    assert len(others) == 1 + 5
    means, *of_corpora = json.loads(printed["json"])
    assert [shared["task"] for shared in means["corpora"]] == table.names
    assert means["rows"][0]["mean_information_capacity"] == pytest.approx(table.rows[0].mean.value)
    assert means["rows"][2]["infocap_pycode"] is None
    assert len(of_corpora) == 2


def test_the_page_of_several_corpora_begins_with_the_means():
    html = page(boards(on_two_corpora()))
    parsed = ET.fromstring(re.search(r'<section class="means".*?</section>', html, re.DOTALL)[0])
    headers = [header.text for header in parsed.findall(".//thead//th")]
    assert headers == ["Model", "Rank", "Mean IC", "95 % interval", "pycode", "pydocs"]
    best = only_table(on_two_corpora()).rows[0]
    first = [cell.text for cell in parsed.findall(".//tbody/tr[1]/*")]
    assert first[:3] == ["b", "1", f"{best.mean.value:.4f}"]
    assert html.index('class="means"') < html.index('class="board"')
    assert 'class="means"' not in page(boards(published_runs()))


def test_many_corpora_stand_in_blocks_of_80_columns():
    tasks = [f"infocap_parallel_{name}" for name in ("en", "zh", "ja", "ko", "de", "fr", "es")]
    tasks += ["infocap_pydocs", "infocap_pycode"]
    found = boards([run_on(task, "Hunyuan-0.5B-Pretrain", 300) for task in tasks])
    _, *blocks = as_table(found).split("\n\nEach corpus counts")[0].split("\n\n")
    assert len(blocks) > 1
    assert all(len(line) <= 80 for block in blocks for line in block.split("\n"))
    assert all("Hunyuan-0.5B-Pretrain" in block for block in blocks)
    assert sum(block.count("parallel_") for block in blocks) == 7
    assert as_markdown(found).count("Mean IC") == 1
    of_languages = as_table(boards([run_on(task, "m", 300) for task in tasks[:7]]))
    assert of_languages.startswith("Mean of 7 corpora, infocap_parallel_*, regime harness")
    assert "95 % interval      de      en      es" in of_languages


def test_a_frame_has_a_row_a_model_and_a_column_a_corpus():
    (table,) = over_corpora(leaderboard(on_two_corpora()))
    frame = to_frame(table)
    assert list(frame["model"]) == ["b", "a", "alone"]
    assert frame["infocap_pydocs"].notna().all()
    assert frame["rank"].dtype == "Int64"
    assert math.isnan(frame["mean_information_capacity"][2])
