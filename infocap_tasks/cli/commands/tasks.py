"""``infocap tasks``: the folder of our tasks, or a list of them."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from infocap_tasks.cli.commands import new_command
from infocap_tasks.cli.output import add_output, count, deliver
from infocap_tasks.errors import InfocapError
from infocap_tasks.paths import task_configs_dir
from infocap_tasks.report.tables import RENDERERS, as_json

_DESCRIPTION = """\
Print the folder of our tasks, for lm_eval --include_path; with --list, the tasks in it: the corpus
that each scores, its language, the bias b in bits per token, the regime, and L, the number of
tokens at which texts are cut. Below them stand the groups, each a name for several tasks.
"""


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = new_command(commands, "tasks", _DESCRIPTION, run)
    parser.add_argument("--list", action="store_true", help="list the tasks and the groups")
    add_output(parser, ["table", "json", "csv"])


def run(options: argparse.Namespace) -> None:
    """Print the folder, or print or write the list.

    Raises:
        InfocapError: a format is asked for, but no list.
    """
    if options.list:
        from infocap_tasks.task.listing import task_entries

        deliver(options, _list, count(len(task_entries()), "task"))
    elif options.format or options.output:
        raise InfocapError("--format and -o are for the list of tasks; add --list")
    else:
        print(task_configs_dir())


def _list(name: str) -> str:
    """The tasks and groups in the format ``name``."""
    from infocap_tasks.results.groups import task_groups
    from infocap_tasks.task.listing import task_entries

    tasks = [entry._asdict() for entry in task_entries()]
    if name == "json":
        return as_json({"tasks": tasks, "groups": task_groups()})
    if name == "csv":
        return RENDERERS[name](tasks)
    groups = [f"{group}: {_members(members)}" for group, members in task_groups().items()]
    return "\n".join([*_lines(tasks), "", "groups", *groups])


def _lines(tasks: Sequence[dict[str, Any]]) -> list[str]:
    """A line a task, below a header; narrow, to fit 80 columns."""
    cells = [("task", "corpus", "language", "b", "regime", "L")]
    for task in tasks:
        corpus = str(Path(task["corpus"]).with_suffix("")).removeprefix("datasets/")
        bias = f"{task['bias_bits_per_token']:g}"
        language, length = task["language"] or "-", str(task["max_tokens"])
        cells.append((task["task"], corpus, language, bias, task["regime"], length))
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        " ".join(map(str.ljust, line, widths)).rstrip()  # one space, since names are long
        for line in cells
    ]


def _members(tasks: Sequence[str]) -> str:
    return ", ".join(tasks) if len(tasks) < 3 else f"{tasks[0]} … {tasks[-1]} ({len(tasks)})"
