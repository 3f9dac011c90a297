"""--task, --regime and --series: which of the runs that were read a command works on."""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from infocap_tasks.errors import InfocapError, did_you_mean
from infocap_tasks.results.groups import task_groups
from infocap_tasks.results.run import Run


def choose(
    runs: Iterable[Run], tasks: Sequence[str], regime: str | None, series: Sequence[str]
) -> list[Run]:
    """The runs that these flags leave; an empty one leaves all.

    Args:
        runs: any runs.
        tasks: names of tasks or of groups of them, and patterns such as ``infocap_parallel_*``.
        regime: one of ``metrics.TEXT_SIZES``.
        series: names of series.

    Raises:
        InfocapError: no run has a value that was named; the message has the nearest one.
    """
    chosen = list(runs)
    for name, wanted in (
        ("task", tasks),
        ("regime", [regime] if regime else []),
        ("series", series),
    ):
        known = sorted({getattr(run, name) for run in chosen})
        of_value = {value: _matching(name, value, known) for value in wanted}
        for value, found in of_value.items():
            if not found:
                raise InfocapError(f"--{name} {value}: {_not_there(name, value, known)}")
        if wanted:
            kept = {value for found in of_value.values() for value in found}
            chosen = [run for run in chosen if getattr(run, name) in kept]
    return chosen


def _matching(name: str, value: str, known: Sequence[str]) -> list[str]:
    """What a value of a flag stands for among the ``known``."""
    if value in known or name != "task":
        return [value] if value in known else []
    members = task_groups().get(value, ())
    return [task for task in known if task in members or fnmatchcase(task, value)]


def _not_there(name: str, value: str, known: Sequence[str]) -> str:
    groups = _groups_among(known) if name == "task" else []
    meant = did_you_mean(value, [*known, *groups], 1, 0.7)
    or_groups = f"; groups of these: {', '.join(groups)}" if groups else ""
    return f"no run has it; {meant}choose from {', '.join(known)}{or_groups}"


def _groups_among(tasks: Sequence[str]) -> list[str]:
    """Names of the groups of which some task is among these."""
    return [group for group, members in task_groups().items() if {*members} & {*tasks}]
