"""How far the bits per token of one model scatter by arithmetic alone.

    python benchmarks/rounding.py --model FOLDER --texts FILE.jsonl [--gguf FILE.gguf]

The same weights score the same texts with other batch sizes, numbers of threads and, where their
packages are installed, engines. The spread of each dtype is the largest H less the smallest one.
docs/explanation/intervals.md holds the figures, and the floors that were chosen from them.
"""

import argparse
import gc
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from infocap_tasks.backend.infocap_hf import InfocapHF
from infocap_tasks.backend.scorer import Scorer
from infocap_tasks.backend.windows import Window
from infocap_tasks.metrics import nats_to_bits

BATCH_SIZES = (1, 3, 8)
THREADS = (1, 2)
STEPS = (1, 16, 512)  # tokens that llama.cpp takes at once, by other kernels


class Variant(NamedTuple):
    """One way to score the texts, and the bits that each of them costs."""

    dtype: str
    how: str
    nll_bits: list[float]


def windows_of(path: Path, tokenizer: Any, count: int, max_tokens: int) -> list[Window]:
    """Texts of various lengths, so that batches are padded."""
    lines = path.read_text("utf-8").splitlines()[:count]
    prefix = (tokenizer.bos_token_id or tokenizer.eos_token_id,)
    found = []
    for index, line in enumerate(lines):
        ids = tokenizer(json.loads(line)["text"], add_special_tokens=False)["input_ids"]
        found.append(Window(prefix, tuple(ids[: max_tokens - index * max_tokens // (2 * count)])))
    return found


def bits(scorer: Scorer | None, windows: Sequence[Window]) -> list[float]:
    assert scorer is not None
    answers = scorer.answers(windows, want_greedy=False, quiet=True)
    return [-nats_to_bits(answer.loglikelihood_nats) for answer in answers]


def by_transformers(
    label: str, load: Callable[[], Any], tokenizer: Any, windows: Sequence[Window]
) -> Iterator[Variant]:
    model = load()
    for threads in THREADS:
        torch.set_num_threads(threads)
        for size in BATCH_SIZES:
            lm = InfocapHF(model, tokenizer=tokenizer, batch_size=size)
            how = f"infocap-hf, batches of {size}, {threads} threads"
            yield Variant(label, how, bits(lm.scorer, windows))


def by_llama_cpp(path: Path, label: str, windows: Sequence[Window]) -> Iterator[Variant]:
    from infocap_tasks.backend import gguf_engine
    from infocap_tasks.backend.infocap_gguf import InfocapGGUF

    for threads in THREADS:
        for step in STEPS:
            gguf_engine._STEP_TOKENS = step
            lm = InfocapGGUF(str(path), max_length=1024, n_threads=threads)
            how = f"infocap-gguf, steps of {step} tokens, {threads} threads"
            yield Variant(label, how, bits(lm.scorer, windows))


def by_vllm(folder: str, dtype: str, windows: Sequence[Window]) -> Iterator[Variant]:
    from infocap_tasks.backend.infocap_vllm import InfocapVLLM

    lm = InfocapVLLM(folder, dtype=dtype, max_model_len=1024, enforce_eager=True)
    yield Variant(dtype, "infocap-vllm", bits(lm.scorer, windows))


def variants(options: argparse.Namespace) -> Iterator[Variant]:
    tokenizer = AutoTokenizer.from_pretrained(options.model)
    windows = windows_of(options.texts, tokenizer, options.count, options.max_tokens)
    print(f"{len(windows)} texts, {sum(len(w.continuation) for w in windows)} tokens", flush=True)
    for dtype in options.dtypes:

        def load(dtype: str = dtype) -> Any:
            return AutoModelForCausalLM.from_pretrained(
                options.model, dtype=getattr(torch, dtype)
            ).eval()

        yield from by_transformers(dtype, load, tokenizer, windows)
        gc.collect()
        if find_spec("vllm"):
            yield from by_vllm(options.model, dtype, windows)
    if options.gguf:
        label = options.gguf.name
        if find_spec("llama_cpp"):
            yield from by_llama_cpp(options.gguf, label, windows)

        def dequantised() -> Any:
            return AutoModelForCausalLM.from_pretrained(
                options.gguf.parent, gguf_file=label, dtype=torch.float32
            ).eval()

        yield from by_transformers(f"{label}, dequantised", dequantised, tokenizer, windows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", required=True, help="folder of a model")
    parser.add_argument("--texts", required=True, type=Path, help="a .jsonl file with texts")
    parser.add_argument("--gguf", type=Path, help="a GGUF file of a model with that tokenizer")
    parser.add_argument("--dtypes", nargs="*", default=["float32", "bfloat16"])
    parser.add_argument("--count", type=int, default=8, help="number of texts")
    parser.add_argument("--max-tokens", type=int, default=256, help="tokens of the longest text")
    options = parser.parse_args()
    tokenizer = AutoTokenizer.from_pretrained(options.model)
    windows = windows_of(options.texts, tokenizer, options.count, options.max_tokens)
    num_tokens = np.array([len(window.continuation) for window in windows])
    found: dict[str, list[list[float]]] = defaultdict(list)
    for variant in variants(options):
        found[variant.dtype].append(variant.nll_bits)
        nll = sum(variant.nll_bits) / num_tokens.sum()
        print(f"{variant.dtype:12} {variant.how:40} {nll:.7f} bits per token", flush=True)
    print(
        "\n| arithmetic | ways | spread of H | largest of one text |\n| --- | ---: | ---: | ---: |"
    )
    for dtype, ways in found.items():
        spread = np.ptp(np.array(ways).sum(axis=1) / num_tokens.sum())
        of_one = np.ptp(np.array(ways) / num_tokens, axis=0).max()
        print(f"| {dtype} | {len(ways)} | {spread:.1e} | {of_one:.1e} |")


if __name__ == "__main__":
    main()
