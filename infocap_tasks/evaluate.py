"""``infocap eval``: the harness's own ``lm_eval run``, with our tasks and safe defaults put in.

The harness parses its flags; what it parsed is completed here and handed back to it.
"""

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from lm_eval._cli import HarnessCLI
from lm_eval.config.evaluate_config import EvaluatorConfig
from lm_eval.tasks import TaskManager
from lm_eval.utils import setup_logging, simple_parse_args_string

from infocap_tasks.errors import InfocapError
from infocap_tasks.paths import task_configs_dir
from infocap_tasks.pretrained import Pretrained, load_config
from infocap_tasks.task import refuse_options

# The names under which the harness registers its transformers backend.
_HF_MODELS = frozenset({"hf", "hf-auto", "huggingface"})
# Neither is the harness's default: it would put a second BOS before each text, and take the
# log-softmax in the model's own precision.
_HF_DEFAULTS = {"add_bos_token": False, "softmax_dtype": "float32"}


def evaluate(arguments: Sequence[str]) -> None:
    """Run the harness with the flags of ``lm_eval run``.

    Raises:
        InfocapError: the flags, a task or the model cannot be used.
        SystemExit: the harness's parser refused the flags, or printed its help.
    """
    setup_logging()
    harness = HarnessCLI()
    arguments_before = sys.argv
    try:
        sys.argv = ["infocap eval", "run", *arguments]  # where the harness's parser reads them
        harness.execute(complete(harness.parse_args()))
    except (ValueError, OSError, TypeError, AttributeError) as error:
        if isinstance(error, InfocapError) or os.environ.get("LMEVAL_LOG_LEVEL") == "DEBUG":
            raise
        complaint = " ".join(str(error).split()) or type(error).__name__
        raise InfocapError(f"{complaint} (LMEVAL_LOG_LEVEL=DEBUG shows where)") from error
    finally:
        sys.argv = arguments_before


def complete(options: argparse.Namespace) -> argparse.Namespace:
    """The parsed flags with our task folder and, for ``--model hf``, our defaults put in.

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
    model = given("model") or "hf"
    if model in _HF_MODELS:
        model_args = _HF_DEFAULTS | model_args
        _require_model(model_args)
    options.model_args = model_args
    _check_our_tasks(given("tasks") or [], given, model_args)
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


def _check_our_tasks(tasks: Any, given: Any, model_args: Mapping[str, Any]) -> None:
    """Build the infocap tasks that are asked for once, before the weights load.

    That opens the corpora, reads config and tokenizer and counts FLOPs, all of it kept for later.
    """
    names = tasks.split(",") if isinstance(tasks, str) else tasks
    manager = TaskManager(
        include_path=str(task_configs_dir()),
        include_defaults=False,
        metadata=dict(model_args) | _as_dict(given("metadata")),
    )
    ours = manager.match_tasks([name for name in names if isinstance(name, str)])
    if ours:
        options = ("cache_requests", "apply_chat_template", "system_instruction")
        refuse_options({name: given(name) for name in options})
        manager.load(ours)
