"""``infocap leaderboard``: models ranked by information capacity, as text, data or a page."""

import argparse
from pathlib import Path

from infocap_tasks.analysis.leaderboard import SORTABLE, boards
from infocap_tasks.boards import RENDERERS as TEXTS
from infocap_tasks.commands.shared import add_results, select_runs, write_text
from infocap_tasks.errors import InfocapError
from infocap_tasks.page.render import page

_DESCRIPTION = """\
One table for each corpus, regime, L and b, for only those compare; one row a model. Ranks are by
information capacity, in whatever order --sort puts the rows. The interval (95 %, BCa) and the ranks
that a model is compatible with come from a bootstrap over documents, in which models that were
scored on the same documents share the samples. Where results hold no documents both are unknown.

--format html is one page that works offline: the table sorts and filters, two charts.
"""

RENDERERS = {**TEXTS, "html": page}

_FORMAT_OF_SUFFIX = {
    ".txt": "table",
    ".md": "md",
    ".csv": "csv",
    ".json": "json",
    ".html": "html",
}


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
        "--format", choices=list(RENDERERS), help="default: by the ending of -o, else table"
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help=f"write to this file ({', '.join(_FORMAT_OF_SUFFIX)})",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Rank and print or write; the exit status is 1 where a file was left out."""
    chosen = _format(options)
    selection = select_runs(options)
    text = RENDERERS[chosen](boards(selection.runs, options.sort))
    if options.output:
        write_text(options.output, text + "\n")
    else:
        print(text)
    return selection.status


def _format(options: argparse.Namespace) -> str:
    if options.format:
        return str(options.format)
    if options.output is None:
        return "table"
    suffix = options.output.suffix.lower()
    if suffix not in _FORMAT_OF_SUFFIX:
        raise InfocapError(
            f"-o {options.output}: ends in none of {', '.join(_FORMAT_OF_SUFFIX)}; "
            "use one of them or add --format"
        )
    return _FORMAT_OF_SUFFIX[suffix]
