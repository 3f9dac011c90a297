"""Runs of different documents: kept apart, or taken to those that they share."""

import csv
import json
from dataclasses import replace

import pytest
from helpers.made_up import documents, of_corpus, run_of, write_results

from infocap_tasks.analysis.comparable import comparable, require_comparable
from infocap_tasks.analysis.leaderboard import boards
from infocap_tasks.analysis.shared_documents import on_shared_documents
from infocap_tasks.cli.main import main
from infocap_tasks.errors import InfocapError
from infocap_tasks.metrics import METRICS, standard_error
from infocap_tasks.results.published import published_runs
from infocap_tasks.results.run import Run

BITS = [300.0, 350.0, 310.0, 390.0, 280.0, 330.0]


def made(model: str, count: int = len(BITS), flops: float = 2.0**30, **fields) -> Run:
    """A run of the first documents of a corpus of six."""
    scores = documents([bits + flops / 2**30 for bits in BITS[:count]], flops)
    return run_of(model, scores, **of_corpus(len(BITS)) | fields)


def held_in(runs):
    return [[run.model for run in group.runs] for group in comparable(runs)]


def test_partial_run_is_not_beside_runs_of_all_documents():
    runs = [made("a-1B"), made("b-1B", 3), made("c-1B"), made("d-1B", 3), made("e-1B", 2)]
    assert held_in(runs) == [["a-1B", "c-1B"], ["b-1B", "d-1B"], ["e-1B"]]
    assert [len(board.rows) for board in boards(runs)] == [2, 1, 2]


def test_board_of_all_documents_comes_first():
    first, second = boards([made("b", 3), made("a")])
    assert (first.shared.documents, second.shared.documents) == ("6", "3 of 6")
    assert "3 of 6 documents (partial)" in str(second.shared)
    (line,) = second.group.remarks
    assert line.startswith("partial: 3 of 6 documents of made_up were scored (b)")
    assert first.group.remarks == []


def test_documents_that_are_not_held_are_told_apart_by_their_number():
    corpus = {"num_documents": 6, "num_documents_scored": 3}
    few = made("few", documents=None)
    few = replace(few, provenance=replace(few.provenance, corpus=corpus))
    assert held_in([made("a"), few, made("old", documents=None)]) == [["a", "old"], ["few"]]


def test_published_rows_do_not_join_a_partial_run():
    terms = {
        "task": "infocap_mixed_reference",
        "regime": "reference",
        "bias_bits_per_token": -24.0,
    }
    partial = replace(made("mine", 3), **terms)
    assert [len(group.runs) for group in comparable([partial, *published_runs()])] == [1, 39]
    whole = replace(made("mine"), **terms)
    groups = comparable([partial, whole, *published_runs()])
    assert [len(group.runs) for group in groups] == [1, 40]


def test_runs_of_files_that_do_not_count_their_corpus_are_compared_by_name():
    """As files of earlier versions: the same documents are one group, others are not."""
    old, other = (made(name, count, provenance=made("x").provenance.__class__())
                  for name, count in (("old", 6), ("other", 3)))  # fmt: skip
    assert held_in([made("new"), old]) == [["new", "old"]]
    assert held_in([old, other]) == [["old"], ["other"]]


def test_numbers_on_shared_documents_are_those_of_a_run_that_scored_only_these():
    errors = {name: standard_error(name, made("a").documents) for name in METRICS}
    (whole, partial), (line,) = on_shared_documents(
        [made("a", standard_errors=errors), made("b", 3)]
    )
    fresh = made("a", 3)
    for name in METRICS:
        assert whole.metric(name) == pytest.approx(fresh.metric(name), rel=1e-12)
        assert whole.standard_errors[name] == standard_error(name, fresh.documents)
    assert whole.documents == fresh.documents
    assert partial.documents == made("b", 3).documents
    assert line == (
        "infocap_custom, made_up: 3 of 6 documents are scored by all 2 runs: "
        "all numbers are of those 3"
    )
    assert len(require_comparable([whole, partial]).runs) == 2


def test_runs_of_the_same_documents_stay_as_they_are():
    runs = [made("a"), made("b"), made("c", documents=None)]
    assert on_shared_documents(runs) == (runs, [])


def test_one_shared_document_or_names_that_repeat_are_refused():
    with pytest.raises(InfocapError, match=r"1 documents are scored by all 2 runs \(a, b\)"):
        on_shared_documents([made("a"), made("b", 1)])
    repeated = made("a")
    repeated = replace(repeated, documents=(repeated.documents[0],) * 6)
    with pytest.raises(InfocapError, match="several of its documents have one name"):
        on_shared_documents([repeated, made("b")])


# ------------------------------------------------------------------ the commands


@pytest.fixture
def results(tmp_path):
    """Four sizes of a series, the largest with --limit 3."""
    folder = tmp_path / "results"
    folder.mkdir()
    for size in (1, 2, 4, 8):
        benchmarks = {"arc": 0.3 + size / 20 + (size == 2) / 9}
        count = 3 if size == 8 else 6
        write_results(folder, made(f"m-{size}B", count, 2.0 ** (29 + size), benchmarks=benchmarks))
    return folder


COMMANDS = ("bias", "predict", "correlate", "plot capacity", "plot benchmarks")


def arguments(command, results, tmp_path):
    drawn = ["-o", str(tmp_path / "x.svg")] if command.startswith("plot") else []
    return [*command.split(), str(results), *drawn]


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_refuse_runs_of_different_documents_in_one_line(
    command, results, tmp_path, capsys
):
    assert main(arguments(command, results, tmp_path)) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "different documents (6: m-1B, m-2B, m-4B; 3 of 6: m-8B)" in line
    assert "--shared-documents" in line


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_take_the_shared_documents_if_asked(command, results, tmp_path, capsys):
    assert main([*arguments(command, results, tmp_path), "--shared-documents"]) == 0
    said = capsys.readouterr().err
    assert "3 of 6 documents are scored by all 4 runs: all numbers are of those 3" in said


def test_boards_show_documents_and_mark_partial_ones(results, tmp_path, capsys):
    assert main(["leaderboard", str(results)]) == 0
    streams = capsys.readouterr()
    assert streams.out.index("6 documents\n") < streams.out.index("3 of 6 documents (partial)")
    assert "Documents" in streams.out
    assert "partial: 3 of 6 documents" in streams.err
    assert main(["leaderboard", str(results), "--shared-documents", "--format", "json"]) == 0
    (board,) = json.loads(capsys.readouterr().out)
    assert len(board["rows"]) == 4
    assert (board["num_documents"], board["num_documents_of_corpus"]) == (3, 6)
    page = tmp_path / "page.html"
    assert main(["leaderboard", str(results), "-o", str(page)]) == 0
    assert "partial: 3 of 6 documents" in page.read_text()


def test_exports_hold_documents_and_mark_partial_ones(results, capsys):
    assert main(["export", str(results)]) == 0
    rows = {row["model"]: row for row in csv.DictReader(capsys.readouterr().out.splitlines())}
    columns = ("num_documents", "num_documents_of_corpus", "is_partial")
    assert [rows["m-8B"][name] for name in columns] == ["3", "6", "True"]
    assert [rows["m-1B"][name] for name in columns] == ["6", "6", "False"]


def test_totals_of_different_documents_are_not_explained(tmp_path, capsys):
    """Where a run holds no documents, what both have is not known."""
    partial = made("partial", 3)
    whole = made("whole", documents=None)
    paths = [str(write_results(tmp_path, run)) for run in (partial, whole)]
    assert main(["explain", *paths]) == 2
    assert "different documents (3 of 6: A; unknown: B)" in capsys.readouterr().err
    paths[1] = str(write_results(tmp_path, made("held")))
    assert main(["explain", *paths]) == 0
    assert "over 3 documents of 6" in " ".join(capsys.readouterr().out.split())
