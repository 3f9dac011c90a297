"""The regime ``reference``: the number that the public code of arXiv 2511.08066 gives.

It is there for comparison with published numbers; that code's text_size and likelihood scripts are
the source, as facts. A backend that takes token ids scores the very ids of the protocol, over the
first len(tokenizer) logits. Other backends take strings only: there the scored string is the
longest of whole characters that encodes to at most L tokens, all logits count, and H is taken over
the tokens that the string encodes to.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tokenizers import Encoding
from transformers import PreTrainedTokenizerBase

from infocap_tasks.backend.token_text import TokenAnswer, TokenText
from infocap_tasks.corpora.text import Text, refuse_unusable
from infocap_tasks.errors import InfocapError
from infocap_tasks.flops.count import published_flops
from infocap_tasks.flops.record import Flops
from infocap_tasks.models.pretrained import Pretrained
from infocap_tasks.models.round_trip import comes_back, holds
from infocap_tasks.task.documents import cut, encode_first_parts, encoder
from infocap_tasks.task.infocap import InformationCapacityTask
from infocap_tasks.task.model import find_tokenizer
from infocap_tasks.task.special_tokens import count_special_token_names, special_token_names


class ReferenceDocument(NamedTuple):
    """Token ids of which all but the first are scored and sized.

    Attributes:
        token_ids: with the special tokens that the tokenizer adds by default, at most L.
        num_bytes: UTF-8 bytes of the decoded ids 2 to the last. A character that was cut decodes to
            U+FFFD and counts 3 bytes.
        num_tokens: number of those ids.
        is_whole: the text was not cut.
        round_trips: the ids decode to the part of the text that they stand for.
        num_special_token_names: how often that part holds the name of a special token.
    """

    token_ids: tuple[int, ...]
    num_bytes: int
    num_tokens: int
    is_whole: bool
    round_trips: bool
    num_special_token_names: int


def cut_reference(
    texts: Sequence[Text], tokenizer: PreTrainedTokenizerBase, max_tokens: int
) -> list[ReferenceDocument]:
    """The first ``max_tokens`` ids of each text, a BOS token among them where one is added.

    Texts of white space, which the public code scores, are refused as in our own protocol.

    Raises:
        InfocapError: a text is empty, white space or not encodable as UTF-8, or has no second id.
    """
    for text in texts:
        refuse_unusable(text)
    parts = [text.text for text in texts]
    if tokenizer.truncation_side == "right":
        parts = [part for part, _ in encode_first_parts(parts, encoder(tokenizer), max_tokens)]
    encoded = tokenizer(
        parts,
        truncation=True,
        max_length=max_tokens,
        return_attention_mask=False,
        return_token_type_ids=False,
    )
    names = special_token_names(tokenizer)
    return [
        _reference_document(text, part, encoding, tokenizer, names)
        for text, part, encoding in zip(texts, parts, encoded.encodings or [], strict=True)
    ]


def _reference_document(
    text: Text,
    part: str,
    encoding: Encoding,
    tokenizer: PreTrainedTokenizerBase,
    names: Sequence[str],
) -> ReferenceDocument:
    ids = tuple(encoding.ids)
    if len(ids) < 2:
        raise InfocapError(
            f"{text.origin}: the text encodes to {len(ids)} token, and the published protocol "
            "leaves out the first; leave the text out of the corpus"
        )
    sized = str(tokenizer.decode(list(ids[1:])))
    is_whole = part == text.text and not encoding.overflowing
    ends = [end for _, end in encoding.offsets]
    (num_names,) = count_special_token_names([part[: max(ends)]], names)
    return ReferenceDocument(
        ids,
        len(sized.encode("utf-8")),
        len(ids) - 1,
        is_whole,
        _round_trips(part, is_whole, encoding, tokenizer),
        num_names,
    )


def _round_trips(
    part: str, is_whole: bool, encoding: Encoding, tokenizer: PreTrainedTokenizerBase
) -> bool:
    """Whether the ids of the text, without special tokens around it, decode to what they are of."""
    of_text = zip(encoding.ids, encoding.special_tokens_mask, strict=True)
    decoded = str(
        tokenizer.decode(
            [token for token, is_added in of_text if not is_added],
            skip_special_tokens=False,
            clean_up_tokenization_spaces=False,
        )
    )
    if is_whole:
        return comes_back(part, decoded)
    # The cut may fall inside a character, which then decodes to U+FFFD, or inside one that a
    # tokenizer composes of two.
    return holds(part, decoded.rstrip("\ufffd")[:-1])


class ReferenceTask(InformationCapacityTask):
    """Log-likelihood of ids 2 to L given those before, with the published sizes and FLOPs.

    Raises:
        InfocapError: as ``InformationCapacityTask``; or no formula was published for the model.
    """

    regime = "reference"
    of_the_harness: frozenset[str] = frozenset()
    num_unscored_tokens = 1

    def __init__(self, config: dict[str, Any]) -> None:
        self._scored_as: set[str] = set()
        super().__init__(config)

    def _load_tokenizer(self) -> PreTrainedTokenizerBase:
        """The tokenizer with its own defaults, whatever the backend is told about BOS."""
        super()._load_tokenizer()  # what it refuses would be wrong here too
        return find_tokenizer(self.settings, add_bos_token=None)

    def _splits_special_tokens(self) -> bool:
        """As the tokenizer does by itself, which is what the public code scores."""
        return bool(self._tokenizer.split_special_tokens)

    def _count_flops(self, model: Pretrained, max_tokens: int) -> Flops:
        return published_flops(model, max_tokens)

    def _make_docs(self, texts: Sequence[Text]) -> list[dict[str, Any]]:
        documents = cut_reference(texts, self._tokenizer, self.settings.max_tokens)
        takes_ids = self.settings.backend.takes_token_ids
        strings = self._decoded(documents) if takes_ids else self._strings(texts)
        return [
            {
                "origin": text.origin,
                "document_id": text.document_id,
                "num_bytes": document.num_bytes,
                "num_tokens": document.num_tokens,
                "is_whole": document.is_whole,
                "round_trips": document.round_trips,
                "num_special_token_names": document.num_special_token_names,
                "context": string.context,
                "text": self._with_ids(string.continuation, document),
                "num_tokens_of_string": string.num_tokens,
            }
            for text, document, string in zip(texts, documents, strings, strict=True)
        ]

    def _with_ids(self, text: str, document: ReferenceDocument) -> TokenText:
        first, rest = document.token_ids[:1], document.token_ids[1:]
        return TokenText(text, first, rest, len(self._tokenizer))

    def _decoded(self, documents: Sequence[ReferenceDocument]) -> list["_Strings"]:
        """The ids as text, for logs only: the backend scores the ids."""
        decode = self._tokenizer.decode
        return [
            _Strings(
                str(decode(list(d.token_ids[:1]))), str(decode(list(d.token_ids[1:]))), d.num_tokens
            )
            for d in documents
        ]

    def _strings(self, texts: Sequence[Text]) -> list["_Strings"]:
        """Context and continuation for backends that encode them on their own.

        A tokenizer that adds BOS starts from it, which is what the harness puts before a text
        without context; otherwise the context is the shortest one of whole tokens and characters
        that does not end in white space, which the harness would move to the continuation.
        """
        encode = encoder(self._tokenizer)
        (bare,) = encode(["x"])
        adds_bos = self._tokenizer("x")["input_ids"][0] != bare.ids[0]
        scored = cut(texts, self._tokenizer, self.settings.max_tokens - adds_bos)
        if adds_bos:
            return [_Strings("", document.text, document.num_tokens) for document in scored]
        tokens = encode([document.text for document in scored])
        contexts = [
            _shortest_context(document.text, [end for _, end in encoding.offsets])
            for document, encoding in zip(scored, tokens, strict=True)
        ]
        in_contexts = encode([context or "x" for context in contexts])
        return [
            _Strings(
                context,
                document.text[len(context) :],
                document.num_tokens - (len(encoding) if context else 0),
            )
            for document, context, encoding in zip(scored, contexts, in_contexts, strict=True)
        ]

    def doc_to_text(self, doc: Mapping[str, Any], doc_to_text: Any = None) -> str:
        """What comes before the scored ids: the first one."""
        return str(doc["context"])

    def doc_to_target(self, doc: Mapping[str, Any], doc_to_target: Any = None) -> str:
        """The scored ids, as a string that carries them."""
        text: str = doc["text"]  # not str(…), which would lose the ids
        return text

    def process_results(self, doc: dict[str, Any], results: Sequence[Any]) -> dict[str, Any]:
        """What one document adds to each metric; bits of the ids that are sized.

        Where a backend scored the string, a few tokens less or more, their mean stands for all.
        """
        (answer,) = results
        self._note_engine(answer)
        has_ids = isinstance(answer, TokenAnswer)
        self._scored_as.add("ids" if has_ids else "strings")
        num_scored = doc["num_tokens"] if has_ids else doc["num_tokens_of_string"]
        return self._score_items(doc, answer[0] * doc["num_tokens"] / num_scored)

    def dump_config(self) -> dict[str, Any]:
        """As the parent's, with what was scored: ``ids``, exactly the protocol, or ``strings``."""
        config = super().dump_config()
        config["metadata"]["infocap"]["scored_as"] = sorted(self._scored_as)
        return config


class _Strings(NamedTuple):
    """A context, a continuation, and how many tokens the continuation adds."""

    context: str
    continuation: str
    num_tokens: int


def _shortest_context(text: str, ends: Sequence[int]) -> str:
    """The shortest prefix of whole tokens that does not end in white space.

    It is empty if nothing would be left to score.
    """
    starts = (text[:end] for end in ends)
    return next((s for s in starts if s and s == s.rstrip() and s != text), "")
