"""The harness seam for models: ``--model infocap-hf``.

The harness's own transformers backend with another way to score: hidden states in, log-likelihoods
out, no logits of a whole vocabulary; batches by tokens; answers kept on disk after every batch; and
any number of processes that share the batches. Loading, adapters, quantisation, generation and
encoder-decoder models stay the harness's.
"""

import hashlib
import json
import logging
import math
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from unittest.mock import patch

import torch
from accelerate.utils import gather_object
from lm_eval.api.instance import Instance
from lm_eval.api.registry import register_model
from lm_eval.models.huggingface import HFLM
from lm_eval.utils import get_rolling_token_windows, make_disjoint_window
from tqdm import tqdm

from infocap_tasks.backend.answers import Answer, AnswerStore, request_key
from infocap_tasks.backend.batches import Window, make_batches
from infocap_tasks.backend.scoring import Head, TokenScores, score_blockwise, score_logits
from infocap_tasks.backend.token_text import TokenAnswer, TokenText
from infocap_tasks.errors import InfocapError
from infocap_tasks.models.pretrained import tokenizer_fingerprint

log = logging.getLogger("lm_eval.infocap_tasks")

BOS_POLICY = "one prefix token before each text, none from the tokenizer"

_PROBE_TOKENS = 48
_TEXTS_AT_ONCE = 64
# Larger batches are no faster on a CPU; on a GPU they are as large as half of its free memory.
_CPU_BUDGET_TOKENS = 4096
_MAX_BUDGET_TOKENS = 2**18

Request = tuple[Any, list[int], list[int]]


@register_model("infocap-hf")
class InfocapHF(HFLM):
    """HFLM that scores from hidden states.

    Args:
        pretrained: as for HFLM.
        cache: folder for finished answers; a run that was killed goes on from there.
        **arguments: as for HFLM. ``batch_size`` counts sequences of the longest length: batches
            are filled to that many tokens; ``auto`` takes 4096 tokens on a CPU, and on a GPU what
            its memory holds. ``device`` is by default the GPU, or the CPU where there is none.

    Raises:
        InfocapError: the cache folder cannot be used; when scoring, a batch of half the size still
            does not fit into memory.
    """

    def __init__(self, pretrained: Any, cache: str | None = None, **arguments: Any) -> None:
        # float32 for what is left to the harness, encoder-decoder models. The harness's own default
        # device is a GPU, also where there is none.
        device = "cuda" if torch.cuda.is_available() else "cpu"
        arguments = {"softmax_dtype": "float32", "device": device} | arguments
        if int(os.environ.get("WORLD_SIZE", "1")) > 1 and not torch.accelerator.is_available():
            # Without this, accelerate leaves processes without a GPU unaware of one another.
            os.environ.setdefault("ACCELERATE_USE_CPU", "true")
        super().__init__(pretrained, **arguments)
        accelerator = getattr(self, "accelerator", None)
        self._process_index: int = accelerator.process_index if accelerator else 0
        self._num_processes: int = accelerator.num_processes if accelerator else 1
        # Every process sees all requests and scores its share of the batches, so to the harness
        # there is one rank. It tells the process that reports by this variable.
        self._rank, self._world_size = 0, 1
        if self._num_processes > 1:
            os.environ["LOCAL_RANK"] = str(self._process_index)
        self._head = self._find_head() if self.backend == "causal" else None
        self._cache_folder = cache
        self._store: AnswerStore | None = None

    # ------------------------------------------------------------------ the harness's requests

    def loglikelihood_rolling(
        self, requests: list[Instance], disable_tqdm: bool = False
    ) -> list[float]:
        """Log-likelihood of each text in nats, the first token after the prefix token."""
        texts = [instance.args[0] for instance in requests]
        windows = [self._windows(ids) for ids in self._encode(texts)]
        asked: list[Request] = [(None, *window) for group in windows for window in group]
        answers = iter(self._answers(asked, False, disable_tqdm))
        sums = [math.fsum(next(answers).loglikelihood_nats for _ in group) for group in windows]
        for text, total in zip(texts, sums, strict=True):
            self.cache_hook.add_partial("loglikelihood_rolling", (text,), total)
        return sums

    def _encode(self, texts: Sequence[str]) -> Iterator[list[int]]:
        """Token ids as the harness's tok_encode gives them, without special tokens; in batches."""
        for first in range(0, len(texts), _TEXTS_AT_ONCE):
            batch = list(texts[first : first + _TEXTS_AT_ONCE])
            yield from self.tokenizer(batch, add_special_tokens=False, verbose=False)["input_ids"]

    def _windows(self, ids: list[int]) -> list[tuple[list[int], list[int]]]:
        """The harness's windows of a text: what is read, and what of it is scored."""
        rolling = get_rolling_token_windows(
            token_list=ids,
            prefix_token=self.prefix_token_id,
            max_seq_len=self.max_length,
            context_len=1,
        )
        return [make_disjoint_window(window) for window in rolling]

    def loglikelihood(
        self, requests: list[Instance], disable_tqdm: bool = False
    ) -> list[tuple[float, bool]]:
        """As the harness's; a ``TokenText`` is scored as the token ids that it carries."""
        answers: dict[int, tuple[float, bool]] = {}
        by_size: dict[int | None, list[int]] = {}
        for number, (_, continuation) in enumerate(request.args for request in requests):
            is_ids = isinstance(continuation, TokenText) and self.backend == "causal"
            by_size.setdefault(continuation.vocabulary_size if is_ids else None, []).append(number)
        for size, numbers in by_size.items():
            group = [requests[number] for number in numbers]
            if size is None:
                done = super().loglikelihood(group, disable_tqdm)
            else:
                asked = [
                    (request.args, request.args[1].context_ids, request.args[1].token_ids)
                    for request in group
                ]
                done = [TokenAnswer(*pair) for pair in self._pairs(asked, disable_tqdm, size)]
            answers |= zip(numbers, done, strict=True)
        return [answers[number] for number in range(len(requests))]

    def _loglikelihood_tokens(
        self,
        requests: list[Request],
        disable_tqdm: bool = False,
        override_bs: int | None = None,
    ) -> list[tuple[float, bool]]:
        """Log-likelihood of each continuation in nats, and whether it is the greedy one."""
        return self._pairs(requests, disable_tqdm)

    def _pairs(
        self, requests: list[Request], quiet: bool, vocabulary_size: int | None = None
    ) -> list[tuple[float, bool]]:
        answers = self._answers(requests, True, quiet, vocabulary_size)
        pairs = [(answer.loglikelihood_nats, answer.is_greedy) for answer in answers]
        for (text, _, _), pair in zip(requests, pairs, strict=True):
            if text is not None:
                self.cache_hook.add_partial("loglikelihood", text, pair)
        return pairs

    def generate_until(self, requests: list[Instance], disable_tqdm: bool = False) -> list[str]:
        """As the harness's, each process its share."""
        generate = super().generate_until
        return self._shared(lambda share: generate(share, disable_tqdm), requests)

    def get_model_info(self) -> dict[str, Any]:
        """As the harness's, with how the numbers were made."""
        return super().get_model_info() | {
            "infocap_scoring": {
                "method": self.scoring_method,
                "bos_policy": BOS_POLICY,
                "num_processes": self._num_processes,
            }
        }

    @property
    def scoring_method(self) -> str:
        """``blockwise``, ``full_logits``, or ``harness`` for encoder-decoder models."""
        if self.backend != "causal":
            return "harness"
        return "full_logits" if self._head is None else "blockwise"

    # ------------------------------------------------------------------ answers

    def _answers(
        self,
        requests: list[Request],
        want_greedy: bool,
        quiet: bool,
        vocabulary_size: int | None = None,
    ) -> list[Answer]:
        if self.backend != "causal":
            score = super()._loglikelihood_tokens
            return self._shared(
                lambda share: [Answer(*pair) for pair in score(share, disable_tqdm=quiet)], requests
            )
        windows = [
            self._window(context, continuation, vocabulary_size)
            for _, context, continuation in requests
        ]
        if not windows:
            return []
        batches = make_batches(windows, self._budget_tokens(windows))
        mine = range(self._process_index, len(batches), self._num_processes)
        scored = self._score([batches[number] for number in mine], want_greedy, quiet)
        # All processes have the same batches, so their numbers stand for the tokens.
        done = [(number, [scored[window] for window in batches[number]]) for number in mine]
        answered = {
            window: answer
            for number, answers in self._gathered(done)
            for window, answer in zip(batches[number], answers, strict=True)
        }
        return [answered[window] for window in windows]

    def _window(
        self, context: Sequence[int], continuation: Sequence[int], vocabulary_size: int | None
    ) -> Window:
        """A request that fits the model; a context that is too long loses its beginning."""
        if not context or not 1 <= len(continuation) <= self.max_length:
            raise InfocapError(
                f"a request of {len(context)} tokens of context and {len(continuation)} to score: "
                f"each needs at least 1, and at most {self.max_length} (max_length) can be scored"
            )
        room = self.max_length + 1 - len(continuation)
        return Window(tuple(context)[-room:], tuple(continuation), vocabulary_size)

    def _score(
        self, batches: list[list[Window]], want_greedy: bool, quiet: bool
    ) -> dict[Window, Answer]:
        kind = "loglikelihood" if want_greedy else "rolling"
        store = self._open_store()
        answered: dict[Window, Answer] = {}
        with tqdm(
            total=sum(len(window.inputs) for batch in batches for window in batch),
            desc=f"scoring ({self.scoring_method})",
            unit=" tokens",
            unit_scale=True,
            disable=quiet or self._process_index != 0,
        ) as progress:
            for batch in batches:
                kept: dict[Window, Answer] = {}
                if store is not None:
                    keys = {
                        w: request_key(_kind(kind, w), w.context, w.continuation) for w in batch
                    }
                    kept = {w: answer for w, key in keys.items() if (answer := store.get(key))}
                missing = [window for window in batch if window not in kept]
                new = self._score_batch(missing, want_greedy) if missing else {}
                if store is not None and new:
                    store.add({keys[window]: answer for window, answer in new.items()})
                answered |= kept | new
                progress.update(sum(len(window.inputs) for window in batch))
        return answered

    def _score_batch(self, batch: list[Window], want_greedy: bool) -> dict[Window, Answer]:
        """One batch; if it does not fit into memory, two of half the size."""
        try:
            return self._forward(batch, want_greedy)
        except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
            if not _is_out_of_memory(error):
                raise
        _free_memory()
        half = (len(batch) + 1) // 2
        log.warning("out of memory with %d sequences: going on with %d at a time", len(batch), half)
        try:
            first = self._forward(batch[:half], want_greedy)
            return first | (self._forward(batch[half:], want_greedy) if batch[half:] else {})
        except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
            if not _is_out_of_memory(error):
                raise
            raise InfocapError(
                f"out of memory with {half} sequences of {len(batch[0].inputs)} tokens too; "
                "set a lower --batch_size N (1 is the least) or --metadata max_tokens, or give the "
                "model more memory with --model_args parallelize=True"
            ) from error

    def _forward(self, batch: list[Window], want_greedy: bool) -> dict[Window, Answer]:
        rows = {inputs: row for row, inputs in enumerate(dict.fromkeys(w.inputs for w in batch))}
        longest = max(map(len, rows))
        ids = torch.zeros(len(rows), longest, dtype=torch.long, device=self.device)
        for inputs, row in rows.items():  # padded on the right, which a causal model never sees
            ids[row, : len(inputs)] = torch.tensor(inputs)
        tokens = torch.tensor([t for w in batch for t in w.continuation], device=self.device)

        def flat_rows(num_positions: int) -> torch.Tensor:
            """Rows of (sequences * positions) that predict ``tokens``."""
            extra = num_positions - longest  # virtual tokens of a tuned prompt come first
            return torch.tensor(
                [
                    rows[w.inputs] * num_positions + extra + position
                    for w in batch
                    for position in range(len(w.inputs) - len(w.continuation), len(w.inputs))
                ],
                device=self.device,
            )

        size = batch[0].vocabulary_size
        scores = self._token_scores(ids, tokens, flat_rows, want_greedy, size)
        return dict(zip(batch, _sums(scores, [len(w.continuation) for w in batch]), strict=True))

    def _token_scores(
        self,
        ids: torch.Tensor,
        tokens: torch.Tensor,
        flat_rows: Callable[[int], torch.Tensor],
        want_greedy: bool,
        vocabulary_size: int | None,
    ) -> TokenScores:
        if self._head is None:
            logits = self._model_call(ids)
            flat = logits.reshape(-1, logits.shape[-1])[:, :vocabulary_size]  # no copy
            return score_logits(flat, flat_rows(logits.shape[1]).to(flat.device), tokens)
        hidden = self._hidden_states(ids)
        rows = flat_rows(hidden.shape[1]).to(hidden.device)
        device = self._head.weight.device
        chosen = hidden.reshape(-1, hidden.shape[-1])[rows].to(device)
        head = self._head.first(vocabulary_size)
        # Only the published protocol has a vocabulary of its own; it rounds as the model does.
        rounds = vocabulary_size is not None
        return score_blockwise(chosen, tokens.to(device), head, want_greedy, rounds)

    def _hidden_states(self, ids: torch.Tensor) -> torch.Tensor:
        """What the model's own forward pass hands to its head: (sequences, positions, width)."""
        entering: list[torch.Tensor] = []

        def instead(hidden: torch.Tensor) -> torch.Tensor:
            entering.append(hidden)
            return hidden.new_zeros(*hidden.shape[:-1], 1)

        with patch.object(self.model.get_output_embeddings(), "forward", instead):
            self._model_call(ids)
        (hidden,) = entering
        return hidden

    # ------------------------------------------------------------------ the head

    def _find_head(self) -> Head | None:
        """The head, if scoring from hidden states gives the model's own logits on a probe."""
        reason = "its output layer is no plain linear layer"
        try:
            head = Head.of(self.model)
            if head is not None and head.weight.device.type == "meta":
                head, reason = None, "its output layer is offloaded"
            if head is not None and self.mixed_precision_dtype is not None:
                head, reason = None, "mixed_precision_dtype is set"
            if head is not None:
                difference = self._difference_on_probe(head)
                if difference <= torch.finfo(head.weight.dtype).eps:
                    return head
                reason = f"its logits differ by {difference:.1e} from those of its output layer"
        except torch.OutOfMemoryError:
            raise
        except Exception as error:  # a model that does more with its logits than return them
            reason = f"{type(error).__name__} when its output layer was tried"
        log.warning(
            "this model is scored from its full logits, which takes more memory: %s", reason
        )
        return None

    @torch.no_grad()
    def _difference_on_probe(self, head: Head) -> float:
        """Relative difference (root mean square) of the two ways to logits, on a short input."""
        rows = min(len(head.weight), self.model.get_input_embeddings().weight.shape[0])
        random = torch.Generator().manual_seed(0)
        ids = torch.randint(rows, (1, _PROBE_TOKENS), generator=random).to(self.device)
        own = self._model_call(ids)[0].float()
        hidden = self._hidden_states(ids)[0].to(head.weight.device)
        ours = head.logits(hidden, 0, len(head.weight)).to(own.device)
        if own.shape != ours.shape:
            return math.inf
        return float((own - ours).square().mean().sqrt() / own.square().mean().sqrt().clamp(1e-9))

    # ------------------------------------------------------------------ memory, cache, processes

    def _budget_tokens(self, windows: list[Window]) -> int:
        """Tokens of a batch, padding included: the same in all processes, a batch for each."""
        longest = max(len(window.inputs) for window in windows)
        auto = self.batch_size == "auto"
        budget = self._auto_budget_tokens() if auto else int(self.batch_size) * longest
        total = sum(len(window.inputs) for window in set(windows))
        fair = max(longest, min(budget, math.ceil(total / self._num_processes)))
        return int(min(self._gathered([fair])))

    def _auto_budget_tokens(self) -> int:
        """From the memory of the device without the weights, in steps that do not vary by run."""
        if self.device.type != "cuda":
            return _CPU_BUDGET_TOKENS
        memory = torch.cuda.get_device_properties(self.device).total_memory
        weights = sum(p.numel() * p.element_size() for p in self.model.parameters())
        tokens = max(1, (memory - weights) // 4 // self._bytes_per_token())
        return int(min(2 ** int(math.log2(tokens)), _MAX_BUDGET_TOKENS))

    def _detect_batch_size(self, requests: Sequence[Any] | None = None, pos: int = 0) -> int:
        """For what the harness scores and generates itself: from the memory, without a trial."""
        return max(1, self._auto_budget_tokens() // self.max_length)

    def _bytes_per_token(self) -> int:
        """Memory that a token takes in a forward pass, by the widest layer: an upper estimate."""
        config = self.model.config.get_text_config()
        wide = getattr(config, "intermediate_size", None) or 4 * config.hidden_size
        values = 8 * config.hidden_size + 4 * wide
        if self._head is None:
            values += 3 * config.vocab_size
        return values * max(2, self.model.dtype.itemsize)

    def _open_store(self) -> AnswerStore | None:
        if self._cache_folder and self._store is None:
            self._store = AnswerStore(self._cache_folder, self._fingerprint(), self._process_index)
            log.info("%d answers of this model in %s", len(self._store), self._cache_folder)
            if self._num_processes > 1:  # all have read before the first one writes
                self.accelerator.wait_for_everyone()
        return self._store

    def _fingerprint(self) -> str:
        """Hex digits that differ wherever an answer could: weights, config, tokenizer, limits."""
        config = self.model.config.to_dict()
        settings = {
            "config": {
                k: v for k, v in config.items() if k not in ("_name_or_path", "torch_dtype")
            },
            "attention": getattr(self.model.config, "_attn_implementation", None),
            "dtype": str(self.model.dtype),
            "mixed_precision_dtype": str(self.mixed_precision_dtype),
            "tokenizer": tokenizer_fingerprint(self.tokenizer),
            "prefix_token_id": self.prefix_token_id,
            "max_length": self.max_length,
            "bos_policy": BOS_POLICY,
            "method": self.scoring_method,
            "device": self.device.type,
            "adapters": str(getattr(self.model, "peft_config", None)),
        }
        digest = hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode())
        for name, tensor in self.model.state_dict().items():
            digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
            digest.update(_content(tensor))
        return digest.hexdigest()[:32]

    def _gathered(self, items: list[Any]) -> list[Any]:
        """The items of all processes, on each of them."""
        return gather_object(items) if self._num_processes > 1 else items

    def _shared(self, work: Callable[[list[Any]], list[Any]], items: list[Any]) -> list[Any]:
        """``work`` of all items, in order, each process doing its share."""
        numbers = range(self._process_index, len(items), self._num_processes)
        done = work([items[number] for number in numbers]) if numbers else []
        return [
            result for _, result in sorted(self._gathered(list(zip(numbers, done, strict=True))))
        ]


def _kind(kind: str, window: Window) -> str:
    """What is asked, for the keys of kept answers."""
    return kind if window.vocabulary_size is None else f"{kind} {window.vocabulary_size}"


def _sums(scores: TokenScores, lengths: list[int]) -> Iterator[Answer]:
    """Answers to requests whose tokens stand one behind the other."""
    nats = scores.loglikelihood_nats.cpu().split(lengths)
    greedy = None if scores.is_greedy is None else scores.is_greedy.cpu().split(lengths)
    for index, part in enumerate(nats):
        yield Answer(math.fsum(part.tolist()), bool(greedy[index].all()) if greedy else False)


def _content(tensor: torch.Tensor) -> bytes:
    """What changes with any value of a tensor: sums of its bits as integers, exact in any order,
    and values spread evenly over it."""
    flat = tensor.detach().flatten()
    if flat.device.type == "meta" or not flat.numel():
        return b""
    sample = flat[:: max(1, flat.numel() // 4096)].contiguous().cpu().view(torch.uint8)
    as_integer = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
    parts = flat.view(as_integer[flat.element_size()]).split(2**20)
    sums = [int(part.sum(dtype=torch.int64)) for part in parts]
    return bytes(sample.numpy().tobytes()) + json.dumps(sums).encode()


def _is_out_of_memory(error: BaseException) -> bool:
    text = str(error).lower()
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        "out of memory" in text or "can't allocate memory" in text
    )


def _free_memory() -> None:
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
