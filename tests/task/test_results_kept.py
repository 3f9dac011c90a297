"""Results that cannot be written: said before scoring, or after it, never with exit status 0."""

import json
import resource
import subprocess
import sys

import lm_eval.loggers
import pytest
from helpers.limits import files_of_at_most

from infocap_tasks.cli.evaluate import evaluate
from infocap_tasks.errors import FaultyFiles, InfocapError
from infocap_tasks.task.results_kept import require_writable, results_kept

FLAGS = (
    "--tasks", "infocap_custom", "--metadata", "corpus_path=CORPUS", "max_tokens=64",
    "--model_args", "pretrained=MODEL",
)  # fmt: skip


@pytest.fixture
def flags(tiny_model, corpus_file):
    return [
        flag.replace("CORPUS", str(corpus_file)).replace("MODEL", str(tiny_model)) for flag in FLAGS
    ]


@pytest.mark.parametrize(
    ("output_path", "said"),
    [
        ("file", "Not a directory|File exists"),
        ("file/below", "Not a directory"),
        ("file/below.json", "File exists"),
        ("/proc/none", "No such file"),
        ("/dev/null", "Not a directory|File exists"),
        ("x" * 300, "too long"),
    ],
)
def test_a_path_that_cannot_be_written_is_refused_before_scoring(
    flags, tmp_path, monkeypatch, capsys, output_path, said
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InfocapError, match=f"--output_path .*({said})"):
        evaluate([*flags, "--output_path", output_path])
    assert "information_capacity" not in capsys.readouterr().out
    assert (tmp_path / "file").read_text() == "in the way"


def test_a_model_whose_name_makes_too_long_a_folder_is_refused_but_not_with_a_file(tmp_path):
    model = {"pretrained": "/".join(["long"] * 60)}
    with pytest.raises(InfocapError, match="too long"):
        require_writable(str(tmp_path / "out"), model)
    assert not (tmp_path / "out").exists()
    require_writable(str(tmp_path / "out" / "results.json"), model)
    assert (tmp_path / "out").is_dir()


def limited(num_bytes, *arguments, cwd):
    """The command in a process whose files cannot grow above so many bytes."""
    return subprocess.run(
        [sys.executable, "-m", "infocap_tasks", "eval", *arguments],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, num_bytes)),
        capture_output=True, text=True, cwd=cwd,
    )  # fmt: skip


def test_results_that_are_cut_short_are_an_error_after_the_table(flags, tmp_path):
    done = limited(8192, *flags, "--output_path", "out", cwd=tmp_path)
    assert done.returncode == 1
    assert "information_capacity" in done.stdout
    last = done.stderr.splitlines()[-1]
    assert last.startswith("infocap: error: out/")
    assert "could not be written (File too large)" in last
    assert "the answers were not kept: run again" in last
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file()]


def save(output_path, num_samples, kept=None):
    """Results and samples, written by the harness as at the end of a run."""
    model = {"pretrained": "some/model"}
    sample = {
        "doc_hash": "d", "prompt_hash": "p", "target_hash": "t", "arguments": [["x" * 100]],
        "resps": [], "filtered_resps": [], "target": "",
    }  # fmt: skip
    samples = [dict(sample) for _ in range(num_samples)]
    with results_kept(model, kept):
        tracker = lm_eval.loggers.EvaluationTracker(output_path=str(output_path))
        tracker.general_config_tracker.log_experiment_args("hf", model, None, "", False)
        with files_of_at_most(8192):
            tracker.save_results_aggregated({"results": {}}, {"a": samples})
            tracker.save_results_samples("a", samples)


def test_samples_that_are_cut_short_are_an_error_too(tmp_path):
    with pytest.raises(
        FaultyFiles, match=r"samples_a_\S+: could not .*File too large.*kept in answers"
    ):
        save(tmp_path, 100, "answers")
    (written,) = (path for path in tmp_path.rglob("*") if path.is_file())
    assert json.loads(written.read_text())["results"] == {}


@pytest.mark.parametrize("name", ["out", "out.json"])
def test_whole_files_are_no_error(tmp_path, name):
    save(tmp_path / name, 10)
    assert len([path for path in tmp_path.rglob("*_20*.json*") if path.is_file()]) == 2
