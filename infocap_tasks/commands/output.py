"""--format and -o, with one meaning in every command; files are written whole or not at all."""

import argparse
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from infocap_tasks.errors import InfocapError

CHARTS = frozenset({".png", ".svg", ".pdf"})
_FORMAT_OF_SUFFIX = {
    ".txt": "table",
    ".json": "json",
    ".csv": "csv",
    ".md": "md",
    ".html": "html",
}


def add_output(
    parser: argparse.ArgumentParser, formats: Sequence[str], chart: str | None = None
) -> None:
    """--format and -o; ``chart`` says what is drawn where -o names an image."""
    drawn = f"; .png, .svg or .pdf {chart}" if chart else ""
    parser.add_argument(
        "--format", choices=list(formats), help="default: by the ending of -o, else table"
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help=f"write to this file, by its ending ({', '.join(_suffixes(formats))}){drawn}",
    )
    parser.set_defaults(formats=list(formats), has_chart=chart is not None)


def draws(options: argparse.Namespace) -> bool:
    """Whether -o names an image.

    Raises:
        InfocapError: it does, and the command has no chart.
    """
    if options.output is None or options.output.suffix.lower() not in CHARTS:
        return False
    if not options.has_chart:
        raise InfocapError(
            f"-o {options.output}: infocap {options.command} has no chart; "
            f"choose a name that ends in {', '.join(_suffixes(options.formats))}"
        )
    return True


def chosen_format(options: argparse.Namespace) -> str:
    """What --format says, else the ending of -o, else ``table``.

    Raises:
        InfocapError: neither says it, for a file.
    """
    if options.format:
        return str(options.format)
    if options.output is None or draws(options):
        return "table"
    known = [*_suffixes(options.formats), *(sorted(CHARTS) if options.has_chart else [])]
    if options.output.suffix.lower() not in known:
        raise InfocapError(
            f"-o {options.output}: ends in none of {', '.join(known)}; rename it, or add --format"
        )
    return _FORMAT_OF_SUFFIX[options.output.suffix.lower()]


def check_output(options: argparse.Namespace) -> None:
    """Refuse an impossible --format and -o before anything is read.

    Raises:
        InfocapError: as ``chosen_format``.
    """
    if hasattr(options, "formats"):
        chosen_format(options)


def deliver(options: argparse.Namespace, render: Callable[[str], str]) -> None:
    """Print what ``render(format)`` makes, or write it to -o; beside a chart it is printed."""
    text = render(chosen_format(options))
    if options.output is None or draws(options):
        print(text)
    else:
        write_text(options.output, text + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all.

    Raises:
        InfocapError: it cannot be written.
    """
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=path.suffix)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except OSError as error:
        raise InfocapError(f"{path}: cannot be written ({error.strerror})") from error


def _suffixes(formats: Sequence[str]) -> list[str]:
    return [suffix for suffix, name in _FORMAT_OF_SUFFIX.items() if name in formats]
