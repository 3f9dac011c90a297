"""Time in seconds to fingerprint 1 GiB of weights on the CPU: SHA-256, and sums without order.

python benchmarks/fingerprint.py
"""

import time
from collections.abc import Callable

import torch

from infocap_tasks.backend.weights import digest_weights


def sums_of_blocks(model: torch.nn.Module) -> list[int]:
    """What a fingerprint held before: exact sums, which do not see values change places."""
    (weight,) = model.parameters()
    return [int(part.sum(dtype=torch.int64)) for part in weight.view(torch.int16).split(2**20)]


def best_time_s(work: Callable[[torch.nn.Module], object], model: torch.nn.Module) -> float:
    """The shortest of three times in seconds."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        work(model)
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    model = torch.nn.ParameterList([torch.randn(2**29, dtype=torch.bfloat16)])
    model.requires_grad_(False)
    for work in (digest_weights, sums_of_blocks):
        print(f"{work.__name__}: {best_time_s(work, model):.2f} s")


if __name__ == "__main__":
    main()
