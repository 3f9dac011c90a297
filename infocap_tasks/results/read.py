"""Results files of the harness to typed records; below this module nothing reads their JSON.

A run is one model on one task of ours. Its scores on the harness's standard tasks, from the same
file or others, stand beside it as benchmarks. Files are read whole or not at all: one that cannot
be used is named in the complaints, and nothing of it is taken.
"""

import csv
import json
import math
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from infocap_tasks.errors import InfocapError
from infocap_tasks.metrics import METRICS, TEXT_SIZES, Constants, DocumentScore, Measured, aggregate
from infocap_tasks.results.series import series_of

# Of a standard task's metrics the first of these is its benchmark score, then the first one that
# the file says is better when higher; perplexities and the like are no scores.
BENCHMARK_METRICS = ("acc_norm", "acc", "exact_match", "em", "f1", "pass@1", "pass_at_1", "score")

_PUBLISHED = "published: "

# What is written with full precision agrees far better than this.
_RELATIVE_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Run:
    """One model measured on one task of ours, with all that its metrics are functions of.

    Attributes:
        model: the model's name: the part after the last slash, with its ``@revision``, or the whole
            of it where two models that were read would else share a name.
        series: the series that the model belongs to.
        task: the harness's name for the task.
        corpus: the corpus's name.
        corpus_sha256: its hash; None for published numbers.
        regime: how documents are weighted, one of ``metrics.TEXT_SIZES``.
        max_tokens: L, where texts are cut.
        bias_bits_per_token: b.
        text_size_bits_per_token: C; None where only G was published.
        nll_bits_per_token: H; None where only G was published.
        compression_gain_bits_per_token: G = C - H.
        flops_per_token: N.
        active_params: parameters that one token uses; None where FLOPs were given, not counted.
        information_capacity: IC = (G + b) / log2 N.
        source: the file, or what was published.
        date: when the run started, in seconds since 1970; None where the file does not say.
        standard_errors: by name of the metric, as far as the file holds them.
        documents: what each document adds to the sums; None where the file does not hold them.
        benchmarks: the model's score on each standard task, by the task's name.
        has_named_documents: whether documents have names of their own, not just numbers, so that
            the same name in another corpus is the same content.
    """

    model: str
    series: str
    task: str
    corpus: str
    corpus_sha256: str | None
    regime: str
    max_tokens: int
    bias_bits_per_token: float
    text_size_bits_per_token: float | None
    nll_bits_per_token: float | None
    compression_gain_bits_per_token: float
    flops_per_token: float
    active_params: int | None
    information_capacity: float
    source: str
    date: float | None = None
    standard_errors: Mapping[str, float] = field(default_factory=dict)
    documents: tuple[DocumentScore, ...] | None = None
    benchmarks: Mapping[str, float] = field(default_factory=dict)
    has_named_documents: bool = False

    @property
    def is_published(self) -> bool:
        """Whether the numbers are the paper's, not read from a results file."""
        return self.source.startswith(_PUBLISHED)

    def metric(self, name: str) -> float | None:
        """The metric ``name``, in its unit; None where it needs C or H and they are not known."""
        if name in _FIELDS:
            value: float | None = getattr(self, name)
            return value
        if self.text_size_bits_per_token is None or self.nll_bits_per_token is None:
            if name == "information_capacity_unbiased":
                return self.capacity_with(0.0)
            return None
        measured = Measured(
            self.text_size_bits_per_token,
            self.nll_bits_per_token,
            self.flops_per_token,
            self.bias_bits_per_token,
        )
        return float(METRICS[name].of_measured(measured))

    def capacity_with(self, bias_bits_per_token: float) -> float:
        """IC that the run would have with another bias b."""
        return capacity_of_gain(
            self.compression_gain_bits_per_token, self.flops_per_token, bias_bits_per_token
        )


_FIELDS = frozenset(Run.__annotations__) & frozenset(METRICS)


class Reading(NamedTuple):
    """What was read, one line on each file that was not, and one on each choice that was made."""

    runs: list[Run]
    complaints: list[str]
    notes: list[str]


def capacity_of_gain(
    gain_bits_per_token: float, flops_per_token: float, bias_bits_per_token: float
) -> float:
    """IC = (G + b) / log2 N, from G alone: C and H enter by their difference only."""
    measured = Measured(gain_bits_per_token, 0.0, flops_per_token, bias_bits_per_token)
    return float(METRICS["information_capacity"].of_measured(measured))


def gain_of_capacity(
    information_capacity: float, flops_per_token: float, bias_bits_per_token: float
) -> float:
    """G = IC * log2 N - b, in bits per token: the definition solved for G."""
    return information_capacity * math.log2(flops_per_token) - bias_bits_per_token


# ------------------------------------------------------------------ published numbers


def published_runs() -> list[Run]:
    """The 39 published models on mixed_text (arXiv 2511.08066), b = -24, L = 1024.

    Rows whose source is ``leaderboard table`` are exact; of those from a ``figure`` only IC is
    known, good to 5e-5, and G follows from it.
    """
    text = files("infocap_tasks.results").joinpath("published_mixed_text.csv").read_text("utf-8")
    return [_published(row) for row in csv.DictReader(text.splitlines())]


def _published(row: Mapping[str, str]) -> Run:
    bias, flops = -24.0, float(row["reference_flops_per_token"])
    capacity = float(row["information_capacity"])
    text_size, nll = (
        float(row[name]) if row[name] else None
        for name in ("text_size_bits_per_token", "nll_bits_per_token")
    )
    gain = gain_of_capacity(capacity, flops, bias)
    if text_size is not None and nll is not None:
        gain = text_size - nll
    return Run(
        model=row["model"],
        series=row["series"],
        task="infocap_mixed_reference",
        corpus="mixed_text",
        corpus_sha256=None,
        regime="reference",
        max_tokens=1024,
        bias_bits_per_token=bias,
        text_size_bits_per_token=text_size,
        nll_bits_per_token=nll,
        compression_gain_bits_per_token=gain,
        flops_per_token=flops,
        active_params=None,
        information_capacity=capacity,
        source=f"{_PUBLISHED}{row['source']}",
    )


# ------------------------------------------------------------------ files and folders


def read_runs(paths: Iterable[str | Path], series: Mapping[str, str] | None = None) -> Reading:
    """The runs in results files, and in those of folders and all folders in them.

    Of several runs of one model on one task, corpus, regime and L the newest is taken, and a note
    says so. Two files with the same content count as one.

    Args:
        paths: what ``--output_path`` was given, or single files.
        series: series by model, over the rules of ``series.py``.

    Raises:
        InfocapError: a path does not exist.
    """
    read: list[_File] = []
    complaints = []
    for path in _result_files(paths):
        try:
            read.append(_read_file(path))
        except _Unusable as error:
            complaints.append(f"{path}: {error}; the file is left out")
    names = _short_names({file.model for file in read})
    runs, notes = _newest([run for file in read for run in file.runs])
    benchmarks = _benchmarks(read)
    notes += [
        f"{names[model]}: benchmark scores alone, no run of an infocap task was read"
        for model in benchmarks.keys() - {run.model for run in runs}
    ]
    found = [
        replace(
            run,
            model=names[run.model],
            series=series_of(run.model, series),
            benchmarks=benchmarks.get(run.model, {}),
        )
        for run in runs
    ]
    return Reading(found, complaints, notes)


def _result_files(paths: Iterable[str | Path]) -> list[Path]:
    """Files by the harness's names for them, each once; a file that is named itself always."""
    found: dict[Path, None] = {}
    for given in map(Path, paths):
        if given.is_dir():
            # With --output_path NAME.json the harness writes NAME_DATE.json.
            patterns = ("results*.json", "*_????-??-??T*.json")
            found |= dict.fromkeys(
                sorted({p for pattern in patterns for p in given.rglob(pattern)})
            )
        elif given.exists():
            found[given] = None
        else:
            raise InfocapError(
                f"{given}: no such file or folder; give results_*.json files of the harness or "
                "the folder of --output_path"
            )
    return list({path.resolve(): path for path in found}.values())


def _short_names(names: set[str]) -> dict[str, str]:
    """The part after the last slash, or the whole name where two would else be the same."""
    by_leaf = defaultdict(list)
    for name in names:
        by_leaf[name.rstrip("/").rpartition("/")[2] or name].append(name)
    return {
        name: leaf if len(same) == 1 else name for leaf, same in by_leaf.items() for name in same
    }


def _newest(runs: Sequence[Run]) -> tuple[list[Run], list[str]]:
    """One run for each measurement, the newest, and a note on each choice."""
    groups: dict[tuple[Any, ...], list[Run]] = defaultdict(list)
    for run in runs:
        groups[(run.model, run.task, run.corpus_sha256, run.regime, run.max_tokens)].append(run)
    kept, notes = [], []
    for group in groups.values():
        newest = max(group, key=lambda run: (run.date is not None, run.date or 0.0, run.source))
        kept.append(newest)
        if any(replace(run, source=newest.source) != newest for run in group):
            notes.append(
                f"{newest.model}, {newest.task}: {len(group)} runs; the newest is taken, "
                f"{newest.source}"
            )
    return kept, notes


def _benchmarks(read: Sequence["_File"]) -> dict[str, dict[str, float]]:
    """Scores by model and standard task, the newest file's last."""
    scores: dict[str, dict[str, float]] = defaultdict(dict)
    for file in sorted(read, key=lambda file: file.date or 0.0):
        if file.benchmarks:
            scores[file.model] |= file.benchmarks
    return dict(scores)


# ------------------------------------------------------------------ one file


class _Unusable(ValueError):
    """Why a file cannot be used."""


class _File(NamedTuple):
    """What one results file holds; runs still have the model's whole name and no series."""

    model: str
    date: float | None
    runs: list[Run]
    benchmarks: Mapping[str, float]


def _read_file(path: Path) -> _File:
    content = _load(path)
    results = content.get("results")
    configs = content.get("configs")
    if not isinstance(results, dict) or not isinstance(configs, dict):
        raise _Unusable("no results file of the harness (it has no results and configs)")
    if any(not isinstance(row, dict) for row in results.values()):
        raise _Unusable("its results are not one record a task")
    records = {task: record for task in results if (record := _infocap_record(configs, task))}
    model = _model_name(content, [_at(configs, task, "metadata") for task in records])
    given_date: Any = content.get("date")
    date = float(given_date) if _is_number(given_date) else None
    runs = []
    for task, record in records.items():
        try:
            runs.append(_run(model, task, results[task], record, str(path), date))
        except _Unusable as error:
            raise _Unusable(f"{task}: {error}") from None
    for task in results.keys() - records.keys():
        if "information_capacity" in _values(results[task]) and task in configs:
            raise _Unusable(f"{task}: has information_capacity but no metadata.infocap")
    return _File(model, date, runs, _scores(content, results, records))


def _load(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise _Unusable(f"cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:  # JSON and UTF-8 faults are both ValueErrors
        raise _Unusable(f"is damaged or no JSON ({error})") from None
    if not isinstance(content, dict):
        raise _Unusable("no results file of the harness (not a JSON object)")
    return content


def _infocap_record(configs: Mapping[str, Any], task: str) -> Mapping[str, Any] | None:
    record = _at(configs, task, "metadata", "infocap")
    return record if isinstance(record, dict) else None


def _model_name(content: Mapping[str, Any], metadata: Sequence[Any]) -> str:
    """As the harness names it, with what else tells weights apart: revision, GGUF file."""
    arguments = _arguments(_at(content, "config", "model_args"))
    # A ready model has no arguments, and the harness then makes a random name up.
    for source in (arguments, *metadata):
        for key in ("peft", "delta", "pretrained", "model", "path", "engine"):
            if isinstance(source, dict) and isinstance(source.get(key), str):
                return _with_revision(source[key], source)
    name = content.get("model_name") or content.get("model_name_sanitized")
    if not isinstance(name, str):
        raise _Unusable("names no model (neither config.model_args nor model_name)")
    return name


def _with_revision(name: str, arguments: Mapping[str, Any]) -> str:
    for key in ("subfolder", "gguf_file"):
        if arguments.get(key):
            name = f"{name.rstrip('/')}/{arguments[key]}"
    revision = arguments.get("revision") or "main"
    return name if revision == "main" else f"{name}@{revision}"


def _arguments(model_args: Any) -> dict[str, Any]:
    """Model arguments as a record; older files hold the command line's ``a=b,c=d``."""
    if isinstance(model_args, dict):
        return model_args
    pairs = str(model_args or "").split(",")
    return dict(pair.split("=", 1) for pair in pairs if "=" in pair)


def _run(
    model: str,
    task: str,
    row: Mapping[str, Any],
    record: Mapping[str, Any],
    source: str,
    date: float | None,
) -> Run:
    """A run from a task's results and its ``metadata.infocap``.

    Raises:
        _Unusable: something is missing, of the wrong kind, or disagrees with the rest.
    """
    values = _values(row)
    for key, value in row.items():
        if key.partition(",")[0] in METRICS:
            _finite(value, key)
    bias = _number(record, "bias_bits_per_token")
    flops = _above(1, values.get("flops_per_token", _at(record, "flops", "flops_per_token")), "N")
    regime = record.get("regime", "harness")  # the only one when files did not say it yet
    if not isinstance(regime, str) or regime not in TEXT_SIZES:
        raise _Unusable(f"its regime is {regime}, not one of {', '.join(TEXT_SIZES)}")
    max_tokens = int(_number(record, "max_tokens"))
    documents = _documents(record, Constants(flops, bias, regime), max_tokens)
    text_size, nll = (
        _finite(_value_or_aggregate(name, values, documents), name)
        for name in ("text_size_bits_per_token", "nll_bits_per_token")
    )
    active = _at(record, "flops", "active_params")
    run = Run(
        model=model,
        series="",
        task=task,
        corpus=_text_or_none(_at(record, "corpus", "name"), "corpus.name") or task,
        corpus_sha256=_text_or_none(_at(record, "corpus", "sha256"), "corpus.sha256"),
        regime=regime,
        max_tokens=max_tokens,
        bias_bits_per_token=bias,
        text_size_bits_per_token=text_size,
        nll_bits_per_token=nll,
        compression_gain_bits_per_token=text_size - nll,
        flops_per_token=flops,
        active_params=None if active is None else int(_finite(active, "active_params")),
        information_capacity=capacity_of_gain(text_size - nll, flops, bias),
        source=source,
        date=date,
        standard_errors={
            name: values[f"{name}_stderr"] for name in METRICS if f"{name}_stderr" in values
        },
        documents=documents,
        has_named_documents=_has_named_documents(record, documents),
    )
    _require_agreement(run, values)
    return run


def _require_agreement(run: Run, values: Mapping[str, float]) -> None:
    """A file whose numbers are not functions of each other was changed or cut after it was made."""
    for name in ("compression_gain_bits_per_token", "information_capacity"):
        ours, theirs = getattr(run, name), values.get(name)
        # Each digit that C has counts: differences lose some of them.
        scale = max(abs(ours), run.text_size_bits_per_token or 0.0)
        if theirs is not None and abs(ours - theirs) > _RELATIVE_TOLERANCE * scale:
            raise _Unusable(f"its {name} is {theirs}, but its C, H, N and b make it {ours}")
    for name in ("text_size_bits_per_token", "nll_bits_per_token"):
        ours = aggregate(name, run.documents) if run.documents else getattr(run, name)
        if not math.isclose(ours, getattr(run, name), rel_tol=_RELATIVE_TOLERANCE):
            raise _Unusable(f"its {name} is {getattr(run, name)}, but its documents make it {ours}")


def _value_or_aggregate(
    name: str, values: Mapping[str, float], documents: tuple[DocumentScore, ...] | None
) -> Any:
    """A metric that the task's YAML does not list follows from the documents."""
    if name in values or not documents:
        return values.get(name)
    return aggregate(name, documents)


def _documents(
    record: Mapping[str, Any], constants: Constants, max_tokens: int
) -> tuple[DocumentScore, ...] | None:
    columns = record.get("documents")
    if not columns:
        return None
    fields = ("document_id", "num_bytes", "num_tokens", "nll_bits")
    if isinstance(columns, dict) and "document" in columns:
        # What files of version 0.1 call it.
        columns = {"document_id": columns["document"], **columns}
    lists = [_at(columns, name) for name in fields]
    if not all(isinstance(column, list) for column in lists) or len(set(map(len, lists))) != 1:
        raise _Unusable(f"its documents need the columns {', '.join(fields)} of one length")
    if not all(_is_number(value) and value > 0 for column in lists[1:3] for value in column):
        raise _Unusable("its documents have bytes or tokens that are not numbers above 0")
    if not all(_is_number(value) for value in lists[3]):
        raise _Unusable("its documents have nll_bits that are not finite numbers")
    are_whole = _at(columns, "is_whole")
    if are_whole is None:
        # Files of earlier versions do not say it. Texts are cut at whole characters, which leaves
        # up to 3 tokens less than L: what is shorter was not cut, what is not may have been.
        are_whole = [num_tokens < max_tokens - 3 for num_tokens in lists[2]]
    if (
        not isinstance(are_whole, list)
        or len(are_whole) != len(lists[0])
        or not all(isinstance(value, bool) for value in are_whole)
    ):
        raise _Unusable("its documents have is_whole that are not true or false for each")
    scores = (
        DocumentScore(str(name), size, tokens, bits, *constants, is_whole)
        for name, size, tokens, bits, is_whole in zip(*lists, are_whole, strict=True)
    )
    return tuple(scores) or None


def _has_named_documents(
    record: Mapping[str, Any], documents: tuple[DocumentScore, ...] | None
) -> bool:
    """By the corpus's field of names; where it has none, or the file is older, by the names."""
    if _text_or_none(_at(record, "corpus", "id_field"), "corpus.id_field") is not None:
        return True
    return any(not score.document_id.isdecimal() for score in documents or ())


def _values(row: Mapping[str, Any]) -> dict[str, float]:
    """Metrics by name without the filter; of several filters ``none``, else the first counts."""
    values: dict[str, float] = {}
    for key in sorted(row, key=lambda key: not key.endswith(",none")):
        if _is_number(row[key]):
            values.setdefault(key.partition(",")[0], float(row[key]))
    return values


def _scores(
    content: Mapping[str, Any], results: Mapping[str, Any], ours: Mapping[str, Any]
) -> dict[str, float]:
    """Scores of standard tasks; parts of a group that has a score itself are left to the group."""
    scores = {}
    for task, row in results.items():
        if task in ours or "information_capacity" in _values(row):
            continue
        score = _score(_values(row), _at(content, "higher_is_better", task))
        if score is not None:
            scores[task] = score
    groups = content.get("group_subtasks")
    parts = set(_parts(groups if isinstance(groups, dict) else {}, scores))
    return {task: score for task, score in scores.items() if task not in parts}


def _score(values: Mapping[str, float], higher_is_better: Any) -> float | None:
    better = higher_is_better if isinstance(higher_is_better, dict) else {}
    for name in (*BENCHMARK_METRICS, *(name for name, higher in better.items() if higher)):
        if name in values:
            return values[name]
    return None


def _parts(groups: Mapping[str, Any], scores: Mapping[str, float]) -> Iterator[str]:
    for group, parts in groups.items():
        if group in scores and isinstance(parts, list):
            yield from (part for part in parts if isinstance(part, str) and part != group)


# ------------------------------------------------------------------ values of foreign records


def _at(record: Any, *keys: str) -> Any:
    """The value at the end of a path of keys; None where one is missing."""
    for key in keys:
        record = record.get(key) if isinstance(record, dict) else None
    return record


def _is_number(value: Any) -> bool:
    """Whether it is a number that float64 holds."""
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and abs(value) <= sys.float_info.max
    )


def _finite(value: Any, name: str) -> float:
    if not _is_number(value):
        raise _Unusable(f"its {name} is {value}, not a finite number")
    return float(value)


def _number(record: Mapping[str, Any], name: str) -> float:
    return _finite(record.get(name), name)


def _text_or_none(value: Any, name: str) -> str | None:
    if value is not None and not isinstance(value, str):
        raise _Unusable(f"its {name} is {value}, not a text")
    return value


def _above(least: float, value: Any, name: str) -> float:
    if _finite(value, name) <= least:
        raise _Unusable(f"its {name} is {value}, not above {least}")
    return float(value)
