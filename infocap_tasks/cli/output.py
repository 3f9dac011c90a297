"""--format, --wide and -o, with one meaning in every command, and a line on what was written."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from infocap_tasks.errors import InfocapError
from infocap_tasks.report.figures.style import SUFFIXES, is_figure, require_matplotlib, save
from infocap_tasks.report.files import require_replaceable, whole_file
from infocap_tasks.report.tables import WIDE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FOLDER_FORMAT = "every_eval_ever"  # -o is a folder
_FORMAT_OF_SUFFIX = {
    ".txt": "table",
    ".json": "json",
    ".csv": "csv",
    ".md": "md",
    ".html": "html",
    ".parquet": "parquet",
}


def add_output(
    parser: argparse.ArgumentParser, formats: Sequence[str], chart: str | None = None
) -> None:
    """--format, --wide and -o.

    Args:
        parser: The parser of the command.
        formats: The default first; a command without any only draws, and -o must be given.
        chart: What the command draws if -o names a figure; None if it draws nothing.
    """
    drawn = [f"{', '.join(SUFFIXES)} {chart}"] if chart else []
    written = [f"write to this file, by its ending ({', '.join(_suffixes(formats))})"]
    if formats:
        named = parser.add_mutually_exclusive_group()
        named.add_argument(
            "--format",
            choices=[name for name in formats if name != WIDE],
            help=f"default: by the ending of -o, else {formats[0]}",
        )
        if WIDE in formats:
            named.add_argument(
                "--wide",
                action="store_const",
                const=WIDE,
                dest="format",
                help="the table with all columns, however long its lines get (default: those that "
                "fit 80 characters, also in a file)",
            )
    else:
        parser.set_defaults(format=None)
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        required=not formats,
        metavar="FILE",
        help="; ".join(written * bool(formats) + drawn),
    )
    parser.set_defaults(formats=list(formats), has_chart=chart is not None)


def draws(options: argparse.Namespace) -> bool:
    """Whether -o names a figure."""
    return options.output is not None and is_figure(options.output)


def check_output(options: argparse.Namespace) -> None:
    """Refuse an impossible --format or -o before anything is read.

    Raises:
        InfocapError: the ending of -o is unknown or not that of --format, -o is no plain file,
            its folder is missing, the command draws nothing, or matplotlib is missing.
    """
    path: Path | None = getattr(options, "output", None)
    if path is None or options.format == FOLDER_FORMAT:
        return
    if path.is_dir():
        raise InfocapError(f"-o {path}: is a folder; name a file in it")
    if not draws(options):
        _check_ending(options, path)
    elif options.has_chart:
        require_matplotlib()
    else:
        raise InfocapError(
            f"-o {path}: infocap {options.command} has no chart; "
            f"choose a name that ends in {', '.join(_suffixes(options.formats))}"
        )
    require_replaceable(path)
    if not path.absolute().parent.is_dir():
        raise InfocapError(
            f"-o {path}: cannot be written, there is no folder {path.parent}; make it first"
        )


def _check_ending(options: argparse.Namespace, path: Path) -> None:
    by_ending = _FORMAT_OF_SUFFIX.get(path.suffix.lower())
    given = options.format
    if given and by_ending not in (given, "table", None):  # any text may end in .txt
        what = "--wide makes a table" if given == WIDE else f"--format is {given}"
        raise InfocapError(
            f"-o {path}: ends in {path.suffix}, and {what}; rename it, or leave out "
            f"{what.split()[0]}"
        )
    if not given and by_ending not in options.formats:
        known = [*_suffixes(options.formats), *(sorted(SUFFIXES) * options.has_chart)]
        remedy = "rename it, or add --format" if options.formats else "rename it"
        raise InfocapError(f"-o {path}: ends in none of {', '.join(known)}; {remedy}")


def chosen_format(options: argparse.Namespace) -> str:
    """The format that --format names, else the ending of -o, else the command's first one."""
    ending = options.output.suffix.lower() if options.output else ""
    return str(options.format or _FORMAT_OF_SUFFIX.get(ending, options.formats[0]))


def deliver(options: argparse.Namespace, render: Callable[[str], str], what: str) -> None:
    """Print what ``render(format)`` makes, or write it to -o unless -o names a figure.

    Args:
        options: the flags of ``add_output``.
        render: makes the text.
        what: what it holds, as ``count`` says it.
    """
    text = render(chosen_format(options))
    if options.output is None or draws(options):
        print(text)
    else:
        write_text(options.output, text + "\n")
        say_written(options, what)


def draw(options: argparse.Namespace, figure: "Figure", what: str) -> None:
    """Write the figure that -o names; ``what`` it shows is as ``count`` says it."""
    save(figure, options.output)
    say_written(options, what)


def say_written(options: argparse.Namespace, what: str) -> None:
    """Say on stderr what was written to -o."""
    say(f"wrote {options.output}: {what}")


def count(number: int, noun: str, num_left_out: int = 0) -> str:
    """A number of things in words, and how many are left out: ``8 models, 1 left out``."""
    plural = "" if number == 1 or noun.endswith("s") else "s"
    left_out = f", {num_left_out} left out" if num_left_out else ""
    return f"{number} {noun}{plural}{left_out}"


def say(line: str) -> None:
    """Print a remark for people to stderr, so that it does not mix with the output."""
    print(f"infocap: {line}", file=sys.stderr)


def say_loading() -> None:
    """Say that the libraries are being loaded, which takes seconds, unless they have been."""
    if "transformers" not in sys.modules:
        say("loading the libraries …")


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all.

    Raises:
        InfocapError: it cannot be written.
    """
    with whole_file(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


def _suffixes(formats: Sequence[str]) -> list[str]:
    return [suffix for suffix, name in _FORMAT_OF_SUFFIX.items() if name in formats]
