"""Real engines: ``infocap eval`` in a process of its own, and a vLLM server that can be killed."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

_EVAL = "import sys; from infocap_tasks.cli.main import main; sys.exit(main())"
_SERVE = "import sys; from vllm.entrypoints.cli.main import main; sys.exit(main())"
_START_S = 600


def environment() -> dict[str, str]:
    """For small models on a machine without a GPU and without a network."""
    small = {"HF_HUB_OFFLINE": "1", "VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1"}
    return os.environ | small | {"OMP_NUM_THREADS": "2"}


def infocap_eval(*arguments: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", _EVAL, "eval", *arguments],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment(),
    )  # fmt: skip


def evaluated(out: Path, model: str, model_args: str, *flags: str) -> dict:
    """The results of a run that must end well, with the samples of each task."""
    arguments = ["--model", model, "--model_args", model_args, "--output_path", str(out)]
    run = infocap_eval(*arguments, *flags)
    said = run.communicate()[1]
    assert run.returncode == 0, said[-4000:]
    (file,) = out.rglob("results_*.json")
    return json.loads(file.read_text("utf-8"))


class VLLMServer:
    """A vLLM server in processes of its own; a context that ends them.

    Args:
        model: the folder that it serves, under the name ``served``.
        log: file for what it says.
        arguments: of ``vllm serve``.
    """

    def __init__(self, model: Path, log: Path, *arguments: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self.log = log
        self._command = [
            sys.executable, "-c", _SERVE, "serve", str(model), "--served-model-name", "served",
            "--host", "127.0.0.1", "--port", str(self.port), "--enforce-eager", *arguments,
        ]  # fmt: skip
        self._process: subprocess.Popen | None = None

    def __enter__(self) -> "VLLMServer":
        with self.log.open("a") as log:
            # A session of its own, so that its workers end with it.
            self._process = subprocess.Popen(
                self._command, stdout=log, stderr=log, env=environment(), start_new_session=True
            )
        deadline = time.monotonic() + _START_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"vLLM did not start:\n{self.log.read_text()[-4000:]}")
            time.sleep(0.5)
        return self

    def __exit__(self, *_) -> None:
        self.kill()

    def kill(self) -> None:
        """End it and its workers at once."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _answers(self) -> bool:
        with suppress(URLError, OSError), urlopen(f"{self.url}/models", timeout=5):
            return True
        return False
