"""``infocap tasks``: the folder of our tasks."""

import argparse

from infocap_tasks.paths import task_configs_dir


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = commands.add_parser(
        "tasks", description="Print the folder of our tasks, for lm_eval --include_path."
    )
    parser.set_defaults(run=run)


def run(_: argparse.Namespace) -> None:
    """Print the folder."""
    print(task_configs_dir())
