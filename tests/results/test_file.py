"""One file of the real harness: as it is, in older shapes, and damaged."""

import copy
import json
from pathlib import Path

import pytest
from helpers.made_up import save_content as save
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infocap_tasks.metrics import METRICS, aggregate
from infocap_tasks.results.read import read_runs
from infocap_tasks.results.run import Provenance


def test_run_holds_what_a_real_file_says(results):
    runs, complaints, notes = read_runs([results])
    assert (complaints, notes) == ([], [])
    assert sorted((run.model, run.task) for run in runs) == [
        (model, task) for model in ("mini-0.1B", "mini-0.2B") for task in ("words_en", "words_zh")
    ]
    for run in runs:
        written = json.loads(Path(run.source).read_text())
        row = written["results"][run.task]
        for name in METRICS:
            assert run.metric(name) == pytest.approx(row[f"{name},none"], rel=1e-12)
            assert run.standard_errors[name] == row[f"{name}_stderr,none"]
            assert aggregate(name, run.documents) == pytest.approx(run.metric(name), rel=1e-12)
        assert run.benchmarks == {"quiz": written["results"]["quiz"]["acc,none"]}
        assert (run.series, run.regime, run.max_tokens) == ("mini", "harness", 96)
        assert run.bias_bits_per_token == -27
        assert run.corpus == f"{run.task[-2:]}.jsonl"
        assert len(run.corpus_sha256) == 64
        assert run.active_params > 0
        assert run.date == written["date"]
        assert [score.document_id for score in run.documents] == [str(n) for n in range(1, 13)]
        assert not run.has_named_documents


def test_provenance_is_read_with_the_run(content, tmp_path):
    model = str(tmp_path / "mini-0.1B")
    content["config"] |= {
        "model_args": {"pretrained": model},
        "model_revision": 7,  # the harness parses revision=7 to a number
        "model_sha": "",
    }
    for run in read_runs([save(tmp_path, content)]).runs:
        infocap = content["configs"][run.task]["metadata"]["infocap"]
        assert run.provenance == Provenance(
            model_id=model,
            backend="hf",
            harness_version=content["lm_eval_version"],
            num_parameters=content["config"]["model_num_parameters"],
            dtype="torch.float32",
            revision="7",
            commit=None,
            tokenizer_fingerprint=infocap["tokenizer"]["fingerprint"],
            flops_method="counted",
            flop_breakdown=infocap["flops"]["breakdown"],
            corpus=infocap["corpus"],
        )
        assert sum(run.provenance.flop_breakdown.values()) == run.flops_per_token


@pytest.mark.parametrize(
    ("id_field", "names", "is_named"),
    [
        ("id", "123456789", True),  # named by numbers of their own
        (None, "abcdefghi", True),  # files of a folder, modules of Python
        (None, "123456789", False),
    ],
)
def test_documents_have_names_by_the_field_else_by_what_they_are(
    content, tmp_path, id_field, names, is_named
):
    for config in (content["configs"][task] for task in ("words_en", "words_zh")):
        infocap = config["metadata"]["infocap"]
        infocap["documents"]["document_id"] = [*names, *names[:3]]
        infocap["corpus"]["id_field"] = id_field
        if not id_field:
            del infocap["corpus"]["id_field"]  # as in older files
    runs, complaints, _ = read_runs([save(tmp_path, content)])
    assert complaints == []
    assert [run.has_named_documents for run in runs] == [is_named] * 2


# ------------------------------------------------------------------ older shapes


def test_files_of_version_0_1_are_read_alike(content, tmp_path):
    newer = read_runs([save(tmp_path, content)]).runs
    for config in content["configs"].values():
        documents = config["metadata"].get("infocap", {}).get("documents")
        if documents:
            documents["document"] = documents.pop("document_id")
    older = read_runs([save(tmp_path, content)]).runs
    assert older == newer
    assert all(run.documents for run in older)


def test_older_files_give_the_same_capacities(content, tmp_path):
    expected = {run.task: run for run in read_runs([save(tmp_path, content)]).runs}
    for key in ("model_name", "model_name_sanitized", "model_source", "n-samples", "date",
                "higher_is_better", "group_subtasks", "task_hashes"):  # fmt: skip
        del content[key]
    content["config"]["model_args"] = "pretrained=mini-0.1B,dtype=float32"
    for task in expected:
        row = content["results"][task]
        content["results"][task] = {key.partition(",")[0]: row[key] for key in row}
        infocap = content["configs"][task]["metadata"]["infocap"]
        del infocap["documents"], infocap["regime"]
    runs, complaints, _ = read_runs([save(tmp_path, content)])
    assert not complaints
    for run in runs:
        assert run.information_capacity == expected[run.task].information_capacity
        assert (run.model, run.documents, run.regime) == ("mini-0.1B", None, "harness")
        assert run.provenance.model_id == "mini-0.1B"


def test_documents_of_older_files_are_whole_where_they_are_too_short_to_be_cut(content, tmp_path):
    """Only those are that cannot have been cut, which leaves up to 3 tokens less than L."""
    for task in ("words_en", "words_zh"):
        infocap = content["configs"][task]["metadata"]["infocap"]
        tokens = infocap["documents"]["num_tokens"]
        infocap["max_tokens"] = sorted(tokens)[6] + 3
        del infocap["documents"]["is_whole"]
    runs, complaints, _ = read_runs([save(tmp_path, content)])
    assert not complaints
    for run in runs:
        assert {score.is_whole for score in run.documents} == {True, False}
        for score in run.documents:
            assert score.is_whole is (score.num_tokens < run.max_tokens - 3)


def test_documents_of_older_files_have_texts_of_their_own(content, tmp_path):
    for task in ("words_en", "words_zh"):
        del content["configs"][task]["metadata"]["infocap"]["documents"]["text_digest"]
    runs, complaints, _ = read_runs([save(tmp_path, content)])
    assert not complaints
    assert {score.text_digest for run in runs for score in run.documents} == {""}


def test_unlisted_metrics_follow_from_the_documents(content, tmp_path):
    expected = {run.task: run for run in read_runs([save(tmp_path, content)]).runs}
    for task in expected:
        row = content["results"][task]
        content["results"][task] = {
            key: row[key] for key in row if key.startswith(("information_capacity,", "flops_per_t"))
        }
    for run in read_runs([save(tmp_path, content)]).runs:
        assert run.metric("bits_per_byte") == pytest.approx(
            expected[run.task].metric("bits_per_byte"), rel=1e-12
        )


def test_model_object_is_named_by_its_metadata(content, tmp_path):
    content["config"]["model_args"] = None
    content["model_name"] = "model_x7f3"  # the harness makes one up
    for run in read_runs([save(tmp_path, content)]).runs:
        assert run.model == "mini-0.1B"
        assert run.provenance.model_id.endswith("/mini-0.1B")


# ------------------------------------------------------------------ damaged and foreign files


def change(path, value):
    def apply(content):
        for key in path[:-1]:
            content = content[key]
        if value is None:
            del content[path[-1]]
        else:
            content[path[-1]] = value

    return apply


INFOCAP = ("configs", "words_zh", "metadata", "infocap")
ROW = ("results", "words_zh")


@pytest.mark.parametrize(
    "damage",
    [
        change(("results",), [1, 2]),
        change(("results",), None),
        change(("configs",), None),
        change(ROW, "0.3"),
        change(INFOCAP, None),
        change((*INFOCAP, "bias_bits_per_token"), None),
        change((*INFOCAP, "bias_bits_per_token"), "-27"),
        change((*INFOCAP, "bias_bits_per_token"), -24),
        change((*INFOCAP, "max_tokens"), None),
        change((*INFOCAP, "regime"), "other"),
        change((*INFOCAP, "flops", "breakdown", "mlp"), "5"),
        change((*INFOCAP, "documents", "nll_bits"), None),
        change((*INFOCAP, "documents", "nll_bits"), [1.0]),
        change((*INFOCAP, "documents", "nll_bits"), [1.0] * 12),
        change((*INFOCAP, "documents", "is_whole"), [True]),
        change((*INFOCAP, "documents", "is_whole"), [1] * 12),
        change((*INFOCAP, "documents", "text_digest"), ["a"]),
        change((*INFOCAP, "documents", "text_digest"), [1] * 12),
        change((*INFOCAP, "documents", "num_tokens"), [0] * 12),
        change((*INFOCAP, "documents", "num_bytes"), [True] * 12),
        change((*ROW, "nll_bits_per_token,none"), 3.0),
        change((*ROW, "information_capacity,none"), 0.123),
        change((*ROW, "flops_per_token,none"), 1),
        change((*ROW, "text_size_bits_per_token,none"), float("inf")),
    ],
)
def test_damaged_files_are_named_and_left_out_whole(content, tmp_path, damage):
    damage(content)
    path = save(tmp_path, content)
    runs, complaints, _ = read_runs([tmp_path])
    assert runs == []
    assert len(complaints) == 1
    assert complaints[0].startswith(str(path))
    assert "\n" not in complaints[0]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "{}", '{"results": {}}', "\x00", '{"a": 1}', "[" * 100_000]
)
def test_other_content_is_a_complaint(tmp_path, text):
    path = save(tmp_path, text)
    assert len(read_runs([path]).complaints) == 1


def test_truncated_file_is_a_complaint(results, tmp_path):
    text = sorted(results.rglob("*.json"))[0].read_text()
    for length in (1, len(text) // 3, len(text) - 2):
        path = save(tmp_path, text[:length])
        runs, complaints, _ = read_runs([path])
        assert (len(runs), len(complaints)) == (0, 1)


JUNK = st.sampled_from(
    [None, True, -1, 0, 10**400, 1e308, float("nan"), "x", "", [], [1], {}, {"a": 1}, [[{}]]]
)


@given(data=st.data(), junk=JUNK)
@settings(max_examples=150, suppress_health_check=list(HealthCheck), deadline=None)
def test_junk_anywhere_is_a_complaint_or_makes_no_difference(content, tmp_path, data, junk):
    """Whatever stands in any one place: never another exception, never half of a file."""
    damaged = copy.deepcopy(content)
    place = damaged
    while True:
        keys = range(len(place)) if isinstance(place, list) else sorted(place)
        key = data.draw(st.sampled_from(keys))
        below = place[key]
        if not isinstance(below, dict | list) or not below or data.draw(st.booleans()):
            break
        place = below
    place[key] = junk
    runs, complaints, _ = read_runs([save(tmp_path, damaged)])
    assert len(complaints) <= 1
    assert not (complaints and runs)


def test_binary_file_is_a_complaint(tmp_path):
    (tmp_path / "results_1.json").write_bytes(b"\xff\xfe\x00")
    assert len(read_runs([tmp_path]).complaints) == 1
