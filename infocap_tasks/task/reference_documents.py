"""Texts and a tokenizer in, token ids as the published protocol cuts and sizes them out.

Source: the public code of arXiv 2511.08066 (its text_size and likelihood scripts), as facts.
"""

from collections.abc import Sequence
from typing import NamedTuple

from tokenizers import Encoding
from transformers import PreTrainedTokenizerBase

from infocap_tasks.corpora.formats import Text, refuse_unusable
from infocap_tasks.errors import InfocapError
from infocap_tasks.task.documents import encode_first_parts


class ReferenceDocument(NamedTuple):
    """Token ids of which all but the first are scored and sized.

    Attributes:
        token_ids: with the special tokens that the tokenizer adds by default, at most L.
        num_bytes: UTF-8 bytes of the decoded ids 2 to the last. A character that was cut decodes to
            U+FFFD and counts 3 bytes.
        num_tokens: number of those ids.
        is_whole: the text was not cut.
    """

    token_ids: tuple[int, ...]
    num_bytes: int
    num_tokens: int
    is_whole: bool


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
        parts = [part for part, _ in encode_first_parts(parts, tokenizer, max_tokens)]
    encoded = tokenizer(
        parts,
        truncation=True,
        max_length=max_tokens,
        return_attention_mask=False,
        return_token_type_ids=False,
    )
    return [
        _document(text, part, encoding, tokenizer)
        for text, part, encoding in zip(texts, parts, encoded.encodings or [], strict=True)
    ]


def _document(
    text: Text, part: str, encoding: Encoding, tokenizer: PreTrainedTokenizerBase
) -> ReferenceDocument:
    ids = tuple(encoding.ids)
    if len(ids) < 2:
        raise InfocapError(
            f"{text.origin}: the text encodes to {len(ids)} token, and the published protocol "
            "leaves out the first; leave the text out of the corpus"
        )
    sized = str(tokenizer.decode(list(ids[1:])))
    is_whole = part == text.text and not encoding.overflowing
    return ReferenceDocument(ids, len(sized.encode("utf-8")), len(ids) - 1, is_whole)
