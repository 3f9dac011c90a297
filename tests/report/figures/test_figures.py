"""What figures show, checked on their marks; how they look is for eyes."""

import xml.etree.ElementTree as ET
from itertools import combinations

import numpy as np
import pytest
from helpers.made_up import documents, run_of

from infocap_tasks.analysis.comparable import require_comparable
from infocap_tasks.analysis.leaderboard import boards
from infocap_tasks.cli.main import main
from infocap_tasks.errors import InfocapError
from infocap_tasks.report.figures.benchmarks import benchmarks_figure
from infocap_tasks.report.figures.capacity import capacity_figure
from infocap_tasks.report.figures.flops import Counted, flops_figure
from infocap_tasks.report.figures.frontier import frontier_figure, left_out
from infocap_tasks.report.figures.labels import Label, place_labels
from infocap_tasks.report.figures.series import alone, series_figure
from infocap_tasks.report.figures.style import new_figure
from infocap_tasks.results.published import published_runs


@pytest.fixture(scope="module")
def published():
    (board,) = boards(published_runs())
    return board


def boxes(axes):
    return [text.get_window_extent() for text in axes.texts]


def overlapping(extents):
    return [(a, b) for a, b in combinations(extents, 2) if a.overlaps(b)]


def covered_points(axes):
    """The points of all lines that lie under a label."""
    lines = [line for line in axes.get_lines() if line.get_marker() != "None"]
    points = axes.transData.transform(np.concatenate([line.get_xydata() for line in lines]))
    return sum(box.count_contains(points) for box in boxes(axes))


def test_capacity_has_a_line_and_a_name_for_each_series(published):
    (axes,) = capacity_figure(published).axes
    names = {row.run.series for row in published.rows}
    assert {text.get_text() for text in axes.texts} == names
    series = [line for line in axes.get_lines() if line.get_marker() != "None"]
    assert sum(len(line.get_xdata()) for line in series) == 39
    assert overlapping(boxes(axes)) == []
    assert covered_points(axes) == 0


def test_intervals_are_drawn_where_they_are_known():
    (board,) = boards(
        [
            run_of("a-1B", documents([300.0, 320.0, 310.0])),
            run_of("a-2B", documents([300.0]), documents=None),
        ]
    )
    (axes,) = capacity_figure(board).axes
    ((low, high),) = [segment[:, 1] for segment in axes.collections[0].get_segments()]
    (known,) = [row for row in board.rows if row.interval]
    assert (low, high) == (known.interval.low, known.interval.high)


def test_the_frontier_names_the_models_whose_c_and_h_are_known(published):
    (axes,) = frontier_figure(published).axes
    assert len(left_out(published)) == 32
    assert len(axes.texts) == 7
    assert overlapping(boxes(axes)) == []
    assert covered_points(axes) == 0
    with pytest.raises(InfocapError, match="C and H of no model"):
        frontier_figure(boards([published_runs()[0]])[0])


def test_each_series_has_a_panel_titled_with_its_range(published):
    figure = series_figure(published)
    titles = [axes.get_title(loc) for axes in figure.axes for loc in ("left", "center")]
    assert "Qwen1.5: range 4.2 %" in titles
    assert len(alone(published)) == 4
    with pytest.raises(InfocapError, match="no series has two models"):
        series_figure(boards([published_runs()[0]])[0])


def test_the_shares_of_flops_sum_to_100_percent():
    models = [
        Counted("small", 100.0, {"attention_core": 25.0, "mlp": 75.0}),
        Counted("large", 200.0, {"mlp": 100.0, "lm_head": 100.0}),
        Counted("given", 300.0, {}),
    ]
    (axes,) = flops_figure(models).axes
    ends = {}
    for bar in axes.patches:
        ends[bar.get_y()] = max(ends.get(bar.get_y(), 0), bar.get_x() + bar.get_width())
    assert list(ends.values()) == pytest.approx([100, 100])
    assert [label.get_text() for label in axes.get_yticklabels()] == ["large", "small"]
    with pytest.raises(InfocapError, match="no breakdown"):
        flops_figure([models[2]])


def test_each_benchmark_has_a_panel():
    runs = [run_of(f"m{i}", documents([300.0 + i]), series="ABC"[i % 3]) for i in range(5)]
    scores = {name: {run.model: i / 9 for i, run in enumerate(runs)} for name in ("x", "y", "z")}
    figure = benchmarks_figure(require_comparable(runs), scores)
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_ylabel() for axes in shown] == ["Score: x", "Score: y", "Score: z"]


def test_labels_of_crowded_points_do_not_overlap():
    axes = new_figure(5, 4).add_subplot()
    points = [(1 + i / 100, 1 + (i % 3) / 100, f"a model named {i}") for i in range(9)]
    axes.plot([p[0] for p in points], [p[1] for p in points], "o")
    axes.set(xlim=(0, 2), ylim=(0, 2))
    place_labels(axes, [Label(*point) for point in points])
    assert overlapping(boxes(axes)) == []
    assert covered_points(axes) == 0


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_plot_writes_the_format_that_the_ending_names(tmp_path, suffix):
    path = tmp_path / f"figure{suffix}"
    assert main(["plot", "series", "--published", "-o", str(path)]) == 0
    starts = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}
    assert path.read_bytes().startswith(starts[suffix])
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    if suffix == ".svg":
        ET.parse(path)


def test_plot_says_what_it_leaves_out(tmp_path, capsys):
    main(["plot", "frontier", "--published", "-o", str(tmp_path / "f.png")])
    assert "left out: 32 models whose C and H are not known" in capsys.readouterr().err


@pytest.mark.parametrize("figure", ["flops", "benchmarks"])
def test_figures_that_published_numbers_lack_are_refused_in_one_line(tmp_path, capsys, figure):
    assert main(["plot", figure, "--published", "-o", str(tmp_path / "f.png")]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_ending_is_refused(tmp_path, capsys):
    assert main(["plot", "capacity", "--published", "-o", str(tmp_path / "f.jpg")]) == 2
    assert ".svg" in capsys.readouterr().err
