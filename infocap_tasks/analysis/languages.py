"""What it costs a model to say the same thing in each language.

Corpora are parallel where their documents have the same names: then passages are paired and drawn
together, and the totals of bits and tokens are those of the same content. FLOPs are N times the
tokens, so they have the ratio of the tokens. Passages that were cut in some language are left out
of all, since a cut passage no longer says the same.

Other corpora are drawn independently, and only what a byte costs is compared.

A model's linguistic bias is the coefficient of variation over the languages, standard deviation
(of the population) over mean: of the bits for the same content, and of its tokens, hence its FLOPs;
of corpora that are not parallel, of bits and tokens per byte. 0 means that all cost the same.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np

from infocap_tasks.analysis.bootstrap import (
    Array,
    Group,
    Interval,
    bootstrap,
    document_columns,
    document_names,
    metric_of,
)
from infocap_tasks.errors import InfocapError
from infocap_tasks.metrics import Sums
from infocap_tasks.runs import Run

Measure = Callable[[Run, Sums], Array]

_OF_SAME_CONTENT: Mapping[str, Measure] = {
    "nll_bits": lambda _, sums: sums.nll_bits,
    "num_tokens": lambda _, sums: sums.num_tokens,
    "bits_per_byte": lambda run, sums: metric_of("bits_per_byte", sums, run),
}
_OF_BYTES: Mapping[str, Measure] = {
    "bits_per_byte": lambda run, sums: metric_of("bits_per_byte", sums, run),
    "tokens_per_byte": lambda _, sums: sums.num_tokens / sums.num_bytes,
}


class Estimate(NamedTuple):
    """A value and where it lies at 95 %, over passages."""

    value: float
    interval: Interval


@dataclass(frozen=True)
class Language:
    """One language of a model.

    Attributes:
        language: the task's name without what all tasks share.
        run: the model's run on it.
        values: by measure: ``nll_bits`` and ``num_tokens`` in all, where corpora are parallel,
            ``bits_per_byte``, and ``tokens_per_byte`` where they are not.
        ratios: the same relative to the baseline.
    """

    language: str
    run: Run
    values: Mapping[str, float]
    ratios: Mapping[str, Estimate]

    @property
    def flops(self) -> tuple[str, float]:
        """N times the tokens: FLOPs in all for the same content, else FLOPs per byte."""
        if "num_tokens" in self.values:
            return "flops", self.run.flops_per_token * self.values["num_tokens"]
        return "flops_per_byte", self.run.flops_per_token * self.values["tokens_per_byte"]


@dataclass(frozen=True)
class Languages:
    """All languages of one model.

    Attributes:
        model: the model's name.
        is_parallel: whether the corpora have the same documents.
        num_documents: of parallel corpora, the passages that count; else those of all corpora.
        num_cut: passages left out because they were cut in some language.
        left_out: tasks whose documents are not those of the baseline, where others' are.
        languages: the baseline first.
        variation: linguistic bias by measure.
    """

    model: str
    is_parallel: bool
    num_documents: int
    num_cut: int
    left_out: list[str]
    languages: list[Language]
    variation: Mapping[str, Estimate]


def languages(runs: Sequence[Run], baseline: str | None = None, seed: int = 0) -> list[Languages]:
    """The languages of each model that has two of them.

    Args:
        runs: runs of one or more models on one or more tasks, one a language.
        baseline: the task that the others are relative to; by default the one ending in ``_en``.
        seed: of the samples of passages.

    Raises:
        InfocapError: no model has two tasks, none of them is the baseline, or a run holds no
            documents.
    """
    by_model = defaultdict(list)
    for run in sorted(runs, key=lambda run: run.task):
        by_model[run.model].append(run)
    several = {model: group for model, group in by_model.items() if len(group) > 1}
    if not several:
        raise InfocapError(
            "no model here has two tasks to compare; score one on a group of languages, such as "
            "infocap eval --tasks infocap_parallel"
        )
    return [_of_model(group, _baseline(group, baseline), seed) for group in several.values()]


def _baseline(runs: Sequence[Run], task: str | None) -> Run:
    for name in ("regime", "max_tokens"):
        if len({getattr(run, name) for run in runs}) > 1:
            raise InfocapError(
                f"{runs[0].model}: its runs differ in {name}; give only results that agree in it"
            )
    if len({run.task for run in runs}) < len(runs):
        raise InfocapError(
            f"{runs[0].model}: has two runs of one task on other texts; give the results of one"
        )
    found = [run for run in runs if (run.task == task if task else run.task.endswith("_en"))]
    if len(found) != 1:
        wanted = f"the task {task}" if task else "one task that ends in _en"
        raise InfocapError(
            f"{runs[0].model}: the baseline is {wanted}, and its tasks are "
            f"{', '.join(run.task for run in runs)}; choose one with --baseline TASK"
        )
    return found[0]


def _of_model(runs: Sequence[Run], baseline: Run, seed: int) -> Languages:
    for run in runs:
        if not run.documents or len(run.documents) < 2:
            raise InfocapError(
                f"{run.model}: {run.source} holds fewer than two documents of {run.task}; score it "
                "again with this version and more texts"
            )
    names = _unique_names(baseline)
    parallel = [run for run in runs if run is not baseline and names & _unique_names(run) == names]
    if not parallel:
        others = [run for run in runs if run is not baseline]
        groups = [[document_columns(run)] for run in (baseline, *others)]
        return _measured([baseline, *others], groups, _OF_BYTES, 0, [], seed)
    together = [baseline, *parallel]
    whole = _never_cut(together, names)
    if len(whole) < 2:
        raise InfocapError(
            f"{baseline.model}: of {len(names)} passages {len(whole)} stay below L = "
            f"{baseline.max_tokens} tokens in all languages; score with a larger max_tokens"
        )
    left_out = [run.task for run in runs if run not in together]
    columns = [document_columns(run, whole) for run in together]
    return _measured(together, [columns], _OF_SAME_CONTENT, len(names) - len(whole), left_out, seed)


def _unique_names(run: Run) -> frozenset[str]:
    """The names of the documents; none where two share one, since they cannot be paired."""
    names = document_names(run)
    return frozenset(names) if len(set(names)) == len(names) else frozenset()


def _never_cut(runs: Sequence[Run], names: frozenset[str]) -> list[str]:
    cut = {score.document for run in runs for score in run.documents or () if not score.is_whole}
    return sorted(names - cut)


def _measured(
    runs: Sequence[Run],
    groups: Sequence[Group],
    measures: Mapping[str, Measure],
    num_cut: int,
    left_out: list[str],
    seed: int,
) -> Languages:
    """Values and ratios of all runs, the baseline first, and the variation over them."""
    result = bootstrap(partial(_statistic, runs, measures), groups, seed=seed)
    # In the order of the statistic: values, ratios, variation.
    pairs = zip(result.estimates.tolist(), result.intervals, strict=True)
    estimates = [Estimate(*pair) for pair in pairs]
    width = len(measures)
    chunks = [estimates[at : at + width] for at in range(0, len(estimates), width)]
    values, ratios, variation = chunks[: len(runs)], chunks[len(runs) : -1], chunks[-1]
    labels = _labels([run.task for run in runs])
    is_parallel = len(groups) == 1
    return Languages(
        model=runs[0].model,
        is_parallel=is_parallel,
        num_documents=sum(len(group[0].num_tokens) for group in groups),
        num_cut=num_cut,
        left_out=left_out,
        languages=[
            Language(
                label,
                run,
                {name: estimate.value for name, estimate in zip(measures, value, strict=True)},
                dict(zip(measures, ratio, strict=True)),
            )
            for label, run, value, ratio in zip(labels, runs, values, ratios, strict=True)
        ],
        variation=dict(zip(measures, variation, strict=True)),
    )


def _statistic(
    runs: Sequence[Run], measures: Mapping[str, Measure], groups: Sequence[Group]
) -> Array:
    """A row a sample: the measures of each run, relative to the first run, and their variation."""
    sums = [of_run for group in groups for of_run in group]
    values = np.stack(
        [
            np.stack([np.asarray(measure(run, of_run)) for measure in measures.values()])
            for run, of_run in zip(runs, sums, strict=True)
        ]
    )  # [run, measure, sample]
    parts = [values, values / values[0], (values.std(axis=0) / values.mean(axis=0))[np.newaxis]]
    flat: Array = np.concatenate(parts).reshape(-1, values.shape[2]).T
    return flat


def _labels(tasks: Sequence[str]) -> list[str]:
    """What tells the tasks apart: their names without the words that they all begin with."""
    words = [task.split("_") for task in tasks]
    shared = 0
    while all(len(w) > shared + 1 and w[shared] == words[0][shared] for w in words):
        shared += 1
    return ["_".join(w[shared:]) for w in words]
