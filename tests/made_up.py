"""Made-up runs whose numbers follow from the documents that they are given."""

from collections.abc import Sequence

from infocap_tasks.metrics import DocumentScore, aggregate
from infocap_tasks.runs import Run


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
