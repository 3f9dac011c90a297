"""Flags of ``infocap eval`` that cannot be meant, refused before anything slow is imported."""

import math
import re
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from infocap_tasks.errors import InfocapError, did_you_mean
from infocap_tasks.models.local import refuse_missing_model
from infocap_tasks.task.names import refuse_unknown_tasks

# What the user gave for a flag, on the command line or in a --config file.
Given = Callable[[str], Any]


def refuse_undecodable(arguments: Sequence[str]) -> None:
    """Refuse bytes that are no text, as names of files may hold: no results file could hold them.

    Raises:
        InfocapError: an argument has such bytes.
    """
    for argument in arguments:
        try:
            argument.encode()
        except UnicodeEncodeError:
            raise InfocapError(
                f"{argument!a}: is not UTF-8, and the results file names it; rename the file or "
                "folder"
            ) from None


def refuse_unusable_flags(
    given: Given, folders: Sequence[str], model: str, model_args: Mapping[str, Any]
) -> None:
    """Refuse values that no run can use, with the nearest ones that it can.

    Args:
        given: what the user gave.
        folders: where tasks are looked for beside the harness's own.
        model: the backend.
        model_args: its arguments, if it runs on transformers.

    Raises:
        InfocapError: a flag cannot be used.
    """
    _refuse_missing_folders(folders)
    _refuse_unknown_model(model)
    _refuse_unusable_numbers(given, model_args)
    _refuse_missing_packages(model)
    _refuse_missing_wandb(given("wandb_args"))
    if model_args:
        _refuse_unknown_backend(model_args.get("backend", "default"))
        _refuse_unknown_device(given("device") or model_args.get("device"))
    if isinstance(model_args.get("pretrained"), str):
        refuse_missing_model(model_args["pretrained"], model_args.get("gguf_file"))
    tasks = given("tasks")
    if not tasks:
        raise InfocapError(
            "no task given: add --tasks infocap, or the name of another task "
            "(infocap eval --help: all flags)"
        )
    names = tasks.split(",") if isinstance(tasks, str) else tasks
    refuse_unknown_tasks([name for name in names if isinstance(name, str)], folders)


def _refuse_missing_folders(folders: Sequence[str]) -> None:
    for folder in folders:
        if not Path(folder).is_dir():
            raise InfocapError(
                f"--include_path {folder}: no such folder; give one that holds YAMLs of tasks"
            )


def _refuse_unknown_model(model: str) -> None:
    from lm_eval.api.registry import model_registry

    import infocap_tasks.backend.registered  # noqa: F401  (it makes infocap-hf known)

    if model in model_registry:
        return
    known = sorted(model_registry.keys())
    raise InfocapError(
        f"--model {model}: the harness has no such backend; {did_you_mean(model, known)}"
        f"choose from {', '.join(known)}"
    )


def _refuse_unusable_numbers(given: Given, model_args: Mapping[str, Any]) -> None:
    limit = given("limit")
    if isinstance(limit, float) and not math.isfinite(limit):
        raise InfocapError(f"--limit {limit}: must be a number of texts, or a share below 1")
    for size in (given("batch_size"), model_args.get("batch_size")):
        if size is not None and not re.fullmatch(r"auto(:\d+(\.\d+)?)?|0*[1-9]\d*", str(size)):
            raise InfocapError(f"--batch_size {size}: give auto, auto:N or a number from 1")
    for name, value, least in (
        ("--num_fewshot", given("num_fewshot"), 0),
        ("--max_batch_size", given("max_batch_size"), 1),
        ("--model_args max_length=", model_args.get("max_length"), 1),
    ):
        if isinstance(value, int) and value < least:
            shown = f"{name}{value}" if name.endswith("=") else f"{name} {value}"
            raise InfocapError(f"{shown}: give a number from {least}")


_API = ("aiohttp", "tenacity")
# What backends need beside the extra eval, and how it is installed.
_PACKAGES: Mapping[str, tuple[Sequence[str], str]] = {
    "infocap-api": (("aiohttp",), "infocap-tasks[api]"),
    "infocap-gguf": (("llama_cpp", "gguf"), "infocap-tasks[gguf]"),
    "infocap-vllm": (("vllm",), "vllm"),
    "vllm": (("vllm",), "vllm"),
    "sglang": (("sglang",), "sglang"),
}


def _refuse_missing_packages(model: str) -> None:
    api = (_API, "lm-eval[api]") if "completions" in model else ((), "")
    packages, source = _PACKAGES.get(model, api)
    missing = [package for package in packages if find_spec(package) is None]
    if missing:  # some backends of the harness would end in a NameError
        raise InfocapError(
            f"--model {model}: needs {', '.join(missing)}, not installed here; run "
            f'`pip install "{source}"`'
        )


def _refuse_missing_wandb(wandb_args: Any) -> None:
    if wandb_args and find_spec("wandb") is None:  # the harness only logs it, and ends
        raise InfocapError(
            "--wandb_args: needs the package wandb, which is not installed; "
            "run `pip install wandb`, or leave it out"
        )


def _refuse_unknown_backend(backend: Any) -> None:
    if backend not in ("default", "causal", "seq2seq"):
        raise InfocapError(
            f"--model_args backend={backend}: give default, causal or seq2seq, or leave it out"
        )


def _refuse_unknown_device(device: Any) -> None:
    if device is not None and not re.fullmatch(r"cpu|(cuda|mps|npu|xpu|hpu)(:\d+)?", str(device)):
        raise InfocapError(f"--device {device}: give cpu, cuda, cuda:0, mps, npu:0, xpu:0 or hpu:0")


def refuse_missing_device(device: str | None) -> None:
    """Refuse a device for which the harness would silently take another one.

    Raises:
        InfocapError: this machine has no such device.
    """
    if device is None:
        return
    import torch

    kind, _, index = device.partition(":")
    try:
        number: int = torch.get_device_module(kind).device_count()
    except RuntimeError:  # a kind that this build of torch does not know
        number = 0
    if number <= int(index or 0):
        raise InfocapError(
            f"--device {device}: this machine has no such device; leave --device out to take the "
            "GPU if there is one, or give cpu"
        )


def refuse_unusable_answer_file(path: str) -> None:
    """Refuse a --use_cache that the harness could not write to; its thread would print a traceback.

    Raises:
        InfocapError: its folder cannot be made, or it is no database or cannot be written.
    """
    file = Path(f"{path}_rank0.db")
    was_there = file.exists()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(file, isolation_level=None)) as database:
            database.execute("BEGIN IMMEDIATE")  # asks for the right to write; closing undoes it
        if not was_there:  # opening has made it, and the run may be refused yet
            file.unlink()
    except (OSError, sqlite3.Error) as error:
        raise InfocapError(
            f"--use_cache {path}: cannot be opened or written ({error}); name a file in a folder "
            "that exists and is writable"
        ) from error
