"""The harness seam for tasks: the classes that the YAMLs in task_configs/ name."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from infocap_tasks.task.infocap import InformationCapacityTask
    from infocap_tasks.task.reference import ReferenceTask

__all__ = ["InformationCapacityTask", "ReferenceTask"]


def __getattr__(name: str) -> Any:
    # Loaded when used: the classes import the harness, and documents.py needs none of it.
    if name == "InformationCapacityTask":
        from infocap_tasks.task.infocap import InformationCapacityTask

        return InformationCapacityTask
    if name == "ReferenceTask":
        from infocap_tasks.task.reference import ReferenceTask

        return ReferenceTask
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
