"""Flags that several commands have, with one meaning; and what is read and written by them."""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from infocap_tasks.errors import InfocapError
from infocap_tasks.metrics import TEXT_SIZES
from infocap_tasks.runs import Run, published_runs, read_runs
from infocap_tasks.series import read_series_map
from infocap_tasks.tables import RENDERERS, Rows, as_json

_PUBLISHED = "published:"
CHARTS = frozenset({".png", ".svg", ".pdf"})
_FORMAT_OF_SUFFIX = {".json": "json", ".csv": "csv", ".md": "md", ".txt": "table"}


class Selection(NamedTuple):
    """The runs that a command works on, and its exit status: 1 where a file was left out."""

    runs: list[Run]
    status: int


def add_results(parser: argparse.ArgumentParser) -> None:
    """RESULTS, --published, and the flags that choose among the runs in them."""
    parser.add_argument(
        "results",
        nargs="*",
        metavar="RESULTS",
        help="results_*.json files of the harness, or folders of --output_path",
    )
    parser.add_argument(
        "--published",
        action="store_true",
        help="the 39 published models on mixed_text too (arXiv 2511.08066)",
    )
    add_choice(parser)
    parser.add_argument(
        "--series",
        action="append",
        default=[],
        metavar="NAME|FILE.csv",
        help="only this series (may be repeated); a name that ends in .csv is a file with the "
        "columns model,series instead, which overrides the series of the models in it",
    )


def add_choice(parser: argparse.ArgumentParser) -> None:
    """--task and --regime: which runs of the results files count."""
    parser.add_argument(
        "--task",
        action="append",
        default=[],
        metavar="TASK",
        help="only runs of this task (may be repeated)",
    )
    parser.add_argument("--regime", choices=list(TEXT_SIZES), help="only runs of this regime")


def add_output(parser: argparse.ArgumentParser, chart: str | None = None) -> None:
    """--format and -o; ``chart`` says what is drawn where -o names an image."""
    parser.add_argument("--format", choices=list(RENDERERS), help="how to print (default: table)")
    drawn = f"; .png, .svg or .pdf {chart}" if chart else ""
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help=f"write to this file, by its ending (.json, .csv, .md, .txt){drawn}",
    )
    parser.set_defaults(has_chart=chart is not None)


def select_runs(options: argparse.Namespace) -> Selection:
    """Read what the flags of ``add_results`` name; remarks go to stderr.

    Raises:
        InfocapError: a path does not exist, or no run is left.
    """
    maps, names = split_series(options.series)
    if not options.results and not options.published:
        raise InfocapError("no results given: name results files or folders, or add --published")
    found = _read(options.results, maps)
    runs = found.runs
    if options.published:
        runs = [*runs, *published_runs()]
    return Selection(_chosen(runs, options, names), found.status)


def select_one(path: str, options: argparse.Namespace) -> Selection:
    """Read the one run that a results file or folder holds, by --task and --regime.

    Raises:
        InfocapError: there is none, or more than one.
    """
    if path.startswith(_PUBLISHED):
        return Selection([_published_run(path.removeprefix(_PUBLISHED))], 0)
    found = _read([path], {})
    runs = _chosen(found.runs, options, [])
    if len(runs) > 1:
        held = ", ".join(f"{run.model} on {run.task} ({run.regime})" for run in runs)
        raise InfocapError(
            f"{path}: holds {len(runs)} runs ({held}); choose one with --task or --regime, or name "
            "its file"
        )
    return Selection(runs, found.status)


def _published_run(model: str) -> Run:
    runs = {run.model: run for run in published_runs()}
    if model not in runs:
        raise InfocapError(f"{_PUBLISHED}{model}: not published; there are {', '.join(runs)}")
    return runs[model]


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
            f"choose a name that ends in {', '.join(_FORMAT_OF_SUFFIX)}"
        )
    return True


def split_series(values: Iterable[str]) -> tuple[dict[str, str], list[str]]:
    """Series by model from the files among the values of --series, and the names among them."""
    overrides: dict[str, str] = {}
    names = []
    for value in values:
        if value.lower().endswith(".csv"):
            overrides |= read_series_map(value)
        else:
            names.append(value)
    return overrides, names


def one_setting(runs: Sequence[Run]) -> Sequence[Run]:
    """The runs themselves, where they measure the same: corpus, regime and L.

    Raises:
        InfocapError: they do not.
    """
    for name, remedy in (
        ("task", "choose one with --task"),
        ("regime", "choose one with --regime"),
        ("max_tokens", "give only results whose texts were cut alike"),
        ("corpus_sha256", "give only results on the same texts"),
    ):
        values = sorted({str(v) for v in (getattr(run, name) for run in runs) if v is not None})
        if len(values) > 1:
            raise InfocapError(
                f"the runs differ in {name} ({', '.join(value[:40] for value in values)}) and "
                f"cannot be put together; {remedy}"
            )
    return runs


def emit(
    options: argparse.Namespace,
    rows: Rows,
    lines: Sequence[str] = (),
    record: Any = None,
    shown: Rows | None = None,
) -> None:
    """Print the rows as --format says, or write them to -o.

    Args:
        options: what was parsed; an image named by -o is left to the caller.
        rows: the table.
        lines: sentences below the table, for people.
        record: what JSON holds in place of the rows.
        shown: the rows as people read them.
    """
    path: Path | None = options.output
    to_file = path is not None and not draws(options)
    chosen = options.format
    if to_file and path is not None:
        if chosen is None and path.suffix.lower() not in _FORMAT_OF_SUFFIX:
            raise InfocapError(
                f"-o {path}: ends in none of {', '.join(_FORMAT_OF_SUFFIX)}; rename it, or add "
                "--format"
            )
        chosen = chosen or _FORMAT_OF_SUFFIX[path.suffix.lower()]
    chosen = chosen or "table"
    if chosen == "json":
        text = as_json(rows if record is None else record)
    elif chosen == "csv":
        text = RENDERERS[chosen](rows)
    else:
        table = RENDERERS[chosen](shown or rows)
        text = "\n".join([table, "", *lines]) if lines else table
    if to_file and path is not None:
        write_text(path, text + "\n")
    else:
        print(text)


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


def _read(paths: Sequence[str], overrides: dict[str, str]) -> Selection:
    reading = read_runs(paths, overrides)
    for line in [*reading.notes, *reading.complaints]:
        print(f"infocap: {line}", file=sys.stderr)
    return Selection(reading.runs, 1 if reading.complaints else 0)


def _chosen(runs: Sequence[Run], options: argparse.Namespace, series: Sequence[str]) -> list[Run]:
    chosen = list(runs)
    for name, wanted in (
        ("task", options.task),
        ("regime", [options.regime] if options.regime else []),
        ("series", series),
    ):
        known = sorted({getattr(run, name) for run in chosen})
        missing = [value for value in wanted if value not in known]
        if missing:
            raise InfocapError(
                f"--{name} {missing[0]}: no run has it; there are {', '.join(known) or 'none'}"
            )
        if wanted:
            chosen = [run for run in chosen if getattr(run, name) in wanted]
    if not chosen:
        raise InfocapError(
            "no run of an infocap task in what was given; score models first "
            "with infocap eval --output_path FOLDER"
        )
    return chosen
