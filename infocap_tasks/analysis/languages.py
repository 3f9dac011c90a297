"""What a model takes to say the same thing in each language: bits and tokens.

Corpora are parallel if their documents have names of their own and share at least two: then
passages are paired by name, and the totals of bits and tokens are those of the same content.
Passages that are missing or were cut in some language are left out of all, since a cut passage no
longer says the same.

Other corpora are independent of each other, and only bits and tokens per byte are compared.

N times the tokens is given beside the tokens to weigh them between models. It has the ratio of the
tokens, and it is not what the passages cost: N is averaged over all positions up to L, and passages
are shorter.

A model's linguistic bias is the coefficient of variation over the languages, standard deviation
(of the population) over mean: of the bits for the same content, and of its tokens; of corpora that
are not parallel, of bits and tokens per byte. 0 means that all take the same.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np

from infocap_tasks.analysis.intervals import (
    Array,
    Interval,
    Paired,
    document_names,
    estimate,
    metric_of,
    text_columns,
)
from infocap_tasks.corpora.formats import FORMS
from infocap_tasks.corpora.languages import ENGLISH, LANGUAGES
from infocap_tasks.errors import InfocapError
from infocap_tasks.metrics import Sums
from infocap_tasks.results.run import Run

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
    """A value and its 95 % interval over passages."""

    value: float
    interval: Interval


@dataclass(frozen=True)
class Language:
    """One language of a model.

    Attributes:
        language: the name of the task, or of the corpus if all have one task, without the words
            that all names begin with; the language's name if what is left is its code.
        run: the model's run on it.
        values: by measure: the totals ``nll_bits`` and ``num_tokens`` if corpora are parallel,
            ``bits_per_byte``, and ``tokens_per_byte`` if they are not.
        ratios: the same relative to the baseline.
    """

    language: str
    run: Run
    values: Mapping[str, float]
    ratios: Mapping[str, Estimate]

    @property
    def flops_times_tokens(self) -> tuple[str, float]:
        """N, the mean over L positions, times the tokens or the tokens per byte; with its name."""
        if "num_tokens" in self.values:
            times_tokens = self.run.flops_per_token * self.values["num_tokens"]
            return "flops_per_token_times_num_tokens", times_tokens
        return "flops_per_byte", self.run.flops_per_token * self.values["tokens_per_byte"]


@dataclass(frozen=True)
class Languages:
    """All languages of one model.

    Attributes:
        model: the model's name.
        is_parallel: whether passages are paired.
        num_documents: of parallel corpora, the passages that count; else those of all corpora.
        num_texts: distinct texts of these; of corpora that are not parallel, in the smallest one.
        languages: the baseline first.
        variation: linguistic bias by measure.
        num_missing: passages left out because some language does not have them.
        num_cut: passages left out because they were cut in some language.
        left_out: languages that cannot be paired with the baseline, if others can.
    """

    model: str
    is_parallel: bool
    num_documents: int
    num_texts: int
    languages: list[Language]
    variation: Mapping[str, Estimate]
    num_missing: int = 0
    num_cut: int = 0
    left_out: Sequence[str] = ()


def languages(runs: Sequence[Run], baseline: str | None = None) -> list[Languages]:
    """The languages of each model that has two of them.

    Of runs on parallel texts and on others, those on parallel texts are taken.

    Args:
        runs: runs of one or more models on one or more tasks or corpora, one a language.
        baseline: the language or task that the others are relative to; by default the one whose
            name ends in ``_en`` or ``_en_reference``.

    Raises:
        InfocapError: no model has two languages, none of them is the baseline, or a run holds
            no documents.
    """
    by_model = defaultdict(list)
    for run in sorted(runs, key=lambda run: (run.task, run.corpus)):
        by_model[run.model].append(run)
    several = {model: group for model, group in by_model.items() if len(group) > 1}
    if not several:
        raise InfocapError(
            "no model here has two languages to compare; score one on a group of languages, such "
            "as infocap eval --tasks infocap_parallel"
        )
    return [_of_group(group, baseline) for group in several.values()]


def _of_group(runs: Sequence[Run], baseline: str | None) -> Languages:
    """The languages among one model's runs; those of other texts are named as left out."""
    chosen = _parallel_ones(runs, baseline)
    found = _of_model(_by_label(chosen), baseline)
    others = [label for label, run in zip(_labels(runs), runs, strict=True) if run not in chosen]
    return replace(found, left_out=[*found.left_out, *others])


def _parallel_ones(runs: Sequence[Run], wanted: str | None) -> Sequence[Run]:
    """The runs on one parallel corpus, so that a folder may hold others too; else all."""
    families = [family for family in _families(runs) if len(family) > 1]
    if wanted or len(families) > 1:
        families = [
            family
            for family in families
            if len(_baselines(dict(zip(_labels(family), family, strict=True)), wanted)) == 1
        ]
    return families[0] if len(families) == 1 else runs


def _families(runs: Sequence[Run]) -> list[list[Run]]:
    """Runs that share passages, directly or by way of others, together."""
    families: list[list[Run]] = []
    for run in runs:
        joined = [family for family in families if any(_share(run, other) for other in family)]
        families = [family for family in families if family not in joined]
        families.append([*(member for family in joined for member in family), run])
    return families


def _share(a: Run, b: Run) -> bool:
    """Whether passages of two runs can be paired."""
    cut_alike = (a.regime, a.max_tokens) == (b.regime, b.max_tokens)
    return cut_alike and len(_names_to_pair(a) & _names_to_pair(b)) >= 2


def _by_label(runs: Sequence[Run]) -> dict[str, Run]:
    """Runs by what tells them apart.

    Raises:
        InfocapError: nothing does.
    """
    twice = [name for name, count in Counter(_names(runs)).items() if count > 1]
    if twice:
        raise InfocapError(
            f"{runs[0].model}: has two runs of one task on other texts named {twice[0]}; give the "
            "results of one, or name each language's corpus after it"
        )
    return dict(zip(_labels(runs), runs, strict=True))


def _names(runs: Sequence[Run]) -> list[str]:
    """Each run's task, or its corpus where others have the task too."""
    tasks = Counter(run.task for run in runs)
    return [run.task if tasks[run.task] == 1 else _corpus_stem(run.corpus) for run in runs]


def _labels(runs: Sequence[Run]) -> list[str]:
    """Names of the runs without the words that all begin with."""
    words = [name.split("_") for name in _names(runs)]
    shared = 0
    while all(len(w) > shared + 1 and w[shared] == words[0][shared] for w in words):
        shared += 1
    labels = ["_".join(w[shared:]) for w in words]
    return [LANGUAGES.get(label, label) for label in labels]


def _corpus_stem(name: str) -> str:
    """A corpus's name without the ending of its form: en of en.jsonl.gz."""
    return next((name[: -len(form)] for form in FORMS if name.lower().endswith(form)), name)


_ENGLISH = re.compile(r"(^|[^a-z])en(_reference)?$")


def _baseline(by_label: Mapping[str, Run], wanted: str | None) -> str:
    """The label of the run that is the baseline."""
    runs = list(by_label.values())
    for name in ("regime", "max_tokens"):
        if len({getattr(run, name) for run in runs}) > 1:
            raise InfocapError(
                f"{runs[0].model}: its runs differ in {name}; give only results that agree in it"
            )
    found = _baselines(by_label, wanted)
    if len(found) != 1:
        is_it = wanted or "the one language that ends in _en or _en_reference"
        raise InfocapError(
            f"{runs[0].model}: the baseline is {is_it}, and its languages are "
            f"{', '.join(by_label)}; choose one with --baseline LANGUAGE"
        )
    return found[0]


def _baselines(by_label: Mapping[str, Run], wanted: str | None) -> list[str]:
    """The labels of the runs that may be the baseline."""
    return [label for label, run in by_label.items() if _is_baseline(label, run, wanted)]


def _is_baseline(label: str, run: Run, wanted: str | None) -> bool:
    if wanted:
        return wanted in (label, run.task) or LANGUAGES.get(wanted) == label
    is_english = label == LANGUAGES[ENGLISH]
    return is_english or any(_ENGLISH.search(name) for name in (label, run.task))


def _of_model(by_label: Mapping[str, Run], wanted: str | None) -> Languages:
    for run in by_label.values():
        if not run.documents or len(run.documents) < 2:
            raise InfocapError(
                f"{run.model}: {run.source} holds fewer than two documents of {run.task}; score it "
                "again with this version and more texts"
            )
    first = _baseline(by_label, wanted)
    others = [label for label in by_label if label != first]
    names = {label: _names_to_pair(run) for label, run in by_label.items()}
    parallel = [first, *(label for label in others if len(names[first] & names[label]) >= 2)]
    if len(parallel) == 1:
        runs = {label: by_label[label] for label in (first, *others)}
        groups = [text_columns([run]) for run in runs.values()]
        num_documents = sum(len(run.documents or ()) for run in runs.values())
        return _measured(runs, groups, _OF_BYTES, num_documents)
    runs = {label: by_label[label] for label in parallel}
    shared = frozenset.intersection(*(names[label] for label in parallel))
    whole = _never_cut(runs.values(), shared)
    if len(whole) < 2:
        raise InfocapError(
            f"{by_label[first].model}: {', '.join(parallel)} share {len(shared)} passages, of "
            f"which {len(whole)} stay below L = {by_label[first].max_tokens} tokens in all of "
            "them, and two are needed; score with a larger max_tokens, or leave a language out"
        )
    columns = text_columns(list(runs.values()), whole)
    return replace(
        _measured(runs, [columns], _OF_SAME_CONTENT, len(whole)),
        num_missing=len(frozenset.union(*(names[label] for label in parallel)) - shared),
        num_cut=len(shared) - len(whole),
        left_out=[label for label in others if label not in runs],
    )


def _names_to_pair(run: Run) -> frozenset[str]:
    """The names of the documents; none if they are only numbers, or two share one."""
    names = document_names(run)
    can_pair = run.has_named_documents and len(set(names)) == len(names)
    return frozenset(names if can_pair else ())


def _never_cut(runs: Iterable[Run], names: frozenset[str]) -> list[str]:
    cut = {score.document_id for run in runs for score in run.documents or () if not score.is_whole}
    return sorted(names - cut)


def _measured(
    by_label: Mapping[str, Run],
    groups: Sequence[Paired],
    measures: Mapping[str, Measure],
    num_documents: int,
) -> Languages:
    """Values and ratios of all runs, the baseline first, and the variation over them."""
    runs = list(by_label.values())
    found = estimate(partial(_statistic, runs, measures), groups)
    # In the order of the statistic: values, ratios, variation.
    pairs = zip(found.values.tolist(), found.intervals(), strict=True)
    estimates = [Estimate(*pair) for pair in pairs]
    width = len(measures)
    chunks = [estimates[at : at + width] for at in range(0, len(estimates), width)]
    values, ratios, variation = chunks[: len(runs)], chunks[len(runs) : -1], chunks[-1]
    return Languages(
        model=runs[0].model,
        is_parallel=len(groups) == 1,
        num_documents=num_documents,
        num_texts=min(len(group[0].num_tokens) for group in groups),
        languages=[
            Language(
                label,
                run,
                {name: estimate.value for name, estimate in zip(measures, value, strict=True)},
                dict(zip(measures, ratio, strict=True)),
            )
            for (label, run), value, ratio in zip(by_label.items(), values, ratios, strict=True)
        ],
        variation=dict(zip(measures, variation, strict=True)),
    )


def _statistic(
    runs: Sequence[Run], measures: Mapping[str, Measure], groups: Sequence[Paired]
) -> Array:
    """A row a set of texts: measures of each run, relative to the first, and their variation."""
    sums = [of_run for group in groups for of_run in group]
    values = np.stack(
        [
            np.stack([np.asarray(measure(run, of_run)) for measure in measures.values()])
            for run, of_run in zip(runs, sums, strict=True)
        ]
    )  # [run, measure, set of texts]
    parts = [values, values / values[0], (values.std(axis=0) / values.mean(axis=0))[np.newaxis]]
    flat: Array = np.concatenate(parts).reshape(-1, values.shape[2]).T
    return flat
