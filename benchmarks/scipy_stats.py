"""Our bootstraps beside scipy's: BCa intervals over documents, coefficients over models.

    python benchmarks/scipy_stats.py

BCa is of one capacity a run, of runs on the same documents, which share the samples; scipy draws
numbers of documents, in batches that keep its memory near ours. Coefficients are of 2000 samples;
ours and scipy's pearsonr take all at once, scipy's spearmanr and kendalltau one a call.
"""

import time
from collections.abc import Callable, Sequence

import numpy as np
from scipy import stats

from infocap_tasks.analysis.correlate import COEFFICIENTS
from infocap_tasks.analysis.intervals import NUM_SAMPLES, Array, Paired, bootstrap
from infocap_tasks.metrics import Sums

_BATCH_ELEMENTS = 2**22


def seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def compare_bca(num_runs: int, num_documents: int) -> None:
    rng = np.random.default_rng(0)
    columns = [
        Sums(
            np.ones(num_documents),
            rng.integers(300, 700, num_documents).astype(float),
            rng.integers(50, 200, num_documents).astype(float),
            rng.gamma(5, 60, num_documents),
            np.ones(num_documents),
        )
        for _ in range(num_runs)
    ]
    matrix = np.stack([[c.num_bytes, c.num_tokens, c.nll_bits] for c in columns])

    def gains(groups: Sequence[Paired]) -> Array:
        return np.stack([(8 * s.num_bytes - s.nll_bits) / s.num_tokens for s in groups[0]], axis=1)

    def gains_of_drawn(drawn: Array, axis: int = -1) -> Array:
        num_bytes, num_tokens, nll_bits = np.moveaxis(matrix[..., drawn].sum(axis=-1), 1, 0)
        return (8 * num_bytes - nll_bits) / num_tokens

    def scipy_bootstrap() -> object:
        return stats.bootstrap(
            (np.arange(num_documents),), gains_of_drawn, n_resamples=NUM_SAMPLES, vectorized=True,
            batch=max(1, _BATCH_ELEMENTS // matrix.size), rng=0,
        )  # fmt: skip

    ours, theirs = seconds(lambda: bootstrap(gains, [columns])), seconds(scipy_bootstrap)
    print(f"| {num_runs} | {num_documents} | {ours:.2f} | {theirs:.2f} |")


def compare_coefficients(num_models: int) -> None:
    rng = np.random.default_rng(0)
    drawn = rng.integers(num_models, size=(NUM_SAMPLES, num_models))
    x, y = (rng.normal(size=num_models)[drawn] for _ in range(2))

    def one_by_one(coefficient: Callable[[Array, Array], object]) -> Callable[[], object]:
        return lambda: [coefficient(a, b) for a, b in zip(x, y, strict=True)]

    of_scipy = {
        "pearson": lambda: stats.pearsonr(x, y, axis=1),
        "spearman": one_by_one(stats.spearmanr),
        "kendall": one_by_one(stats.kendalltau),
    }
    for name, coefficient in COEFFICIENTS.items():
        ours = seconds(lambda coefficient=coefficient: coefficient(x, y))
        print(f"| {name} | {num_models} | {ours:.3f} | {seconds(of_scipy[name]):.3f} |")


def main() -> None:
    print("| runs | documents | ours, s | scipy, s |\n| ---: | ---: | ---: | ---: |")
    for num_runs, num_documents in ((2, 200), (10, 200), (40, 200), (40, 1000), (10, 10_000)):
        compare_bca(num_runs, num_documents)
    print("\n| coefficient | models | ours, s | scipy, s |\n| --- | ---: | ---: | ---: |")
    for num_models in (12, 40, 100):
        compare_coefficients(num_models)


if __name__ == "__main__":
    main()
