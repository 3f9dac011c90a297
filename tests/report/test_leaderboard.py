from helpers.made_up import documents, run_of

from infocap_tasks.analysis.leaderboard import boards
from infocap_tasks.report.leaderboard import as_csv, as_markdown, as_table, known_columns


def test_columns_without_values_are_named_and_left_out():
    (board,) = boards([run_of("m", documents([300.0]), documents=None, active_params=None)])
    known, unknown = known_columns(board)
    assert unknown == ["95 % interval", "Ranks, 95 %", "Active parameters", "Documents"]
    assert not {column.header for column in known} & set(unknown)


def test_each_board_has_a_heading_and_a_table():
    runs = [
        run_of("a", documents([300.0, 310.0])),
        run_of("b", documents([300.0, 310.0]), corpus="other", corpus_sha256="1"),
    ]
    assert as_markdown(boards(runs)).count("## ") == 2
    assert as_table(boards(runs)).count("regime harness") == 2
    assert [line.split(",")[0] for line in as_csv(boards(runs)).splitlines()] == [
        "corpus",
        "made_up",
        "other",
    ]
