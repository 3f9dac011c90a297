"""Our coefficients of correlation beside scipy's.

    python benchmarks/scipy_stats.py

Coefficients are of 2000 samples of models; ours and scipy's pearsonr take all at once, scipy's
spearmanr and kendalltau one a call.
"""

import time
from collections.abc import Callable

import numpy as np
from scipy import stats

from infocap_tasks.analysis.correlate import COEFFICIENTS, NUM_SAMPLES, Array


def seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


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
    print("| coefficient | models | ours, s | scipy, s |\n| --- | ---: | ---: | ---: |")
    for num_models in (12, 40, 100):
        compare_coefficients(num_models)


if __name__ == "__main__":
    main()
