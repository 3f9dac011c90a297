"""The Pareto frontier: what nothing else beats in two quantities that are better when lower."""

from collections.abc import Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")


def pareto_frontier(
    items: Sequence[Item], cost: Callable[[Item], float], loss: Callable[[Item], float]
) -> list[Item]:
    """Items with a lower loss than all that cost as much or less, the cheapest first."""
    best = float("inf")
    frontier = []
    for item in sorted(items, key=lambda item: (cost(item), loss(item))):
        if loss(item) < best:
            frontier.append(item)
            best = loss(item)
    return frontier
