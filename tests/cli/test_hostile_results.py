"""Results files that no run of ours writes: every command reads them or refuses them in a line."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.made_up import documents, run_of, write_results

from infocap_tasks.cli.main import main

TASKS = ("infocap_parallel_en", "infocap_parallel_zh")
HALF = "a\ud800b"  # half of a surrogate pair

Content = dict[str, Any]
Change = Callable[[Content], object]


def contents() -> Iterator[Content]:
    """Results files of four models, each with two languages, benchmarks and a breakdown of N."""
    for size in range(1, 5):
        runs = [
            run_of(
                f"m-{size}B",
                documents([100.0 + size + k for k in range(9)], 2.0 ** (30 + size)),
                task=task,
                corpus=task,
                benchmarks={"arc": 0.1 * size + 0.2, "piqa": 0.3 + 0.02 * size**2},
            )
            for task in TASKS
        ]
        yield _merged([json.loads(write_results(Path(), run).read_text()) for run in runs])


def _merged(files: list[Content]) -> Content:
    first, second = files
    for key in ("results", "configs"):
        first[key] |= second[key]
    for task in TASKS:
        flops = _record(first, task)["flops"]
        flops["breakdown"] = {"mlp": flops["flops_per_token"] / 2, "lm_head": 2.0**29}
        flops["breakdown"]["attention"] = flops["flops_per_token"] - sum(
            flops["breakdown"].values()
        )
    return first


def _record(content: Content, task: str = TASKS[0]) -> Content:
    record: Content = content["configs"][task]["metadata"]["infocap"]
    return record


def _rename(old: str, new: str) -> Change:
    def change(content: Content) -> None:
        for key in ("results", "configs"):
            content[key] = {new if k == old else k: v for k, v in content[key].items()}

    return change


def _model(name: str) -> Change:
    return lambda content: content["config"]["model_args"].update(pretrained=name)


def _in_record(*path: str, **values: object) -> Change:
    def change(content: Content) -> None:
        place = _record(content)
        for key in path:
            place = place[key]
        place.update(values)

    return change


FAULTY: dict[str, Change] = {
    "half a character in the model": _model(f"lab/{HALF}"),
    "half a character in the task": _rename(TASKS[0], HALF),
    "half a character in a benchmark": _rename("arc", HALF),
    "half a character in the corpus": _in_record("corpus", name=HALF),
    "half a character in a document": _in_record(
        "documents", document_id=[HALF, *"12345678"]
    ),
    "half a character in the run's name": _in_record(name=HALF),
    "half a character in the backend": lambda content: content["config"].update(model=HALF),
    "half a character in the breakdown": _in_record("flops", breakdown={HALF: 2.0**31}),
    "a breakdown of null": _in_record("flops", breakdown={"mlp": None}),
    "a breakdown of text": _in_record("flops", breakdown={"mlp": "5"}),
    "a breakdown in a breakdown": _in_record("flops", breakdown={"mlp": {"up": 2.0**31}}),
    "a breakdown below 0": _in_record("flops", breakdown={"mlp": -1.0, "lm_head": 2.0**31 + 1}),
    "a breakdown of another N": _in_record("flops", breakdown={"mlp": 1e308}),
    "a breakdown beyond float64": _in_record("flops", breakdown={"mlp": 1e308, "router": 1e308}),
    "a model's name of two lines": _model("lab/a\nb"),
    "a model's name that controls the terminal": _model("lab/a\x1b[31m"),
    "a task of two lines": _rename(TASKS[0], "a\nb"),
    "a benchmark of two lines": _rename("arc", "a\nb"),
    "a run's name with a zero byte": _in_record(name="a\0b"),
    "a corpus of two lines": _in_record("corpus", name="a\nb"),
    "counts of documents that are lists": _in_record(
        "corpus", num_documents_not_round_trip=1, num_documents_scored=[1]
    ),
    "L beyond 64 bits": _in_record(max_tokens=1e308),
    "active parameters beyond 64 bits": _in_record("flops", active_params=1e300),
    "documents beyond float64": _in_record("documents", num_bytes=[1e308] * 9),
}  # fmt: skip

# One change for each of the four files: what is odd, but no fault.
ODD: dict[str, list[list[Change]]] = {
    "names that other programs take for something else": [
        [_model(r"lab/a$b$\frac{^$"), _rename(TASKS[0], "../../x")],  # matplotlib: mathematics
        [_model("</script><script>alert(1)</script>")],
        [_model("=1+1"), _rename("arc", "=2+2")],  # spreadsheets: a formula
        [_model("lab/\U0001f600")],  # as JSON, two halves of a surrogate pair
    ],
    "names of nothing, and numbers beyond what they count": [
        [_model(""), lambda content: content.update(date=1e300)],
        [_model("///"), _in_record("flops", breakdown=[1, 2])],
        [
            _in_record("corpus", num_documents="7", num_documents_scored=-1),
            lambda content: content["config"].update(model_num_parameters=1e300),
            lambda content: content.update({"n-samples": {TASKS[0]: {"original": 1e308}}}),
        ],
        [_in_record("flops", breakdown=None), _in_record(corpus="abc")],
    ],
}

# RESULTS, A and B are put in: the folder and two files in it.
COMMANDS = [
    "leaderboard RESULTS",
    "leaderboard RESULTS --wide",
    "leaderboard RESULTS --format json",
    "leaderboard RESULTS --format csv",
    "leaderboard RESULTS --format md",
    "leaderboard RESULTS -o page.html",
    *(f"plot {figure} RESULTS -o {figure}.svg" for figure in ("capacity", "flops", "series")),
    "plot frontier RESULTS -o frontier.svg",
    "plot benchmarks RESULTS -o benchmarks.svg",
    "compare A B --task infocap_parallel_zh",
    "compare A B --task infocap_parallel_zh --format json",
    "explain A B --task infocap_parallel_zh -o explain.svg",
    "explain A B --task infocap_parallel_zh --format json",
    "languages RESULTS",
    "languages RESULTS -o languages.svg",
    "bias RESULTS --task infocap_parallel_zh",
    "predict RESULTS --task infocap_parallel_zh --target-flops 6e10",
    "correlate RESULTS",
    "export RESULTS --format csv",
    "export RESULTS -o results.parquet",
    "export RESULTS --format every_eval_ever -o records",
]


@pytest.fixture
def written(tmp_path, monkeypatch) -> Callable[[list[list[Change]]], Path]:
    """Writes the four files with the changes of each, as JSON that spells out all but ASCII."""
    monkeypatch.chdir(tmp_path)
    originals = list(contents())
    folder = tmp_path / "out"
    folder.mkdir()

    def write(changes: list[list[Change]]) -> Path:
        for number, (content, of_file) in enumerate(zip(originals, changes, strict=True)):
            for change in of_file:
                change(content)
            (folder / f"results_{number}.json").write_text(json.dumps(content))
        return folder

    return write


def call(command: str, folder: Path) -> int:
    names = {"RESULTS": folder, "A": folder / "results_0.json", "B": folder / "results_1.json"}
    return main([str(names.get(word, word)) for word in command.split()])


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_work_on_the_files_as_they_are(written, command, capsys):
    assert call(command, written([[]] * 4)) == 0, capsys.readouterr().err


@pytest.mark.parametrize("fault", FAULTY)
def test_every_command_names_faulty_files_in_one_line_each(written, fault, capsys):
    folder = written([[FAULTY[fault]]] * 4)
    for command in COMMANDS:
        assert call(command, folder) == 1, command
        said = capsys.readouterr()
        assert said.out == ""
        lines = said.err.splitlines()
        assert lines[-1].startswith("infocap: error: no run of an infocap task is left")
        for line in lines[:-1]:
            assert line.startswith(f"infocap: {folder}/results_")
            assert line.endswith("; the file is left out")


@pytest.mark.parametrize("oddity", ODD)
def test_every_command_reads_odd_files_or_says_in_a_line_why_not(written, oddity, capsys):
    folder = written(ODD[oddity])
    for command in COMMANDS:
        status = call(command, folder)
        said = capsys.readouterr()
        said.out.encode()
        assert status in (0, 2), command
        assert all(line.startswith("infocap: ") for line in said.err.splitlines()), said.err
        assert (status == 2) == ("infocap: error: " in said.err)


@pytest.mark.parametrize(
    "command",
    ["leaderboard RESULTS --format json", "compare A B --task infocap_parallel_zh --format json"],
)
def test_sources_in_a_folder_whose_name_is_not_utf_8_are_escaped(
    written, command, tmp_path, capsys
):
    odd = Path(os.fsdecode(bytes(tmp_path) + b"/\xff"))
    written([[]] * 4).rename(odd)
    assert call(command, odd) == 0
    out = capsys.readouterr().out
    assert r"\\udcff/results_0.json" in out
    out.encode()


# ------------------------------------------------------------------ paths

LONG = "x" * 300  # no file system takes more than 255


@pytest.mark.parametrize(
    "arguments",
    [
        ["leaderboard", LONG],
        ["leaderboard", "--published", "-o", f"{LONG}.csv"],
        ["leaderboard", "--published", "-o", f"{LONG}/a.csv"],
        ["leaderboard", "--published", "--series", f"{LONG}.csv"],
        ["compare", LONG, LONG],
        ["plot", "capacity", "--published", "-o", f"{LONG}.png"],
        ["corpus", "check", f"{LONG}.jsonl"],
        ["flops", f"./{LONG}"],
        ["flops", LONG],
        ["flops", f"{LONG}.gguf"],
        ["tokenizers", f"./{LONG}"],
        ["eval", "--tasks", "infocap", "--model_args", f"pretrained=./{LONG}"],
        ["eval", "--tasks", "infocap", "--model_args", "pretrained=x", "--include_path", LONG],
    ],
    ids=lambda arguments: " ".join(arguments).replace(LONG, "LONG").replace("/", "|"),
)
def test_a_name_too_long_for_a_file_is_refused_in_one_line(
    arguments, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert said.startswith("infocap: error: ")
    assert said.count("\n") == 1
    assert LONG in said


def test_a_name_too_long_for_a_folder_of_records_is_refused_in_one_line(written, capsys):
    assert call(f"export RESULTS --format every_eval_ever -o {LONG}", written([[]] * 4)) == 2
    said = capsys.readouterr().err
    assert said.startswith("infocap: error: ")
    assert said.count("\n") == 1
