"""Real sweeps of tiny models: rows that fail, rows that are killed, and going on."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml
from helpers.models import byte_tokenizer, save_llama, write_jsonl

from infocap_tasks import read_runs
from infocap_tasks.cli.main import main
from infocap_tasks.sweep.row_folder import Busy, Outcome, RowFolder
from infocap_tasks.sweep.run_row import run_row
from infocap_tasks.sweep.status import DONE, FAILED, RUNNING, STOPPED, WAITING, state_of
from infocap_tasks.sweep.study import read_study


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with two models and texts; studies name them by relative paths."""
    monkeypatch.chdir(tmp_path)
    for number in (1, 2):
        save_llama(tmp_path / f"m{number}", byte_tokenizer(), initializer_range=0.1 * number)
    texts = [{"text": f"{number} is a number. " * 8} for number in range(20)]
    write_jsonl(tmp_path / "texts.jsonl", texts)
    return tmp_path


def write_study(*models, **more):
    content = {
        "tasks": ["infocap_custom"],
        "device": "cpu",
        "metadata": {"corpus_path": "texts.jsonl", "max_tokens": 64},
        "models": list(models),
    }
    Path("study.yaml").write_text(yaml.safe_dump(content | more))
    return read_study("study.yaml")


def folders(study):
    return {row.name: RowFolder(study, row) for row in study.rows}


def states(study):
    return {name: state_of(folder).state for name, folder in folders(study).items()}


def sweep(*arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "infocap_tasks", "sweep", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        # Jobs in the background are deaf to it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip


def wait_until(holds, process):
    while not holds():
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.02)


def is_alive(pid):
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False


def descendants(pid):
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [found for child in children for found in (int(child), *descendants(int(child)))]


def test_failures_stay_in_their_rows_and_a_second_run_does_what_is_missing(place, capsys):
    (place / "broken").mkdir()
    for file in (place / "m1").iterdir():
        if file.suffix != ".safetensors":
            shutil.copy(file, place / "broken")
    slow = {"pretrained": "m2", "label": "slow", "timeout": 1, "model_args": {"dtype": "float64"}}
    study = write_study("m1", "broken", slow)
    assert states(study) == {"m1": WAITING, "broken": WAITING, "slow": WAITING}
    assert main(["sweep", "run", "study.yaml", "--jobs", "2"]) == 1
    assert states(study) == {"m1": DONE, "broken": FAILED, "slow": FAILED}
    printed = capsys.readouterr().out
    assert "broken: model broken: cannot be loaded" in printed
    assert "slow: timed out after 1 s (attempts: 1, log: study/rows/slow/log.txt)" in printed
    assert main(["sweep", "status", "study.yaml"]) == 1
    assert "1 done, 2 failed" in capsys.readouterr().out
    log_of_done = folders(study)["m1"].log.read_bytes()

    shutil.copy(place / "m1" / "model.safetensors", place / "broken")
    study = write_study("m1", "broken", slow | {"timeout": "10m", "series": "S"})
    assert main(["sweep", "run", "study.yaml"]) == 0
    assert set(states(study).values()) == {DONE}
    assert folders(study)["m1"].log.read_bytes() == log_of_done
    runs = {run.model: run for run in read_runs("study")}
    assert set(runs) == {"m1", "broken", "slow"}
    assert runs["m1"].information_capacity == runs["broken"].information_capacity
    assert "<html" in Path("study/leaderboard.html").read_text()
    assert main(["sweep", "report", "study.yaml"]) == 0
    assert "slow" in capsys.readouterr().out


def test_a_killed_sweep_takes_its_rows_with_it_and_goes_on(place):
    texts = [{"text": f"{number} is a number. " * 8} for number in range(500)]
    write_jsonl(place / "texts.jsonl", texts)
    study = write_study("m1", batch_size=1)
    folder = folders(study)["m1"]
    killed = sweep("run", "study.yaml")
    wait_until(lambda: any(folder.answers.glob("*.sqlite")), killed)
    started = descendants(killed.pid)
    assert len(started) >= 2
    assert states(study) == {"m1": RUNNING}
    killed.kill()
    killed.communicate()
    while any(map(is_alive, started)):
        time.sleep(0.05)
    assert states(study) == {"m1": STOPPED}

    stopped = sweep("run", "study.yaml")
    wait_until(lambda: states(study) == {"m1": RUNNING} and descendants(stopped.pid), stopped)
    started = descendants(stopped.pid)
    stopped.send_signal(signal.SIGINT)
    said = stopped.communicate()[0]
    assert stopped.returncode == 130, said
    assert "the same command goes on" in said
    assert not any(map(is_alive, started))

    assert main(["sweep", "run", "study.yaml"]) == 0
    undisturbed = write_study({"pretrained": "m1", "label": "again"}, batch_size=1)
    assert run_row(folders(undisturbed)["again"], retries=0) is None
    resumed, again = (run.information_capacity for run in read_runs("study"))
    assert resumed == again


def test_a_row_that_another_process_runs_is_left_to_it(place):
    folder = folders(write_study("m1"))["m1"]
    folder.make()
    other = RowFolder(read_study("study.yaml"), folder.row)
    with folder.locked():
        assert state_of(other).state == RUNNING
        with pytest.raises(Busy):
            run_row(other, retries=0)
        assert main(["sweep", "row", "study.yaml", "m1"]) == 75
    assert state_of(other).state == WAITING


def test_a_row_that_is_killed_says_so_and_is_tried_again(place):
    study = write_study({"pretrained": "m1", "batch_size": 4})
    folder = folders(study)["m1"]
    row = sweep("row", "study.yaml", "m1", "--retries", "1")
    wait_until(lambda: descendants(row.pid), row)
    os.kill(descendants(row.pid)[0], signal.SIGKILL)
    wait_until(lambda: (folder.outcome() or Outcome("", None, 0)).attempts == 2, row)
    os.kill(descendants(row.pid)[0], signal.SIGKILL)
    said = row.communicate()[0]
    assert row.returncode == 1
    assert "m1: killed by SIGKILL" in said
    assert state_of(folder).attempts == 2
    assert yaml.safe_load((folder.path / "config.yaml").read_text())["batch_size"] == 4


# ---------------------------------------------------------------------- what is done


def results_of(folder, tasks, name="results_2026-01-01T00-00-00.000000.json"):
    """A file of the harness on standard tasks, as ``lm_eval`` writes it."""
    folder.results.mkdir(parents=True, exist_ok=True)
    content = {
        "results": {task: {"alias": task, "acc,none": 0.5} for task in tasks},
        "group_subtasks": {task: [] for task in tasks},
        "configs": {task: {"task": task} for task in tasks},
        "config": {"model": "hf", "model_args": {"pretrained": "m1"}},
        "date": 1.7e9,
    }
    (folder.results / name).write_text(json.dumps(content))


def test_new_tasks_are_missing_and_patterns_are_found(place):
    study = write_study("m1", tasks="arc_easy,hellaswag,mmlu_*")
    folder = folders(study)["m1"]
    results_of(folder, ["arc_easy", "mmlu_law"])
    assert folder.missing_tasks() == ["hellaswag"]
    results_of(folder, ["hellaswag"], "results_2026-01-02T00-00-00.000000.json")
    assert state_of(folder).state == DONE
    more = folders(write_study("m1", tasks=["arc_easy", "piqa"]))["m1"]
    assert more.missing_tasks() == ["piqa"]


def test_results_that_cannot_be_read_do_not_count(place):
    folder = folders(write_study("m1", tasks=["arc_easy"]))["m1"]
    results_of(folder, ["arc_easy"])
    (file,) = folder.results.iterdir()
    file.write_text(file.read_text()[:-20])
    assert folder.missing_tasks() == ["arc_easy"]


@pytest.mark.parametrize(
    "changed",
    [
        {"limit": 3},
        {"num_fewshot": 1},
        {"metadata": {"corpus_path": "texts.jsonl", "max_tokens": 32}},
        {"model_args": {"dtype": "float32"}},
    ],
)
def test_other_settings_are_other_results(place, changed):
    before = folders(write_study("m1"))["m1"]
    results_of(before, ["infocap_custom"])
    assert before.missing_tasks() == []
    after = folders(write_study("m1", **changed))["m1"]
    assert after.missing_tasks() == ["infocap_custom"]


def test_other_texts_in_the_same_file_are_other_results(place):
    before = folders(write_study("m1"))["m1"].settings
    write_jsonl(place / "texts.jsonl", [{"text": "Other words."}])
    assert folders(write_study("m1"))["m1"].settings != before


@pytest.mark.parametrize(
    ("models", "more", "said"),
    [
        (["m1", "./m3"], {}, "study.yaml:7: "),
        (["m1"], {"tasks": ["infocap_pydoc"]}, "study.yaml:6: --tasks infocap_pydoc: there is no"),
        (["m1"], {"model": "infocap-hff"}, "study.yaml:7: --model infocap-hff: the harness has no"),
        (["m1"], {"batch_size": -1}, "study.yaml:7: --batch_size -1: give auto"),
        ([{"pretrained": "m1", "gpus": 99}], {}, "study.yaml:6: gpus: 99: there are "),
        (["m1"], {"output_path": "texts.jsonl"}, "cannot be made"),
    ],
)
def test_what_no_row_can_use_is_said_before_anything_runs(place, capsys, models, more, said):
    write_study(*models, **more)
    assert main(["sweep", "run", "study.yaml"]) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "error" in line]
    assert said in line


# ---------------------------------------------------------------------- GPUs


def rows_running(pid):
    """Name and GPUs of each row that runs now, of a sweep whose GPUs are told by the variable."""
    found = {}
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        try:
            words = Path(f"/proc/{child}/cmdline").read_text().split("\0")
            told = Path(f"/proc/{child}/environ").read_text().split("\0")
        except OSError:  # it has ended
            continue
        if "row" in words:
            gpus = next(one for one in told if one.startswith("CUDA_VISIBLE_DEVICES="))
            found[words[words.index("row") + 2]] = gpus.partition("=")[2]
    return found


def test_no_gpu_is_given_to_two_rows_at_once(place, monkeypatch):
    (place / "m1" / "config.json").write_text("{}")  # so that a row ends soon
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")
    models = [
        {"pretrained": "m1", "label": "one"},
        {"pretrained": "m1", "label": "split", "model_args": {"tensor_parallel_size": 2}},
        {"pretrained": "m1", "label": "two"},
        {"pretrained": "m1", "label": "none", "gpus": 0},
    ]
    write_study(*models)
    running = sweep("run", "study.yaml", "--jobs", "4")
    seen = {}
    while running.poll() is None:
        now = rows_running(running.pid)
        taken = [gpu for gpus in now.values() for gpu in gpus.split(",") if gpu]
        assert len(taken) == len(set(taken)), now
        seen |= now
        time.sleep(0.01)
    said = running.communicate()[0]
    assert running.returncode == 1, said
    assert seen["split"] == "4,7"
    assert {seen["one"], seen["two"]} == {"4", "7"}
    assert seen["none"] == ""


def test_a_row_whose_process_dies_says_so(place, capsys):
    study = write_study("m1")
    folder = folders(study)["m1"]
    folder.log.mkdir(parents=True)
    assert main(["sweep", "run", "study.yaml"]) == 1
    assert state_of(folder).state == FAILED
    assert "m1: its process: infocap: error:" in capsys.readouterr().out


def test_a_new_task_of_a_row_that_was_done_waits(place):
    folder = folders(write_study("m1", tasks=["arc_easy"]))["m1"]
    results_of(folder, ["arc_easy"])
    folder.note(Outcome(folder.settings, "", 1))
    assert state_of(folder).state == DONE
    assert state_of(folders(write_study("m1", tasks=["arc_easy", "piqa"]))["m1"]).state == WAITING


def test_a_pattern_needs_each_of_our_tasks(place):
    folder = folders(write_study("m1", tasks=["infocap_py*"]))["m1"]
    results_of(folder, ["infocap_pydocs"])
    assert folder.missing_tasks() == ["infocap_py*"]


def test_other_weights_under_the_same_name_are_other_results(place):
    before = folders(write_study("m1"))["m1"].settings
    shutil.copy(place / "m2" / "model.safetensors", place / "m1" / "model.safetensors")
    assert folders(write_study("m1"))["m1"].settings != before


def test_watching_goes_on_until_no_row_runs_or_waits(place, capsys):
    folder = folders(write_study("m1", tasks=["arc_easy"]))["m1"]
    assert main(["sweep", "status", "study.yaml"]) == 0  # all that it needs is imported now
    with ThreadPoolExecutor(1) as thread:
        watch = thread.submit(main, ["sweep", "status", "study.yaml", "--watch"])
        time.sleep(1.5)
        is_watching = not watch.done()
        results_of(folder, ["arc_easy"])
        assert watch.result() == 0
    assert is_watching
    assert capsys.readouterr().out.endswith("1 done; 100% of all rows scored\n")
