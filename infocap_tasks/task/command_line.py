"""The harness's own command line, ``lm_eval run``; its modules are private, and used here only."""

import argparse
import json
import subprocess
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from lm_eval._cli import HarnessCLI

from infocap_tasks.errors import InfocapError, did_you_mean
from infocap_tasks.models.replaced import replaced
from infocap_tasks.paths import task_configs_dir

if TYPE_CHECKING:
    from lm_eval.tasks import TaskManager


class Outcome(NamedTuple):
    """What the harness measured, and the file that it wrote it to.

    Attributes:
        results: the content of a results file; None in all processes but the first.
        file: None without --output_path.
    """

    results: dict[str, Any] | None
    file: Path | None


def parse(arguments: Sequence[str], program: str) -> argparse.Namespace:
    """The flags of ``lm_eval run``, parsed by the harness.

    Args:
        arguments: the flags.
        program: what messages call the program.

    Raises:
        InfocapError: the harness refused the flags.
        SystemExit: it printed its help.
    """
    flags = parser(program)
    options, unknown = flags.parse_known_args(arguments)
    if unknown:
        flag = unknown[0].partition("=")[0]
        meant = did_you_mean(flag, flags._option_string_actions, 1)
        flags.error(f"there is no flag {unknown[0]}, {meant}".rstrip(", "))
    return options


def parser(program: str) -> argparse.ArgumentParser:
    """The harness's parser of the flags of ``lm_eval run``; its errors are ``InfocapError``."""
    flags: argparse.ArgumentParser = HarnessCLI()._subparsers.choices["run"]
    refuse_in_one_line(flags, program)
    return flags


def as_arguments(given: Any) -> dict[str, Any]:
    """Arguments by name, from a mapping or the harness's ``NAME=VALUE,NAME=VALUE``.

    Raises:
        ValueError, TypeError: it is neither.
    """
    if isinstance(given, str):  # as a --config file may have it
        from lm_eval.utils import simple_parse_args_string

        given = simple_parse_args_string(given)
    return dict(given or {})


def refuse_in_one_line(parser: argparse.ArgumentParser, program: str) -> None:
    """Let the parser's errors be ``InfocapError``, one line with a pointer to the help."""

    def refuse(message: str) -> NoReturn:
        raise InfocapError(f"{message}; see {program} --help")

    parser.error = refuse  # type: ignore[method-assign, assignment]


def execute(options: argparse.Namespace) -> Outcome:
    """Run the harness: score, print the table, write the results file.

    Raises:
        InfocapError: results could not be written; asked before the model is scored.
        FaultyFiles: results were not written, or not whole.
    """
    import lm_eval.evaluator
    import lm_eval.tasks
    from lm_eval.utils import handle_non_serializable

    from infocap_tasks.backend.checkpoint import whole_checkpoints
    from infocap_tasks.task.results_kept import results_kept

    done: dict[str, Any] = {}

    def evaluate(**settings: Any) -> Any:
        done["tracker"] = settings["evaluation_tracker"]
        done["results"] = lm_eval.evaluator.simple_evaluate(**settings)
        return done["results"]

    with ExitStack() as stand_ins:
        stand_ins.enter_context(replaced(lm_eval, "simple_evaluate", evaluate))
        stand_ins.enter_context(
            replaced(lm_eval.evaluator, "get_git_commit_hash", _silent_git_commit_hash)
        )
        small_if_enough = partial(_task_manager, lm_eval.tasks.TaskManager, options.tasks)
        stand_ins.enter_context(replaced(lm_eval.tasks, "TaskManager", small_if_enough))
        if options.model != "infocap-hf":
            # infocap-hf has it built in, so that it holds in Python and under plain lm_eval too.
            stand_ins.enter_context(whole_checkpoints())
        if "completions" in options.model:  # its module needs lm-eval[api]
            from infocap_tasks.backend.harness_completions import log_probabilities_required

            stand_ins.enter_context(log_probabilities_required())
        if options.model == "vllm":
            from infocap_tasks.backend.harness_vllm import engine_ended

            stand_ins.enter_context(engine_ended())
        kept_answers = options.model_args.get("cache") or options.use_cache
        stand_ins.enter_context(results_kept(options.model_args, kept_answers))
        HarnessCLI().execute(options)
    as_written = json.dumps(done["results"], default=handle_non_serializable)
    return Outcome(json.loads(as_written), _written_file(done["tracker"]))


def _task_manager(
    make: "Callable[..., TaskManager]", tasks: Any, include_path: Any, metadata: Any
) -> "TaskManager":
    """The harness's manager, without its own 14,000 YAMLs where none of them can be meant."""
    manager = make(include_path=include_path, include_defaults=False, metadata=metadata)
    names = tasks.split(",") if isinstance(tasks, str) else tasks
    if all(isinstance(name, str) and _is_known(manager, name) for name in names):
        return manager
    return make(include_path=include_path, metadata=metadata)


def _is_known(manager: "TaskManager", name: str) -> bool:
    """Whether this name or pattern stands for the same with and without the harness's tasks."""
    found = manager.match_tasks([name])
    is_unambiguous = name in found or name.startswith("infocap")
    return bool(found) and is_unambiguous and all(_is_complete(manager, task) for task in found)


def _is_complete(manager: "TaskManager", name: str) -> bool:
    """Groups and tags of other folders than ours may hold tasks of the harness."""
    entry = manager.task_index[name]
    is_ours = entry.yaml_path is not None and task_configs_dir() in entry.yaml_path.parents
    return is_ours or name in manager.all_subtasks


def _silent_git_commit_hash() -> str | None:
    """The commit that the harness records, without what git says where there is none."""
    from lm_eval.loggers.utils import get_git_commit_hash

    silent = partial(subprocess.check_output, stderr=subprocess.DEVNULL)
    with replaced(subprocess, "check_output", silent):
        commit: str | None = get_git_commit_hash()
    return commit


def _written_file(tracker: Any) -> Path | None:
    date = getattr(tracker, "date_id", None)
    if date is None:
        return None
    path = Path(tracker.output_path)
    folder = path.parent if path.suffix == ".json" else path
    return next(folder.rglob(f"*_{date}.json"), None)
