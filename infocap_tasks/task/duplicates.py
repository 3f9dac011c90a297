"""Texts that a corpus holds more than once: found by digest, counted, said."""

import hashlib
import logging
from collections.abc import Sequence

from infocap_tasks.metrics import DocumentScore, number_texts

log = logging.getLogger("lm_eval.infocap_tasks")


def text_digest(text: str) -> str:
    """48 bits that tell distinct texts apart: of 10,000, two share one once in five million."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:12]


def count_duplicates(scores: Sequence[DocumentScore]) -> int:
    """The number of documents whose scored text another one before them has too."""
    return len(scores) - len(set(number_texts(scores).tolist()))


def warn_of_duplicates(task: str, scores: Sequence[DocumentScore]) -> None:
    """Say how many there are, and what they count for."""
    if num_duplicates := count_duplicates(scores):
        log.warning(
            "%s: %d of the %d scored texts are duplicates of others; each counts in the metrics, "
            "but standard errors and intervals are over the %d distinct texts",
            task,
            num_duplicates,
            len(scores),
            len(scores) - num_duplicates,
        )
