"""What a run's results file says beside its numbers: the model's id, versions, parts of the FLOPs.

Read again from the file that the run came from, by the few commands that need it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from infocap_tasks.results.read import Run


@dataclass(frozen=True)
class Provenance:
    """Where a run's numbers come from; None or empty is what the file does not say.

    Attributes:
        model_id: the model as it was given to the harness, a hub id or a path.
        backend: the harness's name for what ran the model, ``infocap-hf`` or ``hf``.
        harness_version: of lm-evaluation-harness.
        model: dtype, revision, number of parameters and the like, by the harness's names.
        flop_breakdown: FLOPs per token by component.
        infocap: the task's whole ``metadata.infocap``, its documents left out.
    """

    model_id: str
    backend: str | None = None
    harness_version: str | None = None
    model: Mapping[str, Any] = field(default_factory=dict)
    flop_breakdown: Mapping[str, float] = field(default_factory=dict)
    infocap: Mapping[str, Any] = field(default_factory=dict)


def provenance_of(run: Run) -> Provenance:
    """The record of the file that the run was read from; of a published run only its name."""
    content = _content(run.source) if Path(run.source).is_file() else {}
    config = _record(content, "config")
    arguments = config.get("model_args")
    given = arguments.get("pretrained") if isinstance(arguments, dict) else None
    infocap = _record(content, "configs", run.task, "metadata", "infocap")
    return Provenance(
        model_id=str(given or content.get("model_name") or run.model),
        backend=config.get("model"),
        harness_version=content.get("lm_eval_version"),
        model={
            name: config[name]
            for name in ("model_num_parameters", "model_dtype", "model_revision", "model_sha")
            if config.get(name)
        },
        flop_breakdown=_record(infocap, "flops", "breakdown"),
        infocap={name: value for name, value in infocap.items() if name != "documents"},
    )


@lru_cache(maxsize=8)
def _content(path: str) -> Mapping[str, Any]:
    return MappingProxyType(json.loads(Path(path).read_text("utf-8")))


def _record(content: Any, *keys: str) -> dict[str, Any]:
    for key in keys:
        content = content.get(key) if isinstance(content, Mapping) else None
    return content if isinstance(content, dict) else {}
