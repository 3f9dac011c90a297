"""What figures say about themselves: corpus, task and b, what is better, and what was read off."""

import re
import xml.etree.ElementTree as ET
from itertools import pairwise

import numpy as np
import pytest
from helpers.made_up import documents, run_of, write_results

from infocap_tasks.analysis.comparable import require_comparable
from infocap_tasks.cli.main import main
from infocap_tasks.report.figures.benchmarks import benchmarks_figure
from infocap_tasks.report.figures.plots import FIGURES
from infocap_tasks.report.figures.style import caption, entitle, new_figure, save
from infocap_tasks.results.published import published_runs

MIXED = "mixed_text, task infocap_mixed_reference"
TERMS = "b = -24 bits per token"


def words(figure):
    """All that is written in a figure, in one line."""
    from matplotlib.text import Text

    return " ".join(" ".join(text.get_text() for text in figure.findobj(Text)).split())


def written(path):
    """The same of an SVG file, which draws letters as outlines and keeps the text beside them."""
    return " ".join(re.findall("<!-- (.*?) -->", path.read_text("utf-8")))


def scored(num_models=8, **fields):
    return [
        run_of(
            f"a-{i}B",
            documents([300.0 - i, 310.0], 2.0 ** (30 + i)),
            "AB"[i % 2],
            benchmarks={"x": i / 9, "y": (i - 3) ** 2 / 20},
            **fields,
        )
        for i in range(num_models)
    ]


@pytest.mark.parametrize(
    ("figure", "says"),
    [
        ("capacity", ["(higher is better)", "(logarithmic)"]),
        ("series", ["Higher is better", "(logarithmic)"]),
        ("frontier", ["(lower is better)", "(logarithmic)"]),
    ],
)
def test_figures_say_corpus_task_b_and_what_is_better(figure, says):
    text = words(FIGURES[figure](published_runs()).figure)
    for part in (MIXED, TERMS, *says):
        assert part in text


def test_the_benchmarks_figure_says_r_n_corpus_task_and_b():
    runs = scored()
    figure = FIGURES["benchmarks"](runs).figure
    text = words(figure)
    for part in ("made_up, task infocap_custom", "b = -20 bits", "higher is better"):
        assert part in text
    r = np.corrcoef([run.information_capacity for run in runs], [i / 9 for i in range(8)])[0, 1]
    assert figure.axes[0].get_title("left") == f"r = {r:.2f}, n = 8"


@pytest.mark.parametrize("step", [0.003, 0.1, 3.0])
def test_numbers_below_the_benchmarks_do_not_collide(step):
    runs = [
        run_of(f"m{i}", documents([300 + i * step, 310.0]), benchmarks={"x": i / 9, "y": 1 - i / 9})
        for i in range(12)
    ]
    scores = {name: {run.model: run.benchmarks[name] for run in runs} for name in ("x", "y")}
    figure = benchmarks_figure(require_comparable(runs), scores)
    figure.draw_without_rendering()
    for axes in figure.axes:
        low, high = axes.get_xlim()
        ticks = [t for t in axes.xaxis.get_major_ticks() if low <= t.get_loc() <= high]
        assert len(ticks) > 1
        for left, right in pairwise(tick.label1.get_window_extent() for tick in ticks):
            assert right.x0 - left.x1 > 4  # pixels


def test_the_flops_figure_says_for_which_positions():
    breakdown = {"mlp": 2.0**30}
    run = run_of("m", documents([300.0]))
    provenance = run.provenance.__class__(flop_breakdown=breakdown)
    text = words(FIGURES["flops"]([run_of("m", documents([1.0]), provenance=provenance)]).figure)
    assert "mean over the positions 1 to L = 1,024" in text


# ------------------------------------------------------------------ what was read off a figure


@pytest.mark.parametrize(("figure", "hollow"), [("capacity", 32), ("series", 30)])
def test_marks_that_were_read_off_a_figure_are_hollow_and_the_caption_says_so(figure, hollow):
    drawn = FIGURES[figure](published_runs()).figure
    lines = [line for axes in drawn.axes for line in axes.get_lines()]
    marks = {True: 0, False: 0}
    for line in lines:
        if line.get_marker() != "None":
            marks[line.get_markerfacecolor() == "white"] += len(line.get_xdata())
    assert marks[True] == hollow
    assert marks[False] > 0
    assert "Hollow: read off a figure, good to 5e-05." in words(drawn)


def test_own_results_are_never_hollow():
    figure = FIGURES["capacity"](scored()).figure
    assert "read off" not in words(figure)
    assert {line.get_markerfacecolor() for line in figure.axes[0].get_lines()}.isdisjoint({"white"})


def test_the_waterfall_marks_a_model_that_was_read_off_a_figure(tmp_path):
    path = tmp_path / "w.svg"
    pair = ("published:Hunyuan-7B-Pretrain", "published:Hunyuan-0.5B-Pretrain")
    assert main(["explain", *pair, "-o", str(path)]) == 0
    text = written(path)
    assert "0.2351*" in text
    assert "0.2331*" not in text
    assert "* read off a figure, good to 5e-05." in text
    assert TERMS in text
    assert "(higher is better)" in text


# ------------------------------------------------------------------ title, caption, top


def test_title_and_caption_stand_clear_of_the_figure_in_the_file(tmp_path):
    figure = new_figure(4, 3)
    figure.add_subplot().plot([1, 2])
    caption(figure, "What it shows " * 12, "", "And more")
    entitle(figure, "A title")
    below, above = figure.texts
    (axes,) = figure.axes
    assert below.get_window_extent().y1 < axes.get_tightbbox().y0
    assert above.get_window_extent().y0 > axes.get_tightbbox().y1
    assert below.get_text().count("\n") == 2
    save(figure, tmp_path / "f.svg")
    height = float(ET.parse(tmp_path / "f.svg").getroot().get("height").removesuffix("pt"))
    assert height > 3 * 72


def test_plot_draws_the_best_models_under_a_title(tmp_path, capsys):
    for run in scored():
        write_results(tmp_path, run)
    path = tmp_path / "f.svg"
    command = ["plot", "benchmarks", str(tmp_path), "--top", "5", "--title", "Five", "-o"]
    assert main([*command, str(path)]) == 0
    assert "the first 5 of 8 models are shown" in capsys.readouterr().err
    text = written(path)
    for part in ("Five", "n = 5", "a-4B"):
        assert part in text
    assert "a-5B" not in text


def test_a_top_of_no_models_is_refused_in_one_line(tmp_path, capsys):
    for top in ("0", "-3", "ten"):
        command = ["plot", "capacity", "--published", "--top", top, "-o", str(tmp_path / "f.png")]
        assert main(command) == 2
        assert len(capsys.readouterr().err.splitlines()) == 1
