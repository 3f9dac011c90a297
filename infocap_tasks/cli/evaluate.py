"""``infocap eval``: the harness's own ``lm_eval run``, with our tasks and safe defaults put in.

The harness parses its flags; what it parsed is completed here and handed back to it.
"""

import argparse
import hashlib
import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lm_eval.config.evaluate_config import EvaluatorConfig
from lm_eval.tasks import TaskManager
from lm_eval.utils import setup_logging, simple_parse_args_string

from infocap_tasks.backend import InfocapHF
from infocap_tasks.cli.foreign_errors import worded
from infocap_tasks.errors import InfocapError
from infocap_tasks.models.pretrained import load_config
from infocap_tasks.paths import task_configs_dir
from infocap_tasks.task import command_line
from infocap_tasks.task.infocap import InformationCapacityTask, refuse_options
from infocap_tasks.task.keys import refuse_contradictions, refuse_unknown
from infocap_tasks.task.settings import corpus_keys, parse_model

_OUR_MODEL = "infocap-hf"
_OUR_BACKENDS = {_OUR_MODEL: InfocapHF}
# The names under which the harness registers its transformers backend.
_HF_MODELS = frozenset({"hf", "hf-auto", "huggingface"})
# Neither is the harness's default: it would put a second BOS before each text, and take the
# log-softmax in the model's own precision.
_HF_DEFAULTS = {"add_bos_token": False, "softmax_dtype": "float32"}

# What the user gave for a flag, on the command line or in a --config file.
Given = Callable[[str], Any]


def evaluate(arguments: Sequence[str]) -> None:
    """Run the harness with the flags of ``lm_eval run``, and ``--cache DIR``.

    Raises:
        InfocapError: the flags, a task or the model cannot be used.
        SystemExit: the harness's parser refused the flags, or printed its help.
    """
    setup_logging()
    ours, theirs = _our_parser().parse_known_args(arguments)
    options = None
    try:
        options = complete(command_line.parse(theirs, "infocap eval"), ours.cache)
        command_line.execute(options)
    except Exception as error:  # the harness and its backends raise whatever theirs do
        if isinstance(error, InfocapError) or os.environ.get("LMEVAL_LOG_LEVEL") == "DEBUG":
            raise
        raise worded(error, options) from error


def _our_parser() -> argparse.ArgumentParser:
    """The flags that the harness does not have; not abbreviated, since it has others like them."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--cache", metavar="DIR")
    return parser


def complete(options: argparse.Namespace, cache: str | None = None) -> argparse.Namespace:
    """The parsed flags with our task folder, our model and, for ``--model hf``, our defaults.

    What the user set, on the command line or in a ``--config`` file, stays as it is.

    Raises:
        InfocapError: an infocap task cannot run like this; found before any weights are loaded.
    """
    file = EvaluatorConfig.load_yaml_config(options.config) if options.config else {}

    def given(name: str) -> Any:
        return getattr(options, name, None) or file.get(name)

    theirs = given("include_path") or []
    options.include_path = [
        str(task_configs_dir()),
        *([theirs] if isinstance(theirs, str) else theirs),
    ]
    options.model = given("model") or _OUR_MODEL
    options.model_args = _model_args(options.model, given, cache)
    if options.model in _OUR_BACKENDS:
        options.batch_size = given("batch_size") or "auto"
        _refuse_use_cache_of_processes(given)
    options.metadata = _metadata(options, given)
    _refuse_unusable_flags(given)
    _check_tasks(options, given)
    if given("use_cache"):
        # The harness's cache tells requests apart, but not models.
        options.use_cache = f"{given('use_cache')}_{_digest(options.model, options.model_args)}"
    return options


def _model_args(model: str, given: Given, cache: str | None) -> dict[str, Any]:
    """The model's arguments, with our defaults and ``--cache``."""
    model_args = _as_dict(given("model_args"))
    if given("trust_remote_code"):
        model_args["trust_remote_code"] = True  # the harness tells the model, but not the tasks
    if model in _HF_MODELS:
        model_args = _HF_DEFAULTS | model_args
    if model in _HF_MODELS or model in _OUR_BACKENDS:
        _require_model(model_args)
    if not cache:
        return model_args
    if model not in _OUR_BACKENDS:
        raise InfocapError(
            f"--cache: --model {model} has no such cache; leave --model out (it is {_OUR_MODEL}), "
            "or use the harness's --use_cache"
        )
    return model_args | {"cache": cache}


def _metadata(options: argparse.Namespace, given: Given) -> dict[str, Any]:
    """What tasks are told: what the user gave, and the facts of a backend of ours."""
    metadata = _as_dict(given("metadata"))
    backend = _OUR_BACKENDS.get(options.model)
    if backend is None:
        for key in ("bos_policy", "takes_token_ids"):  # as copied from the results of another model
            metadata.pop(key, None)
    else:
        metadata.setdefault("bos_policy", backend.bos_policy)
        metadata["takes_token_ids"] = backend.takes_token_ids
    if "seed" in options.model_args:  # the model's own, which must not draw a sample of texts
        metadata.setdefault("seed", None)
    return metadata


def _as_dict(arguments: Any) -> dict[str, Any]:
    return dict(
        simple_parse_args_string(arguments) if isinstance(arguments, str) else arguments or {}
    )


def _digest(model: str, model_args: Mapping[str, Any]) -> str:
    text = json.dumps([model, model_args], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _refuse_use_cache_of_processes(given: Given) -> None:
    if given("use_cache") and int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise InfocapError(
            "--use_cache: its files differ by process, and the processes of infocap-hf share "
            "their work; use --cache DIR"
        )


def _refuse_unusable_flags(given: Given) -> None:
    limit = given("limit")
    if isinstance(limit, float) and not math.isfinite(limit):
        raise InfocapError(f"--limit {limit}: must be a number of texts, or a share below 1")
    if given("wandb_args") and find_spec("wandb") is None:  # the harness only logs it, and ends
        raise InfocapError(
            "--wandb_args: needs the package wandb, which is not installed; "
            "run `pip install wandb`, or leave it out"
        )


def _require_model(model_args: Mapping[str, Any]) -> None:
    model = parse_model(model_args)
    if model is None:
        raise InfocapError(
            "no model given: add --model_args pretrained=DIR_OR_HUB_ID "
            "(`infocap demo` shows a run on a small model)"
        )
    load_config(model)


# ---------------------------------------------------------------------- the tasks


def _check_tasks(options: argparse.Namespace, given: Given) -> None:
    """Refuse what would make a number of an infocap task wrong, before the weights load.

    For that the infocap tasks are built once: it opens the corpora, reads config and tokenizer and
    counts FLOPs, all of it kept for later.
    """
    tasks = given("tasks") or []
    names = tasks.split(",") if isinstance(tasks, str) else tasks
    manager = TaskManager(
        include_path=str(task_configs_dir()),
        include_defaults=False,
        metadata=options.model_args | options.metadata,
    )
    # A task may also be a dictionary of its own in a --config file.
    ours = [name for name in names if isinstance(name, str) and manager.match_tasks([name])]
    has_other_tasks = len(ours) < len(names)
    refuse_unknown(_as_dict(given("metadata")), has_other_tasks)
    if not ours:
        return
    _refuse_dummy(options.model)
    loads_model = options.model in _HF_MODELS or options.model in _OUR_BACKENDS
    refuse_contradictions(_as_dict(given("metadata")), options.model_args, loads_model)
    refuse_options({name: given(name) for name in _OPTIONS_TO_REFUSE})
    loaded = manager.load(manager.match_tasks(ours))["tasks"]
    _refuse_unread_corpus_path(loaded, options.metadata, has_other_tasks)
    _refuse_one_file_for_all(loaded, options.metadata)
    if given("use_cache"):
        _refuse_harness_cache(loaded)


_OPTIONS_TO_REFUSE = ("cache_requests", "apply_chat_template", "system_instruction")

Tasks = Mapping[str, InformationCapacityTask]


def _refuse_dummy(model: str) -> None:
    if model == "dummy":  # the harness's, which answers with random numbers
        raise InfocapError(
            "--model dummy: makes up its log-likelihoods, and has no information capacity; leave "
            f"--model out (it is {_OUR_MODEL}), or name another backend"
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
    return [
        name for name, task in tasks.items() if key in corpus_keys(task.settings.declared_corpus)
    ]
