"""Fixtures of all tests: small models and corpora, made for each run; nothing is mocked."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path

# Tests run side by side, one on each core: more threads would only wait for one another. Before
# torch is imported, and for the processes that tests start.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from helpers.models import TEXTS, byte_tokenizer, save_llama, write_jsonl

import infocap_tasks.backend.registered  # noqa: F401  (tests of a single file use our backends too)


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory) -> Path:
    return save_llama(tmp_path_factory.mktemp("tiny"), byte_tokenizer(merges=True))


@pytest.fixture(scope="session")
def bos_model(tmp_path_factory) -> Path:
    return save_llama(tmp_path_factory.mktemp("bos"), byte_tokenizer(adds_bos=True))


@pytest.fixture
def corpus_file(tmp_path) -> Path:
    return write_jsonl(tmp_path / "corpus.jsonl", [{"text": text} for text in TEXTS])


@pytest.fixture(autouse=True)
def harness_log_as_at_the_start() -> Iterator[None]:
    """Each test meets the harness's log as if it were the first one of its process.

    ``infocap eval`` sets its level and keeps it from the root logger, for the rest of a process.
    """
    log = logging.getLogger("lm_eval")
    level, log.propagate = log.level, True
    yield
    log.setLevel(level)
    log.propagate = True
