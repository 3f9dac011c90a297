"""Seconds from the start of a process to its end: infocap eval and plain lm_eval, one text.

The runs alternate, since other processes may use the cores. Imports, indices and the reading of the
model are what takes the time: the model is random and the text has 33 tokens.

    python benchmarks/startup.py
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from helpers.models import byte_tokenizer, save_llama, write_jsonl

from infocap_tasks.paths import task_configs_dir

_ROUNDS = 3


def _commands(folder: Path) -> dict[str, list[str]]:
    model = save_llama(folder / "model", byte_tokenizer())
    corpus = write_jsonl(folder / "corpus.jsonl", [{"text": "A river keeps no record of the rain"}])
    ours, theirs = ["-m", "infocap_tasks"], ["-m", "lm_eval", "run"]
    run = [
        *("--tasks", "infocap_custom", "--metadata", f"corpus_path={corpus}", "max_tokens=64"),
        *("--model_args", f"pretrained={model}"),
    ]
    config = str(model / "config.json")
    return {
        "lm_eval run, our task": [*theirs, "--include_path", str(task_configs_dir()), *run],
        "infocap eval, our task": [*ours, "eval", *run],
        "lm_eval run, a mistyped task": [*theirs, "--tasks", "hellaswg"],
        "infocap eval, a mistyped task": [*ours, "eval", "--tasks", "hellaswg"],
        "infocap eval, a mistyped model": [
            *(*ours, "eval", "--tasks", "infocap"),
            *("--model_args", f"pretrained={model}l"),
        ],
        "lm_eval run --help": [*theirs, "--help"],
        "infocap eval --help": [*ours, "eval", "--help"],
        "infocap flops, a config": [*ours, "flops", config],
    }


def _seconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, *command], capture_output=True, check=False)
    return time.perf_counter() - start


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        commands = _commands(Path(folder))
        rounds = [
            {name: _seconds(command) for name, command in commands.items()} for _ in range(_ROUNDS)
        ]
    print("| command | s, median | s, least |\n| --- | ---: | ---: |")
    for name in commands:
        seconds = [taken[name] for taken in rounds]
        print(f"| {name} | {median(seconds):.1f} | {min(seconds):.1f} |")


if __name__ == "__main__":
    main()
