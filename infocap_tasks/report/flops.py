"""FLOP records of one or more models as a table, JSON or CSV."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from infocap_tasks.flops.record import COMPONENTS, Flops
from infocap_tasks.report import tables

Counted = Sequence[tuple[str, Flops]]


def as_json(counted: Counted, verify: bool) -> str:
    """One object for one model, a list for several; the cheapest comes first."""
    records = [_record(name, flops, verify) for name, flops in _cheapest_first(counted)]
    return tables.as_json(records[0] if len(records) == 1 else records)


def as_csv(counted: Counted, verify: bool) -> str:
    """One row for each model, the cheapest first; one column for each component."""
    records = [_record(name, flops, verify) for name, flops in _cheapest_first(counted)]
    return tables.as_csv([_flat(record) for record in records])


def as_table(counted: Counted, verify: bool) -> str:
    """One row for each model, the cheapest first, with its ratio to the first row.

    Components are shares of the total. The table of a single model is transposed, with its
    components in FLOPs.
    """
    rows = _shown(counted, verify)
    if len(rows) > 1:
        return tables.as_table(rows)
    room = tables.WIDTH - max(map(len, rows[0])) - 2
    return tables.aligned([(name, tables.shortened(cell, room)) for name, cell in rows[0].items()])


def as_wide_table(counted: Counted, verify: bool) -> str:
    """The table with all columns and whole names."""
    rows = _shown(counted, verify)
    return tables.as_wide_table(rows) if len(rows) > 1 else tables.aligned(list(rows[0].items()))


def _shown(counted: Counted, verify: bool) -> list[dict[str, str]]:
    """The rows as people read them, the columns that matter first."""
    models = _cheapest_first(counted)
    components = [c for c in COMPONENTS if any(c in flops.breakdown for _, flops in models)]
    base, one = models[0][1].flops_per_token, len(models) == 1
    rows = []
    for name, flops in models:
        row = {"model": name, "flops_per_token": f"{flops.flops_per_token:,}"}
        if not one:
            row["ratio"] = f"{flops.flops_per_token / base:.3f}"
        if verify:
            row |= {label: _second_way(flops, label) for label in _SECOND_WAY}
        row |= {component: _part(flops, component, one) for component in components}
        for field in ("active_params", "total_params", "reference_flops_per_token"):
            row[field] = _thousands(getattr(flops, field))
        row |= {
            "context_tokens": f"{flops.context_tokens:,}",
            "model_type": str(flops.model_type),
        }
        rows.append(row)
    return rows


RENDERERS: Mapping[str, Callable[[Counted, bool], str]] = {
    "table": as_table,
    tables.WIDE: as_wide_table,
    "json": as_json,
    "csv": as_csv,
}

_SECOND_WAY = {
    "difference": "relative_difference",
    "counted: linear": "counted_linear_flops_per_token",
    "second way: linear": "linear_flops_per_token",
    "second way: attention": "attention_flops_per_token",
}


def _cheapest_first(counted: Counted) -> list[tuple[str, Flops]]:
    return sorted(counted, key=lambda item: item[1].flops_per_token)


def _record(name: str, flops: Flops, verify: bool) -> dict[str, Any]:
    record = {"model": name, **flops.record()}
    if not verify:
        del record["verification"]
    return record


def _flat(record: Mapping[str, Any]) -> dict[str, Any]:
    """The record without nesting: each part of the breakdown becomes a field."""
    flat: dict[str, Any] = {}
    for key, value in record.items():
        if key == "breakdown":
            flat |= {name: value.get(name, 0) for name in COMPONENTS}
        elif isinstance(value, Mapping):
            flat |= {f"{key}_{name}": part for name, part in value.items()}
        else:
            flat[key] = value
    return flat


def _part(flops: Flops, component: str, in_flops: bool) -> str:
    value = flops.breakdown.get(component, 0)
    share = f"{value / flops.flops_per_token:.2%}" if value else "-"
    return f"{value:,} {share:>7}" if in_flops else share


def _thousands(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def _second_way(flops: Flops, key: str) -> str:
    value = (flops.verification or {}).get(_SECOND_WAY[key])
    if value is None:
        return "-"
    if key != "difference":
        return f"{value:,}"
    return f"{value:+.4%}" if abs(value) <= 0.01 else f"{value:+.4%} (over 1 %)"
