"""A model's scores on the harness's standard tasks, from the content of a results file."""

from collections.abc import Container, Iterator, Mapping
from typing import Any

from infocap_tasks.results.values import at, metric_values

# Of a standard task's metrics the first of these is its benchmark score, then the first one that
# the file says is better when higher; perplexities and the like are no scores.
_METRICS = ("acc_norm", "acc", "exact_match", "em", "f1", "pass@1", "pass_at_1", "score")


def benchmark_scores(content: Mapping[str, Any], ours: Container[str]) -> dict[str, float]:
    """Scores of the standard tasks of a results file; of a group that has one, without its parts.

    Args:
        content: the whole file.
        ours: the tasks in it that are no benchmarks.
    """
    scores = {}
    for task, row in content["results"].items():
        if task in ours or "information_capacity" in metric_values(row):
            continue
        score = _score(metric_values(row), at(content, "higher_is_better", task))
        if score is not None:
            scores[task] = score
    groups = content.get("group_subtasks")
    parts = set(_parts(groups if isinstance(groups, dict) else {}, scores))
    return {task: score for task, score in scores.items() if task not in parts}


def _score(values: Mapping[str, float], higher_is_better: Any) -> float | None:
    better = higher_is_better if isinstance(higher_is_better, dict) else {}
    for name in (*_METRICS, *(name for name, higher in better.items() if higher)):
        if name in values:
            return values[name]
    return None


def _parts(groups: Mapping[str, Any], scores: Mapping[str, float]) -> Iterator[str]:
    for group, parts in groups.items():
        if group in scores and isinstance(parts, list):
            yield from (part for part in parts if isinstance(part, str) and part != group)
