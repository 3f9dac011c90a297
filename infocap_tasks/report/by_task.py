"""Answers on each of several tasks as one text, or as one table for machines."""

from collections.abc import Mapping
from typing import Any

from infocap_tasks.report.answer import Answer
from infocap_tasks.report.tables import as_csv, as_json


def render_by_task(answers: Mapping[str, Answer], name: str) -> str:
    """The answer of one task as it is; of several, each under the name of its task.

    In CSV and JSON each row begins with its task instead.
    """
    if len(answers) == 1:
        return next(iter(answers.values())).render(name)
    if name in ("csv", "json"):
        rows: list[dict[str, Any]] = [
            {"task": task, **row} for task, answer in answers.items() for row in answer.rows
        ]
        return as_csv(rows) if name == "csv" else as_json(rows)
    prefix = "## " if name == "md" else ""
    return "\n\n".join(
        f"{prefix}{task}\n\n{answer.render(name)}" for task, answer in answers.items()
    )
