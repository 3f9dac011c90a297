"""Speed and memory of scoring: the limit, infocap-hf, stock hf, and the public code's method.

    python benchmarks/scoring.py [--shapes smollm2-135m gemma-3-270m] [--repeats 3]

Random weights in bf16 at the shapes of real models; texts of 1024 random tokens, the same for all
methods. Tokens per second are medians of interleaved repeats in one process; memory is the peak
above the loaded model, each method in a process of its own. The table goes to
benchmarks/RESULTS.md.
"""

import argparse
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from lm_eval.models.huggingface import HFLM
from transformers import (
    AutoModelForCausalLM,
    Gemma3TextConfig,
    LlamaConfig,
    PretrainedConfig,
    Qwen3Config,
)

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from helpers.models import byte_tokenizer

from infocap_tasks.backend.infocap_hf import InfocapHF
from infocap_tasks.backend.windows import Window

TOKENS = 1024
SEQUENCES = 2  # of a batch, for the methods that make logits
SHAPES: dict[str, PretrainedConfig] = {
    "smollm2-135m": LlamaConfig(
        hidden_size=576, num_hidden_layers=30, num_attention_heads=9, num_key_value_heads=3,
        intermediate_size=1536, vocab_size=49152, tie_word_embeddings=True,
    ),
    "gemma-3-270m": Gemma3TextConfig(
        hidden_size=640, num_hidden_layers=18, num_attention_heads=4, num_key_value_heads=1,
        head_dim=256, intermediate_size=2048, vocab_size=262144, sliding_window=512,
    ),
    "qwen3-0.6b": Qwen3Config(
        hidden_size=1024, num_hidden_layers=28, num_attention_heads=16, num_key_value_heads=8,
        head_dim=128, intermediate_size=3072, vocab_size=151936, tie_word_embeddings=True,
    ),
    "qwen3-4b": Qwen3Config(
        hidden_size=2560, num_hidden_layers=36, num_attention_heads=32, num_key_value_heads=8,
        head_dim=128, intermediate_size=9728, vocab_size=151936, tie_word_embeddings=True,
    ),
}  # fmt: skip

Requests = list[tuple[None, list[int], list[int]]]


def make_model(shape: str) -> torch.nn.Module:
    torch.manual_seed(0)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return AutoModelForCausalLM.from_config(SHAPES[shape], dtype=torch.bfloat16).to(device).eval()


def make_requests(shape: str, number: int) -> Requests:
    ids = torch.randint(SHAPES[shape].vocab_size, (number, TOKENS))
    return [(None, [0], row.tolist()) for row in ids]


def inputs_of(batch: Requests, device: torch.device) -> torch.Tensor:
    return torch.tensor([(c + t)[:-1] for _, c, t in batch], device=device)


def batched(requests: Requests) -> list[Requests]:
    return [requests[i : i + SEQUENCES] for i in range(0, len(requests), SEQUENCES)]


def limit(model: torch.nn.Module) -> Callable[[Requests], None]:
    """Body and LM-head matmul, nothing else: no method that uses all logits can be faster."""
    head = model.get_output_embeddings().weight

    @torch.no_grad()
    def run(requests: Requests) -> None:
        for batch in batched(requests):
            hidden = model.base_model(inputs_of(batch, model.device)).last_hidden_state
            for rows in hidden.reshape(-1, hidden.shape[-1]).split(1024):
                for first in range(0, len(head), 4096):
                    F.linear(rows, head[first : first + 4096])

    return run


def infocap(model: torch.nn.Module) -> Callable[[Requests], None]:
    lm = InfocapHF(model, tokenizer=byte_tokenizer(), max_length=TOKENS, batch_size=SEQUENCES)
    scorer = lm.scorer
    assert scorer is not None
    assert scorer.engine.facts.method == "blockwise"

    def run(requests: Requests) -> None:
        windows = [Window(tuple(context), tuple(ids)) for _, context, ids in requests]
        scorer.answers(windows, want_greedy=False, quiet=True)

    return run


def stock(model: torch.nn.Module) -> Callable[[Requests], None]:
    lm = HFLM(
        model, tokenizer=byte_tokenizer(), max_length=TOKENS, batch_size=SEQUENCES,
        softmax_dtype="float32",
    )  # fmt: skip

    def run(requests: Requests) -> None:
        for batch in batched(requests):
            lm._loglikelihood_tokens(batch, disable_tqdm=True, override_bs=len(batch))

    return run


def full_softmax(model: torch.nn.Module) -> Callable[[Requests], None]:
    """What the paper's code does: a float32 softmax over all logits of a padded batch."""

    @torch.no_grad()
    def run(requests: Requests) -> None:
        for batch in batched(requests):
            probabilities = F.softmax(model(inputs_of(batch, model.device)).logits.float(), dim=-1)
            targets = torch.tensor([t for _, _, t in batch], device=model.device)
            probabilities.gather(-1, targets[..., None]).log2().sum()

    return run


METHODS = {
    "limit (body and head matmul)": limit,
    "infocap-hf": infocap,
    "stock hf, float32 softmax": stock,
    "public code's method": full_softmax,
}


def peak_above_model_mb(shape: str, method: str) -> float:
    """In this process: peak memory above the loaded model, for one batch of two texts."""
    model = make_model(shape)
    score = METHODS[method](model)
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
        loaded = torch.cuda.memory_allocated()
        score(make_requests(shape, SEQUENCES))
        return (torch.cuda.max_memory_allocated() - loaded) / 2**20
    page = resource.getpagesize()
    loaded = int(Path("/proc/self/statm").read_text().split()[1]) * page
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    score(make_requests(shape, SEQUENCES))
    status = Path("/proc/self/status").read_text()
    peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    return (peak * 1024 - loaded) / 2**20


def measure(shape: str, repeats: int, number: int) -> list[tuple[str, float, float]]:
    model = make_model(shape)
    runs = {name: make(model) for name, make in METHODS.items()}
    requests = make_requests(shape, number)
    speeds: dict[str, list[float]] = {name: [] for name in METHODS}
    for name in METHODS:  # warm up
        runs[name](requests[:SEQUENCES])
    for repeat in range(repeats):
        for name in METHODS:
            start = time.perf_counter()
            runs[name](requests)
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            speeds[name].append(number * TOKENS / (time.perf_counter() - start))
        print(f"{shape}: repeat {repeat + 1} of {repeats}", file=sys.stderr)
    return [(n, statistics.median(speeds[n]), memory_of(shape, n)) for n in METHODS]


def memory_of(shape: str, method: str) -> float:
    arguments = [sys.executable, __file__, "--memory", shape, method]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    return float(done.stdout.splitlines()[-1])


def machine() -> str:
    if torch.cuda.is_available():
        return f"{torch.cuda.get_device_name()}, torch {torch.__version__}"
    model = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
         if line.startswith("model name")), platform.processor(),
    )  # fmt: skip
    capability = torch.backends.cpu.get_cpu_capability()
    return f"{torch.get_num_threads()} cores of {model} ({capability}), torch {torch.__version__}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, default=list(SHAPES)[:2])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--texts", type=int, default=4)
    parser.add_argument("--memory", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory:
        print(peak_above_model_mb(*options.memory))
        return
    lines = [f"{machine()}; bf16, texts of {TOKENS} tokens, {SEQUENCES} in a batch.", ""]
    lines += ["| shape | method | tokens/s | of the limit | peak above the model, MB |"]
    lines += ["| --- | --- | ---: | ---: | ---: |"]
    for shape in options.shapes:
        rows = measure(shape, options.repeats, options.texts)
        best = rows[0][1]
        lines += [
            f"| {shape} | {name} | {speed:.0f} | {speed / best:.2f} | {memory:.0f} |"
            for name, speed, memory in rows
        ]
    text = "\n".join(["# Scoring: speed and memory", "", *lines, ""])
    Path(__file__).with_name("RESULTS.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
