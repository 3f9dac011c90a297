"""Figures of several tasks."""

from itertools import combinations

import pytest
from helpers.made_up import documents, run_of, write_results

from infocap_tasks.analysis.comparable import comparable_by_task
from infocap_tasks.cli.main import main
from infocap_tasks.errors import InfocapError
from infocap_tasks.report.figures.panels import MOST_PANELS, PANELS
from infocap_tasks.report.figures.plots import plot

SIZES = [("A-1B", 2.0**30), ("A-2B", 2.0**31), ("B-1B", 2.0**30), ("B-2B", 2.0**32)]


def runs_on(*tasks, sizes=SIZES):
    return [
        run_of(
            model, documents([300.0 + 9 * i + len(model) for i in range(8)], flops),
            model[0], task=task, corpus_sha256=f"{number:064d}", benchmarks={"arc": 0.1 * place},
        )
        for number, task in enumerate(tasks)
        for place, (model, flops) in enumerate(sizes)
    ]  # fmt: skip


def visible(figure):
    return [axes for axes in figure.axes if axes.get_visible()]


@pytest.mark.parametrize("name", list(PANELS))
def test_several_tasks_get_a_panel_each_and_one_legend(name):
    drawn = plot(name, runs_on("task_b", "task_a", "task_c"))
    panels = visible(drawn.figure)
    assert [axes.get_title(loc="left") for axes in panels] == ["task_a", "task_b", "task_c"]
    assert all(axes.get_lines() for axes in panels)
    (legend,) = drawn.figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["A", "B"]
    assert not any(axes.get_legend() for axes in panels)


def test_a_series_has_one_colour_in_all_panels():
    """B is alone in the second panel."""
    runs = runs_on("x") + runs_on("y", sizes=SIZES[2:])
    first, second = visible(plot("capacity", runs).figure)
    (of_b,) = {line.get_color() for line in second.get_lines()}
    assert of_b in {line.get_color() for line in first.get_lines()}
    assert len({line.get_color() for line in first.get_lines()}) == 2


@pytest.mark.parametrize("factor", [1.3, 4, 100, 3000, 1e7])
def test_names_of_ticks_do_not_touch_in_narrow_panels(factor):
    sizes = [("A-1B", 2.0**30), ("A-2B", factor * 2.0**30)]
    figure = plot("capacity", runs_on(*"abcde", sizes=sizes)).figure
    figure.draw_without_rendering()
    for axes in visible(figure):
        low, high = axes.get_xlim()
        shown = [t for t in axes.get_xticklabels() if low <= t.get_position()[0] <= high]
        boxes = [label.get_window_extent() for label in shown if label.get_text()]
        assert boxes
        assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))


def test_panels_beyond_the_most_are_named():
    tasks = [f"task_{number:02d}" for number in range(MOST_PANELS + 2)]
    drawn = plot("capacity", runs_on(*tasks))
    assert len(visible(drawn.figure)) == MOST_PANELS
    assert "left out: 2 panels beyond 12 (task_12, task_13)" in drawn.remarks


def test_tasks_without_anything_to_draw_are_named():
    runs = runs_on("x", "y") + runs_on("z", sizes=SIZES[:1])
    drawn = plot("series", runs)
    assert len(visible(drawn.figure)) == 2
    assert "left out: 1 tasks without anything to draw (z)" in drawn.remarks
    with pytest.raises(InfocapError, match="no series has two models"):
        plot("series", runs_on("x", "y", sizes=SIZES[:1]))


def test_runs_of_a_task_that_are_not_comparable_are_refused_with_its_name():
    other = run_of("C", documents([300.0] * 8), task="y", max_tokens=512, corpus_sha256="1" * 64)
    with pytest.raises(InfocapError, match=r"^y: the runs differ in .*max_tokens"):
        comparable_by_task([*runs_on("x", "y"), other])


@pytest.mark.parametrize("name", [*PANELS, "flops"])
def test_command_draws_a_folder_with_several_tasks(tmp_path, capsys, name):
    for run in runs_on("infocap_pydocs", "infocap_pycode"):
        write_results(tmp_path, run)
    path = tmp_path / "figure.svg"
    status = main(["plot", name, str(tmp_path), "--task", "infocap_*", "-o", str(path)])
    if name == "flops":  # of made-up results no breakdown is known
        assert "no breakdown" in capsys.readouterr().err
    else:
        assert status == 0
        text = path.read_text()
        assert text.count("<!-- infocap_pydocs -->") == 1
