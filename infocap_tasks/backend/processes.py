"""Processes that share one job: which of them this is, and what they tell one another."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Processes:
    """This process among those that ``torchrun`` or ``accelerate`` started; alone by default.

    Attributes:
        index: this process, from 0, across all nodes.
        number: all processes.
    """

    index: int = 0
    number: int = 1

    def share(self, num_items: int) -> range:
        """The numbers of the items that this process works on, every ``number``-th."""
        return range(self.index, num_items, self.number)

    def gather(self, items: list[Item]) -> list[Item]:
        """The items of all processes, on each of them."""
        if self.number == 1:
            return items
        from accelerate.utils import gather_object  # imports torch, which not all engines need

        return gather_object(items)

    def wait(self) -> None:
        """Return when all processes have come here."""
        if self.number > 1:
            from accelerate.utils import wait_for_everyone

            wait_for_everyone()

    def map(
        self, work: Callable[[list[Item]], Sequence[Result]], items: Sequence[Item]
    ) -> list[Result]:
        """``work`` of all items, in their order, each process doing its share."""
        numbers = self.share(len(items))
        done = work([items[number] for number in numbers]) if numbers else []
        gathered = self.gather(list(zip(numbers, done, strict=True)))
        return [result for _, result in sorted(gathered, key=lambda pair: pair[0])]
