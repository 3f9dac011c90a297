"""The engine of ``infocap-hf``: a model of transformers in this process, with torch.

Hidden states in, log-likelihoods out, without the logits of a whole vocabulary where the model's
head allows it. It runs on whatever transformers has loaded: adapters, quantised or offloaded
weights, models spread over several devices.
"""

import hashlib
import json
import logging
import math
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import torch

from infocap_tasks.backend.engine import EngineFacts, OutOfMemory, WindowScore
from infocap_tasks.backend.scoring import Head, TokenScores, score_blockwise, score_logits
from infocap_tasks.backend.weights import digest_weights
from infocap_tasks.backend.windows import Window
from infocap_tasks.models.replaced import replaced

log = logging.getLogger("lm_eval.infocap_tasks")

_PROBE_TOKENS = 48
# Larger batches are no faster on a CPU; on a GPU they are as large as half of its free memory.
_CPU_BUDGET_TOKENS = 4096
_MAX_BUDGET_TOKENS = 2**18


class HFEngine:
    """A causal language model of transformers.

    Args:
        model: the model, in evaluation mode and on its devices.
        device: where token ids go in.
        max_length: tokens that it reads at once.
        mixed_precision_dtype: run the forward pass under autocast to this dtype; None for none.
    """

    def __init__(
        self,
        model: Any,
        device: torch.device,
        max_length: int,
        mixed_precision_dtype: torch.dtype | None = None,
    ) -> None:
        self.max_length = max_length
        self._model = model
        self._device = device
        self._mixed_precision_dtype = mixed_precision_dtype
        self._head = self._find_head()

    @property
    def method(self) -> str:
        """``blockwise`` from hidden states, or ``full_logits``."""
        return "full_logits" if self._head is None else "blockwise"

    @property
    def facts(self) -> EngineFacts:
        """What results record of it."""
        dtype = str(self._mixed_precision_dtype or self._model.dtype).removeprefix("torch.")
        return EngineFacts("transformers", version("transformers"), dtype, self.method, "float32")

    @property
    def vocabulary_size(self) -> int:
        """Number of token ids that the model can read."""
        return int(self._model.get_input_embeddings().weight.shape[0])

    @property
    def rounding(self) -> float:
        """Relative precision of the model's numbers."""
        return torch.finfo(self._mixed_precision_dtype or self._model.dtype).eps

    def budget_tokens(self) -> int:
        """Tokens of a batch that the device's memory holds, padding included."""
        return auto_budget_tokens(self._model, self._device, self._head is None)

    def score(self, batch: Sequence[Window], want_greedy: bool) -> list[WindowScore]:
        """The scores of a batch in one forward pass.

        Raises:
            OutOfMemory: the device's memory, or the machine's, does not hold it.
        """
        try:
            return self._forward(batch, want_greedy)
        except (MemoryError, RuntimeError) as error:
            if not _is_out_of_memory(error):
                raise
            complaint = str(error)
        # Out here the error is gone, and with its traceback the last hold on the pass's tensors.
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        raise OutOfMemory(complaint)

    def _forward(self, batch: Sequence[Window], want_greedy: bool) -> list[WindowScore]:
        padded = _Padded.of(batch, self._device)
        scores = self._token_scores(padded, want_greedy, batch[0].vocabulary_size)
        lengths = [len(window.continuation) for window in batch]
        nats = scores.loglikelihood_nats.cpu().split(lengths)
        greedy = None if scores.is_greedy is None else scores.is_greedy.cpu().split(lengths)
        return [
            WindowScore(part.tolist(), bool(greedy[index].all()) if greedy else False)
            for index, part in enumerate(nats)
        ]

    def _token_scores(
        self, padded: "_Padded", want_greedy: bool, vocabulary_size: int | None
    ) -> TokenScores:
        if self._head is None:
            logits = self._logits(padded.ids)
            flat = logits.reshape(-1, logits.shape[-1])[:, :vocabulary_size]  # no copy
            return score_logits(flat, padded.rows(logits.shape[1]).to(flat.device), padded.tokens)
        hidden = self._hidden_states(padded.ids)
        rows = padded.rows(hidden.shape[1]).to(hidden.device)
        device = self._head.weight.device
        chosen = hidden.reshape(-1, hidden.shape[-1])[rows].to(device)
        head = self._head.first(vocabulary_size)
        # Only the published protocol has a vocabulary of its own; it rounds as the model does.
        rounds = vocabulary_size is not None
        return score_blockwise(chosen, padded.tokens.to(device), head, want_greedy, rounds)

    @torch.no_grad()
    def _logits(self, ids: torch.Tensor) -> torch.Tensor:
        """What the model returns: (sequences, positions, vocabulary)."""
        dtype = self._mixed_precision_dtype
        # No token is decoded after these, and xLSTM's cache does not fit all of its shapes.
        config = self._model.config.get_text_config()
        with (
            replaced(config, "use_cache", False) if hasattr(config, "use_cache") else nullcontext(),
            torch.autocast(self._device.type, dtype=dtype, enabled=dtype is not None),
        ):
            return self._model(ids).logits

    def _hidden_states(self, ids: torch.Tensor) -> torch.Tensor:
        """What the model's own forward pass hands to its head: (sequences, positions, width).

        Its whole forward pass runs, and not the body by itself, since some models scale, cut or
        normalise between the two.
        """
        entering: list[torch.Tensor] = []

        def instead(hidden: torch.Tensor) -> torch.Tensor:
            entering.append(hidden)
            return hidden.new_zeros(*hidden.shape[:-1], 1)

        with replaced(self._model.get_output_embeddings(), "forward", instead):
            self._logits(ids)
        (hidden,) = entering
        return hidden

    # ------------------------------------------------------------------ the head

    def _find_head(self) -> Head | None:
        """The head, if scoring from hidden states gives the model's own logits on a probe."""
        try:
            head, reason = self._usable_head()
        except torch.OutOfMemoryError:
            raise
        except Exception as error:  # a model that does more with its logits than return them
            head, reason = None, f"{type(error).__name__} when its output layer was tried"
        if head is None:
            log.warning(
                "this model is scored from its full logits, which takes more memory: %s", reason
            )
        return head

    def _usable_head(self) -> tuple[Head | None, str]:
        """The head, or None and the reason."""
        head = Head.of(self._model)
        if head is None:
            return None, "its output layer is no plain linear layer"
        if head.weight.device.type == "meta":
            return None, "its output layer is offloaded"
        if self._mixed_precision_dtype is not None:
            return None, "mixed_precision_dtype is set"
        # What a model does to its logits is code, and no config declares all of it: so the two
        # ways are compared rather than trusted to agree.
        difference = self._difference_on_probe(head)
        if difference <= torch.finfo(head.weight.dtype).eps:
            return head, ""
        return None, f"its logits differ by {difference:.1e} from those of its output layer"

    @torch.no_grad()
    def _difference_on_probe(self, head: Head) -> float:
        """Relative difference (root mean square) of the two ways to logits, on a short input."""
        rows = min(len(head.weight), self.vocabulary_size)
        random = torch.Generator().manual_seed(0)
        ids = torch.randint(rows, (1, _PROBE_TOKENS), generator=random).to(self._device)
        own = self._logits(ids)[0].float()
        hidden = self._hidden_states(ids)[0].to(head.weight.device)
        ours = head.logits(hidden, 0, len(head.weight)).to(own.device)
        if own.shape != ours.shape:
            return math.inf
        return float((own - ours).square().mean().sqrt() / own.square().mean().sqrt().clamp(1e-9))

    # ------------------------------------------------------------------ what identifies the model

    def fingerprint(self, settings: Mapping[str, Any]) -> str:
        """Hex digits that differ wherever an answer could: weights, config, limits, ``settings``.

        The names and their format must stay: kept answers are found by it.
        """
        config = self._model.config.to_dict()
        everything = {
            "config": {
                k: v for k, v in config.items() if k not in ("_name_or_path", "torch_dtype")
            },
            "attention": getattr(self._model.config, "_attn_implementation", None),
            "dtype": str(self._model.dtype),
            "mixed_precision_dtype": str(self._mixed_precision_dtype),
            "max_length": self.max_length,
            "method": self.method,
            "device": self._device.type,
            "adapters": str(getattr(self._model, "peft_config", None)),
            **settings,
        }
        digest = hashlib.sha256(json.dumps(everything, sort_keys=True, default=str).encode())
        digest.update(digest_weights(self._model))
        return digest.hexdigest()[:32]


@dataclass(frozen=True)
class _Padded:
    """A batch as one tensor.

    Attributes:
        ids: what the model reads, (sequences, longest); each sequence once, padded on the right,
            where a causal model never sees it.
        tokens: all tokens to score, one window's after another's.
        places: the sequence and the position that predict each of ``tokens``.
    """

    ids: torch.Tensor
    tokens: torch.Tensor
    places: list[tuple[int, int]]

    @classmethod
    def of(cls, batch: Sequence[Window], device: torch.device) -> "_Padded":
        unique = dict.fromkeys(window.inputs for window in batch)
        sequences = {inputs: number for number, inputs in enumerate(unique)}
        ids = torch.zeros(len(sequences), max(map(len, sequences)), dtype=torch.long, device=device)
        for inputs, number in sequences.items():
            ids[number, : len(inputs)] = torch.tensor(inputs)
        tokens = torch.tensor([t for w in batch for t in w.continuation], device=device)
        places = [
            (sequences[w.inputs], position)
            for w in batch
            for position in range(len(w.inputs) - len(w.continuation), len(w.inputs))
        ]
        return cls(ids, tokens, places)

    def rows(self, num_positions: int) -> torch.Tensor:
        """The rows of (sequences * positions) that predict ``tokens``."""
        extra = num_positions - self.ids.shape[1]  # virtual tokens of a tuned prompt come first
        rows = [sequence * num_positions + extra + position for sequence, position in self.places]
        return torch.tensor(rows, device=self.ids.device)


def auto_budget_tokens(model: Any, device: torch.device, makes_logits: bool) -> int:
    """Tokens of a batch by the device's memory without the weights.

    In powers of two of what the device has, not of what happens to be free: the batches, and so
    the last bits of the answers, are then the same in every run.
    """
    if device.type != "cuda":
        return _CPU_BUDGET_TOKENS
    memory = torch.cuda.get_device_properties(device).total_memory
    weights = sum(p.numel() * p.element_size() for p in model.parameters())
    tokens = max(1, (memory - weights) // 4 // _bytes_per_token(model, makes_logits))
    return int(min(2 ** int(math.log2(tokens)), _MAX_BUDGET_TOKENS))


def _bytes_per_token(model: Any, makes_logits: bool) -> int:
    """Memory in bytes that a token takes in a forward pass: an upper estimate."""
    config = model.config.get_text_config()
    wide = getattr(config, "intermediate_size", None) or 4 * config.hidden_size
    values = 8 * config.hidden_size + 4 * wide  # of the widest layer, all its temporaries
    if makes_logits:
        values += 3 * config.vocab_size
    return values * max(2, model.dtype.itemsize)


def _is_out_of_memory(error: BaseException) -> bool:
    text = str(error).lower()
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        "out of memory" in text or "can't allocate memory" in text
    )
