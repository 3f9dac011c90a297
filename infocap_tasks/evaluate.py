"""``infocap eval``: the harness's own ``lm_eval run``, with our tasks and safe defaults put in.

The harness parses its flags; what it parsed is completed here and handed back to it.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any

from lm_eval._cli import HarnessCLI
from lm_eval.config.evaluate_config import EvaluatorConfig
from lm_eval.utils import setup_logging, simple_parse_args_string

from infocap_tasks.errors import InfocapError
from infocap_tasks.paths import task_configs_dir
from infocap_tasks.pretrained import Pretrained, load_config, load_tokenizer

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
    sys.argv = ["infocap eval", "run", *arguments]  # the harness's parser reads it from there
    options = complete(harness.parse_args())
    try:
        harness.execute(options)
    except (ValueError, OSError) as error:
        if isinstance(error, InfocapError) or os.environ.get("LMEVAL_LOG_LEVEL") == "DEBUG":
            raise
        raise InfocapError(
            f"{' '.join(str(error).split())} (LMEVAL_LOG_LEVEL=DEBUG shows where)"
        ) from error


def complete(options: argparse.Namespace) -> argparse.Namespace:
    """The parsed flags with our task folder and, for ``--model hf``, our defaults put in.

    What the user set, on the command line or in a ``--config`` file, stays as it is.
    """
    file = EvaluatorConfig.load_yaml_config(options.config) if options.config else {}
    theirs = options.include_path or file.get("include_path")
    options.include_path = [str(task_configs_dir()), *([theirs] if theirs else [])]
    model = options.model or file.get("model") or "hf"
    if model in _HF_MODELS:
        given = _as_dict(file.get("model_args")) | _as_dict(options.model_args)
        if getattr(options, "trust_remote_code", False):
            given["trust_remote_code"] = True  # the harness tells the model, but not the tasks
        options.model_args = _HF_DEFAULTS | given
        _load_what_is_small(options.model_args)
    return options


def _as_dict(model_args: Any) -> dict[str, Any]:
    return simple_parse_args_string(model_args) if isinstance(model_args, str) else model_args or {}


def _load_what_is_small(model_args: dict[str, Any]) -> None:
    """Read config and tokenizer, so that a wrong name fails in one line before weights load."""
    path = model_args.get("pretrained")
    if not isinstance(path, str):
        raise InfocapError(
            "no model given: add --model_args pretrained=DIR_OR_HUB_ID "
            "(`infocap demo` shows a run on a small model)"
        )
    model = Pretrained.from_metadata(path, model_args)
    load_config(model)
    if "tokenizer" not in model_args:
        load_tokenizer(
            model, model_args["add_bos_token"], bool(model_args.get("use_fast_tokenizer", True))
        )
