"""Processes that share one job: which of them this is, what they tell one another, their end."""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Thread
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

# The variable that holds the process to end with, where a sweep started this one.
PARENT = "INFOCAP_PARENT_PID"

_SECONDS_BETWEEN_LOOKS = 0.5


def end_with_launcher() -> None:
    """End this process soon after ``torchrun``, ``accelerate launch`` or a sweep that started it.

    A launcher that is killed (SIGKILL, out of memory) cannot end its processes, which would work
    on and write results. One that is gone before this is called is not noticed; its processes
    then wait for one another at an address where nobody answers, and write nothing.
    """
    parent = os.environ.get(PARENT)
    if parent is None and "TORCHELASTIC_RUN_ID" in os.environ:  # set by both, and by nothing else
        parent = str(os.getppid())
    if parent is not None:
        Thread(target=_end_after, args=(int(parent),), daemon=True).start()


def _end_after(parent: int) -> None:
    """Look at the parent, not at a signal of its death: Linux ties that to one of its threads."""
    while os.getppid() == parent:
        time.sleep(_SECONDS_BETWEEN_LOOKS)
    os._exit(1)  # no clean-up, which could wait for the other processes


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
