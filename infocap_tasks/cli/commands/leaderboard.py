"""``infocap leaderboard``: models ranked by information capacity, as text, data or a page."""

import argparse

from infocap_tasks.analysis.leaderboard import SORTABLE, boards, top
from infocap_tasks.cli.options import add_results, add_title, add_top, select_runs
from infocap_tasks.cli.output import add_output, chosen_format, count, deliver, say
from infocap_tasks.errors import InfocapError
from infocap_tasks.report.leaderboard import RENDERERS as TEXTS
from infocap_tasks.report.page.render import page

_DESCRIPTION = """\
One table for each task, corpus, regime, L and b on the same documents, since only rows that share
these are comparable: partial runs (--limit) stand apart. One row for each model. Published rows,
which do not state the digest of their texts, join the runs of their task if these are on one
corpus. Ranks are always by information capacity; --sort only orders the rows. Differences below
what the arithmetic of the runs resolves are ties. The interval (95 %) and the range of ranks are
over texts, by Student's t on the jackknife; differences of models that were scored on the same
documents are paired. Both are unknown for results without documents. Runs of tokenizers that lose
text are named, not ranked. Over several corpora, a first table ranks models by the unweighted mean
over all of them.

--format html is one page that works offline: a table that sorts and filters, and two charts.
"""

PAGE = "html"
FORMATS = [*TEXTS, PAGE]


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = commands.add_parser(
        "leaderboard",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_results(parser)
    parser.add_argument(
        "--sort",
        choices=list(SORTABLE),
        default="information_capacity",
        metavar="METRIC",
        help=f"order of the rows, the better first: {', '.join(SORTABLE)}",
    )
    parser.add_argument(
        "--include_lossy",
        action="store_true",
        help="rank runs whose tokenizers lose text too (lower case, unknown words)",
    )
    add_top(parser, "only the first N rows of each table, with their ranks among all")
    add_title(parser, "heading of the page (--format html)")
    add_output(parser, FORMATS)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Rank, then print or write; the exit status is 1 if a file was left out.

    Raises:
        InfocapError: --title is given, and what is written has no heading.
    """
    if options.title and chosen_format(options) != PAGE:
        raise InfocapError(
            f"--title {options.title}: only the page has one; add -o FILE.html or --format html"
        )
    selection = select_runs(options)
    ranked = boards(selection.runs, options.sort, options.include_lossy)
    if options.top:
        ranked = [top(board, options.top) for board in ranked]
    for board in ranked:
        for line in board.remarks:
            say(line)
    num_kept_out = sum(len(board.kept_out) for board in ranked)
    what = count(sum(len(board.rows) for board in ranked), "model", num_kept_out)
    deliver(
        options,
        lambda name: page(ranked, options.title) if name == PAGE else TEXTS[name](ranked),
        what,
    )
    return selection.status
