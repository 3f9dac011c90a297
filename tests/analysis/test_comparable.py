import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest
from helpers.made_up import documents, run_of, write_results

from infocap_tasks.analysis.comparable import (
    comparable,
    require_comparable,
    require_comparable_pair,
)
from infocap_tasks.cli.main import main
from infocap_tasks.errors import InfocapError
from infocap_tasks.results.published import published_runs

ONE, TWO = "1" * 64, "2" * 64


def own(model, sha=ONE, bits=(300.0, 320.0, 310.0), flops=2.0**31, **fields):
    """A run of the task that the published numbers are of."""
    settings = {
        "task": "infocap_mixed_reference",
        "corpus": "mixed_text.jsonl",
        "corpus_sha256": sha,
    }
    scores = documents(bits, flops, bias=-24.0, regime="reference")
    return run_of(model, scores, **settings | fields)


def test_published_rows_join_the_only_corpus_of_their_task_and_the_group_says_so():
    runs = [own("mine-1B"), *published_runs()]
    group = require_comparable(runs)
    assert comparable(runs) == [group]
    assert (group.shared.corpus, group.shared.corpus_sha256) == ("mixed_text.jsonl", ONE)
    assert list(group.runs) == runs
    (line,), (read_off,) = group.remarks, group.read_off
    assert "39 published rows do not say the hash of their texts" in line
    assert read_off.startswith("IC of 32 of 40 models was read off a figure, good to 5e-05")
    assert require_comparable(published_runs()).remarks == []
    assert require_comparable(runs[:1]).remarks == []


def test_published_rows_join_none_of_several_corpora():
    runs = [own("a-1B"), own("b-1B", TWO), *published_runs()]
    groups = comparable(runs)
    assert [len(group.runs) for group in groups] == [1, 1, 39]
    assert [group.remarks for group in groups] == [[], [], []]
    with pytest.raises(InfocapError) as error:
        require_comparable(runs)
    assert "differ in corpus_sha256 (111111111111, 222222222222, unknown)" in str(error.value)
    assert "regime" not in str(error.value)


def test_published_row_of_a_model_that_was_read_is_left_out():
    runs = [own("Qwen3-0.6B-Base"), *published_runs()]
    (group,) = comparable(runs)
    assert len(group.runs) == 39
    assert group.runs[0] is runs[0]
    assert group.left_out == ["Qwen3-0.6B-Base"]
    assert "left out the published Qwen3-0.6B-Base" in group.remarks[1]


def test_pair_may_be_of_one_model_and_may_differ_in_bias():
    published = published_runs()[0]
    pair = require_comparable_pair(own(published.model), replace(published, bias_bits_per_token=-9))
    assert len(pair.runs) == 2
    assert "1 published rows do not say the hash" in pair.assumption
    with pytest.raises(InfocapError, match="differ in max_tokens"):
        require_comparable_pair(own("a"), replace(published, max_tokens=512))


def test_no_runs_are_no_group():
    assert comparable([]) == []
    with pytest.raises(InfocapError, match="no runs to compare"):
        require_comparable([])


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"task": "infocap_custom"}, r"task \(infocap_custom, infocap_mixed_reference\)"),
        ({"max_tokens": 512}, r"max_tokens \(1024, 512\)"),
        ({"regime": "harness"}, r"regime \(harness, reference\)"),
        ({"bias_bits_per_token": -27.0}, r"bias_bits_per_token \(-24.0, -27.0\)"),
        ({"task": "t", "max_tokens": 512}, r"task \(.*\); max_tokens \(1024, 512\)"),
    ],
)
def test_error_names_all_that_differs(fields, said):
    with pytest.raises(InfocapError, match=said):
        require_comparable([own("a"), replace(own("b"), **fields)])


def test_same_texts_under_another_name_are_comparable():
    assert len(comparable([own("a"), own("b", corpus="copy.jsonl")])) == 1


@pytest.fixture
def results(tmp_path):
    """Results files of two sizes, in the shape that the harness gives them."""
    folder = tmp_path / "results"
    folder.mkdir()
    for model, bits, flops in (("mine-1B", 330.0, 2.0**31), ("mine-2B", 290.0, 2.0**32)):
        scores = {"bits": (bits, bits + 20, bits + 10), "flops": flops}
        run = own(model, **scores, benchmarks={"arc": flops / 2**34})
        write_results(folder, run)
    return folder


def test_own_and_published_rows_share_boards_and_figures(results, tmp_path, capsys):
    assert main(["leaderboard", str(results), "--published", "--format", "json"]) == 0
    streams = capsys.readouterr()
    (board,) = json.loads(streams.out)
    assert {"mine-1B", "Qwen3-0.6B-Base"} < {row["model"] for row in board["rows"]}
    line, few = streams.err.splitlines()
    assert "an interval means little" in few
    assert "39 published rows do not say the hash" in line
    for figure in ("capacity", "frontier", "series"):
        path = tmp_path / f"{figure}.svg"
        assert main(["plot", figure, str(results), "--published", "-o", str(path)]) == 0
        assert "39 published rows" in capsys.readouterr().err
    page = tmp_path / "page.html"
    assert main(["leaderboard", str(results), "--published", "-o", str(page)]) == 0
    assert "39 published rows do not say the hash" in page.read_text()


@pytest.mark.parametrize("command", ["bias", "predict"])
def test_fits_take_own_and_published_rows(results, command, capsys):
    assert main([command, str(results), "--published", "--format", "csv"]) == 0
    streams = capsys.readouterr()
    series = {row["series"] for row in csv.DictReader(streams.out.splitlines())}
    assert {"mine", "Qwen1.5"} < series
    assert "39 published rows" in streams.err


@pytest.mark.parametrize(
    "command", ["plot capacity", "plot benchmarks", "bias", "predict", "correlate"]
)
def test_all_commands_refuse_incomparable_runs_in_the_same_words(
    results, command, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    write_results(results, own("mine-4B", TWO))
    drawn = ["-o", "x.png"] if command.startswith("plot") else []
    assert main([*command.split(), str(results), "--published", *drawn]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "the runs differ in corpus_sha256 (111111111111, 222222222222, unknown)" in line


def test_compared_runs_may_differ_in_bias(tmp_path, capsys):
    paths = [
        str(write_results(tmp_path, own(name, **fields)))
        for name, fields in (("a", {}), ("b", {"bits": (300.0, 300.0, 310.0)}))
    ]
    content = json.loads(Path(paths[1]).read_text())
    task = content["configs"]["infocap_mixed_reference"]["metadata"]["infocap"]
    task["bias_bits_per_token"] = -27
    row = content["results"]["infocap_mixed_reference"]
    del row["information_capacity,none"]
    Path(paths[1]).write_text(json.dumps(content))
    assert main(["explain", *paths, "--format", "csv"]) == 0
    assert "bias_bits_per_token" in capsys.readouterr().out
