"""The engine of ``infocap-gguf``: llama.cpp in this process, by its low-level functions."""

import ctypes
import hashlib
import json
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from infocap_tasks.backend.engine import EngineFacts, WindowScore
from infocap_tasks.backend.gguf_file import require_whole, with_further_parts
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
        max_length: tokens that it reads at once; None for as many as it was trained for.
        n_threads: threads.
        n_gpu_layers: layers on the GPU; -1 for all.

    Raises:
        InfocapError: the file is damaged, llama.cpp cannot load it, or ``max_length`` is larger
            than the model was trained for.
    """

    def __init__(
        self, path: Path, max_length: int | None, n_threads: int, n_gpu_layers: int
    ) -> None:
        import llama_cpp

        require_whole(path)
        self._lib = llama_cpp
        self._path = path
        self._n_threads = n_threads
        self._loaded = ExitStack()
        weakref.finalize(self, self._loaded.close)
        _be_silent(llama_cpp)
        llama_cpp.llama_backend_init()
        self._model = self._load(n_gpu_layers)
        self._vocabulary = llama_cpp.llama_model_get_vocab(self._model)
        self.max_length = self._window(max_length)
        self._context: Any = None
        self._context_tokens = 0
        self._in_context = self._loaded.enter_context(ExitStack())

    def _load(self, n_gpu_layers: int) -> Any:
        settings = self._lib.llama_model_default_params()
        settings.n_gpu_layers = n_gpu_layers
        model = self._lib.llama_model_load_from_file(str(self._path).encode(), settings)
        if not model:
            raise InfocapError(
                f"pretrained={self._path}: llama.cpp ({version('llama-cpp-python')}) cannot load "
                "it; it is damaged, or its architecture is newer: upgrade llama-cpp-python"
            )
        self._loaded.callback(self._lib.llama_model_free, model)
        return model

    def _window(self, max_length: int | None) -> int:
        trained = int(self._lib.llama_model_n_ctx_train(self._model))
        if max_length is not None and max_length > trained:
            raise InfocapError(
                f"max_length={max_length}: {self._path.name} was trained for {trained} tokens; "
                "give at most that, or leave it out of --model_args"
            )
        return max_length or trained

    def _make_room(self, num_tokens: int) -> None:
        """A context that holds so many tokens; not all of a long window takes memory at once."""
        if num_tokens <= self._context_tokens:
            return
        lib = self._lib
        self._in_context.close()
        self._context_tokens = 0  # also if there is no memory for the next one
        room = min(self.max_length, max(_STEP_TOKENS, 1 << (num_tokens - 1).bit_length()))
        settings = lib.llama_context_default_params()
        settings.n_ctx = room
        settings.n_batch = settings.n_ubatch = min(_STEP_TOKENS, room)
        settings.n_threads = settings.n_threads_batch = self._n_threads
        self._context = lib.llama_init_from_model(self._model, settings)
        if not self._context:
            raise InfocapError(
                f"llama.cpp has no memory for a context of {room} tokens; lower max_tokens in "
                "--metadata or max_length in --model_args"
            )
        self._in_context.callback(lib.llama_free, self._context)
        self._context_tokens = room

    @property
    def facts(self) -> EngineFacts:
        """What results record of it; the dtype is the name that llama.cpp has for the file's."""
        words = ctypes.create_string_buffer(256)
        self._lib.llama_model_desc(self._model, words, len(words))
        _, _, dtype = words.value.decode("utf-8", "replace").split(" ", 2)  # llama 134M Q4_1
        return EngineFacts(
            "llama.cpp",
            version("llama-cpp-python"),
            dtype.removeprefix("(guessed) "),
            "blocks of logits",
            "float64",
            int(self._lib.llama_model_size(self._model)),
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
        for path in with_further_parts(self._path):
            with path.open("rb") as file:
                while block := file.read(_HASHED_BYTES):
                    digest.update(block)
        return digest.hexdigest()[:32]

    def tokenize(self, text: str, reads_special_tokens: bool) -> list[int]:
        """llama.cpp's own token ids of a text, without BOS.

        Args:
            text: any text.
            reads_special_tokens: the name of a special token is that token, not text.
        """
        data = text.encode("utf-8")
        room = len(data) + 8
        ids = (self._lib.llama_token * room)()
        count = self._lib.llama_tokenize(
            self._vocabulary, data, len(data), ids, room, False, reads_special_tokens
        )
        return list(ids[:count])

    def score(self, batch: Sequence[Window], want_greedy: bool) -> list[WindowScore]:
        """The scores of a batch, one window after the other."""
        return [self._score(window) for window in batch]

    def _score(self, window: Window) -> WindowScore:
        nats: list[float] = []
        is_greedy = True
        for logits in self._logits(window):
            for first in range(0, len(logits), _ROWS_AT_ONCE):
                rows = logits[first : first + _ROWS_AT_ONCE, : window.vocabulary_size]
                tokens = np.array(window.continuation[len(nats) : len(nats) + len(rows)])
                scored, greedy = _log_softmax(rows, tokens)
                nats += scored
                is_greedy &= greedy
        return WindowScore(nats, is_greedy)

    def _logits(self, window: Window) -> Iterator[Logits]:
        """The logits that the scored tokens are predicted from, (tokens, vocabulary), by steps.

        They are llama.cpp's own memory, which the next step writes over.
        """
        lib, ids = self._lib, window.inputs
        first_wanted = len(window.context) - 1
        self._make_room(len(ids))
        lib.llama_memory_clear(lib.llama_get_memory(self._context), True)
        step = min(_STEP_TOKENS, self._context_tokens)
        batch = lib.llama_batch_init(step, 0, 1)
        try:
            for start in range(0, len(ids), step):
                part = ids[start : start + step]
                num_wanted = _fill(batch, part, start, first_wanted)
                if status := lib.llama_decode(self._context, batch):
                    raise InfocapError(
                        f"llama.cpp failed on a text of {len(ids)} tokens (status {status}); "
                        "lower max_tokens in --metadata or max_length in --model_args"
                    )
                if num_wanted:
                    pointer = lib.llama_get_logits(self._context)
                    shape = (num_wanted, self.vocabulary_size)
                    yield np.ctypeslib.as_array(pointer, shape=shape)
        finally:
            lib.llama_batch_free(batch)


def _fill(batch: Any, ids: Sequence[int], start: int, first_wanted: int) -> int:
    """Put a step's tokens into the batch; how many of them it then gives logits for."""
    batch.n_tokens = len(ids)
    for index, token in enumerate(ids):
        batch.token[index] = token
        batch.pos[index] = start + index
        batch.n_seq_id[index] = 1
        batch.seq_id[index][0] = 0
        batch.logits[index] = start + index >= first_wanted
    return len(ids) - min(len(ids), max(0, first_wanted - start))


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
