"""Texts and a model in, a run out: what ``infocap eval`` does, for notebooks and scripts."""

import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

from lm_eval import __version__ as harness_version
from lm_eval import evaluate
from lm_eval.api.model import LM
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager
from lm_eval.utils import handle_non_serializable

from infocap_tasks.backend.infocap_hf import InfocapHF
from infocap_tasks.backend.names import BACKENDS
from infocap_tasks.backend.token_lm import TokenLM
from infocap_tasks.errors import InfocapError
from infocap_tasks.paths import task_configs_dir
from infocap_tasks.results.read import read_runs
from infocap_tasks.results.run import Run

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

# What a task is told of a backend of ours, as `infocap eval` tells it.
_OF_OUR_BACKEND = {
    "takes_token_ids": TokenLM.takes_token_ids,
    "bos_policy": TokenLM.bos_policy,
}
_NAMES = {target.rpartition(":")[2]: name for name, target in BACKENDS.items()}
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
    of_ours: dict[str, Any] = {"tokenizer": tokenizer, "batch_size": batch_size}
    of_ours |= {"cache": str(cache)} if cache else {}
    with TemporaryDirectory(prefix="infocap-") as name:
        folder = Path(name)
        settings["corpus_path"] = _write_texts(texts, folder)
        if isinstance(model, str):
            scored = _named(model, of_ours | {"dtype": dtype}, device)
        elif isinstance(model, LM):
            scored = _ready(model, tokenizer, folder)
        else:
            scored = _ready(InfocapHF(model, **of_ours), tokenizer, folder)
        with _texts_named_by_number(settings["corpus_path"]):
            results = _evaluate(scored, _TASKS[regime], settings)
        return _run_of(results, folder)


@contextmanager
def _texts_named_by_number(path: str) -> Iterator[None]:
    """The caller gave texts, and knows nothing of the file that they were written to."""
    try:
        yield
    except InfocapError as error:
        raise InfocapError(str(error).replace(f"{path}:", "text ")) from error


class _Scored(NamedTuple):
    """A model, its arguments for the record, and what the task must know of it."""

    load: Callable[[], LM]
    arguments: dict[str, Any]
    metadata: dict[str, Any]


def _named(model: str, options: dict[str, Any], device: str | None) -> _Scored:
    arguments = {"pretrained": model, **options}
    placed = arguments | ({"device": device} if device else {})
    return _Scored(lambda: InfocapHF(**placed), arguments, arguments | _OF_OUR_BACKEND)


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
    if isinstance(model, TokenLM):
        metadata |= {"tokenizer": model.tokenizer, "prefix_token_id": model.prefix_token_id}
        metadata |= _OF_OUR_BACKEND
    if tokenizer:
        metadata["tokenizer"] = tokenizer
    return _Scored(lambda: model, {"pretrained": name}, metadata)


def _evaluate(scored: _Scored, task: str, settings: dict[str, Any]) -> dict[str, Any]:
    """The harness's results of one task of ours, with what its command adds to them.

    Not by ``simple_evaluate``: it sets the caller's seeds and takes seconds to list what is
    installed.
    """
    date = time.time()
    manager = TaskManager(
        include_path=str(task_configs_dir()),
        include_defaults=False,
        metadata=scored.metadata | settings,
    )
    tasks = manager.load([task])  # before the weights, so that a wrong setting is found at once
    model = scored.load()
    results = evaluate(model, task_dict=tasks, log_samples=False)
    if results is None:
        raise InfocapError(
            "score: this process does not report; for several processes run "
            "torchrun -m infocap_tasks eval"
        )
    config = {
        "model": _NAMES.get(type(model).__name__, type(model).__name__),
        "model_args": scored.arguments,
    }
    if isinstance(model, HFLM):
        config |= model.get_model_info()
    return {**results, "config": config, "date": date, "lm_eval_version": harness_version}


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
                    f"text {number}: is of type {type(text).__name__}; give texts as strings"
                )
            file.write(json.dumps({"text": text}) + "\n")
    if not number:
        raise InfocapError("texts: none was given; give at least one")
    return str(path)


def _run_of(results: dict[str, Any], folder: Path) -> Run:
    """The run in the harness's results, read as a results file is."""
    path = folder / "results.json"
    path.write_text(json.dumps(results, default=handle_non_serializable), "utf-8")
    (run,) = read_runs([path]).runs
    # The file of the texts is gone by then.
    corpus = {**run.provenance.corpus, "name": "texts", "source": "texts given to score"}
    provenance = replace(run.provenance, corpus=corpus)
    return replace(run, corpus="texts", source="score", provenance=provenance)
