"""Tokens per second against a vLLM server, beside vLLM's own batch call and the harness's client.

    python benchmarks/servers.py MODEL [--texts 24] [--tokens 256] [--dtype float32] [--repeats 2]

Random token ids of MODEL's vocabulary, the same for all methods. The server is ended before vLLM is
loaded in this process: an idle engine takes time from another one on its cores (on a CPU, vLLM
binds both to the same). Medians of the repeats. The table goes to benchmarks/RESULTS.md.
"""

import argparse
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from helpers.engines import VLLMServer, environment

Ids = list[list[int]]
Method = Callable[[Ids], None]


def batch_call(model: str, dtype: str, window: int) -> Method:
    from vllm import LLM, SamplingParams

    llm = LLM(model, dtype=dtype, max_model_len=window, enforce_eager=True)
    wanted = SamplingParams(
        max_tokens=1, temperature=0, prompt_logprobs=0, flat_logprobs=True, detokenize=False
    )

    def score(texts: Ids) -> None:
        llm.generate([{"prompt_token_ids": ids} for ids in texts], wanted, use_tqdm=False)

    return score


def ours(url: str, model: str, in_flight: int) -> Method:
    from infocap_tasks.backend.infocap_api import InfocapAPI

    lm = InfocapAPI(url, tokenizer=model, num_concurrent=in_flight)
    return lambda texts: lm._loglikelihood_tokens(_asked(texts), disable_tqdm=True)


def harness(url: str, model: str) -> Method:
    from lm_eval.models.openai_completions import LocalCompletionsAPI

    lm = LocalCompletionsAPI(base_url=f"{url}/completions", model="served", tokenizer=model)

    def score(texts: Ids) -> None:  # one text after the other, as it asks for rolling requests
        for request in _asked(texts):
            lm._loglikelihood_tokens([request], disable_tqdm=True)

    return score


def _asked(texts: Ids) -> list[tuple[None, list[int], list[int]]]:
    return [(None, ids[:1], ids[1:]) for ids in texts]


def tokens_per_second(score: Method, texts: Ids) -> float:
    start = time.perf_counter()
    score(texts)
    return sum(map(len, texts)) / (time.perf_counter() - start)


def measure(methods: dict[str, Method], sets: list[Ids]) -> dict[str, float]:
    for score in methods.values():
        score([ids[::-1] for ids in sets[0][:2]])  # the first requests of an engine take longer
    speeds: dict[str, list[float]] = {name: [] for name in methods}
    for texts in sets:
        for name, score in methods.items():
            speeds[name].append(tokens_per_second(score, texts))
    return {name: statistics.median(of) for name, of in speeds.items()}


def _print(speeds: dict[str, float]) -> None:
    base = next(iter(speeds.values()))
    print("| method | tokens/s | of the batch call |\n| --- | ---: | ---: |")
    for name, speed in speeds.items():
        print(f"| {name} | {speed:.0f} | {speed / base:.2f} |")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--texts", type=int, default=24)
    parser.add_argument("--tokens", type=int, default=256)
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--repeats", type=int, default=2)
    options = parser.parse_args(arguments)
    from transformers import AutoTokenizer

    draw, size = random.Random(0), len(AutoTokenizer.from_pretrained(options.model))

    sets = [
        [[draw.randrange(size) for _ in range(options.tokens)] for _ in range(options.texts)]
        for _ in range(options.repeats)
    ]
    window = options.tokens + 64
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "server.log"
        given = ("--dtype", options.dtype, "--max-model-len", str(window))
        with VLLMServer(Path(options.model), log, *given) as server:
            served = {
                "infocap-api, 32 in flight": ours(server.url, options.model, 32),
                "the harness's local-completions": harness(server.url, options.model),
            }
            speeds = measure(served, sets)
    in_process = {
        "vLLM in process, one batch call": batch_call(options.model, options.dtype, window)
    }
    _print(measure(in_process, sets) | speeds)


if __name__ == "__main__":  # vLLM starts this file again in its own processes
    import os

    os.environ.update(environment())
    main()
