"""The regime ``reference``: the number that the public code of arXiv 2511.08066 gives.

It is there for comparison with published numbers. On ``infocap-hf`` it scores the very token ids of
the protocol, over the first len(tokenizer) logits. Other backends take strings only: there the
scored string is the longest of whole characters that encodes to at most L tokens, all logits count,
and H is taken over the tokens that the string encodes to.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from transformers import PreTrainedTokenizerBase

from infocap_tasks.documents import cut, encode
from infocap_tasks.flops import Flops, published_flops
from infocap_tasks.pretrained import Pretrained
from infocap_tasks.reference_documents import ReferenceDocument, cut_reference
from infocap_tasks.task import InformationCapacityTask, find_tokenizer
from infocap_tasks.texts import Text
from infocap_tasks.token_text import TokenText


class ReferenceTask(InformationCapacityTask):
    """Log-likelihood of ids 2 to L given those before, with the published sizes and FLOPs.

    Raises:
        InfocapError: as ``InformationCapacityTask``; or no formula was published for the model.
    """

    regime = "reference"
    of_the_harness: frozenset[str] = frozenset()

    def _load_tokenizer(self, metadata: Mapping[str, Any]) -> PreTrainedTokenizerBase:
        """The tokenizer with its own defaults, whatever the backend is told about BOS."""
        return find_tokenizer({**metadata, "add_bos_token": None}, self._model)

    def _count_flops(self, model: Pretrained, max_tokens: int) -> Flops:
        return published_flops(model, max_tokens)

    def _make_docs(self, texts: Sequence[Text]) -> list[dict[str, Any]]:
        max_tokens = self._settings.max_tokens
        documents = cut_reference(texts, self._tokenizer, max_tokens)
        make = self._with_ids if self.config.metadata.get("bos_policy") else self._with_strings
        return [
            {
                "origin": text.origin,
                "document": text.document,
                "num_bytes": document.num_bytes,
                "num_tokens": document.num_tokens,
                "is_whole": document.is_whole,
                **make(text, document),
            }
            for text, document in zip(texts, documents, strict=True)
        ]

    def _with_ids(self, _: Text, document: ReferenceDocument) -> dict[str, Any]:
        first, rest = document.token_ids[:1], document.token_ids[1:]
        text = TokenText(self._string(rest), first, rest, len(self._tokenizer))
        return {
            "context": self._string(first),
            "text": text,
            "num_tokens_scored": len(rest),
        }

    def _string(self, ids: Sequence[int]) -> str:
        return str(self._tokenizer.decode(list(ids)))

    def _with_strings(self, text: Text, _: ReferenceDocument) -> dict[str, Any]:
        """Context and continuation for backends that encode them on their own.

        A tokenizer that adds BOS starts from it, which is what the harness puts before a text
        without context; otherwise the context is the shortest one of whole tokens and characters
        that does not end in white space, which the harness would move to the continuation.
        """
        bare = encode(["x"], self._tokenizer)[0].ids
        adds_bos = self._tokenizer("x")["input_ids"][0] != bare[0]
        (scored,) = cut([text], self._tokenizer, self._settings.max_tokens - adds_bos)
        context = "" if adds_bos else self._shortest_context(scored.text)
        in_context = len(encode([context], self._tokenizer)[0]) if context else 0
        return {
            "context": context,
            "text": scored.text[len(context) :],
            "num_tokens_scored": scored.num_tokens - in_context,
        }

    def _shortest_context(self, text: str) -> str:
        """The empty string if nothing would be left to score."""
        (tokens,) = encode([text], self._tokenizer)
        starts = (text[:end] for _, end in tokens.offsets)
        return next((s for s in starts if s and s == s.rstrip() and s != text), "")

    def doc_to_text(self, doc: Mapping[str, Any], doc_to_text: Any = None) -> str:
        """What comes before the scored ids: the first one."""
        return str(doc["context"])

    def doc_to_target(self, doc: Mapping[str, Any], doc_to_target: Any = None) -> str:
        """The scored ids, or the string that stands for them."""
        text: str = doc["text"]  # not str(…), which would lose the ids
        return text

    def process_results(self, doc: dict[str, Any], results: Sequence[Any]) -> dict[str, Any]:
        """What one document adds to each metric; bits of the ids that are sized.

        Where a backend scored a few tokens less or more, their mean stands for all.
        """
        ((loglikelihood_nats, _),) = results
        share = doc["num_tokens"] / doc["num_tokens_scored"]
        return self._score_items(doc, loglikelihood_nats * share)
