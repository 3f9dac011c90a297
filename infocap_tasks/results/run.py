"""The record of a run: one model on one task, what was measured and where it comes from."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from infocap_tasks.errors import InfocapError, did_you_mean
from infocap_tasks.metrics import METRICS, DocumentScore, Measured, aggregate, standard_error

PUBLISHED = "published: "


@dataclass(frozen=True)
class Provenance:
    """Where a run's numbers come from; None or empty is what its source does not say.

    Attributes:
        model_id: the model as the harness was given it, a hub id or a path.
        name: what ``infocap eval --name`` called the run.
        backend: the harness's name for what ran the model, ``infocap-hf`` or ``hf``.
        engine: the library or server that ran it, such as ``vllm``.
        engine_version: the version of that library or server.
        harness_version: the version of lm-evaluation-harness.
        num_parameters: the number of the model's parameters.
        dtype: in which the engine computed; where it does not say so, the type of the weights,
            such as ``torch.bfloat16``.
        quantization: how weights are quantised: as the backend was told, such as ``4-bit``, as
            the model's config says, such as ``gptq``, or as a GGUF file is, such as ``Q4_1``.
        revision: the branch, tag or commit that was asked for.
        commit: the commit on the hub that was loaded.
        tokenizer_fingerprint: the hash of the tokenizer, the same wherever it was loaded from.
        flops_method: how N was found: counted, by the published formula, or given.
        flop_breakdown: FLOPs per token by component.
        corpus: what the task recorded of its corpus: name, source, hash, sizes.
    """

    model_id: str | None = None
    name: str | None = None
    backend: str | None = None
    engine: str | None = None
    engine_version: str | None = None
    harness_version: str | None = None
    num_parameters: int | None = None
    dtype: str | None = None
    quantization: str | None = None
    revision: str | None = None
    commit: str | None = None
    tokenizer_fingerprint: str | None = None
    flops_method: str | None = None
    flop_breakdown: Mapping[str, float] = field(default_factory=dict)
    corpus: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Run:
    """One model measured on one task of ours, with all that its metrics are functions of.

    Attributes:
        model: the run's ``--name``, else the model's: the part after the last slash, with its
            ``@revision``, or the whole name where two models that were read would else share one;
            with engine, dtype or quantisation where runs of one model differ in it.
        series: the series that the model belongs to.
        task: the harness's name for the task.
        corpus: the corpus's name.
        corpus_sha256: the hash of its texts; None for published numbers.
        regime: how documents are weighted, one of ``metrics.TEXT_SIZES``.
        max_tokens: L, the number of tokens at which texts are cut.
        bias_bits_per_token: b.
        text_size_bits_per_token: C; None if only G was published.
        nll_bits_per_token: H; None if only G was published.
        compression_gain_bits_per_token: G = C - H.
        flops_per_token: N.
        active_params: parameters that one token uses; None if FLOPs were given, not counted.
        information_capacity: IC = (G + b) / log2 N.
        information_capacity_margin: how far IC may be off, since it was read off a figure; None
            where it was not.
        source: the file, or what was published.
        date: when the run started, in seconds since 1970; None if the file does not say.
        standard_errors: by name of the metric, as far as the file holds them.
        documents: what each document adds to the sums; None if the file does not hold them.
        benchmarks: the model's score on each standard task, by the task's name.
        has_named_documents: whether documents have names of their own, not just numbers, so that
            the same name in another corpus is the same content.
        lossy_share: of the scored texts, those that the tokens do not give back; None if the
            source does not say.
        provenance: the model as it was given, versions, dtype, parts of the FLOPs.
    """

    model: str
    series: str
    task: str
    corpus: str
    corpus_sha256: str | None
    regime: str
    max_tokens: int
    bias_bits_per_token: float
    text_size_bits_per_token: float | None
    nll_bits_per_token: float | None
    compression_gain_bits_per_token: float
    flops_per_token: float
    active_params: int | None
    information_capacity: float
    source: str
    information_capacity_margin: float | None = None
    date: float | None = None
    standard_errors: Mapping[str, float] = field(default_factory=dict)
    documents: tuple[DocumentScore, ...] | None = None
    benchmarks: Mapping[str, float] = field(default_factory=dict)
    has_named_documents: bool = False
    lossy_share: float | None = None
    provenance: Provenance = field(default_factory=Provenance)

    @property
    def is_published(self) -> bool:
        """Whether the numbers are the paper's, not read from a results file."""
        return self.source.startswith(PUBLISHED)

    @property
    def num_documents(self) -> int | None:
        """The number of documents that were scored; None if the source does not say."""
        return len(self.documents) if self.documents else self._recorded("num_documents_scored")

    @property
    def num_documents_of_corpus(self) -> int | None:
        """The number of documents of the whole corpus; None if the source does not say."""
        return self._recorded("num_documents")

    @property
    def is_partial(self) -> bool:
        """Whether only some documents of the corpus are known to have been scored."""
        scored, of_corpus = self.num_documents, self.num_documents_of_corpus
        return scored is not None and of_corpus is not None and scored < of_corpus

    def _recorded(self, count: str) -> int | None:
        value = self.provenance.corpus.get(count)
        return value if isinstance(value, int) else None

    def on_documents(self, names: Collection[str]) -> "Run":
        """The run as if it had scored only the documents of these names, one or more."""
        scores = tuple(score for score in self.documents or () if score.document_id in names)
        text_size, nll = (
            aggregate(name, scores) for name in ("text_size_bits_per_token", "nll_bits_per_token")
        )
        errors = {name: standard_error(name, scores) for name in self.standard_errors}
        return replace(
            self,
            text_size_bits_per_token=text_size,
            nll_bits_per_token=nll,
            compression_gain_bits_per_token=text_size - nll,
            information_capacity=capacity_of_gain(
                text_size - nll, self.flops_per_token, self.bias_bits_per_token
            ),
            standard_errors={name: error for name, error in errors.items() if error is not None},
            documents=scores,
        )

    def metric(self, name: str) -> float | None:
        """The metric ``name``, in its unit; None if it needs C or H and they are not known.

        Raises:
            InfocapError: there is no such metric.
        """
        if name not in METRICS:
            raise InfocapError(
                f"metric {name}: there is none; {did_you_mean(name, METRICS)}"
                f"choose from {', '.join(METRICS)}"
            )
        if name in _FIELDS:
            value: float | None = getattr(self, name)
            return value
        if self.text_size_bits_per_token is None or self.nll_bits_per_token is None:
            if name == "information_capacity_unbiased":
                return self.capacity_with(0.0)
            return None
        measured = Measured(
            self.text_size_bits_per_token,
            self.nll_bits_per_token,
            self.flops_per_token,
            self.bias_bits_per_token,
        )
        return float(METRICS[name].of_measured(measured))

    def capacity_with(self, bias_bits_per_token: float) -> float:
        """IC that the run would have with another bias b."""
        return capacity_of_gain(
            self.compression_gain_bits_per_token, self.flops_per_token, bias_bits_per_token
        )


_FIELDS = frozenset(Run.__annotations__) & frozenset(METRICS)


def capacity_of_gain(
    gain_bits_per_token: float, flops_per_token: float, bias_bits_per_token: float
) -> float:
    """IC = (G + b) / log2 N, from G alone: C and H enter by their difference only."""
    measured = Measured(gain_bits_per_token, 0.0, flops_per_token, bias_bits_per_token)
    return float(METRICS["information_capacity"].of_measured(measured))


def gain_of_capacity(
    information_capacity: float, flops_per_token: float, bias_bits_per_token: float
) -> float:
    """G = IC * log2 N - b, in bits per token: the definition solved for G."""
    return information_capacity * math.log2(flops_per_token) - bias_bits_per_token
