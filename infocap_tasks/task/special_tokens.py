"""Names of special tokens inside texts, such as ``<s>`` in a page of HTML.

A tokenizer makes one control token of such a name unless it is told to split special tokens, and
then the model sees the end of a document where the text has three characters.
"""

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from transformers import PreTrainedTokenizerBase

log = logging.getLogger("lm_eval.infocap_tasks")

PLAIN_TEXT = "plain text"
CONTROL_TOKENS = "control tokens"


def special_token_names(tokenizer: PreTrainedTokenizerBase) -> list[str]:
    """The strings that the tokenizer takes for special tokens, the longest first."""
    added = tokenizer.added_tokens_decoder.values()
    return sorted({t.content for t in added if t.special and t.content}, key=len, reverse=True)


def count_special_token_names(texts: Iterable[str], names: Sequence[str]) -> list[int]:
    """How often each text holds one of the names, which must be given the longest first."""
    return [_count(text, names) for text in texts]


def _count(text: str, names: Sequence[str]) -> int:
    # Tokenizers have up to a thousand of them, and nearly all texts hold none: looking for each
    # is far faster than one pattern of all.
    held = [re.escape(name) for name in names if name in text]
    return len(re.findall("|".join(held), text)) if held else 0


def warn_of_control_tokens(task: str, docs: Iterable[Mapping[str, Any]]) -> None:
    """Warn where a backend that encodes the documents itself will not see all of them as text."""
    number = sum(doc["num_special_token_names"] for doc in docs)
    if number:
        log.warning(
            "%s: its texts hold names of special tokens, %s times, and this backend encodes each "
            "as one control token, not as text; `--model infocap-hf` takes them as text",
            task,
            f"{number:,}",
        )
