"""A plan as a table, JSON or CSV."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from infocap_tasks.report import tables

if TYPE_CHECKING:
    from infocap_tasks.sweep.plan import Plan, RowPlan


def as_json(plan: "Plan") -> str:
    """One object: the rows, their totals and what was assumed."""
    return tables.as_json(asdict(plan))


def as_csv(plan: "Plan") -> str:
    """One line a row, in the order of the study; several causes are separated by bars."""
    return tables.as_csv(
        [asdict(row) | {"causes": " | ".join(row.causes) or None} for row in plan.rows]
    )


def as_table(plan: "Plan") -> str:
    """One line a row and a last one of totals; below them what was assumed, and the causes."""
    return _with_notes(plan, tables.as_table(_lines(plan)), tables.wrapped)


def as_wide_table(plan: "Plan") -> str:
    """The table with whole names and the model of each row."""
    return _with_notes(plan, tables.as_wide_table(_lines(plan)), str)


RENDERERS: "Mapping[str, Callable[[Plan], str]]" = {
    "table": as_table,
    tables.WIDE: as_wide_table,
    "json": as_json,
    "csv": as_csv,
}


def _lines(plan: "Plan") -> list[dict[str, Any]]:
    total = plan.total
    return [
        *map(_line, plan.rows),
        {
            "row": "total",
            "GPUs": total.gpus,
            "FLOPs": _si(total.flops),
            "hours": _hours(total.hours),
            "download": _size(total.download_bytes),
        },
    ]


def _line(row: "RowPlan") -> dict[str, Any]:
    return {
        "row": row.row,
        "params": _si(row.total_params),
        "weights": _size(row.weight_bytes),
        "GPUs": row.gpus,
        "FLOPs": _si(row.flops),
        "hours": _hours(row.hours),
        "download": _size(row.download_bytes),
        "model": row.model,
    }


def _with_notes(plan: "Plan", table: str, wrapped: Callable[[str], str]) -> str:
    assumed = (
        f"FLOPs are an upper bound, hours are at {plan.tflops:g} TFLOPS, GPUs have "
        f"{plan.gpu_memory_gb:g} GB; the total of GPUs is the most that one row needs."
    )
    causes: dict[str, list[str]] = {}
    for row in plan.rows:
        for cause in row.causes:
            causes.setdefault(cause, []).append(row.row)
    notes = [f"{', '.join(rows)}: {cause}" for cause, rows in causes.items()]
    return "\n\n".join([table, *map(wrapped, [assumed, *notes])])


def _si(value: float | None) -> str | None:
    return None if value is None else tables.si(value)


def _size(num_bytes: int | None) -> str | None:
    if num_bytes is None:
        return None
    number = tables.si(num_bytes)
    return f"{number}B" if " " in number else f"{number} B"  # the space stands before a prefix


def _hours(hours: float | None) -> str | None:
    return None if hours is None else f"{hours:.3g}"
