"""Groups of tasks by name, as our YAMLs for the harness declare them."""

import re
from functools import cache
from pathlib import Path

import yaml

from infocap_tasks.paths import task_configs_dir

_DECLARES_GROUP = re.compile(r"^group:", re.MULTILINE)


@cache
def task_groups() -> dict[str, tuple[str, ...]]:
    """The names of the tasks of each group of ours."""
    return dict(sorted(filter(None, map(_group_in, task_configs_dir().rglob("*.yaml")))))


def _group_in(path: Path) -> tuple[str, tuple[str, ...]] | None:
    text = path.read_text("utf-8")
    if not _DECLARES_GROUP.search(text):  # tasks hold tags that only the harness knows
        return None
    declared = yaml.safe_load(text)
    return declared["group"], tuple(declared["task"])
