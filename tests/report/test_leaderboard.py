import json
import re

from helpers.made_up import documents, run_of

from infocap_tasks.analysis.leaderboard import boards
from infocap_tasks.report.leaderboard import as_csv, as_json, as_markdown, as_table, known_columns
from infocap_tasks.report.page.render import page
from infocap_tasks.results.published import published_runs


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


def test_runs_that_lose_text_are_marked_and_named():
    rows = documents([300.0, 310.0])
    runs = [run_of("a", rows, lossy_share=0.0), run_of("b", rows, lossy_share=0.25)]
    text = as_table(boards(runs))
    assert "Texts lost" not in text
    named = "b (25% of its texts); leaderboard --include_lossy ranks them too."
    assert named in " ".join(text.split())
    (board,) = json.loads(as_json(boards(runs)))
    assert [(run["model"], run["lossy_share"]) for run in board["kept_out"]] == [("b", 0.25)]
    marked = as_table(boards(runs, include_lossy=True))
    assert [w for w in marked.split() if w in ("Texts", "lost")] == ["Texts", "lost"]
    assert "25.0%" in marked
    assert "b (25% of its texts)" in page(boards(runs))


def test_values_read_off_a_figure_are_marked():
    (board,) = boards(published_runs())
    table = as_table([board])
    assert table.endswith("* read off a figure, good to 5e-05.")
    marked = [line.split()[0] for line in table.splitlines() if re.search(r"[0-9]\*", line)]
    known = {row.run.model: row.run.text_size_bits_per_token for row in board.rows}
    assert sorted(marked) == sorted(model for model, size in known.items() if size is None)
    assert "information_capacity_margin" in as_csv([board])
    (own,) = boards([run_of("m", documents([300.0]))])
    assert "*" not in as_table([own])
