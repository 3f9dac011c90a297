"""The published numbers as runs: 39 models on mixed_text (arXiv 2511.08066), in a CSV file here."""

import csv
from collections.abc import Mapping
from importlib.resources import files

from infocap_tasks.results.run import PUBLISHED, Provenance, Run, gain_of_capacity

_BIAS_BITS_PER_TOKEN = -24.0
_MAX_TOKENS = 1024
_FIGURE = "figure"
_FIGURE_MARGIN = 5e-5  # half a unit of the last digit that the figure shows


def published_runs() -> list[Run]:
    """The 39 published models on mixed_text, b = -24, L = 1024.

    Rows whose source is ``leaderboard table`` are exact; of those from a ``figure`` only IC is
    known, good to 5e-5 (``information_capacity_margin``), and G follows from it.
    """
    text = files("infocap_tasks.results").joinpath("published_mixed_text.csv").read_text("utf-8")
    return [_run(row) for row in csv.DictReader(text.splitlines())]


def _run(row: Mapping[str, str]) -> Run:
    flops, capacity = float(row["reference_flops_per_token"]), float(row["information_capacity"])
    text_size, nll = (
        float(row[name]) if row[name] else None
        for name in ("text_size_bits_per_token", "nll_bits_per_token")
    )
    gain = gain_of_capacity(capacity, flops, _BIAS_BITS_PER_TOKEN)
    if text_size is not None and nll is not None:
        gain = text_size - nll
    return Run(
        model=row["model"],
        series=row["series"],
        task="infocap_mixed_reference",
        corpus="mixed_text",
        corpus_sha256=None,
        regime="reference",
        max_tokens=_MAX_TOKENS,
        bias_bits_per_token=_BIAS_BITS_PER_TOKEN,
        text_size_bits_per_token=text_size,
        nll_bits_per_token=nll,
        compression_gain_bits_per_token=gain,
        flops_per_token=flops,
        active_params=None,
        information_capacity=capacity,
        information_capacity_margin=_FIGURE_MARGIN if row["source"] == _FIGURE else None,
        source=f"{PUBLISHED}{row['source']}",
        provenance=Provenance(model_id=row["model"]),
    )
