"""``infocap plot``: figures for papers."""

import argparse
from collections.abc import Sequence

from infocap_tasks.analysis.comparable import comparable
from infocap_tasks.analysis.leaderboard import board_of, top
from infocap_tasks.cli.options import add_results, add_title, add_top, select_runs
from infocap_tasks.cli.output import add_output, count, draw, say
from infocap_tasks.report.figures.plots import FIGURES, plot
from infocap_tasks.report.figures.style import drawing, entitle
from infocap_tasks.results.run import Run

_DESCRIPTION = """\
  capacity    information capacity over FLOPs per token: a line for each series, 95 % intervals
  frontier    bits per byte over FLOPs per byte, and the Pareto frontier
  flops       where each model's FLOPs go, by component
  series      information capacity relative to the mean of its series
  benchmarks  benchmark scores in the same results over information capacity

Results of several tasks get a panel a task, 12 at most, and one legend; --task chooses.
"""


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = commands.add_parser(
        "plot",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("figure", choices=list(FIGURES), metavar="FIGURE", help=", ".join(FIGURES))
    add_results(parser)
    add_top(parser, "only the N models of the highest information capacity of each task")
    add_title(parser, "title above the figure")
    add_output(parser, [], chart="draw it")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Draw and write the figure; the exit status is 1 if a file was left out."""
    selection = select_runs(options)
    runs = _top(selection.runs, options.top) if options.top else selection.runs
    drawn = plot(options.figure, runs)
    if options.title:
        with drawing():
            entitle(drawn.figure, options.title)
    for remark in drawn.remarks:
        say(remark)
    num_models = len({run.model for run in runs})
    num_left_out = len(drawn.left_out)
    draw(options, drawn.figure, count(num_models - num_left_out, "model", num_left_out))
    return selection.status


def _top(runs: Sequence[Run], count: int) -> list[Run]:
    """The best runs of each group of comparable ones; a line says of how many."""
    kept = []
    for group in comparable(runs):
        board = top(board_of(group), count)
        kept += [row.run for row in board.rows]
        if board.num_cut:
            say(board.cut_remark)
    return kept
