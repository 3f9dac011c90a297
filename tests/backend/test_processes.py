"""Real processes: killed and restarted, two at once, two nodes."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import psutil
import pytest
from helpers.models import byte_tokenizer, save_llama, write_jsonl

from infocap_tasks.metrics import METRICS

NUM_TEXTS = 60


@pytest.fixture(scope="module")
def setting(tmp_path_factory):
    """A model that takes some milliseconds a text, another one, and a corpus."""
    folder = tmp_path_factory.mktemp("setting")
    larger = {"hidden_size": 128, "intermediate_size": 512, "num_hidden_layers": 8}
    save_llama(folder / "model", byte_tokenizer(merges=True), **larger)
    save_llama(folder / "other", byte_tokenizer(merges=True), **larger, rope_theta=500.0)
    texts = [f"Text {n} of the corpus: " + "the other " * (n % 7 + 5) for n in range(NUM_TEXTS)]
    write_jsonl(folder / "corpus.jsonl", [{"text": text} for text in texts])
    return folder


def command(setting, output, *more, model="model", corpus="corpus.jsonl"):
    return [
        "-m", "infocap_tasks", "eval", "--model_args",
        f"pretrained={setting / model},dtype=float32", "--tasks", "infocap_custom",
        "--metadata", f"corpus_path={setting / corpus}", "max_tokens=64", "--batch_size", "1",
        "--output_path", str(output), "--log_samples", *more,
    ]  # fmt: skip


def environment():
    """One thread a process, so that the processes of a test do not wait for one another."""
    return {**os.environ, "OMP_NUM_THREADS": "1"}


def run(*arguments):
    done = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, env=environment()
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done


def results_in(folder: Path):
    (path,) = folder.glob("**/results_*.json")
    results = json.loads(path.read_text())
    return {name: results["results"]["infocap_custom"][f"{name},none"] for name in METRICS}


def samples_in(folder: Path):
    (path,) = folder.glob("**/samples_*.jsonl")
    return [json.loads(line) for line in path.read_text().splitlines()]


def answers_in(cache: Path):
    count = 0
    for path in cache.glob("*.sqlite"):
        try:
            with closing(sqlite3.connect(path, timeout=10)) as connection:
                count += connection.execute("SELECT count(*) FROM answers").fetchone()[0]
        except sqlite3.OperationalError:
            pass  # not there yet
    return count


@pytest.fixture(scope="module")
def unbroken(setting):
    run(*command(setting, setting / "unbroken"))
    return results_in(setting / "unbroken")


def test_killed_run_resumes_to_the_same_bits(setting, unbroken, tmp_path):
    cache = tmp_path / "cache"
    for wanted in (5, 25):
        running = subprocess.Popen(
            [sys.executable, *command(setting, tmp_path / "killed", "--cache", str(cache))],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment(),
        )  # fmt: skip
        while answers_in(cache) < wanted and running.poll() is None:
            time.sleep(0.002)
        running.send_signal(signal.SIGKILL)
        running.wait()
        kept = answers_in(cache)
        assert wanted <= kept < NUM_TEXTS
    assert not [*(tmp_path / "killed").rglob("*.json")]
    more = ("--cache", str(cache), "--verbosity", "INFO")
    done = run(*command(setting, tmp_path / "resumed", *more))
    assert f"{kept} answers of this model" in done.stderr
    assert results_in(tmp_path / "resumed") == unbroken
    assert answers_in(cache) == NUM_TEXTS


def test_two_models_share_a_cache_folder_but_no_answers(setting, unbroken, tmp_path):
    cache = str(tmp_path / "cache")
    run(*command(setting, tmp_path / "other", "--cache", cache, model="other"))
    run(*command(setting, tmp_path / "model", "--cache", cache))
    assert results_in(tmp_path / "model") == unbroken
    assert results_in(tmp_path / "other") != unbroken
    assert len(list((tmp_path / "cache").glob("*.sqlite"))) == 2


def test_damaged_cache_is_recomputed(setting, unbroken, tmp_path):
    cache = tmp_path / "cache"
    run(*command(setting, tmp_path / "first", "--cache", str(cache)))
    (path,) = cache.glob("*.sqlite")
    data = bytearray(path.read_bytes())
    data[len(data) // 3 :: 97] = bytes(len(data[len(data) // 3 :: 97]))
    path.write_bytes(data)
    done = run(*command(setting, tmp_path / "second", "--cache", str(cache)))
    assert "is damaged" in done.stderr
    assert results_in(tmp_path / "second") == unbroken


def free_port():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


def torchrun(*arguments):
    return [sys.executable, "-m", "torch.distributed.run", *arguments]


def assert_each_text_once(folder, number=NUM_TEXTS):
    rows = samples_in(folder)
    assert sorted(row["doc_id"] for row in rows) == list(range(number))


def test_two_processes_score_each_text_once(setting, unbroken, tmp_path):
    cache = tmp_path / "cache"
    arguments = command(setting, tmp_path / "two", "--cache", str(cache))
    launcher = torchrun("--nproc_per_node", "2", "--master_port", str(free_port()))
    done = subprocess.run(
        [*launcher, *arguments], capture_output=True, text=True, env=environment()
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert results_in(tmp_path / "two") == pytest.approx(unbroken, rel=1e-6)
    assert_each_text_once(tmp_path / "two")
    files = list(cache.glob("*.sqlite"))
    assert len(files) == 2
    assert answers_in(cache) == NUM_TEXTS  # none was computed by both


def test_processes_end_with_a_launcher_that_is_killed(setting, tmp_path):
    """Far before they would be through: what they scored when it was killed tells how far."""
    num_texts = 5_000
    write_jsonl(setting / "long.jsonl", [{"text": f"Text {n}, " * 8} for n in range(num_texts)])
    cache = tmp_path / "cache"
    arguments = command(setting, tmp_path / "killed", "--cache", str(cache), corpus="long.jsonl")
    launcher = subprocess.Popen(
        [*torchrun("--nproc_per_node", "2", "--master_port", str(free_port())), *arguments],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment(),
    )  # fmt: skip
    while answers_in(cache) < 5 and launcher.poll() is None:
        time.sleep(0.02)
    workers = psutil.Process(launcher.pid).children(recursive=True)
    assert len(workers) == 2
    launcher.send_signal(signal.SIGKILL)
    launcher.wait()
    _, alive = psutil.wait_procs(workers, timeout=120)
    for worker in alive:
        worker.kill()
    assert not alive
    assert 5 <= answers_in(cache) < num_texts / 2
    assert not [*(tmp_path / "killed").rglob("*.json*")]


def test_two_nodes_score_fewer_texts_than_processes(setting, tmp_path):
    """Two launches that meet on the loopback, as on two machines; one text for two processes."""
    write_jsonl(setting / "one.jsonl", [{"text": "The only text of this corpus."}])
    run(*command(setting, tmp_path / "alone", corpus="one.jsonl"))
    address = f"127.0.0.1:{free_port()}"
    arguments = command(setting, tmp_path / "nodes", corpus="one.jsonl")
    nodes = [
        subprocess.Popen(
            [
                *torchrun(
                    "--nnodes", "2", "--node_rank", str(rank), "--nproc_per_node", "1",
                    "--rdzv_backend", "c10d", "--rdzv_endpoint", address, "--rdzv_id", "test",
                ),
                *arguments,
            ],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment(),
        )
        for rank in range(2)
    ]  # fmt: skip
    said = [node.communicate()[0] for node in nodes]
    assert [node.returncode for node in nodes] == [0, 0], said[0][-2000:] + said[1][-2000:]
    assert results_in(tmp_path / "nodes") == pytest.approx(
        results_in(tmp_path / "alone"), rel=1e-6, nan_ok=True
    )
    assert_each_text_once(tmp_path / "nodes", 1)
    assert sum("|infocap_custom|" in text for text in said) == 1  # one of them reports
