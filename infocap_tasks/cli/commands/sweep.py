"""``infocap sweep``: many models on the same tasks, from a study to a leaderboard."""

import argparse
import shutil
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from infocap_tasks.cli.options import number_from
from infocap_tasks.cli.output import add_output, count, deliver, say, say_loading
from infocap_tasks.errors import InfocapError
from infocap_tasks.report.tables import WIDE

if TYPE_CHECKING:
    from infocap_tasks.sweep.row_folder import RowFolder
    from infocap_tasks.sweep.status import RowState
    from infocap_tasks.sweep.study import Row, Study

_DESCRIPTION = """\
Score many models on the same tasks, and go on with what is missing. A study is a file for
`lm_eval run --config` with one key more, models: a list of hub ids or folders, or of mappings that
override the study's keys for one model:

    tasks: [infocap]
    output_path: my-study
    models:
      - HuggingFaceTB/SmolLM2-135M
      - pretrained: Qwen/Qwen3-8B-Base
        gpus: 1
        series: Qwen3-Base
        timeout: 6h
        model_args: {dtype: bfloat16}
      - {model: infocap-api, base_url: "http://localhost:8000/v1", label: served}
      - {pretrained: EleutherAI/pythia-160m, revisions: [step1000, step143000]}

Each model is a row, which runs in a process of its own and fails alone. What of it is done is read
from its results: running a study again does only what is missing.
"""
_PLAN = """\
What the rows of a study need and cost, from configs alone: parameters, bytes of weights, GPUs that
hold them, FLOPs to score the tasks (an upper bound: each text at its full length), hours, bytes to
download. A row that cannot be counted is named with its cause; the exit status is then 1.
"""
_RUN = """\
Run the rows of a study that are not done, on this machine: each with the GPUs that it needs, on a
CPU one after the other. A row that fails leaves its cause in `infocap sweep status` and its log
beside its results; the others go on, and the exit status is 1. Ctrl-C stops in order; after that
or after a kill, the same command goes on.
"""
_STATUS = (
    "The state of each row of a study, with causes of failure; the exit status is 1 if one failed."
)
_REPORT = """\
The leaderboard of what is done of a study, as text, and as a page in the study's folder.
"""
_ROW = "Run one row of a study in this process; what `infocap sweep run` starts."

_SECONDS_BETWEEN_LINES = 1.0


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command and its own commands."""
    parser = commands.add_parser(
        "sweep",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    inner = parser.add_subparsers(metavar="{plan,run,status,report}", required=True)
    plan = _new(inner, "plan", _PLAN, _plan)
    for flag, default, unit, what in (
        ("--gpu-memory", 80.0, "GB", "memory of one GPU, in 10^9 bytes"),
        ("--tflops", 400.0, "TFLOPS", "throughput of a row, in 10^12 FLOPs a second"),
    ):
        plan.add_argument(
            flag, type=float, default=default, metavar=unit, help=f"{what} (default {default:g})"
        )
    add_output(plan, ["table", WIDE, "json", "csv"])
    run = _new(inner, "run", _RUN, _run)
    run.add_argument(
        "--jobs", type=number_from(1), metavar="N",
        help="rows at once (default: one, or as many as the GPUs hold)",
    )  # fmt: skip
    _add_retries(run)
    status = _new(inner, "status", _STATUS, _status)
    status.add_argument(
        "--watch", action="store_true", help="tell what changes, until no row runs or waits"
    )
    _new(inner, "report", _REPORT, _report)
    row = _new(inner, "row", _ROW, _row)
    row.add_argument("row", metavar="ROW", help="its name, as `infocap sweep status` shows it")
    _add_retries(row)


def _new(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    description: str,
    run: Callable[[argparse.Namespace], int],
) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name, description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("study", metavar="STUDY", help="a YAML file, or the name of a shipped one")
    parser.set_defaults(run=run)
    return parser


def _add_retries(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--retries", type=number_from(0), default=0, metavar="N",
        help="try a row that fails so many times again (default 0); after it was out of memory, "
        "with half the batch",
    )  # fmt: skip


def _folders(study: "Study") -> "list[RowFolder]":
    from infocap_tasks.sweep.row_folder import RowFolder

    return [RowFolder(study, row) for row in study.rows]


# ---------------------------------------------------------------------- plan, run


def _plan(options: argparse.Namespace) -> int:
    from infocap_tasks.sweep.study import read_study

    study = read_study(options.study)
    say_loading()
    from transformers.utils import logging

    from infocap_tasks.sweep.plan import plan_study
    from infocap_tasks.sweep.plan_shown import RENDERERS

    logging.set_verbosity_error()  # remarks on fields that do not bear on FLOPs
    plan = plan_study(study, options.gpu_memory, options.tflops)
    deliver(options, lambda name: RENDERERS[name](plan), count(len(plan.rows), "row"))
    return int(plan.total.rows_with_causes > 0)


def _run(options: argparse.Namespace) -> int:
    from infocap_tasks.sweep.local import run_here
    from infocap_tasks.sweep.status import DONE, RUNNING, state_of
    from infocap_tasks.sweep.study import read_study

    study = read_study(options.study)
    folders = _folders(study)
    states = {folder: state_of(folder) for folder in folders}
    todo = [folder for folder, state in states.items() if state.state != DONE]
    for folder in todo:
        _refuse_unusable(folder.row)
    for folder in todo:
        folder.make()
        if states[folder].state != RUNNING:  # in another sweep
            folder.forget()
    say(f"{study.path}: {len(todo)} of {len(folders)} rows to run, in {study.folder}")
    lines = _Lines(folders)
    try:
        run_here(study, todo, options.jobs, options.retries, lines.look)
    except KeyboardInterrupt:
        say("stopped; the same command goes on")
        raise
    lines.look(is_last=True)
    return _tell(study, folders)


def _refuse_unusable(row: "Row") -> None:
    """Refuse what `infocap eval` would refuse at once, before any row has run."""
    from infocap_tasks.cli.evaluate import refuse_unusable_settings

    try:
        refuse_unusable_settings(row.config.get)
    except InfocapError as error:
        raise InfocapError(f"{row.place}: {error}") from None


class _Lines:
    """Tells on stderr what changes: on a terminal, one line a row that is written over."""

    def __init__(self, folders: "Sequence[RowFolder]") -> None:
        self._folders = folders
        self._before: dict[str, str] = {}
        self._states: dict[RowFolder, RowState] = {}
        self._next_s = 0.0
        self._height = 0

    def look(self, is_last: bool = False) -> None:
        """Look at the rows, at most once a second but for the last time."""
        from infocap_tasks.sweep.status import DONE, state_of

        if time.monotonic() < self._next_s and not is_last:
            return
        self._next_s = time.monotonic() + _SECONDS_BETWEEN_LINES
        for folder in self._folders:
            # What is done stays so, and to read it again takes long.
            if folder not in self._states or self._states[folder].state != DONE:
                self._states[folder] = state_of(folder)
        states = list(self._states.values())
        if sys.stderr.isatty():
            self._draw(states)
            return
        for state in states:
            if self._before.get(state.name, "waiting") != state.state:
                cause = f": {state.cause}" if state.cause else ""
                print(f"{time.strftime('%H:%M:%S')} {state.name}: {state.state}{cause}",
                      file=sys.stderr, flush=True)  # fmt: skip
            self._before[state.name] = state.state

    def _draw(self, states: "Sequence[RowState]") -> None:
        size = shutil.get_terminal_size()
        lines = [line[: size.columns - 1] for line in _table(states).split("\n")]
        lines = lines[-(size.lines - 1) :]
        up = f"\033[{self._height}A" if self._height else ""
        sys.stderr.write(up + "".join(f"\033[2K{line}\n" for line in lines))
        sys.stderr.flush()
        self._height = len(lines)


def _table(states: "Sequence[RowState]") -> str:
    from infocap_tasks.report.tables import RENDERERS, without_empty_columns
    from infocap_tasks.sweep.status import counts, share_done

    table = RENDERERS["table"](without_empty_columns([state.shown() for state in states]))
    return f"{table}\n\n{counts(states)}; {share_done(states):.0%} of all rows scored"


def _tell(study: "Study", folders: "Sequence[RowFolder]") -> int:
    """The end of a sweep: the board of what is done, and what failed."""
    from infocap_tasks.sweep.status import DONE, counts, failures, state_of

    states = [state_of(folder) for folder in folders]
    is_done = all(state.state == DONE for state in states)
    print(f"{counts(states)} of {len(states)} rows", *failures(states), "", sep="\n")
    try:
        _board(study, folders)
    except InfocapError as error:
        say(str(error))
    if not is_done:
        say(f"not all rows are done: the same command goes on; infocap sweep status {study.path}")
    return int(not is_done)


# ---------------------------------------------------------------------- status, report, row


def _status(options: argparse.Namespace) -> int:
    from infocap_tasks.sweep.status import FAILED, RUNNING, WAITING, failures, state_of
    from infocap_tasks.sweep.study import read_study

    study = read_study(options.study)
    folders = _folders(study)
    lines = _Lines(folders)
    while options.watch and any(state_of(f).state in (RUNNING, WAITING) for f in folders):
        lines.look()
        time.sleep(_SECONDS_BETWEEN_LINES)
    states = [state_of(folder) for folder in folders]
    print(_table(states), *failures(states), sep="\n")
    return int(any(state.state == FAILED for state in states))


def _report(options: argparse.Namespace) -> int:
    from infocap_tasks.sweep.study import read_study

    study = read_study(options.study)
    _board(study, _folders(study))
    return 0


def _board(study: "Study", folders: "Sequence[RowFolder]") -> None:
    """Print the leaderboard of the rows' results and write its page."""
    from infocap_tasks.analysis.leaderboard import boards
    from infocap_tasks.report.files import whole_file
    from infocap_tasks.report.leaderboard import RENDERERS
    from infocap_tasks.report.page.render import page
    from infocap_tasks.results.read import read_runs

    results = [folder.results for folder in folders if folder.results.is_dir()]
    series = {f.row.name_in_results: f.row.series for f in folders if f.row.series is not None}
    found = read_runs(results, series)
    for line in [*found.complaints, *found.notes]:
        say(line)
    if not found.runs:
        raise InfocapError(
            f"{study.path}: no results of infocap tasks yet; see infocap sweep status"
        )
    ranked = boards(found.runs)
    print(RENDERERS["table"](ranked))
    path = Path(study.folder) / "leaderboard.html"
    with whole_file(path) as unfinished:
        unfinished.write_text(page(ranked, study.path.stem), "utf-8")
    print(f"page: {path}")


def _row(options: argparse.Namespace) -> int:
    from infocap_tasks.sweep.row_folder import BUSY, Busy, RowFolder
    from infocap_tasks.sweep.run_row import run_row
    from infocap_tasks.sweep.study import read_study

    signal.signal(signal.SIGTERM, _stop)  # so that what was started is ended too
    study = read_study(options.study)
    try:
        cause = run_row(RowFolder(study, study.row(options.row)), options.retries)
    except Busy:
        say(f"{options.row}: another process runs it")
        return BUSY
    if cause is not None:
        print(f"{options.row}: {cause}", file=sys.stderr)
    return int(cause is not None)


def _stop(*_: object) -> NoReturn:
    raise KeyboardInterrupt
