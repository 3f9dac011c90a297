"""The folder of our tasks, for Python users of the harness; our model is then known to it too."""

import infocap_tasks.backend.registered  # noqa: F401
from infocap_tasks.paths import task_configs_dir

__all__ = ["task_configs_dir"]
