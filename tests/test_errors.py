"""Wrong input: one line from the command, the last line of plain lm_eval, an error in Python."""

import pickle
import subprocess
import sys

import pytest
from helpers.models import write_jsonl

from infocap_tasks import InfocapError
from infocap_tasks.paths import task_configs_dir


def run(*arguments, cwd):
    return subprocess.run(
        [sys.executable, *map(str, arguments)], capture_output=True, text=True, cwd=cwd
    )


def plain_lm_eval(model, metadata, cwd):
    return run(
        "-m", "lm_eval", "run", "--include_path", task_configs_dir(), "--model", "hf",
        "--model_args", f"pretrained={model}", "--tasks", "infocap_custom",
        "--metadata", "max_tokens=64", *metadata, "--output_path", "out", cwd=cwd,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("model", "metadata", "said"),
    [
        ("tiny_model", [], "no corpus_path given: add --metadata corpus_path="),
        ("tiny_model", ["corpus_path=none.jsonl"], "corpus_path=none.jsonl: does not exist"),
        ("tiny_model", ["corpus_path=bad.jsonl"], "bad.jsonl:2: not a line of JSON"),
        ("bos_model", ["corpus_path=good.jsonl"], "add add_bos_token=False to --model_args"),
    ],
)
def test_plain_lm_eval_ends_in_our_message(tmp_path, request, model, metadata, said):
    write_jsonl(tmp_path / "good.jsonl", [{"text": "Dear reader, hello."}])
    (tmp_path / "bad.jsonl").write_text('{"text": "Dear reader, hello."}\n{"text"\n')
    done = plain_lm_eval(request.getfixturevalue(model), metadata, tmp_path)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("infocap_tasks.InfocapError: ")
    assert said in last
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("launcher", [[], ["-m", "torch.distributed.run", "--nproc_per_node", "2"]])
def test_the_command_says_it_in_one_line_under_every_launcher(tiny_model, tmp_path, launcher):
    done = run(
        *launcher, "-m", "infocap_tasks", "eval", "--model_args", f"pretrained={tiny_model}",
        "--tasks", "infocap_custom", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == (1 if launcher else 2)  # torchrun has a status of its own
    ours = [line for line in done.stderr.splitlines() if "no corpus_path given" in line]
    assert ours
    assert all(line.startswith("infocap: error: ") for line in ours)
    if not launcher:
        assert "Traceback" not in done.stderr


def test_an_error_is_no_way_out_of_python():
    assert issubclass(InfocapError, ValueError)
    assert not issubclass(InfocapError, SystemExit)


def test_an_error_travels_between_processes():
    again = pickle.loads(pickle.dumps(InfocapError("said")))
    assert type(again) is InfocapError
    assert str(again) == "said"
