"""How often intervals, paired differences and ranges of ranks hold what is true, simulated.

    python benchmarks/interval_coverage.py

Six models of one true information capacity are scored on the same texts. A text is easier or harder
for all of them, long texts are compressed better, and each model adds noise of its own; both
sources of noise are skewed. Printed are the share of 95 % intervals that hold the true value, of
paired differences that are called significant at 5 % although there is none, and of ranges of ranks
that hold all six ranks.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from infocap_tasks.analysis.compare import compare
from infocap_tasks.analysis.leaderboard import boards
from infocap_tasks.metrics import DocumentScore, aggregate
from infocap_tasks.results.run import Run, capacity_of_gain

Array = npt.NDArray[np.float64]

FLOPS_PER_TOKEN, BIAS = 2.0**30, -27.0
MAX_TOKENS = 1024
NUM_MODELS = 6
REPETITIONS = {8: 2000, 30: 2000, 200: 1000}

LENGTHS: Mapping[str, Callable[[np.random.Generator, int], Array]] = {
    "equal": lambda rng, count: np.full(count, 1000.0),
    "lognormal, sigma 1, cut at 1024": lambda rng, count: np.minimum(
        rng.lognormal(5.5, 1, count), MAX_TOKENS
    ),
    "lognormal, sigma 1.5, not cut": lambda rng, count: rng.lognormal(5, 1.5, count),
    "Pareto, exponent 1.5, not cut": lambda rng, count: 10 * (1 + rng.pareto(1.5, count)),
}


class Shares(NamedTuple):
    """Of the repetitions, those in which it came out so."""

    intervals_that_hold: float
    significant_differences: float
    ranges_that_hold: float


def simulate(lengths: str, num_documents: int, repetitions: int, seed: int = 0) -> Shares:
    """The three shares for texts of these lengths."""
    rng = np.random.default_rng(seed)
    true = capacity_of_gain(true_gain(lengths), FLOPS_PER_TOKEN, BIAS)
    found = [_once(rng, lengths, num_documents, true) for _ in range(repetitions)]
    return Shares(*(float(np.mean(share)) for share in zip(*found, strict=True)))


def true_gain(lengths: str) -> float:
    """G of infinitely many texts, in bits per token, the same for all models."""
    tokens = _tokens(np.random.default_rng(1), lengths, 2_000_000)
    return float((tokens * _mean_gain(tokens)).sum() / tokens.sum())


def _tokens(rng: np.random.Generator, lengths: str, count: int) -> Array:
    return np.maximum(LENGTHS[lengths](rng, count).round(), 2.0)


def _mean_gain(tokens: Array) -> Array:
    return 29 + 0.4 * np.log(tokens / 1000)


def _once(
    rng: np.random.Generator, lengths: str, num_documents: int, true: float
) -> tuple[float, bool, float]:
    tokens = _tokens(rng, lengths, num_documents)
    of_texts = rng.normal(0, 1.2, num_documents) + 0.5 * _skewed(rng, num_documents)
    runs = [
        _run(f"model-{number}", tokens, _mean_gain(tokens) + of_texts + of_model)
        for number in range(NUM_MODELS)
        for of_model in [rng.normal(0, 0.3, num_documents) + 0.2 * _skewed(rng, num_documents)]
    ]
    (board,) = boards(runs)
    holds = [row.interval.low <= true <= row.interval.high for row in board.rows if row.interval]
    probability = compare(runs[0], runs[1]).probability or 0.0
    all_ranks = [row.ranks == (1, NUM_MODELS) for row in board.rows]
    return float(np.mean(holds)), not 0.025 <= probability <= 0.975, float(np.mean(all_ranks))


def _skewed(rng: np.random.Generator, count: int) -> Array:
    return rng.exponential(size=count) - 1


def _run(model: str, tokens: Array, gains: Array) -> Run:
    """A run whose texts have these tokens, 5 bytes each, and these gains per token."""
    scores = tuple(
        DocumentScore(
            f"{index:04}", int(5 * n), int(n), float(n * (40 - gain)), FLOPS_PER_TOKEN, BIAS
        )
        for index, (n, gain) in enumerate(zip(tokens, gains, strict=True))
    )
    gain = aggregate("compression_gain_bits_per_token", scores)
    return Run(
        model=model,
        series="simulated",
        task="simulated",
        corpus="simulated",
        corpus_sha256="simulated",
        regime="harness",
        max_tokens=MAX_TOKENS,
        bias_bits_per_token=BIAS,
        text_size_bits_per_token=40.0,
        nll_bits_per_token=40 - gain,
        compression_gain_bits_per_token=gain,
        flops_per_token=FLOPS_PER_TOKEN,
        active_params=None,
        information_capacity=capacity_of_gain(gain, FLOPS_PER_TOKEN, BIAS),
        source="simulated",
        documents=scores,
    )


def main() -> None:
    """Print the shares as a table, a row for each kind and number of texts."""
    print("| lengths of texts | texts | intervals | differences under the null | ranges of ranks |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for lengths in LENGTHS:
        for num_documents, repetitions in REPETITIONS.items():
            shares = simulate(lengths, num_documents, repetitions)
            cells = " | ".join(f"{share:.1%}".replace("%", " %") for share in shares)
            print(f"| {lengths} | {num_documents} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
