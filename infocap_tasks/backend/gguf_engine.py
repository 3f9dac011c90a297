"""The engine of ``infocap-gguf``: llama.cpp in this process, by its low-level functions."""

import ctypes
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from infocap_tasks.backend.engine import EngineFacts, WindowScore
from infocap_tasks.backend.windows import Window
from infocap_tasks.errors import InfocapError

# llama.cpp hands over the logits of a whole step, 4 bytes for each token and word: 100 MB for
# 512 tokens of 49,152 words, 540 MB for 262,144. Longer steps are hardly faster.
_STEP_TOKENS = 512
_ROWS_AT_ONCE = 32
_HASHED_BYTES = 2**24

Logits = npt.NDArray[np.float32]


class GGUFEngine:
    """A model that llama.cpp has loaded.

    Args:
        path: the GGUF file.
        max_length: tokens that it reads at once; None for the file's own.
        n_threads: threads; None for one a core.
        n_gpu_layers: layers on the GPU; -1 for all.

    Raises:
        InfocapError: llama.cpp cannot load the file.
    """

    def __init__(
        self, path: Path, max_length: int | None, n_threads: int | None, n_gpu_layers: int
    ) -> None:
        import llama_cpp

        self._lib = llama_cpp
        self._path = path
        _be_silent(llama_cpp)
        llama_cpp.llama_backend_init()
        settings = llama_cpp.llama_model_default_params()
        settings.n_gpu_layers = n_gpu_layers
        self._model = llama_cpp.llama_model_load_from_file(str(path).encode(), settings)
        if not self._model:
            raise InfocapError(
                f"pretrained={path}: llama.cpp ({version('llama-cpp-python')}) cannot load it; it "
                "is damaged, or its architecture is newer: upgrade llama-cpp-python"
            )
        trained = int(llama_cpp.llama_model_n_ctx_train(self._model))
        self.max_length = max_length or trained
        self._vocabulary = llama_cpp.llama_model_get_vocab(self._model)
        self._context = self._make_context(n_threads or os.cpu_count() or 1)

    def _make_context(self, n_threads: int) -> Any:
        lib = self._lib
        settings = lib.llama_context_default_params()
        settings.n_ctx = self.max_length
        settings.n_batch = settings.n_ubatch = min(_STEP_TOKENS, self.max_length)
        settings.n_threads = settings.n_threads_batch = n_threads
        context = lib.llama_init_from_model(self._model, settings)
        if not context:
            raise InfocapError(
                f"max_length={self.max_length}: llama.cpp has no memory for a context of so many "
                "tokens; lower it in --model_args"
            )
        return context

    @property
    def facts(self) -> EngineFacts:
        """What results record of it."""
        words = ctypes.create_string_buffer(256)
        self._lib.llama_model_desc(self._model, words, len(words))
        described = words.value.decode("utf-8", "replace")
        return EngineFacts(
            "llama.cpp", version("llama-cpp-python"), described, "blocks of logits", "float64"
        )

    @property
    def vocabulary_size(self) -> int:
        """Number of token ids that the model can read."""
        return int(self._lib.llama_vocab_n_tokens(self._vocabulary))

    def budget_tokens(self) -> int:
        """One: a window is run by itself, in steps that fill the cores."""
        return 1

    def fingerprint(self, settings: Mapping[str, Any]) -> str:
        """Hex digits that differ wherever an answer could: the file, llama.cpp, ``settings``."""
        everything = {"engine": self.facts._asdict(), "max_length": self.max_length, **settings}
        digest = hashlib.sha256(json.dumps(everything, sort_keys=True, default=str).encode())
        with self._path.open("rb") as file:
            while block := file.read(_HASHED_BYTES):
                digest.update(block)
        return digest.hexdigest()[:32]

    def tokenize(self, text: str) -> list[int]:
        """llama.cpp's own token ids of a text, names of special tokens as text."""
        data = text.encode("utf-8")
        room = len(data) + 8
        ids = (self._lib.llama_token * room)()
        count = self._lib.llama_tokenize(self._vocabulary, data, len(data), ids, room, False, False)
        return list(ids[:count])

    def score(self, batch: Sequence[Window], want_greedy: bool) -> list[WindowScore]:
        """The scores of a batch, one window after the other."""
        return [self._score(window) for window in batch]

    def _score(self, window: Window) -> WindowScore:
        first = len(window.context) - 1  # the place that predicts the first scored token
        nats: list[float] = []
        is_greedy = True
        for start, logits in self._steps(window.inputs):
            rows = logits[max(0, first - start) :, : window.vocabulary_size]
            tokens = window.continuation[len(nats) : len(nats) + len(rows)]
            for block in range(0, len(rows), _ROWS_AT_ONCE):
                these = np.array(tokens[block : block + _ROWS_AT_ONCE])
                scored, greedy = _log_softmax(rows[block : block + _ROWS_AT_ONCE], these)
                nats += scored
                is_greedy &= greedy
        return WindowScore(nats, is_greedy)

    def _steps(self, ids: Sequence[int]) -> Iterator[tuple[int, Logits]]:
        """The place of its first token and the logits of each step, (tokens, vocabulary).

        The logits are llama.cpp's own memory, which the next step writes over.
        """
        lib = self._lib
        lib.llama_memory_clear(lib.llama_get_memory(self._context), True)
        step = min(_STEP_TOKENS, self.max_length)
        batch = lib.llama_batch_init(step, 0, 1)
        try:
            for start in range(0, len(ids), step):
                part = ids[start : start + step]
                _fill(batch, part, start)
                status = lib.llama_decode(self._context, batch)
                if status != 0:
                    raise InfocapError(
                        f"llama.cpp failed on {len(ids)} tokens (status {status}); lower "
                        "max_length in --model_args"
                    )
                pointer = lib.llama_get_logits(self._context)
                shape = (len(part), self.vocabulary_size)
                yield start, np.ctypeslib.as_array(pointer, shape=shape)
        finally:
            lib.llama_batch_free(batch)


def _fill(batch: Any, ids: Sequence[int], start: int) -> None:
    batch.n_tokens = len(ids)
    for index, token in enumerate(ids):
        batch.token[index] = token
        batch.pos[index] = start + index
        batch.n_seq_id[index] = 1
        batch.seq_id[index][0] = 0
        batch.logits[index] = 1


def _log_softmax(rows: Logits, tokens: npt.NDArray[np.int64]) -> tuple[list[float], bool]:
    """Log-probabilities in nats of a token of each row, and whether all of them are the largest."""
    wide = rows.astype(np.float64)
    largest = wide.max(axis=1)
    sums = np.exp(wide - largest[:, None]).sum(axis=1)
    chosen = wide[np.arange(len(tokens)), tokens]
    nats = chosen - largest - np.log(sums)
    return nats.tolist(), bool((chosen == largest).all())


_SILENT: list[Any] = []  # llama.cpp keeps the pointer, so the function must stay


def _be_silent(lib: Any) -> None:
    """Stop llama.cpp from writing its hundreds of lines on a model to stderr."""
    if not _SILENT:
        _SILENT.append(lib.llama_log_callback(lambda level, text, data: None))
        lib.llama_log_set(_SILENT[0], ctypes.c_void_p(0))
