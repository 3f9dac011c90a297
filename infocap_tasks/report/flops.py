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
    models = _cheapest_first(counted)
    components = [c for c in COMPONENTS if any(c in flops.breakdown for _, flops in models)]
    one = len(models) == 1
    base = models[0][1].flops_per_token
    columns = {
        "model": [name for name, _ in models],
        "model_type": [str(flops.model_type) for _, flops in models],
        "context_tokens": [f"{flops.context_tokens:,}" for _, flops in models],
        "flops_per_token": [f"{flops.flops_per_token:,}" for _, flops in models],
    }
    if not one:
        columns["ratio"] = [f"{flops.flops_per_token / base:.3f}" for _, flops in models]
    columns |= {name: [_part(flops, name, one) for _, flops in models] for name in components}
    for field in ("reference_flops_per_token", "total_params", "active_params"):
        columns[field] = [_thousands(getattr(flops, field)) for _, flops in models]
    if verify:
        columns |= {label: [_second_way(f, label) for _, f in models] for label in _SECOND_WAY}
    header_and_rows = list(zip(*([label, *cells] for label, cells in columns.items()), strict=True))
    return tables.aligned(list(zip(*header_and_rows, strict=True)) if one else header_and_rows)


RENDERERS: Mapping[str, Callable[[Counted, bool], str]] = {
    "table": as_table,
    "json": as_json,
    "csv": as_csv,
}

_SECOND_WAY = {
    "counted: linear": "counted_linear_flops_per_token",
    "second way: linear": "linear_flops_per_token",
    "second way: attention": "attention_flops_per_token",
    "difference": "relative_difference",
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
