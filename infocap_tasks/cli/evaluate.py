"""``infocap eval``: the harness's own ``lm_eval run``, with our tasks and safe defaults put in.

The harness parses its flags; what it parsed is completed here and handed back to it.
"""

import argparse
import hashlib
import json
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infocap_tasks.backend.processes import end_with_launcher
from infocap_tasks.cli.backends import (
    HF_MODELS,
    OUR_BACKENDS,
    OUR_MODEL,
    complete_model_args,
    facts,
)
from infocap_tasks.cli.flags import (
    Given,
    refuse_undecodable,
    refuse_unusable_answer_file,
    refuse_unusable_flags,
)
from infocap_tasks.cli.foreign_errors import worded
from infocap_tasks.cli.loading import rare_collections
from infocap_tasks.cli.plain_lines import plain_lines_in_logs
from infocap_tasks.errors import InfocapError
from infocap_tasks.paths import task_configs_dir
from infocap_tasks.task import command_line
from infocap_tasks.task.keys import refuse_contradictions, refuse_unknown

if TYPE_CHECKING:
    from lm_eval.tasks import TaskManager

    from infocap_tasks.task.infocap import InformationCapacityTask

# torch, transformers and the harness take seconds to import. So each is imported where it is used,
# after all that can be refused without it.


def evaluate(arguments: Sequence[str]) -> None:
    """Run the harness with the flags of ``lm_eval run``, ``--cache DIR`` and ``--name NAME``.

    Raises:
        InfocapError: the flags, a task or the model cannot be used.
        SystemExit: the harness's parser refused the flags, or printed its help.
    """
    end_with_launcher()
    refuse_undecodable(arguments)
    options = None
    try:
        ours, theirs = _our_parser().parse_known_args(arguments)
        options = command_line.parse(theirs, "infocap eval")
        refuse_unusable(options)
        if os.environ.get("RANK", "0") == "0":  # of torchrun's processes one speaks
            print("infocap eval: loading the libraries and the tasks …", file=sys.stderr)
        with plain_lines_in_logs():
            _set_up_logging(options.verbosity)
            outcome = command_line.execute(complete(options, ours.cache, ours.name))
        _summarise(outcome, _given_by(options)("output_path"))
    except Exception as error:  # the harness and its backends raise whatever theirs do
        if isinstance(error, InfocapError) or os.environ.get("LMEVAL_LOG_LEVEL") == "DEBUG":
            raise
        raise worded(error, options) from error


def _summarise(outcome: command_line.Outcome, output_path: str | None) -> None:
    """Print what the run says of its infocap tasks; only the first of several processes knows."""
    from infocap_tasks.report.summary import summarise
    from infocap_tasks.results.file import read_content
    from infocap_tasks.results.values import Unusable

    try:
        content = read_content(outcome.results or {}, str(outcome.file))
    except Unusable:  # as with --predict_only, which leaves out the metrics
        return
    if content.runs:
        print(f"\n{summarise(content, outcome.file, output_path)}")


def _our_parser() -> argparse.ArgumentParser:
    """The flags that the harness does not have; not abbreviated, since it has others like them."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    command_line.refuse_in_one_line(parser, "infocap eval")
    parser.add_argument("--cache", metavar="DIR")
    parser.add_argument("--name", metavar="NAME")
    return parser


def parsers() -> list[argparse.ArgumentParser]:
    """The parsers of the flags, for what completes them."""
    return [_our_parser(), command_line.parser("infocap eval")]


def _set_up_logging(verbosity: str | None) -> None:
    """The harness's log from warnings on, or from the level of --verbosity or its variable on."""
    from lm_eval.utils import setup_logging

    level = logging.getLevelName(verbosity or "WARNING")
    if not isinstance(level, int):
        raise InfocapError(f"--verbosity {verbosity}: give DEBUG, INFO, WARNING or ERROR")
    setup_logging(level)


def refuse_unusable(options: argparse.Namespace) -> None:
    """Refuse, before the libraries are loaded, flags that no run can use.

    Raises:
        InfocapError: there are such flags.
    """
    refuse_unusable_settings(_given_by(options))


def refuse_unusable_settings(given: Given) -> None:
    """The same of what a user gave otherwise, as in a study.

    Raises:
        InfocapError: no run can use it.
    """
    model = given("model") or OUR_MODEL
    args = given("model_args") if model in OUR_BACKENDS | HF_MODELS else None
    refuse_unusable_flags(given, _folders(given), model, command_line.as_arguments(args))


def _given_by(options: argparse.Namespace) -> Given:
    file: Mapping[str, Any] = {}
    if options.config:
        from lm_eval.config.evaluate_config import EvaluatorConfig

        file = EvaluatorConfig.load_yaml_config(options.config)

    def given(name: str) -> Any:
        value = getattr(options, name, None)
        return value if value or value == 0 else file.get(name)  # the harness's own precedence

    return given


def _folders(given: Given) -> list[str]:
    theirs = given("include_path") or []
    return [str(task_configs_dir()), *([theirs] if isinstance(theirs, str) else theirs)]


@rare_collections()
def complete(
    options: argparse.Namespace, cache: str | None = None, name: str | None = None
) -> argparse.Namespace:
    """The parsed flags with our task folder, our model and, for ``--model hf``, our defaults.

    What the user set, on the command line or in a ``--config`` file, stays as it is.

    Raises:
        InfocapError: an infocap task cannot run like this; found before any weights are loaded.
    """
    given = _given_by(options)
    options.include_path = _folders(given)
    options.tasks = given("tasks")
    options.model = given("model") or OUR_MODEL
    model_args = command_line.as_arguments(given("model_args"))
    if given("trust_remote_code"):
        model_args["trust_remote_code"] = True  # the harness tells the model, but not the tasks
    options.model_args = complete_model_args(options.model, model_args, given("device"), cache)
    if options.model in OUR_BACKENDS:
        options.batch_size = given("batch_size") or "auto"
        _refuse_use_cache_of_processes(given)
    options.metadata = _metadata(options, given)
    if name is not None:
        options.metadata["run_name"] = name
    _check_tasks(options, given)
    if given("use_cache"):
        # The harness's cache tells requests apart, but not models.
        options.use_cache = f"{given('use_cache')}_{_digest(options.model, options.model_args)}"
        refuse_unusable_answer_file(options.use_cache)
    return options


def _metadata(options: argparse.Namespace, given: Given) -> dict[str, Any]:
    """What tasks are told: what the user gave, and the facts of a backend of ours."""
    metadata = command_line.as_arguments(given("metadata"))
    for key in ("bos_policy", "takes_token_ids", "scored_by"):  # as copied from other results
        metadata.pop(key, None)
    metadata |= facts(options.model, options.model_args, metadata)
    if "seed" in options.model_args:  # the model's own, which must not draw a sample of texts
        metadata.setdefault("seed", None)
    return metadata


def _digest(model: str, model_args: Mapping[str, Any]) -> str:
    text = json.dumps([model, model_args], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _refuse_use_cache_of_processes(given: Given) -> None:
    if given("use_cache") and int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise InfocapError(
            "--use_cache: its files differ by process, and the processes of infocap-hf share "
            "their work; use --cache DIR"
        )


# ---------------------------------------------------------------------- the tasks


def _check_tasks(options: argparse.Namespace, given: Given) -> None:
    """Refuse what would make a number of an infocap task wrong, before the weights load.

    For that the infocap tasks are built once: it opens the corpora, reads config and tokenizer and
    counts FLOPs, all of it kept for later.
    """
    from lm_eval.tasks import TaskManager

    from infocap_tasks.task.infocap import refuse_options

    tasks = given("tasks") or []
    names = tasks.split(",") if isinstance(tasks, str) else tasks
    manager = TaskManager(
        include_path=options.include_path,
        include_defaults=False,
        metadata=options.model_args | options.metadata,
    )
    # A task may also be a dictionary of its own in a --config file.
    ours = [name for name in names if isinstance(name, str) and _are_ours(manager, name)]
    has_other_tasks = len(ours) < len(names)
    refuse_unknown(command_line.as_arguments(given("metadata")), has_other_tasks)
    if not ours:
        return
    _refuse_without_log_likelihoods(options.model)
    loads_model = options.model in HF_MODELS or options.model in OUR_BACKENDS
    refuse_contradictions(
        command_line.as_arguments(given("metadata")), options.model_args, loads_model
    )
    refuse_options({name: given(name) for name in _OPTIONS_TO_REFUSE})
    loaded = manager.load(manager.match_tasks(ours))["tasks"]
    _refuse_unread_corpus_path(loaded, options.metadata, has_other_tasks)
    _refuse_one_file_for_all(loaded, options.metadata)
    if given("use_cache"):
        _refuse_harness_cache(loaded)


def _are_ours(manager: "TaskManager", name: str) -> bool:
    """Whether all that a name or pattern stands for are infocap tasks, in our folder or not."""
    entries = [manager.task_index[found] for found in manager.match_tasks([name])]
    return bool(entries) and all(
        # As the index has it: the path of the YAML, then the name of the class.
        "infocap_tasks.task." in str((entry.cfg or {}).get("class"))
        or (entry.yaml_path is not None and task_configs_dir() in entry.yaml_path.parents)
        for entry in entries
    )


_OPTIONS_TO_REFUSE = ("cache_requests", "apply_chat_template", "system_instruction")

Tasks = Mapping[str, "InformationCapacityTask"]


def _refuse_without_log_likelihoods(model: str) -> None:
    if "chat" in model:
        raise InfocapError(
            f"--model {model}: chat servers return no log-likelihoods of texts; take another "
            "backend, such as local-completions on the same server"
        )
    if model == "dummy":  # the harness's, which answers with random numbers
        raise InfocapError(
            "--model dummy: makes up its log-likelihoods, and has no information capacity; leave "
            f"--model out (it is {OUR_MODEL}), or name another backend"
        )


def _refuse_harness_cache(tasks: Tasks) -> None:
    named = [name for name, task in tasks.items() if task.regime == "reference"]
    if named:
        raise InfocapError(
            f"--use_cache: tells texts apart by their strings, but {', '.join(named)} by token "
            "ids, which can read the same; use --cache DIR"
        )


def _refuse_unread_corpus_path(
    tasks: Tasks, metadata: Mapping[str, Any], has_other_tasks: bool
) -> None:
    """A file that no task reads was meant for other tasks than those that are asked for."""
    if "corpus_path" in metadata and not has_other_tasks and not _readers(tasks, "corpus_path"):
        raise InfocapError(
            f"corpus_path={metadata['corpus_path']}: {', '.join(tasks)} would not read it; leave "
            "it out, or add --tasks infocap_custom or a task on a published corpus"
        )


def _refuse_one_file_for_all(tasks: Tasks, metadata: Mapping[str, Any]) -> None:
    """A file named on the command line stands in for one corpus, not for several at once."""
    is_folder = Path(str(metadata.get("corpus_path", ""))).expanduser().is_dir()
    for key in ("corpus_file", *([] if is_folder else ["corpus_path"])):
        readers = _readers(tasks, key)
        corpora = {tasks[name].settings.declared_corpus for name in readers}
        if key in metadata and len(corpora) > 1:
            raise InfocapError(
                f"{key}={metadata[key]}: {', '.join(readers)} would all read this one "
                "file; run them one by one"
            )


def _readers(tasks: Tasks, key: str) -> list[str]:
    """The tasks that read this key to find their texts."""
    from infocap_tasks.task.settings import corpus_keys

    return [
        name for name, task in tasks.items() if key in corpus_keys(task.settings.declared_corpus)
    ]
