import sys

import pytest
from helpers.models import write_jsonl

from infocap_tasks.cli.evaluate import evaluate
from infocap_tasks.errors import InfocapError

PYDOCS = ("--tasks", "infocap_pydocs")


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        ([], "no task given: add --tasks infocap"),
        (["--tsks", "infocap"], "no flag --tsks, did you mean --tasks[?]; see infocap eval --help"),
        (["--tasks", "infocap", "--no_such_thing"], "no flag --no_such_thing; see infocap eval"),
        (["--limit"], "argument --limit/-L: expected one argument; see infocap eval --help"),
        (["--limit", "many"], "argument --limit/-L: invalid float value: 'many'; see infocap eval"),
        (["--cache"], "argument --cache: expected one argument; see infocap eval --help"),
        (["--tasks", "hellaswg"], "--tasks hellaswg: .*did you mean hellaswag"),
        (["--tasks", "infocap_pydocs,hellaswg"], "--tasks hellaswg: .*did you mean hellaswag"),
        ([*PYDOCS, "--model", "infocaphf"], "--model infocaphf: .*did you mean infocap-hf"),
        ([*PYDOCS, "--include_path", "nowhere"], "--include_path nowhere: no such folder"),
        ([*PYDOCS, "--batch_size", "0"], "--batch_size 0: give auto, auto:N or a number from 1"),
        ([*PYDOCS, "--batch_size", "-3"], "--batch_size -3: give auto"),
        ([*PYDOCS, "--model_args", "batch_size=0"], "--batch_size 0: give auto"),
        ([*PYDOCS, "--max_batch_size", "0"], "--max_batch_size 0: give a number from 1"),
        ([*PYDOCS, "--num_fewshot", "-5"], "--num_fewshot -5: give a number from 0"),
        ([*PYDOCS, "--model_args", "max_length=0"], "max_length=0: give a number from 1"),
        (
            [*PYDOCS, "--model_args", "pretrained=x", "--device", "cuuda"],
            "--device cuuda: give cpu",
        ),
        ([*PYDOCS, "--model_args", "pretrained=x,device=cpu:0"], "--device cpu:0: give cpu"),
        ([*PYDOCS, "--model_args", "pretrained=MODEL", "--device", "npu:9"], "has no such device"),
        ([*PYDOCS, "--model_args", "pretrained=MODEL-"], "did you mean tiny0[?]"),
        ([*PYDOCS, "--model_args", "pretrained=MODEL", "--verbosity", "loud"], "give DEBUG, INFO,"),
    ],
)
def test_flags_that_cannot_be_meant_are_refused_in_one_line(tiny_model, flags, complaint, capsys):
    def filled(text):
        return text.replace("MODEL", str(tiny_model))

    with pytest.raises(InfocapError, match=filled(complaint)) as error:
        evaluate([filled(flag) for flag in flags])
    assert "\n" not in str(error.value)
    assert capsys.readouterr().out == ""


def test_a_config_file_is_checked_like_the_command_line(tmp_path):
    file = tmp_path / "run.yaml"
    file.write_text("tasks: [infocap_pydocs]\nbatch_size: 0\n")
    with pytest.raises(InfocapError, match="--batch_size 0"):
        evaluate(["--config", str(file)])
    file.write_text("tasks: infocap_pydocs,infocap_pydoc\n")
    with pytest.raises(InfocapError, match="infocap_pydoc: there is no such task"):
        evaluate(["--config", str(file)])


REFUSING = """
import sys
from infocap_tasks.cli.evaluate import evaluate
from infocap_tasks.errors import InfocapError
try:
    evaluate(sys.argv[1:])
except InfocapError as error:
    print(error)
print([name for name in ("torch", "transformers", "datasets", "numpy") if name in sys.modules])
"""


@pytest.mark.parametrize(
    "flags",
    [
        ("--tasks", "infocap_pydoc"),
        ("--tasks", "infocap_pydocs", "--model", "infocaphf"),
        ("--tasks", "infocap_pydocs", "--model_args", "pretrained=./no_such_model"),
    ],
)
def test_a_mistyped_name_is_refused_before_the_libraries_are_loaded(flags):
    import subprocess

    done = subprocess.run(
        [sys.executable, "-c", REFUSING, *flags], capture_output=True, text=True, check=True
    )
    refusal, loaded = done.stdout.splitlines()
    assert "no such" in refusal
    assert loaded == "[]"
    assert done.stderr == ""


def run(tiny_model, corpus_file, *flags):
    evaluate([
        "--model_args", f"pretrained={tiny_model}", "--tasks", "infocap_custom",
        "--metadata", f"corpus_path={corpus_file}", "max_tokens=64", *flags,
    ])  # fmt: skip


def test_the_log_has_no_lines_of_the_harness_and_of_git_unless_asked_for(
    tiny_model, tmp_path, monkeypatch, capfd
):
    monkeypatch.chdir(tmp_path)
    corpus = write_jsonl(tmp_path / "corpus.jsonl", [{"text": "One text. Two of them."}])
    run(tiny_model, corpus)
    quiet = capfd.readouterr().err
    run(tiny_model, corpus, "--verbosity", "INFO")
    loud = capfd.readouterr().err
    assert quiet.startswith("infocap eval: loading ")
    assert "INFO" not in quiet
    assert "\r" not in quiet
    assert "fatal" not in quiet + loud
