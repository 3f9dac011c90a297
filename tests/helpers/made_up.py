"""Made-up runs whose numbers follow from the documents that they are given."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from infocap_tasks.metrics import METRICS, DocumentScore, aggregate
from infocap_tasks.results.run import Provenance, Run


def documents(
    bits: Sequence[float], flops: float = 2.0**30, bias: float = -20.0, regime: str = "harness"
) -> tuple[DocumentScore, ...]:
    """Documents of 100 tokens and 500 bytes that cost these bits."""
    return tuple(
        DocumentScore(f"d{index}", 500, 100, float(value), flops, bias, regime)
        for index, value in enumerate(bits)
    )


def run_of(model: str, scores: tuple[DocumentScore, ...], series: str = "S", **fields) -> Run:
    first = scores[0]
    values = {
        name: aggregate(name, scores)
        for name in (
            "text_size_bits_per_token",
            "nll_bits_per_token",
            "compression_gain_bits_per_token",
            "information_capacity",
        )
    }
    settings = {
        "task": "infocap_custom",
        "corpus": "made_up",
        "corpus_sha256": "0" * 64,
        "max_tokens": 1024,
        "active_params": 1000,
        "source": f"{model}.json",
        "documents": scores,
    }
    return Run(
        model=model,
        series=series,
        regime=first.regime,
        bias_bits_per_token=first.bias_bits_per_token,
        flops_per_token=first.flops_per_token,
        **{**settings, **values, **fields},
    )


def of_corpus(num_documents: int) -> dict[str, Provenance]:
    """The field of a run whose corpus has this many documents."""
    return {"provenance": Provenance(corpus={"num_documents": num_documents})}


def made_up_series(name, slope, bias, log2_flops, noise=None) -> list[Run]:
    """Runs with G = slope log2 N - bias (and noise); their own b is -24."""
    noise = np.zeros(len(log2_flops)) if noise is None else noise
    runs = []
    for x, error in zip(log2_flops, noise, strict=True):
        gain = slope * x - bias + error
        base = run_of(f"{name}-{x}", documents([1.0, 2.0]), name)
        runs.append(
            Run(**{
                **vars(base), "compression_gain_bits_per_token": gain, "documents": None,
                "flops_per_token": 2.0**x, "bias_bits_per_token": -24.0,
                "information_capacity": (gain - 24) / x, "text_size_bits_per_token": None,
                "nll_bits_per_token": None,
            })
        )  # fmt: skip
    return runs


def write_results(folder: Path, run: Run) -> Path:
    """The run as a results file of the harness."""
    scores = run.documents or ()
    infocap = {
        "corpus": {
            **run.provenance.corpus,
            "name": run.corpus,
            "sha256": run.corpus_sha256,
        },
        "regime": run.regime,
        "max_tokens": run.max_tokens,
        "bias_bits_per_token": run.bias_bits_per_token,
        "flops": {"flops_per_token": run.flops_per_token, "active_params": run.active_params},
        "documents": {
            name: [getattr(score, name) for score in scores]
            for name in (
                "document_id",
                "num_bytes",
                "num_tokens",
                "nll_bits",
                "is_whole",
                "text_digest",
            )
        },
    }
    values = {f"{name},none": run.metric(name) for name in METRICS}
    content = {
        "results": {
            run.task: {"alias": run.task, **values},
            **{task: {"acc,none": score} for task, score in run.benchmarks.items()},
        },
        "configs": {run.task: {"task": run.task, "metadata": {"infocap": infocap}}},
        "config": {"model": "infocap-hf", "model_args": {"pretrained": f"lab/{run.model}"}},
        "date": 1_800_000_000.0,
    }
    path = folder / f"results_{run.model}_{run.task}_{run.max_tokens}_{run.corpus_sha256}.json"
    path.write_text(json.dumps(content))
    return path


def save_content(folder: Path, content: object, name: str = "results_x.json") -> Path:
    """A file of this JSON, or of this text as it is."""
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path
