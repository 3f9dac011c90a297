"""Texts and a model in, a run out: what ``infocap eval`` does, for notebooks and scripts."""

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path, PurePath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

from lm_eval import simple_evaluate
from lm_eval.api.model import LM
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager
from lm_eval.utils import handle_non_serializable

from infocap_tasks.backend.infocap_hf import InfocapHF
from infocap_tasks.errors import InfocapError
from infocap_tasks.paths import task_configs_dir
from infocap_tasks.results.read import read_runs
from infocap_tasks.results.run import Run

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

# What a task is told of a backend of ours, as `infocap eval` tells it.
_OF_OUR_BACKEND = {
    "takes_token_ids": InfocapHF.takes_token_ids,
    "bos_policy": InfocapHF.bos_policy,
}
_TASKS = {"harness": "infocap_custom", "reference": "infocap_custom_reference"}


def score(
    texts: Iterable[str],
    model: "str | PreTrainedModel | LM",
    *,
    tokenizer: "str | PreTrainedTokenizerBase | None" = None,
    max_tokens: int = 1024,
    bias_bits_per_token: float = -27.0,
    regime: str = "harness",
    flops_per_token: float | None = None,
    device: str | None = None,
    dtype: "str | torch.dtype" = "auto",
    batch_size: int | str = "auto",
    cache: str | Path | None = None,
) -> Run:
    """The information capacity of a model on texts, with all that it is a function of.

    The harness runs the task ``infocap_custom`` on ``infocap-hf``, so the numbers are those of
    ``infocap eval``. Nothing stays on disk but the answers in ``cache``.

    Args:
        texts: the texts; documents are paired by their number, which is counted from 1.
        model: a folder or hub id; a model of transformers; or a model object of the harness,
            which scores in its own way.
        tokenizer: where the model does not bring one, or another one is wanted.
        max_tokens: L, where texts are cut.
        bias_bits_per_token: b, a constant of the kind of texts.
        regime: ``harness``, or ``reference`` for the protocol of the paper's public code.
        flops_per_token: N; where it is None, it is counted from the model's config.
        device: ``cuda``, ``cpu`` and so on; by default the GPU, or the CPU where there is none.
            It and ``dtype`` apply to a model given by name.
        dtype: of the weights; ``auto`` is what the model's config says.
        batch_size: in sequences of the longest length, or ``auto``. It and ``cache`` do not apply
            to a model object of the harness.
        cache: folder for finished answers, from which a run that was killed goes on.

    Raises:
        InfocapError: a text, the model or a setting cannot be used.
    """
    if regime not in _TASKS:
        raise InfocapError(f"regime={regime}: no such regime; give one of {', '.join(_TASKS)}")
    settings: dict[str, Any] = {
        "max_tokens": max_tokens,
        "bias_bits_per_token": bias_bits_per_token,
        **({} if flops_per_token is None else {"flops_per_token": flops_per_token}),
    }
    options = {"cache": str(cache)} if cache else {}
    with TemporaryDirectory(prefix="infocap-") as name:
        folder = Path(name)
        settings["corpus_path"] = _write_texts(texts, folder)
        if isinstance(model, str):
            scored = _named(model, tokenizer, options | {"dtype": dtype})
        elif isinstance(model, LM):
            scored = _ready(model, tokenizer, folder)
        else:
            lm = InfocapHF(model, tokenizer=tokenizer, batch_size=batch_size, **options)
            scored = _ready(lm, tokenizer, folder)
        results = _evaluate(scored, _TASKS[regime], settings, batch_size, device)
        return _run_of(results, folder)


class _Scored(NamedTuple):
    """A model as the harness takes it, its arguments, and what the task must know of it."""

    model: str | LM
    arguments: dict[str, Any]
    metadata: dict[str, Any]


def _named(model: str, tokenizer: Any, options: dict[str, Any]) -> _Scored:
    arguments = {"pretrained": model, **options} | ({"tokenizer": tokenizer} if tokenizer else {})
    return _Scored(
        "infocap-hf",
        arguments,
        arguments | {"takes_token_ids": True, "bos_policy": InfocapHF.bos_policy},
    )


def _ready(model: LM, tokenizer: Any, folder: Path) -> _Scored:
    """A model object; the task reads a copy of its config, which its name may no longer lead to."""
    name, metadata = type(model).__name__, {}
    if isinstance(model, HFLM):
        name = model.model.name_or_path or type(model.model).__name__
        config = folder / PurePath(name).name
        model.model.config.save_pretrained(config)
        metadata = {
            "pretrained": str(config),
            "tokenizer": model.tokenizer,
            "add_bos_token": model.add_bos_token,
            "prefix_token_id": model.prefix_token_id,
            "max_length": model.max_length,
            "dtype": model.model.dtype,
            "softmax_dtype": model.softmax_dtype,
        }
    if isinstance(model, InfocapHF):
        metadata |= _OF_OUR_BACKEND
    if tokenizer:
        metadata["tokenizer"] = tokenizer
    # The harness only writes down the arguments of a model that is ready.
    return _Scored(model, {"pretrained": name}, metadata)


def _write_texts(texts: Iterable[str], folder: Path) -> str:
    """The texts as a corpus of one file."""
    if isinstance(texts, str):
        raise InfocapError("texts: one string was given; give a list of texts, such as [text]")
    path = folder / "texts.jsonl"
    with path.open("w", encoding="utf-8") as file:
        number = 0
        for number, text in enumerate(texts, start=1):
            if not isinstance(text, str):
                raise InfocapError(
                    f"text {number}: is a {type(text).__name__}; give texts as strings"
                )
            file.write(json.dumps({"text": text}) + "\n")
    if not number:
        raise InfocapError("texts: none was given; give at least one")
    return str(path)


def _evaluate(
    scored: _Scored,
    task: str,
    settings: dict[str, Any],
    batch_size: int | str,
    device: str | None,
) -> Any:
    """The harness's results of one task of ours; None in a process that does not report."""
    manager = TaskManager(
        include_path=str(task_configs_dir()),
        include_defaults=False,
        metadata=scored.metadata | settings,
    )
    return simple_evaluate(
        scored.model,
        model_args=scored.arguments,
        # Built before the weights load, so that a wrong setting is found at once.
        tasks=list(manager.load([task])["tasks"].values()),
        batch_size=batch_size,
        device=device,
        log_samples=False,
        random_seed=None,  # nothing is drawn here, so the caller's seeds stay
        numpy_random_seed=None,
        torch_random_seed=None,
        fewshot_random_seed=None,
    )


def _run_of(results: Any, folder: Path) -> Run:
    """The run in the harness's results, read as a results file is."""
    if results is None:
        raise InfocapError(
            "score: this process does not report; for several processes run "
            "torchrun -m infocap_tasks eval"
        )
    path = folder / "results.json"
    path.write_text(json.dumps(results, default=handle_non_serializable), "utf-8")
    (run,) = read_runs([path]).runs
    return replace(run, source="score")
