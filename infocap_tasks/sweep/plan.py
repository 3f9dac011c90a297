"""What the rows of a study need and cost, from configs alone; no weights are read.

FLOPs are those of N at the length of the texts, times all tokens that the texts can have. Rows on
a server need nothing of this machine.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from infocap_tasks.errors import InfocapError
from infocap_tasks.sweep.scored_tokens import most_tokens, settings_of_tasks
from infocap_tasks.sweep.study import Row, Study
from infocap_tasks.task.command_line import as_arguments

if TYPE_CHECKING:
    from infocap_tasks.models.pretrained import Pretrained
    from infocap_tasks.task.settings import Settings

# The share of a GPU's memory for weights; what is left holds keys, values and activations. As vLLM.
_SHARE_OF_WEIGHTS = 0.9
_DEFAULT_CONTEXT_TOKENS = 1024

Made = TypeVar("Made")


@dataclass(frozen=True)
class RowPlan:
    """What one row needs and costs; None where it is not known.

    Attributes:
        row: its name.
        model: the model as the harness is given it.
        total_params: all parameters; of a wrapper, those of its text model.
        weight_bytes: bytes of the weights in memory.
        gpus: GPUs that hold them, or as many as the study says.
        flops: FLOPs to score its tasks, an upper bound.
        hours: at the throughput that the plan assumes of a row.
        download_bytes: bytes of the checkpoint on the hub.
        causes: why something is not known, each in one line.
    """

    row: str
    model: str
    total_params: int | None
    weight_bytes: int | None
    gpus: int | None
    flops: float | None
    hours: float | None
    download_bytes: int | None
    causes: Sequence[str]


@dataclass(frozen=True)
class Total:
    """Sums over the rows, of what is known of them.

    Attributes:
        rows: number of rows.
        rows_with_causes: number of those of which something is not known.
        flops: None where it is known of no row; so are the others.
        hours: one row after the other.
        download_bytes: each checkpoint once.
        gpus: the most that a row needs.
    """

    rows: int
    rows_with_causes: int
    flops: float | None
    hours: float | None
    download_bytes: int | None
    gpus: int | None


@dataclass(frozen=True)
class Plan:
    """The rows of a study in its order, their totals, and what was assumed."""

    rows: Sequence[RowPlan]
    total: Total
    gpu_memory_gb: float
    tflops: float


def plan_study(study: Study, gpu_memory_gb: float = 80, tflops: float = 400) -> Plan:
    """What each row of a study needs and costs.

    Args:
        study: the study.
        gpu_memory_gb: memory of one GPU, in 10**9 bytes.
        tflops: throughput of a row, in 10**12 FLOPs a second.

    Raises:
        InfocapError: the memory or the throughput is no number above 0.
    """
    for name, value in (("gpu-memory", gpu_memory_gb), ("tflops", tflops)):
        if not 0 < value < math.inf:
            raise InfocapError(f"--{name} {value}: must be a number above 0")
    rows = [_plan_row(row, gpu_memory_gb * 1e9, tflops * 1e12) for row in study.rows]
    return Plan(rows, _total(study.rows, rows), gpu_memory_gb, tflops)


def _plan_row(row: Row, gpu_memory_bytes: float, flops_per_second: float) -> RowPlan:
    given = _given(row)
    causes: list[str] = []
    tasks = _or_cause(causes, lambda: settings_of_tasks(row, given)) or {}
    sizes = _or_cause(causes, lambda: _sizes(row, given, _context_tokens(tasks)))
    params, weight_bytes, download_bytes = sizes or (None, None, None)
    flops = None
    if tasks and (sizes or not _counts_own_model(tasks)):  # else its config would be fetched again
        flops = _or_cause(causes, lambda: _flops(tasks, row.config.get("limit")))
    return RowPlan(
        row=row.name,
        model=row.model,
        total_params=params,
        weight_bytes=weight_bytes,
        gpus=_gpus(row, weight_bytes, gpu_memory_bytes),
        flops=flops,
        hours=None if flops is None else flops / flops_per_second / 3600,
        download_bytes=download_bytes,
        causes=causes,
    )


def _or_cause(causes: list[str], make: Callable[[], Made]) -> Made | None:
    """What is made, or None and one more cause."""
    try:
        return make()
    except InfocapError as error:
        causes.append(str(error))
        return None


def _given(row: Row) -> dict[str, Any]:
    """The model arguments and, over them, the metadata, as tasks are told them."""
    from infocap_tasks.models.pretrained import Pretrained

    given = dict(row.config["model_args"])
    if row.config.get("trust_remote_code"):
        given["trust_remote_code"] = True
    if str(given.get("pretrained")).endswith(".gguf"):
        file = Pretrained.from_file_or_id(given["pretrained"])
        given |= {"pretrained": file.path, "gguf_file": file.gguf_file}
    return given | as_arguments(row.config.get("metadata"))


def _context_tokens(tasks: "Mapping[str, Settings | None]") -> int:
    """The length at which the FLOPs are counted anyway, since a count takes a moment."""
    lengths = [settings.max_tokens for settings in tasks.values() if settings]
    return lengths[0] if lengths else _DEFAULT_CONTEXT_TOKENS


# ------------------------------------------------------------------ weights


def _sizes(
    row: Row, given: Mapping[str, Any], context_tokens: int
) -> tuple[int | None, int | None, int | None]:
    """Parameters, bytes of the weights in memory, and bytes to download."""
    from infocap_tasks.flops.count import count_model
    from infocap_tasks.models.pretrained import load_config
    from infocap_tasks.models.weight_size import loaded_bytes, stored_bytes
    from infocap_tasks.task.settings import parse_model

    if "base_url" in given:
        return None, 0, 0
    model = parse_model(given)
    if model is None:
        return None, None, None
    if model.gguf_file and not Path(model.name).is_file():
        raise InfocapError(f"model {model.name}: no such file; download the GGUF file to plan it")
    params = count_model(model, context_tokens).total_params
    if params is None:
        return None, None, None
    config = load_config(model)
    if model.gguf_file and row.config.get("model") == "infocap-gguf":
        return params, Path(model.name).stat().st_size, 0
    default = "float32" if model.gguf_file else None  # to which transformers dequantises
    loaded = loaded_bytes(config, params, given, default)
    return params, loaded, 0 if Path(model.path).exists() else stored_bytes(config, params)


def _gpus(row: Row, weight_bytes: int | None, gpu_memory_bytes: float) -> int | None:
    """What the study says, else what the engine is told, else what the weights take."""
    if row.gpus_told is not None:
        return row.gpus_told
    if weight_bytes is None:
        return None
    return math.ceil(weight_bytes / (_SHARE_OF_WEIGHTS * gpu_memory_bytes))


# ------------------------------------------------------------------ FLOPs


def _flops(tasks: "Mapping[str, Settings | None]", limit: float | None) -> float | None:
    """FLOPs to score the tasks; None where one is not ours or has texts not known here."""
    flops = 0.0
    for settings in tasks.values():
        tokens = None if settings is None else most_tokens(settings, limit)
        if settings is None or tokens is None:
            return None
        flops += tokens * _flops_per_token(settings)
    return flops


def _counts_own_model(tasks: "Mapping[str, Settings | None]") -> bool:
    return any(each and not (each.given_flops or each.flops_config) for each in tasks.values())


def _flops_per_token(settings: "Settings") -> float:
    from infocap_tasks.flops.count import count_model

    if settings.given_flops:
        return settings.given_flops.flops_per_token
    model: Pretrained | None = settings.flops_config or settings.model
    if model is None:
        raise InfocapError(
            "no config known to count FLOPs from: give pretrained:, or in metadata "
            "flops_config: HUB_ID_OR_PATH or flops_per_token: N"
        )
    return count_model(model, settings.max_tokens).flops_per_token


# ------------------------------------------------------------------ totals


def _total(rows: Sequence[Row], plans: Sequence[RowPlan]) -> Total:
    checkpoints = {
        (plan.model, row.config["model_args"].get("revision")): plan.download_bytes
        for row, plan in zip(rows, plans, strict=True)
    }
    return Total(
        rows=len(plans),
        rows_with_causes=sum(bool(plan.causes) for plan in plans),
        flops=_sum(plan.flops for plan in plans),
        hours=_sum(plan.hours for plan in plans),
        download_bytes=_sum(checkpoints.values()),
        gpus=max((plan.gpus for plan in plans if plan.gpus is not None), default=None),
    )


Number = TypeVar("Number", int, float)


def _sum(values: Iterable[Number | None]) -> Number | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
