"""``infocap eval``: the harness's own ``lm_eval run``, with our tasks and safe defaults put in.

The harness parses its flags; what it parsed is completed here and handed back to it.
"""

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lm_eval._cli import HarnessCLI
from lm_eval.config.evaluate_config import EvaluatorConfig
from lm_eval.tasks import TaskManager
from lm_eval.utils import setup_logging, simple_parse_args_string

from infocap_tasks.backend.infocap_hf import BOS_POLICY
from infocap_tasks.errors import InfocapError
from infocap_tasks.models.pretrained import Pretrained, load_config
from infocap_tasks.paths import task_configs_dir
from infocap_tasks.task.infocap import refuse_options

_OUR_MODEL = "infocap-hf"
# The names under which the harness registers its transformers backend.
_HF_MODELS = frozenset({"hf", "hf-auto", "huggingface"})
# Neither is the harness's default: it would put a second BOS before each text, and take the
# log-softmax in the model's own precision.
_HF_DEFAULTS = {"add_bos_token": False, "softmax_dtype": "float32"}


def evaluate(arguments: Sequence[str]) -> None:
    """Run the harness with the flags of ``lm_eval run``, and ``--cache DIR``.

    Raises:
        InfocapError: the flags, a task or the model cannot be used.
        SystemExit: the harness's parser refused the flags, or printed its help.
    """
    setup_logging()
    harness = HarnessCLI()
    ours, theirs = _our_parser().parse_known_args(arguments)
    arguments_before = sys.argv
    try:
        sys.argv = ["infocap eval", "run", *theirs]  # where the harness's parser reads them
        harness.execute(complete(harness.parse_args(), ours.cache))
    except (ValueError, OSError, TypeError, AttributeError) as error:
        if isinstance(error, InfocapError) or os.environ.get("LMEVAL_LOG_LEVEL") == "DEBUG":
            raise
        complaint = " ".join(str(error).split()) or type(error).__name__
        raise InfocapError(f"{complaint} (LMEVAL_LOG_LEVEL=DEBUG shows where)") from error
    finally:
        sys.argv = arguments_before


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
    model_args = _as_dict(given("model_args"))
    if given("trust_remote_code"):
        model_args["trust_remote_code"] = True  # the harness tells the model, but not the tasks
    options.model = model = given("model") or _OUR_MODEL
    if model in _HF_MODELS:
        model_args = _HF_DEFAULTS | model_args
    if model in {*_HF_MODELS, _OUR_MODEL}:
        _require_model(model_args)
    if cache and model != _OUR_MODEL:
        raise InfocapError(
            f"--cache: --model {model} has no such cache; leave --model out (it is {_OUR_MODEL}), "
            "or use the harness's --use_cache"
        )
    options.metadata = _as_dict(given("metadata"))
    if model == _OUR_MODEL:
        options.metadata.setdefault("bos_policy", BOS_POLICY)
        options.batch_size = given("batch_size") or "auto"
        model_args |= {"cache": cache} if cache else {}
        if given("use_cache") and int(os.environ.get("WORLD_SIZE", "1")) > 1:
            raise InfocapError(
                "--use_cache: its files differ by process, and the processes of infocap-hf share "
                "their work; use --cache DIR"
            )
    else:
        options.metadata.pop("bos_policy", None)  # as copied from the results of another model
    options.model_args = model_args
    if "seed" in model_args:  # the model's own, which must not draw a sample of texts
        options.metadata.setdefault("seed", None)
    _check_our_tasks(given("tasks") or [], given, model_args | options.metadata)
    if given("use_cache"):
        # The harness's cache tells requests apart, but not models.
        options.use_cache = f"{given('use_cache')}_{_digest(model, model_args)}"
    return options


def _as_dict(arguments: Any) -> dict[str, Any]:
    return dict(
        simple_parse_args_string(arguments) if isinstance(arguments, str) else arguments or {}
    )


def _digest(model: str, model_args: Mapping[str, Any]) -> str:
    text = json.dumps([model, model_args], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _require_model(model_args: Mapping[str, Any]) -> None:
    path = model_args.get("pretrained")
    if not isinstance(path, str):
        raise InfocapError(
            "no model given: add --model_args pretrained=DIR_OR_HUB_ID "
            "(`infocap demo` shows a run on a small model)"
        )
    load_config(Pretrained.from_metadata(path, model_args))


def _check_our_tasks(tasks: Any, given: Any, metadata: Mapping[str, Any]) -> None:
    """Build the infocap tasks that are asked for once, before the weights load.

    That opens the corpora, reads config and tokenizer and counts FLOPs, all of it kept for later.
    """
    names = tasks.split(",") if isinstance(tasks, str) else tasks
    manager = TaskManager(
        include_path=str(task_configs_dir()),
        include_defaults=False,
        metadata=dict(metadata),
    )
    ours = manager.match_tasks([name for name in names if isinstance(name, str)])
    if ours:
        options = ("cache_requests", "apply_chat_template", "system_instruction")
        refuse_options({name: given(name) for name in options})
        tasks = manager.load(ours)["tasks"]
        _refuse_one_file_for_all(tasks, metadata)
        if given("use_cache"):
            _refuse_harness_cache(tasks)


def _refuse_harness_cache(tasks: Mapping[str, Any]) -> None:
    named = [name for name, task in tasks.items() if task.regime == "reference"]
    if named:
        raise InfocapError(
            f"--use_cache: tells texts apart by their strings, but {', '.join(named)} by token "
            "ids, which can read the same; use --cache DIR"
        )


def _refuse_one_file_for_all(tasks: Mapping[str, Any], metadata: Mapping[str, Any]) -> None:
    """A file named on the command line stands in for one corpus, not for several at once."""
    corpora = {name: task.config.metadata.get("corpus") for name, task in tasks.items()}
    on_hub = {
        name: str(corpus)
        for name, corpus in corpora.items()
        if isinstance(corpus, Mapping) and "repository" in corpus
    }
    own = {name: "file" for name, corpus in corpora.items() if corpus == "file"}
    is_folder = Path(str(metadata.get("corpus_path", ""))).expanduser().is_dir()
    takers = {"corpus_file": on_hub, "corpus_path": {} if is_folder else on_hub | own}
    for setting, named in takers.items():
        if setting in metadata and len(set(named.values())) > 1:
            raise InfocapError(
                f"{setting}={metadata[setting]}: {', '.join(named)} would all read this one "
                "file; run them one by one"
            )
