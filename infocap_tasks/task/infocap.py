"""The harness seam for tasks: one Task class, driven by the YAMLs in task_configs/.

The harness builds it as ``cls(config=…)``. Its ``metadata`` holds the YAML's own metadata, the
model arguments and what the user gave with ``--metadata``, in rising order of precedence: that is
how a task learns which tokenizer to cut and which config to count.
"""

import logging
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any

from tqdm import tqdm
from transformers import PreTrainedTokenizerBase

from infocap_tasks.backend.engine import EngineFacts
from infocap_tasks.backend.token_text import PlainText
from infocap_tasks.corpora.corpus import Corpus, open_corpus
from infocap_tasks.corpora.text import Text
from infocap_tasks.errors import InfocapError
from infocap_tasks.flops.count import count_model
from infocap_tasks.flops.record import Flops
from infocap_tasks.metrics import METRICS, DocumentScore, nats_to_bits
from infocap_tasks.models.pretrained import Pretrained
from infocap_tasks.task.documents import cut
from infocap_tasks.task.duplicates import count_duplicates, text_digest, warn_of_duplicates
from infocap_tasks.task.harness_metrics import (
    OF_THE_HARNESS,
    Items,
    aggregate,
    scores,
    standard_error,
)
from infocap_tasks.task.model import (
    declared_quantization,
    find_softmax_dtype,
    find_tokenizer,
    refuse_second_bos,
    require_prefix_token,
    require_window,
    tokenizer_record,
)
from infocap_tasks.task.rolling import RollingTask
from infocap_tasks.task.settings import parse_settings
from infocap_tasks.task.special_tokens import warn_of_control_tokens

log = logging.getLogger("lm_eval.infocap_tasks")  # under the harness's logger: its level and form

# Enough to keep the tokenizer's threads busy, and little memory.
_TEXTS_AT_ONCE = 64


class _Docs(Sequence[dict[str, Any]]):
    """The corpus as the harness wants to see a data set; documents are cut when they are read."""

    features: Mapping[str, str] = {"text": "string", "num_bytes": "int64", "num_tokens": "int64"}

    def __init__(
        self, corpus: Corpus, make: Callable[[Sequence[Text]], list[dict[str, Any]]]
    ) -> None:
        self._corpus = corpus
        self._make = make

    def __len__(self) -> int:
        # The harness asks for it after scoring, so it must not raise.
        return self._corpus.num_documents or 0

    def __getitem__(self, index: Any) -> Any:
        return self._make([next(islice(self._corpus, index, None))])[0]

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (self._make([text])[0] for text in self._corpus)


class InformationCapacityTask(RollingTask):
    """Rolling log-likelihood of texts cut at L tokens, with bytes, tokens and FLOPs accounted.

    Raises:
        InfocapError: the metadata, the corpus, the tokenizer or the model's config cannot be
            used; the message says what to change.
    """

    regime = "harness"
    # Ids of a text that count to L but are not scored.
    num_unscored_tokens = 0
    # The harness's aggregation of these stays in place.
    of_the_harness = OF_THE_HARNESS

    def __init__(self, config: dict[str, Any]) -> None:
        config = {key: value for key, value in config.items() if key != "class"}
        self._docs: dict[str, dict[str, Any]] = {}  # by the origin of their texts
        self._scored: list[DocumentScore] = []
        self._engine: EngineFacts | None = None  # known when a backend of ours has answered
        super().__init__(config=config)
        for name in [name for name in self._aggregation_list if name in METRICS]:
            # The harness fills in "N/A" for the error of a custom metric. A second metric under the
            # name of the error takes that place, in the table and in groups.
            self._aggregation_list[f"{name}_stderr"] = partial(standard_error, name)
            if name not in self.of_the_harness:
                self._aggregation_list[name] = partial(aggregate, name)

    # ------------------------------------------------------------------ before scoring

    def download(self, dataset_kwargs: dict[str, Any] | None = None, **_: Any) -> None:
        """Open the corpus, and refuse before scoring all that would make a number wrong."""
        self.settings = parse_settings(self.config.metadata)
        self._corpus = open_corpus(self.settings.corpus)
        self._tokenizer = self._load_tokenizer()
        self._prefix_token_id = require_prefix_token(self._tokenizer, self.settings.backend)
        require_window(self.settings, self._tokenizer)
        self._flops = self._find_flops()
        self._softmax_dtype = find_softmax_dtype(self.settings)
        self._quantization = declared_quantization(self.settings)
        self.dataset = {"test": _Docs(self._corpus, self._make_docs)}

    def _load_tokenizer(self) -> PreTrainedTokenizerBase:
        """The tokenizer that texts are cut with, as the backend has it."""
        backend = self.settings.backend
        tokenizer = find_tokenizer(self.settings, backend.add_bos_token)
        refuse_second_bos(tokenizer, backend)
        return tokenizer

    def _splits_special_tokens(self) -> bool:
        """Whether names of special tokens are scored as text; the harness's backends don't ask."""
        return self.settings.backend.takes_token_ids or self._tokenizer.split_special_tokens

    def _find_flops(self) -> Flops:
        """FLOPs that the user states, else those of a config that they name, else the model's."""
        if self.settings.given_flops:
            return self.settings.given_flops
        model = self.settings.flops_config or self.settings.model
        if model is None:
            raise InfocapError(
                "no config known to count FLOPs from: give --model_args pretrained=…, or for a "
                "model behind an API --metadata flops_config=HUB_ID_OR_PATH or flops_per_token=N"
            )
        return self._count_flops(model, self.settings.max_tokens)

    def _count_flops(self, model: Pretrained, max_tokens: int) -> Flops:
        flops = count_model(model, max_tokens)
        if flops.verification and not flops.verification["agrees"]:
            log.warning(
                "%s: the FLOPs counted and those of its parameters differ by %.1f %% (see "
                "`infocap flops --verify`); the counted ones are used",
                model.path,
                100 * flops.verification["relative_difference"],
            )
        return flops

    def fewshot_docs(self) -> None:
        """None: the harness would otherwise read the whole corpus to draw examples from."""

    def build_all_requests(self, **kwargs: Any) -> None:
        """As the harness's, but refuses the options under which a number would be wrong."""
        refuse_options(kwargs)
        super().build_all_requests(**kwargs)
        if self.regime == "harness" and not self._splits_special_tokens():
            warn_of_control_tokens(self.config.task, self._docs.values())

    def doc_iterator(
        self,
        *,
        rank: int = 0,
        limit: int | None = None,
        world_size: int = 1,
        samples: list[int] | None = None,
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        """Number and document, for the documents of this rank; each is cut once."""
        if limit is not None and limit < 1:
            raise InfocapError(f"--limit {limit}: must be at least 1 text, or a share below 1")
        texts: Iterable[Text] = self._corpus
        if samples:
            texts, limit = self._chosen(samples), None
        mine = islice(enumerate(texts), rank, int(limit) if limit else None, world_size)
        progress = tqdm(
            desc=f"{self.config.task}: cutting texts at {self.settings.max_tokens} tokens",
            unit=" texts",
            disable=rank != 0 or bool(self._docs),
            delay=2,
        )
        with progress:
            while batch := list(islice(mine, _TEXTS_AT_ONCE)):
                new = [text for _, text in batch if text.origin not in self._docs]
                if new:
                    self._docs |= zip([t.origin for t in new], self._make_docs(new), strict=True)
                progress.update(len(batch))
                yield from ((doc_id, self._docs[text.origin]) for doc_id, text in batch)

    def _chosen(self, samples: list[int]) -> Iterator[Text]:
        """The texts of these numbers in the corpus, in its order, as the harness takes them."""
        missing = set(samples)
        for index, text in enumerate(self._corpus):
            if index in missing:
                missing.remove(index)
                yield text
        if missing:
            raise InfocapError(
                f"--samples {sorted(missing)}: corpus {self._corpus.name} has {len(self._corpus)} "
                "documents, numbered from 0"
            )

    def _make_docs(self, texts: Sequence[Text]) -> list[dict[str, Any]]:
        splits = self._splits_special_tokens()
        documents = cut(texts, self._tokenizer, self.settings.max_tokens, splits)
        return [
            document._asdict() | {"origin": text.origin, "document_id": text.document_id}
            for document, text in zip(documents, texts, strict=True)
        ]

    def doc_to_text(self, doc: Mapping[str, Any], doc_to_text: Any = None) -> str:
        """The context of a rolling request: none."""
        return ""

    def doc_to_target(self, doc: Mapping[str, Any], doc_to_target: Any = None) -> str:
        """The string that is scored; marked for a backend of ours where all of it is text."""
        return (PlainText if self.settings.backend.takes_token_ids else str)(doc["text"])

    # ------------------------------------------------------------------ after scoring

    def process_results(self, doc: dict[str, Any], results: list[float]) -> dict[str, Any]:
        """What one document adds to each metric, from its log-likelihood in nats.

        Raises:
            InfocapError: the log-likelihood is not a finite number.
        """
        (loglikelihood_nats,) = results
        self._note_engine(loglikelihood_nats)
        of_ours = self._score_items(doc, loglikelihood_nats)
        # The harness's own metrics come first: a metric erases the error that came before it.
        return super().process_results(doc, results) | of_ours

    def _note_engine(self, answer: Any) -> None:
        # Answers of other backends don't say, nor do those that --use_cache kept.
        self._engine = getattr(answer, "engine", None) or self._engine

    def _score_items(self, doc: Mapping[str, Any], loglikelihood_nats: float) -> dict[str, Any]:
        """The document's score under the name of each metric that takes our items."""
        if not math.isfinite(loglikelihood_nats):
            raise InfocapError(
                f"{doc['origin']}: its log-likelihood is {loglikelihood_nats}, not a finite "
                "number; the model's weights or its precision (dtype=…) are at fault"
            )
        score = DocumentScore(
            doc["document_id"],
            doc["num_bytes"],
            doc["num_tokens"],
            -nats_to_bits(loglikelihood_nats),
            self._flops.flops_per_token,
            self.settings.bias_bits_per_token,
            self.regime,
            doc["is_whole"],
            text_digest(doc["text"]),
            doc["round_trips"],
            doc["num_special_token_names"],
        )._asdict()
        return {name: score for name in self._aggregation_list if self._is_ours(name)}

    def _is_ours(self, metric: str) -> bool:
        """Whether a metric of this task, or the error of one, takes our items."""
        return metric not in self.of_the_harness and metric.removesuffix("_stderr") in METRICS

    def aggregation(self) -> dict[str, Callable[[Items], Any]]:
        """As the harness's; keeps the scores of all ranks, which the provenance sums up."""

        def keep(aggregate: Callable[[Items], Any], items: Items) -> Any:
            self._scored = scores(items)
            return aggregate(items)

        return {
            name: partial(keep, aggregate) if self._is_ours(name) else aggregate
            for name, aggregate in super().aggregation().items()
        }

    def dump_config(self) -> dict[str, Any]:
        """The harness's record of the task; ``metadata.infocap`` is what its numbers rest on."""
        config: dict[str, Any] = super().dump_config()
        config["metadata"].pop("takes_token_ids", None)  # bos_policy says it in words
        warn_of_duplicates(self.config.task or "", self._scored)
        config["metadata"]["infocap"] = {
            "regime": self.regime,
            "max_tokens": self.settings.max_tokens,
            "bias_bits_per_token": self.settings.bias_bits_per_token,
            "softmax_dtype": self._engine.softmax_dtype if self._engine else self._softmax_dtype,
            **({"engine": self._engine._asdict()} if self._engine else {}),
            **({"quantization": self._quantization} if self._quantization else {}),
            "corpus": self._corpus_record(),
            "tokenizer": self._tokenizer_record(),
            "flops": self._flops.record(),
            "documents": self._documents_record(),
            **({"name": self.settings.run_name} if self.settings.run_name else {}),
        }
        return config

    def _documents_record(self) -> dict[str, list[Any]]:
        """What each document adds to the sums, by column: all that intervals and pairs need."""
        fields = (
            "document_id", "num_bytes", "num_tokens", "nll_bits", "is_whole", "text_digest",
        )  # fmt: skip
        return {field: [getattr(score, field) for score in self._scored] for field in fields}

    def _tokenizer_record(self) -> dict[str, Any]:
        splits = self._splits_special_tokens()
        return tokenizer_record(self._tokenizer, self._prefix_token_id, splits)

    def _corpus_record(self) -> dict[str, Any]:
        max_tokens = self.settings.max_tokens
        return self._corpus.record() | {
            "num_documents_scored": len(self._scored),
            "num_duplicate_documents": count_duplicates(self._scored),
            "num_documents_shorter_than_max_tokens": sum(
                score.is_whole and score.num_tokens + self.num_unscored_tokens < max_tokens
                for score in self._scored
            ),
            "num_tokens": sum(score.num_tokens for score in self._scored),
            "num_bytes": sum(score.num_bytes for score in self._scored),
            "num_documents_not_round_trip": sum(not score.round_trips for score in self._scored),
            "num_special_token_names": sum(s.num_special_token_names for s in self._scored),
        }


def refuse_options(options: Mapping[str, Any]) -> None:
    """Refuse the options of the harness, by their names there, under which numbers are wrong.

    Raises:
        InfocapError: one of them is set.
    """
    if options.get("cache_requests"):
        raise InfocapError(
            "--cache_requests: cannot be used with infocap tasks, since its entries are not "
            "kept apart by tokenizer and texts cut by one would be scored with another; "
            "leave it out"
        )
    if options.get("apply_chat_template") or options.get("system_instruction"):
        raise InfocapError(
            "--apply_chat_template, --system_instruction: cannot be used with infocap tasks, "
            "which score bare text; leave them out, or run the tasks that need them apart"
        )
