"""Where the task YAMLs and studies lie, and where the demo keeps its model."""

import os
from pathlib import Path


def task_configs_dir() -> Path:
    """Folder for ``--include_path``: beside the modules in a wheel, at the root of a checkout."""
    package = Path(__file__).resolve().parent
    in_wheel = package / "task_configs"
    return in_wheel if in_wheel.is_dir() else package.parent / "task_configs"


def studies_dir() -> Path:
    """Folder of the studies that we ship, beside that of the task YAMLs."""
    return task_configs_dir().parent / "studies"


def cache_dir() -> Path:
    """Folder for files that can be made again: $XDG_CACHE_HOME/infocap-tasks or ~/.cache/…."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "infocap-tasks"
