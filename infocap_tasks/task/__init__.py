"""The harness seam for tasks: the classes that the YAMLs in task_configs/ name."""

from typing import TYPE_CHECKING, Any

from infocap_tasks.task.harness_version import refuse_other_versions

if TYPE_CHECKING:
    from infocap_tasks.task.infocap import InformationCapacityTask
    from infocap_tasks.task.reference import ReferenceTask

__all__ = ["InformationCapacityTask", "ReferenceTask"]

refuse_other_versions()  # before a module below imports from the harness what others do not have


def __getattr__(name: str) -> Any:
    # Loaded when used: the classes import the harness, and documents.py needs none of it.
    if name == "InformationCapacityTask":
        from infocap_tasks.task.infocap import InformationCapacityTask

        return InformationCapacityTask
    if name == "ReferenceTask":
        from infocap_tasks.task.reference import ReferenceTask

        return ReferenceTask
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
