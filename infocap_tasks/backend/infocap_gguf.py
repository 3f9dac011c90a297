"""The harness seam for GGUF files: ``--model infocap-gguf``, llama.cpp in this process."""

import os
from collections.abc import Iterator, Sequence
from itertools import dropwhile, zip_longest
from pathlib import Path
from typing import Any

from lm_eval.api.instance import Instance
from lm_eval.api.registry import register_model

from infocap_tasks.backend.causality import must_score_alone
from infocap_tasks.backend.gguf_engine import GGUFEngine
from infocap_tasks.backend.scorer import Scorer
from infocap_tasks.backend.token_lm import BOS_POLICY, refuse_processes
from infocap_tasks.backend.token_text import PlainText, TokenText
from infocap_tasks.backend.tokenizer_lm import TokenizerLM
from infocap_tasks.errors import InfocapError
from infocap_tasks.models.pretrained import Pretrained, load_tokenizer, tokenizer_fingerprint

# What llama.cpp rounds activations to, in most quantisations: 8 bits.
_ROUNDING = 2**-8


@register_model("infocap-gguf")
class InfocapGGUF(TokenizerLM):
    """A GGUF file scored by llama.cpp, with its quantisation and its kernels.

    Args:
        pretrained: the file, or its folder.
        gguf_file: the name of the file in a folder.
        tokenizer: folder or hub id; None for the one in the file.
        max_length: the window in tokens; None for as many as the model was trained for.
        n_threads: threads of llama.cpp; None for one a core.
        n_gpu_layers: layers on the GPU, where llama.cpp was built for one; -1 for all.
        cache: folder for finished answers; a run that was killed is resumed from there.
        add_bos_token: whether standard tasks begin with BOS; None: as the tokenizer does.
        prefix_token_id: the token that the first one of a text is predicted from; None: BOS, EOS.
        batch_size: the harness's; a window is run by itself.
        max_batch_size: as ``batch_size``.
        device: ``cpu`` keeps all layers off the GPU; else llama.cpp takes what it was built for.

    Raises:
        InfocapError: the file cannot be loaded, the model is not causal, or its tokenizer encodes
            a text as llama.cpp does not.
    """

    def __init__(
        self,
        pretrained: str,
        gguf_file: str | None = None,
        tokenizer: str | None = None,
        max_length: int | None = None,
        n_threads: int | None = None,
        n_gpu_layers: int = -1,
        cache: str | None = None,
        add_bos_token: bool | None = None,
        prefix_token_id: int | None = None,
        batch_size: int | str = "auto",
        max_batch_size: int | None = None,
        device: str | None = None,
    ) -> None:
        refuse_processes("infocap-gguf")
        file = Path(pretrained, gguf_file or "").expanduser()
        if not file.is_file():
            raise InfocapError(
                f"pretrained={file}: no such file; --model infocap-gguf takes a .gguf file"
            )
        threads = _num_threads(n_threads)
        named = Pretrained.from_file_or_id(tokenizer or str(file))
        super().__init__(load_tokenizer(named), add_bos_token, prefix_token_id)
        layers = 0 if device == "cpu" else n_gpu_layers
        self._engine = GGUFEngine(file, max_length, threads, layers)
        self.max_length = self._engine.max_length
        self.scorer = Scorer(
            self._engine,
            settings={
                "tokenizer": tokenizer_fingerprint(self.tokenizer),
                "prefix_token_id": self.prefix_token_id,
                "bos_policy": BOS_POLICY,
                "n_gpu_layers": layers,
            },
            cache=cache,
            one_text=must_score_alone(
                self._engine.score, self._engine.vocabulary_size, self.max_length, _ROUNDING
            ),
        )

    def _encode(self, texts: Sequence[str]) -> Iterator[list[int]]:
        """As the parent's; the ids must be those of llama.cpp's own tokenizer.

        Raises:
            InfocapError: they are not; the message names the first that differs.
        """
        for text, ids in zip(texts, super()._encode(texts), strict=True):
            self._require_same(text, ids, not isinstance(text, PlainText))
            yield ids

    def tok_encode(
        self, string: str, add_special_tokens: bool | None = None, **kwargs: Any
    ) -> list[int]:
        """As the parent's; the ids must be those of llama.cpp's own tokenizer.

        Raises:
            InfocapError: they are not; the message names the first that differs.
        """
        self._require_same(string, super().tok_encode(string, add_special_tokens=False), True)
        return super().tok_encode(string, add_special_tokens, **kwargs)

    def loglikelihood(
        self, requests: list[Instance], disable_tqdm: bool = False
    ) -> list[tuple[float, bool]]:
        """As the parent's; ids that their text encodes to must be those of llama.cpp.

        Raises:
            InfocapError: they are not; the message names the first that differs.
        """
        for request in requests:
            if isinstance(text := request.args[1], TokenText):
                self._require_same_ids(text.context_ids + text.token_ids)
        return super().loglikelihood(requests, disable_tqdm)

    def _require_same_ids(self, token_ids: Sequence[int]) -> None:
        special = set(self.tokenizer.all_special_ids)
        bare = list(dropwhile(lambda token: token in special, token_ids))
        text = self.tokenizer.decode(bare, clean_up_tokenization_spaces=False)
        # A text that was cut at a token may end within a character, and then encodes otherwise.
        if self.tokenizer(text, add_special_tokens=False)["input_ids"] == bare:
            self._require_same(text, bare, True)

    def _require_same(self, text: str, ids: list[int], reads_special_tokens: bool) -> None:
        theirs = self._engine.tokenize(text, reads_special_tokens)
        if theirs == ids:
            return
        pairs = enumerate(zip_longest(ids, theirs))
        place, (ours, other) = next((n, pair) for n, pair in pairs if pair[0] != pair[1])
        near = self.tokenizer.decode(ids[max(0, place - 2) : place + 2])
        raise InfocapError(
            f"tokenizer {self.tokenizer.name_or_path}: token {place + 1} of a text, near {near!r}, "
            f"is {ours}, and {other} to llama.cpp; give the tokenizer of the original model with "
            "tokenizer=DIR_OR_HUB_ID in --model_args"
        )

    def generate_until(self, requests: list[Instance], disable_tqdm: bool = False) -> list[str]:
        """Nothing: texts are written by llama.cpp's server, which the harness has a backend for.

        Raises:
            InfocapError: always.
        """
        raise InfocapError(
            "--model infocap-gguf: scores texts and does not write them; leave out the tasks that "
            "generate, or run them on the harness's --model gguf"
        )


def _num_threads(given: int | None) -> int:
    if given is None:
        # Those that this process may use, where the system tells.
        return (
            len(os.sched_getaffinity(0))
            if hasattr(os, "sched_getaffinity")
            else os.cpu_count() or 1
        )
    if not isinstance(given, int) or given < 1:
        raise InfocapError(f"n_threads={given}: give a number from 1, or leave it out")
    return given
