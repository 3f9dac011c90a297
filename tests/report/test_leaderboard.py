import json
import re

import pytest
from helpers.made_up import documents, run_of

from infocap_tasks.analysis.leaderboard import boards
from infocap_tasks.cli.main import main
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


def test_top_keeps_the_first_rows_with_their_ranks_among_all(capsys):
    command = ["leaderboard", "--published", "--sort", "flops_per_token", "--format", "json"]
    assert main(command) == 0
    (every,) = json.loads(capsys.readouterr().out)
    assert main([*command, "--top", "3"]) == 0
    printed = capsys.readouterr()
    (cut,) = json.loads(printed.out)
    assert cut["rows"] == every["rows"][:3]
    assert [row["rank"] for row in cut["rows"]] != [1, 2, 3]
    assert "infocap: the first 3 of 39 models are shown" in printed.err.splitlines()


def test_the_page_has_the_title_and_says_that_it_was_cut(tmp_path):
    path = tmp_path / "page.html"
    command = ["leaderboard", "--published", "--top", "3", "--title", "Ours <&> theirs"]
    assert main([*command, "-o", str(path)]) == 0
    text = path.read_text("utf-8")
    assert "<title>Ours &lt;&amp;&gt; theirs</title>" in text
    assert "<h1>Ours &lt;&amp;&gt; theirs</h1>" in text
    assert text.count('<th scope="row"') == 3
    assert "the first 3 of 39 models are shown." in text


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (["--title", "T"], "--title T: only the page has one"),
        (["--top", "0"], "0: is no number of 1 or more"),
        (["--top", "many"], "many: is no number of 1 or more"),
    ],
)
def test_what_cannot_be_titled_or_cut_is_refused_in_one_line(capsys, flags, complaint):
    assert main(["leaderboard", "--published", *flags]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert complaint in line
