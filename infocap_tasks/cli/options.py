"""The flags that commands on results share, and reading what they name."""

import argparse
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from infocap_tasks.analysis.comparable import (
    Group,
    comparable_by_task,
    require_comparable,
    require_comparable_pair,
)
from infocap_tasks.analysis.shared_documents import on_shared_documents
from infocap_tasks.cli.choice import choose
from infocap_tasks.cli.output import say
from infocap_tasks.errors import FaultyFiles, InfocapError, did_you_mean
from infocap_tasks.metrics import TEXT_SIZES
from infocap_tasks.results.published import published_runs
from infocap_tasks.results.read import read_runs
from infocap_tasks.results.run import Run
from infocap_tasks.results.series import read_series_map

_PUBLISHED = "published:"


class Selection(NamedTuple):
    """The runs that a command works on, and its exit status: 1 if a file was left out."""

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
    parser.add_argument(
        "--alias",
        action="append",
        default=[],
        type=_alias,
        metavar="NAME=MODEL",
        help="runs called NAME are of MODEL, such as a server's name for it (may be repeated); "
        "without it, runs of one model in two engines are told apart",
    )
    parser.add_argument(
        "--shared-documents",
        action="store_true",
        help="take all runs of a corpus to the documents that all of them have, so that full and "
        "partial (--limit) ones can be compared",
    )


def add_choice(parser: argparse.ArgumentParser) -> None:
    """--task and --regime: which runs of the results files to use."""
    parser.add_argument(
        "--task",
        action="append",
        default=[],
        metavar="TASK",
        help="only runs of this task (may be repeated); a group (infocap_parallel) or a pattern "
        "('infocap_parallel_*') stands for its tasks",
    )
    parser.add_argument("--regime", choices=list(TEXT_SIZES), help="only runs of this regime")


def add_pair(parser: argparse.ArgumentParser) -> None:
    """RUN_A and RUN_B, and the flags that choose among the runs in them."""
    for name in ("run_a", "run_b"):
        parser.add_argument(
            name,
            metavar=name.upper(),
            help="a results file, or a folder that holds one run; published:MODEL is one of the "
            "published models",
        )
    add_choice(parser)


def add_top(parser: argparse.ArgumentParser, what: str) -> None:
    """--top N."""
    parser.add_argument("--top", type=number_from(1), metavar="N", help=what)


def add_title(parser: argparse.ArgumentParser, what: str) -> None:
    """--title TEXT."""
    parser.add_argument("--title", type=_text, metavar="TEXT", help=what)


def _text(given: str) -> str:
    if not given.isprintable():  # bytes that are not UTF-8 are not, either
        raise argparse.ArgumentTypeError(f"{given!a}: holds what cannot be drawn; give plain text")
    return given


def _alias(text: str) -> tuple[str, str]:
    name, _, model = text.partition("=")
    if not name or not model:
        raise argparse.ArgumentTypeError(
            f"{text}: is no NAME=MODEL; give both, such as served-name=SmolLM2-135M"
        )
    return name, model


def number_from(least: int) -> Callable[[str], int]:
    """What reads a whole number of ``least`` or more."""

    def read(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(
                f"{text}: is no number of {least} or more; give one, such as 10"
            )
        return int(text)

    return read


def add_trust_remote_code(parser: argparse.ArgumentParser) -> None:
    """--trust_remote_code, for the commands that read a config or a tokenizer."""
    parser.add_argument(
        "--trust_remote_code", action="store_true", help="run code that a repository brings"
    )


def select_runs(options: argparse.Namespace) -> Selection:
    """Read what the flags of ``add_results`` name; remarks go to stderr.

    Raises:
        InfocapError: a path does not exist, or no run is left.
    """
    maps, names = split_series(options.series)
    if not options.results and not options.published:
        raise InfocapError("no results given: name results files or folders, or add --published")
    published = published_runs() if options.published else []
    found = _read(options.results, maps, published, dict(options.alias))
    runs = choose(found.runs, options.task, options.regime, names)
    if options.shared_documents:
        runs, lines = on_shared_documents(runs)
        for line in lines:
            say(line)
    return Selection(runs, found.status)


def select_pair(options: argparse.Namespace) -> Selection:
    """Read the two runs that the flags of ``add_pair`` name; remarks go to stderr.

    Raises:
        InfocapError: one of them cannot be read, or they are not comparable.
    """
    (a,), status_a = _select_one(options.run_a, options)
    (b,), status_b = _select_one(options.run_b, options)
    for line in require_comparable_pair(a, b).remarks:
        say(line)
    return Selection([a, b], max(status_a, status_b))


def _select_one(path: str, options: argparse.Namespace) -> Selection:
    """Read the one run that a results file or folder holds, by --task and --regime.

    Raises:
        InfocapError: there is none, or more than one.
    """
    if path.startswith(_PUBLISHED):
        return Selection([_published_run(path.removeprefix(_PUBLISHED))], 0)
    found = _read([path], {}, [])
    runs = choose(found.runs, options.task, options.regime, [])
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
        raise InfocapError(
            f"{_PUBLISHED}{model}: not published; {did_you_mean(model, runs)}"
            f"choose from {', '.join(runs)}"
        )
    return runs[model]


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


def comparing(runs: Sequence[Run]) -> Group:
    """The one group of comparable runs that these are; its remarks go to stderr.

    Raises:
        InfocapError: they are not comparable.
    """
    group = require_comparable(runs)
    for line in [*group.remarks, *group.read_off]:
        say(line)
    return group


def comparing_by_task(runs: Sequence[Run]) -> list[Group]:
    """The groups of comparable runs that those of each task are; their remarks go to stderr.

    Raises:
        InfocapError: those of some task are not comparable.
    """
    groups = comparable_by_task(runs)
    for group in groups:
        prefix = f"{group.shared.task}: " if len(groups) > 1 else ""
        for line in [*group.remarks, *group.read_off]:
            say(f"{prefix}{line}")
    return groups


def _read(
    paths: Sequence[str],
    overrides: dict[str, str],
    others: Sequence[Run],
    aliases: Mapping[str, str] | None = None,
) -> Selection:
    """The runs of these files and ``others``.

    Raises:
        InfocapError: there are none.
    """
    reading = read_runs(paths, overrides, aliases)
    for line in [*reading.notes, *reading.complaints]:
        say(line)
    runs = [*reading.runs, *others]
    if not runs and reading.complaints:
        raise FaultyFiles(
            "no run of an infocap task is left without the faulty files; make them again with "
            "infocap eval --output_path FOLDER"
        )
    if not runs:
        raise InfocapError(
            "no run of an infocap task in what was given; score models first "
            "with infocap eval --output_path FOLDER"
        )
    return Selection(runs, 1 if reading.complaints else 0)
