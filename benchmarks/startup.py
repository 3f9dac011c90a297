"""Processor seconds of infocap and of plain lm_eval, from the start of a process to its end.

The commands run one after the other, ROUNDS times, since other processes may use the cores, which
processor seconds do not count. Imports, indices and the reading of the model are what takes the
time: the model is random and the text has 33 tokens.

    python benchmarks/startup.py [ROUNDS]
"""

import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from helpers.models import byte_tokenizer, save_llama, write_jsonl

from infocap_tasks.paths import task_configs_dir

_ROUNDS = 3
# What each command is compared with, where plain lm_eval has one.
_BESIDE = {
    "infocap eval, our task": "lm_eval run, our task",
    "infocap eval, a mistyped task": "lm_eval run, a mistyped task",
    "infocap eval --help": "lm_eval run --help",
}


def _commands(folder: Path) -> dict[str, list[str]]:
    model = save_llama(folder / "model", byte_tokenizer())
    corpus = write_jsonl(folder / "corpus.jsonl", [{"text": "A river keeps no record of the rain"}])
    ours, theirs = ["-m", "infocap_tasks"], ["-m", "lm_eval", "run"]
    run = [
        *("--tasks", "infocap_custom", "--metadata", f"corpus_path={corpus}", "max_tokens=64"),
        *("--model_args", f"pretrained={model}"),
    ]
    config = str(model / "config.json")
    others = [
        str(save_llama(folder / f"model{n}", byte_tokenizer(), num_hidden_layers=n))
        for n in (3, 4, 5, 6)
    ]
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
        "infocap flops, five configs": [*ours, "flops", config, *others],
    }


def _cpu_seconds(command: list[str]) -> float:
    before = _of_children()
    subprocess.run([sys.executable, *command], capture_output=True, check=False)
    return _of_children() - before


def _of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    num_rounds = int(sys.argv[1]) if len(sys.argv) > 1 else _ROUNDS
    with tempfile.TemporaryDirectory() as folder:
        commands = _commands(Path(folder))
        rounds = [
            {name: _cpu_seconds(command) for name, command in commands.items()}
            for _ in range(num_rounds)
        ]
    taken = {name: median(one[name] for one in rounds) for name in commands}
    print("| command | CPU s, median | of lm_eval's |\n| --- | ---: | ---: |")
    for name, seconds in taken.items():
        ratio = f"{seconds / taken[_BESIDE[name]]:.2f}" if name in _BESIDE else ""
        print(f"| {name} | {seconds:.1f} | {ratio} |")
    further = (taken["infocap flops, five configs"] - taken["infocap flops, a config"]) / 4
    print(f"| infocap flops, a further config | {further:.2f} | |")


if __name__ == "__main__":
    main()
