import csv
import io
import json

import pytest
from helpers.made_up import documents, of_corpus, run_of

from infocap_tasks.analysis.leaderboard import boards, record
from infocap_tasks.cli.main import main
from infocap_tasks.errors import InfocapError
from infocap_tasks.results.published import published_runs

BITS = [300.0, 320.0, 280.0, 310.0, 290.0, 305.0]


def only_board(runs, **options):
    (board,) = boards(runs, **options)
    return board


def by_model(board):
    return {row.run.model: row for row in board.rows}


def test_equal_documents_give_one_rank_and_no_width():
    runs = [run_of("worse", documents([400.0] * 5)), run_of("better", documents([300.0] * 5))]
    rows = by_model(only_board(runs))
    assert (rows["better"].rank, rows["better"].ranks) == (1, (1, 1))
    assert (rows["worse"].rank, rows["worse"].ranks) == (2, (2, 2))
    low, high = rows["better"].interval
    assert low == pytest.approx(high) == pytest.approx(rows["better"].run.information_capacity)


def test_equal_models_share_the_first_rank():
    runs = [run_of("a", documents(BITS)), run_of("b", documents(BITS))]
    assert [(row.rank, row.ranks) for row in only_board(runs).rows] == [(1, (1, 2))] * 2


def test_constant_lead_on_the_same_documents_is_certain():
    """Each document costs 1 bit more: intervals overlap nearly wholly, ranks do not."""
    runs = [run_of("a", documents(BITS)), run_of("b", documents([b + 1 for b in BITS]))]
    rows = by_model(only_board(runs))
    assert (rows["a"].ranks, rows["b"].ranks) == ((1, 1), (2, 2))
    assert rows["a"].interval.low < rows["b"].interval.high


def test_same_lead_on_other_documents_is_uncertain():
    others = tuple(
        d._replace(document_id=f"o{d.document_id}") for d in documents([b + 1 for b in BITS])
    )
    whole = of_corpus(len(BITS))
    runs = [run_of("a", documents(BITS), **whole), run_of("b", others, **whole)]
    rows = by_model(only_board(runs))
    assert (rows["a"].ranks, rows["b"].ranks) == ((1, 2), (1, 2))


def test_interval_and_ranks_are_unknown_for_one_document():
    (row,) = only_board([run_of("a", documents([300.0]))]).rows
    assert row.interval is row.ranks is None


def test_interval_and_ranks_are_unknown_without_documents():
    unknown = run_of("unknown", documents([300.0]), documents=None)
    rows = by_model(only_board([unknown, run_of("known", documents(BITS))]))
    assert rows["unknown"].interval is rows["unknown"].ranks is None
    assert rows["known"].ranks == (1, 2)


def test_regimes_corpora_lengths_and_biases_are_never_mixed():
    runs = [
        run_of("a", documents(BITS)),
        run_of("b", documents(BITS, regime="reference")),
        run_of("c", documents(BITS), corpus="other", corpus_sha256="1" * 64),
        run_of("d", documents(BITS), max_tokens=512),
        run_of("e", documents(BITS, bias=-27.0)),
        run_of("f", documents(BITS), corpus_sha256="2" * 64),
        run_of("g", documents(BITS), task="another"),
    ]
    found = boards(runs)
    assert len(found) == 7
    assert all(row.rank == 1 for board in found for row in board.rows)


def test_sorting_keeps_ranks_and_puts_the_unknown_last():
    board = only_board(published_runs(), sort="bits_per_byte")
    values = [row.run.metric("bits_per_byte") for row in board.rows]
    known = [value for value in values if value is not None]
    assert values[: len(known)] == sorted(known)
    assert sorted(row.rank for row in board.rows)[0] == 1
    assert board.rows[0].rank != 1


def test_unknown_metric_and_no_runs_are_refused():
    with pytest.raises(InfocapError, match="no such metric"):
        boards(published_runs(), sort="beauty")
    with pytest.raises(InfocapError, match="no runs"):
        boards([])


def test_record_is_flat_and_names_the_benchmarks():
    run = run_of("m", documents(BITS), benchmarks={"arc_easy": 0.5})
    board = only_board([run])
    values = record(board.rows[0], board.benchmarks)
    assert values["arc_easy"] == 0.5
    assert values["bits_per_byte"] == pytest.approx(sum(BITS) / 3000)
    assert values["num_documents"] == 6
    assert values["rank_best"] == values["rank_worst"] == 1


def test_command_prints_each_format(capsys, tmp_path):
    texts = {}
    for name in ("table", "md", "csv", "json"):
        assert main(["leaderboard", "--published", "--format", name]) == 0
        texts[name] = capsys.readouterr().out
    assert "Not known for any model here: 95 % interval" in texts["table"]
    assert texts["md"].startswith("## mixed_text, task infocap_mixed_reference, regime")
    rows = list(csv.DictReader(io.StringIO(texts["csv"])))
    (board,) = json.loads(texts["json"])
    assert len(rows) == len(board["rows"]) == 39
    assert rows[0]["model"] == board["rows"][0]["model"] == "GLM-4.5-Air-Base-106B-A12B"
    assert board["rows"][0]["information_capacity_low"] is None
    target = tmp_path / "board.csv"
    assert main(["leaderboard", "--published", "-o", str(target)]) == 0
    assert target.read_text() == texts["csv"]


def test_command_refuses_an_unknown_ending_before_it_reads(capsys, tmp_path):
    assert main(["leaderboard", "nowhere", "-o", str(tmp_path / "board.doc")]) == 2
    assert ".html" in capsys.readouterr().err


def test_runs_that_lose_text_are_named_and_not_ranked(capsys, tmp_path):
    runs = [
        run_of("faithful", documents(BITS), lossy_share=0.0),
        run_of("rare", documents(BITS), lossy_share=0.05),
        run_of("lossy", documents([b / 2 for b in BITS]), lossy_share=0.5),
        run_of("silent", documents(BITS)),
    ]
    board = only_board(runs)
    assert set(by_model(board)) == {"faithful", "rare", "silent"}
    assert [run.model for run in board.kept_out] == ["lossy"]
    assert any("lossy (50% of its texts)" in remark for remark in board.remarks)
    everything = only_board(runs, include_lossy=True)
    assert everything.rows[0].run.model == "lossy"
    assert not everything.kept_out
    assert not any("lossy" in remark for remark in everything.remarks)


def test_a_board_of_lossy_runs_only_ranks_them():
    board = only_board([run_of(name, documents(BITS), lossy_share=1.0) for name in "ab"])
    assert len(board.rows) == 2
    assert not board.kept_out
