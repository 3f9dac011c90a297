"""Runs for other people's pipelines: a flat table, and records of Every Eval Ever.

Every Eval Ever (schema 0.3.0) is a shared format for evaluation results; its data lie in
``data/COLLECTION/DEVELOPER/MODEL/UUID.json``.
"""

import hashlib
import json
import re
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from infocap_tasks import __version__
from infocap_tasks.errors import InfocapError
from infocap_tasks.metrics import METRICS
from infocap_tasks.report.files import whole_file
from infocap_tasks.report.tables import as_json
from infocap_tasks.results.run import Run

SCHEMA_VERSION = "0.3.0"
COLLECTION = "infocap-tasks"


# ------------------------------------------------------------------ flat


def flat_rows(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """One record a run: every metric with its standard error, provenance, benchmark scores."""
    benchmarks = sorted({name for run in runs for name in run.benchmarks})
    return [_flat(run, benchmarks) for run in runs]


def _flat(run: Run, benchmarks: Sequence[str]) -> dict[str, Any]:
    row: dict[str, Any] = {
        name: getattr(run, name)
        for name in (
            "series", "model", "task", "corpus", "corpus_sha256", "regime", "max_tokens",
            "bias_bits_per_token",
        )
    }  # fmt: skip
    for name in METRICS:
        row[name] = run.metric(name)
        row[f"{name}_stderr"] = run.standard_errors.get(name)
    return row | {
        "information_capacity_margin": run.information_capacity_margin,
        "active_params": run.active_params,
        "num_documents": run.num_documents,
        "num_documents_of_corpus": run.num_documents_of_corpus,
        "is_partial": run.is_partial,
        "date": run.date,
        "model_id": public_id(run),
        "backend": run.provenance.backend,
        "engine": run.provenance.engine,
        "engine_version": run.provenance.engine_version,
        "dtype": run.provenance.dtype,
        "quantization": run.provenance.quantization,
        "harness_version": run.provenance.harness_version,
        "tokenizer_fingerprint": run.provenance.tokenizer_fingerprint,
        "flops_method": run.provenance.flops_method,
        "source": run.source if run.is_published else PurePosixPath(run.source).name,
        **{f"benchmark_{name}": run.benchmarks.get(name) for name in benchmarks},
    }


def public_id(run: Run) -> str:
    """The model's hub id as it is; of a path on this machine only the last part, ``local/NAME``."""
    model_id = run.provenance.model_id or run.model
    if run.is_published:
        return f"published/{_portable(model_id)}"
    if re.fullmatch(r"[\w.-]+/[\w.-]+", model_id) and not model_id.startswith((".", "~")):
        return model_id
    return f"local/{_portable(PurePosixPath(model_id).name)}"


def _portable(name: str) -> str:
    return re.sub(r"[^\w.@+-]+", "_", name).strip("._") or "model"


_TEXTS = frozenset(
    {
        "series", "model", "task", "corpus", "corpus_sha256", "regime", "model_id", "backend",
        "engine", "engine_version", "dtype", "quantization", "harness_version",
        "tokenizer_fingerprint", "flops_method", "source",
    }
)  # fmt: skip
_COUNTS = frozenset({"max_tokens", "active_params", "num_documents", "num_documents_of_corpus"})


def column_type(name: str) -> type[str] | type[bool] | type[int] | type[float]:
    """What a column of ``flat_rows`` holds, even if all of it is unknown."""
    if name in _TEXTS:
        return str
    if name == "is_partial":
        return bool
    return int if name in _COUNTS else float


def write_parquet(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write ``flat_rows`` to a Parquet file, whole or not at all.

    Raises:
        InfocapError: it cannot be written.
    """
    import pyarrow  # slow to import, and only this format needs it
    from pyarrow import parquet

    arrow = {
        str: pyarrow.string(),
        bool: pyarrow.bool_(),
        int: pyarrow.int64(),
        float: pyarrow.float64(),
    }
    types = {name: column_type(name) for name in rows[0]}
    typed = [{k: None if v is None else types[k](v) for k, v in row.items()} for row in rows]
    schema = pyarrow.schema([(name, arrow[type_]) for name, type_ in types.items()])
    with whole_file(path) as unfinished:
        parquet.write_table(pyarrow.Table.from_pylist(typed, schema), unfinished)


# ------------------------------------------------------------------ Every Eval Ever


class Evaluator(NamedTuple):
    """Who ran the evaluation, and how they stand to who made the model."""

    organization: str
    relationship: str


class Record(NamedTuple):
    """One run in the format of Every Eval Ever, and where it belongs in a collection of them."""

    path: str
    content: dict[str, Any]


def every_eval_ever(run: Run, evaluator: Evaluator, now: float | None = None) -> Record:
    """The run as an evaluation log; the same run always gets the same path.

    Args:
        run: one that was read from a results file; others evaluated the published ones.
        evaluator: who answers for the numbers.
        now: when the record is made, in seconds since 1970.
    """
    model_id = public_id(run)
    date = str(int(run.date)) if run.date is not None else None
    content = {
        "schema_version": SCHEMA_VERSION,
        "evaluation_id": f"{run.task}/{model_id}/{date or 'undated'}",
        **({"evaluation_timestamp": date} if date else {}),
        "retrieved_timestamp": str(int(time.time() if now is None else now)),
        "source_metadata": {
            "source_name": "infocap-tasks on lm-evaluation-harness",
            "source_type": "evaluation_run",
            "source_organization_name": evaluator.organization,
            "evaluator_relationship": evaluator.relationship,
        },
        "eval_library": {
            "name": "lm_eval",
            "version": run.provenance.harness_version or "unknown",
            "additional_details": {"infocap_tasks_version": __version__},
        },
        "model_info": _model_info(run, model_id),
        "evaluation_results": [
            _result(run, name, value) for name in METRICS if (value := run.metric(name)) is not None
        ],
    }
    return Record(_path(run, model_id), content)


def _path(run: Run, model_id: str) -> str:
    told = run.provenance  # not the label, which depends on what else was read
    variant = [told.name, told.revision, told.backend, told.dtype, told.quantization]
    identity = [run.task, run.corpus_sha256, run.regime, run.max_tokens, run.date]
    digest = hashlib.sha256(json.dumps([model_id, *variant, *identity]).encode()).digest()
    return f"data/{COLLECTION}/{model_id}/{uuid.UUID(bytes=digest[:16], version=4)}.json"


def _model_info(run: Run, model_id: str) -> dict[str, Any]:
    provenance = run.provenance
    is_on_hub = not model_id.startswith("local/")
    details = {
        "deployment_type": "self_deployed" if provenance.backend else "unknown",
        "model_availability": "open_weights" if is_on_hub else "unknown",
        "series": run.series,
        "backend": provenance.backend,
        "engine": provenance.engine,
        "engine_version": provenance.engine_version,
        "active_params": run.active_params,
        "model_num_parameters": provenance.num_parameters,
        "model_dtype": provenance.dtype,
        "quantization": provenance.quantization,
        "model_revision": provenance.revision,
        "model_sha": provenance.commit,
    }
    return {
        "name": run.model,
        "id": model_id,
        "developer": model_id.partition("/")[0],
        "additional_details": {k: str(v) for k, v in details.items() if v is not None},
    }


def _result(run: Run, name: str, value: float) -> dict[str, Any]:
    error = run.standard_errors.get(name)
    score: dict[str, Any] = {"score": float(value)}
    if error is not None:
        score["uncertainty"] = {"standard_error": {"value": error, "method": "jackknife"}}
        if run.documents:
            score["uncertainty"]["num_samples"] = len(run.documents)
    return {
        "evaluation_result_id": f"{run.task}/{name}",
        "evaluation_name": run.task,
        "source_data": {
            "dataset_name": run.corpus,
            "source_type": "other",
            "additional_details": _of_corpus(run),
        },
        "metric_config": _metric_config(run, name),
        "score_details": score,
    }


def _of_corpus(run: Run) -> dict[str, str]:
    counts = {
        "num_documents": run.num_documents,
        "num_documents_of_corpus": run.num_documents_of_corpus,
    }
    known = {name: str(count) for name, count in counts.items() if count is not None}
    return {"sha256": run.corpus_sha256 or "unknown", "is_partial": str(run.is_partial), **known}


def _metric_config(run: Run, name: str) -> dict[str, Any]:
    return {
        "evaluation_description": name.replace("_", " "),
        "metric_id": f"infocap.{name}",
        "metric_name": name,
        "metric_kind": name,
        "metric_unit": METRICS[name].unit,
        "metric_parameters": {
            "regime": run.regime,
            "max_tokens": run.max_tokens,
            "bias_bits_per_token": run.bias_bits_per_token,
            "flops_per_token": run.flops_per_token,
        },
        "lower_is_better": not METRICS[name].higher_is_better,
        "score_type": "continuous",
        "min_score": "-Infinity" if METRICS[name].can_be_negative else 0.0,
        "max_score": "Infinity",
    }


def faults(content: Mapping[str, Any]) -> list[str] | None:
    """What the schema of the every-eval-ever package finds wrong; None if it is missing."""
    try:
        from every_eval_ever.schema import schema_json
        from jsonschema import Draft7Validator
    except ImportError:
        return None
    errors = Draft7Validator(schema_json()).iter_errors(content)
    return [f"{error.json_path}: {error.message}" for error in errors]


def write_records(runs: Sequence[Run], evaluator: Evaluator, folder: Path) -> tuple[int, list[str]]:
    """Write a record of each run that is not published, once all of them are known to be valid.

    Returns:
        The number of records, and a line on each thing that their user should know.

    Raises:
        InfocapError: there is nothing to write, a record is not valid, or it cannot be written.
    """
    own = [run for run in runs if not run.is_published]
    if not own:
        raise InfocapError(
            "--format every_eval_ever is for evaluations of your own, and all rows are published; "
            "give results of infocap eval, or choose --format csv or parquet"
        )
    records = [every_eval_ever(run, evaluator) for run in own]
    remarks = []
    if len(own) < len(runs):
        num_published = len(runs) - len(own)
        remarks.append(f"{num_published} published rows left out: others evaluated these models")
    if not _validated(records):
        remarks.append(
            "not validated: every-eval-ever is not installed (Python 3.12 or newer; "
            'pip install "infocap-tasks[export]")'
        )
    for record in records:
        _write(record, folder)
    return len(records), remarks


def _validated(records: Sequence[Record]) -> bool:
    """Whether the records could be validated.

    Raises:
        InfocapError: one of them is not valid.
    """
    found = [faults(record.content) for record in records]
    for record, faults_found in zip(records, found, strict=True):
        if faults_found:
            raise InfocapError(
                f"{record.path}: not valid by every-eval-ever, {faults_found[0]}; nothing is "
                "written. Its schema may have changed: install every-eval-ever 0.3"
            )
    return None not in found


def _write(record: Record, folder: Path) -> None:
    path = folder / record.path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InfocapError(f"-o {folder}: cannot be made ({error.strerror})") from error
    with whole_file(path) as unfinished:
        unfinished.write_text(as_json(record.content) + "\n", encoding="utf-8")
