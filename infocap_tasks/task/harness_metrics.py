"""Our metrics as the harness knows them: by name, with its items and aggregations."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from lm_eval.api.registry import register_aggregation, register_metric

from infocap_tasks import metrics
from infocap_tasks.metrics import METRICS, DocumentScore

Items = Sequence[Mapping[str, Any]]

# The harness has these metrics itself, with its own items and aggregation; ours adds the error.
OF_THE_HARNESS = frozenset({"bits_per_byte"})


def scores(items: Items) -> list[DocumentScore]:
    """What the task handed to the harness for each document, as scores again."""
    return [DocumentScore(**item) for item in items]


def aggregate(name: str, items: Items) -> float:
    """The metric ``name`` over all documents."""
    return metrics.aggregate(name, scores(items))


def standard_error(name: str, items: Items) -> float | str:
    """Its standard error, or the ``N/A`` that the harness prints where there is none."""
    error = metrics.standard_error(name, scores(items))
    return "N/A" if error is None else error


def _register_metrics() -> None:
    """Make our metrics known to the harness by name, so that any YAML can list them."""
    for name, metric in METRICS.items():
        if name not in OF_THE_HARNESS:
            register_aggregation(name)(partial(aggregate, name))
            register_metric(
                metric=name,
                higher_is_better=metric.higher_is_better,
                output_type="loglikelihood_rolling",
                aggregation=name,
            )(lambda items: items)


_register_metrics()
