"""One results file of the harness to the runs and the benchmark scores that it holds."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from infocap_tasks.corpora.text import shown
from infocap_tasks.metrics import METRICS, TEXT_SIZES, Constants, DocumentScore, aggregate
from infocap_tasks.results.benchmarks import benchmark_scores
from infocap_tasks.results.documents import read_documents
from infocap_tasks.results.run import Provenance, Run, capacity_of_gain
from infocap_tasks.results.values import (
    Unusable,
    above,
    at,
    count,
    finite,
    is_count,
    is_number,
    metric_values,
    name_or_none,
    number,
    refuse_lone_surrogates,
    text_or_none,
)

# What is written with full precision agrees far better than this.
_RELATIVE_TOLERANCE = 1e-6


class ResultsFile(NamedTuple):
    """What one results file holds; its runs have the model's whole name and no series yet.

    ``num_texts`` is the number of texts of each task, whether they were scored or not.
    """

    model: str
    date: float | None
    runs: list[Run]
    benchmarks: Mapping[str, float]
    num_texts: Mapping[str, int] = {}


class _Origin(NamedTuple):
    """What all runs of a file share."""

    model: str
    source: str
    date: float | None
    provenance: Provenance


def read_file(path: Path) -> ResultsFile:
    """The runs and benchmark scores of a file, which is opened here and nowhere else.

    Raises:
        Unusable: it cannot be read, or something in it is missing, of the wrong kind, or disagrees
            with the rest.
    """
    return read_content(_load(path), shown(path))


def read_content(content: Mapping[str, Any], source: str) -> ResultsFile:
    """The runs and benchmark scores in the content of a results file.

    Args:
        content: what the harness returns or writes.
        source: what the runs say that they are from.

    Raises:
        Unusable: something is missing, of the wrong kind, or disagrees with the rest.
    """
    results, configs = content.get("results"), content.get("configs")
    if not isinstance(results, dict) or not isinstance(configs, dict):
        raise Unusable("no results file of the harness (it has no results and configs)")
    if any(not isinstance(row, dict) for row in results.values()):
        raise Unusable("its results are not one record a task")
    for task in results:
        name_or_none(task, "task")
    records = {task: record for task in results if (record := _infocap_record(configs, task))}
    origin = _origin(content, [at(configs, task, "metadata") for task in records], source)
    runs = []
    for task, record in records.items():
        try:
            runs.append(_run(origin, task, results[task], record))
        except Unusable as error:
            raise Unusable(f"{task}: {error}") from None
    for task in results.keys() - records.keys():
        if "information_capacity" in metric_values(results[task]) and task in configs:
            raise Unusable(f"{task}: has information_capacity but no metadata.infocap")
    num_texts = {
        task: int(number)
        for task in records
        if is_count(number := at(content, "n-samples", task, "original"))
    }
    scores = benchmark_scores(content, records)
    return ResultsFile(origin.model, origin.date, runs, scores, num_texts)


def _load(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text("utf-8")
        content = json.loads(text)
    except OSError as error:
        raise Unusable(f"cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:  # JSON and UTF-8 faults are both ValueErrors
        raise Unusable(f"is damaged or no JSON ({error})") from None
    if not isinstance(content, dict):
        raise Unusable("no results file of the harness (not a JSON object)")
    refuse_lone_surrogates(content, text)
    return content


def _infocap_record(configs: Mapping[str, Any], task: str) -> Mapping[str, Any] | None:
    record = at(configs, task, "metadata", "infocap")
    return record if isinstance(record, dict) else None


# ------------------------------------------------------------------ where it comes from


def _origin(content: Mapping[str, Any], metadata: Sequence[Any], source: str) -> _Origin:
    model, arguments = _model(content, metadata)
    name_or_none(model, "model")
    config: Any = content.get("config")
    date: Any = content.get("date")
    num_parameters = at(config, "model_num_parameters")
    provenance = Provenance(
        model_id=_said(arguments.get("pretrained")) or _said(content.get("model_name")) or model,
        backend=_said(at(config, "model")),
        harness_version=_said(content.get("lm_eval_version")),
        num_parameters=int(num_parameters) if is_count(num_parameters) else None,
        dtype=_said(at(config, "model_dtype")) or _given_dtype(arguments),
        quantization=_quantization(arguments),
        revision=_said(at(config, "model_revision")),
        commit=_said(at(config, "model_sha")),
    )
    return _Origin(model, source, float(date) if is_number(date) else None, provenance)


def _given_dtype(arguments: Mapping[str, Any]) -> str | None:
    dtype = _said(arguments.get("dtype"))
    return None if dtype == "auto" else dtype


# Arguments of the harness's backends by which weights are quantised when they are loaded.
_QUANTIZING = {
    "load_in_4bit": "4-bit",
    "load_in_8bit": "8-bit",
    "autogptq": "GPTQ",
    "gptqmodel": "GPTQ",
}


def _quantization(arguments: Mapping[str, Any]) -> str | None:
    for key, name in _QUANTIZING.items():
        if arguments.get(key) not in (None, False, "False", "false"):
            return name
    in_config = at(arguments.get("quantization_config"), "quant_method")
    return _said(arguments.get("quantization")) or _said(in_config)


# The arguments of the harness's backends that name a model, those that tell it best first.
_NAMING = ("peft", "delta", "pretrained", "model", "path", "engine")


def _model(content: Mapping[str, Any], metadata: Sequence[Any]) -> tuple[str, Mapping[str, Any]]:
    """The model's name, and the arguments that it is from."""
    # A model object has no arguments, and the harness then makes up a random model_name; the name
    # in --metadata is the real one.
    for arguments in (_arguments(at(content, "config", "model_args")), *metadata):
        for key in _NAMING:
            if isinstance(name := at(arguments, key), str):
                return _with_revision(name, arguments), arguments
    name = content.get("model_name") or content.get("model_name_sanitized")
    if not isinstance(name, str):
        raise Unusable("names no model (neither config.model_args nor model_name)")
    return name, {}


def _said(value: Any) -> str | None:
    """What a field of the harness says, as text: it parses ``revision=1`` to a number."""
    return str(value) if value and isinstance(value, str | int | float) else None


def _with_revision(name: str, arguments: Mapping[str, Any]) -> str:
    """The model's name with what else tells weights apart: folder, GGUF file, revision."""
    for key in ("subfolder", "gguf_file"):
        if arguments.get(key):
            name = f"{name.rstrip('/')}/{arguments[key]}"
    revision = arguments.get("revision") or "main"
    return name if revision == "main" else f"{name}@{revision}"


def _arguments(model_args: Any) -> dict[str, Any]:
    """Model arguments by name; older files hold the command line's ``a=b,c=d``."""
    if isinstance(model_args, dict):
        return model_args
    pairs = str(model_args or "").split(",")
    return dict(pair.split("=", 1) for pair in pairs if "=" in pair)


def _with_task(provenance: Provenance, record: Mapping[str, Any]) -> Provenance:
    """The file's provenance, with what the task recorded."""
    corpus = at(record, "corpus")
    return replace(
        provenance,
        engine=_said(at(record, "engine", "name")),
        engine_version=_said(at(record, "engine", "version")),
        dtype=_said(at(record, "engine", "dtype")) or provenance.dtype,
        quantization=(
            provenance.quantization or _of_gguf(record) or _said(at(record, "quantization"))
        ),
        name=name_or_none(_said(record.get("name")), "name"),
        tokenizer_fingerprint=_said(at(record, "tokenizer", "fingerprint")),
        flops_method=_said(at(record, "flops", "method")),
        flop_breakdown=_flop_breakdown(at(record, "flops", "breakdown")),
        corpus=corpus if isinstance(corpus, dict) else {},
    )


def _flop_breakdown(given: Any) -> dict[str, float]:
    """FLOPs per token by component; none where the file does not say it."""
    parts = {
        name: finite(value, f"flops.breakdown.{name}")
        for name, value in (given if isinstance(given, dict) else {}).items()
    }
    for name, value in parts.items():
        if value < 0:
            raise Unusable(f"its flops.breakdown.{name} is {value}, below 0")
    return parts


def _of_gguf(record: Mapping[str, Any]) -> str | None:
    """What llama.cpp calls the dtype of most tensors of a GGUF file, such as ``Q4_1``."""
    engine = at(record, "engine")
    return _said(at(engine, "dtype")) if at(engine, "name") == "llama.cpp" else None


# ------------------------------------------------------------------ one run


def _run(origin: _Origin, task: str, row: Mapping[str, Any], record: Mapping[str, Any]) -> Run:
    """A run from a task's results and its ``metadata.infocap``.

    Raises:
        Unusable: something is missing, of the wrong kind, or disagrees with the rest.
    """
    values = metric_values(row)
    for key, value in row.items():
        if key.partition(",")[0] in METRICS:
            finite(value, key)
    bias = number(record, "bias_bits_per_token")
    flops = above(1, values.get("flops_per_token", at(record, "flops", "flops_per_token")), "N")
    regime, max_tokens = _regime(record), count(record.get("max_tokens"), "max_tokens")
    documents = read_documents(record, Constants(flops, bias, regime), max_tokens)
    text_size, nll = (
        finite(_value_or_aggregate(name, values, documents), name)
        for name in ("text_size_bits_per_token", "nll_bits_per_token")
    )
    active = at(record, "flops", "active_params")
    run = Run(
        model=origin.model,
        series="",
        task=task,
        corpus=name_or_none(at(record, "corpus", "name"), "corpus.name") or task,
        corpus_sha256=text_or_none(at(record, "corpus", "sha256"), "corpus.sha256"),
        regime=regime,
        max_tokens=max_tokens,
        bias_bits_per_token=bias,
        text_size_bits_per_token=text_size,
        nll_bits_per_token=nll,
        compression_gain_bits_per_token=text_size - nll,
        flops_per_token=flops,
        active_params=None if active is None else count(active, "active_params"),
        information_capacity=capacity_of_gain(text_size - nll, flops, bias),
        source=origin.source,
        date=origin.date,
        standard_errors={
            name: values[f"{name}_stderr"] for name in METRICS if f"{name}_stderr" in values
        },
        documents=documents,
        has_named_documents=_has_named_documents(record, documents),
        lossy_share=_lossy_share(record),
        provenance=_with_task(origin.provenance, record),
    )
    _require_agreement(run, values)
    return run


def _regime(record: Mapping[str, Any]) -> str:
    regime = record.get("regime", "harness")  # the only one when files did not say it yet
    if not isinstance(regime, str) or regime not in TEXT_SIZES:
        raise Unusable(f"its regime is {regime}, not one of {', '.join(TEXT_SIZES)}")
    return regime


def _require_agreement(run: Run, values: Mapping[str, float]) -> None:
    """A file whose numbers are not functions of each other was changed or cut after it was made."""
    for name in ("compression_gain_bits_per_token", "information_capacity"):
        ours, theirs = getattr(run, name), values.get(name)
        # Each digit that C has counts: differences lose some of them.
        scale = max(abs(ours), run.text_size_bits_per_token or 0.0)
        if theirs is not None and abs(ours - theirs) > _RELATIVE_TOLERANCE * scale:
            raise Unusable(f"its {name} is {theirs}, but its C, H, N and b make it {ours}")
    parts = run.provenance.flop_breakdown.values()
    if parts and not math.isclose(sum(parts), run.flops_per_token, rel_tol=_RELATIVE_TOLERANCE):
        raise Unusable(
            f"its N is {run.flops_per_token}, but its flops.breakdown adds to {sum(parts)}"
        )
    for name in ("text_size_bits_per_token", "nll_bits_per_token"):
        ours = aggregate(name, run.documents) if run.documents else getattr(run, name)
        if not math.isclose(ours, getattr(run, name), rel_tol=_RELATIVE_TOLERANCE):
            raise Unusable(f"its {name} is {getattr(run, name)}, but its documents make it {ours}")


def _value_or_aggregate(
    name: str, values: Mapping[str, float], documents: tuple[DocumentScore, ...] | None
) -> Any:
    """A metric that the task's YAML does not list follows from the documents."""
    if name in values or not documents:
        return values.get(name)
    return aggregate(name, documents)


def _has_named_documents(
    record: Mapping[str, Any], documents: tuple[DocumentScore, ...] | None
) -> bool:
    """By the corpus's field of names; where it has none, or the file is older, by the names."""
    if text_or_none(at(record, "corpus", "id_field"), "corpus.id_field") is not None:
        return True
    return any(not score.document_id.isdecimal() for score in documents or ())


def _lossy_share(record: Mapping[str, Any]) -> float | None:
    """Of the scored documents, those whose tokens do not decode to their text."""
    lossy = at(record, "corpus", "num_documents_not_round_trip")
    if lossy is None:
        return None  # files of earlier versions
    scored = above(0, at(record, "corpus", "num_documents_scored"), "num_documents_scored")
    return finite(lossy, "num_documents_not_round_trip") / scored
