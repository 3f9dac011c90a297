import json
import sys

import pyarrow.parquet
import pytest
from helpers.made_up import documents, run_of, write_results

from infocap_tasks.cli.main import main
from infocap_tasks.metrics import METRICS
from infocap_tasks.report.export import Evaluator, every_eval_ever, faults, flat_rows, public_id
from infocap_tasks.results.published import published_runs
from infocap_tasks.results.read import read_runs
from infocap_tasks.results.run import Provenance

US = Evaluator("Some Lab", "third_party")


def known_run(**fields):
    return run_of(
        "m-1B",
        documents([300.0, 310.0]),
        standard_errors=dict.fromkeys(METRICS, 0.25),
        date=1_800_000_000.5,
        **fields,
    )


def result_of(content, metric):
    (result,) = [
        r for r in content["evaluation_results"] if r["metric_config"]["metric_name"] == metric
    ]
    return result


def test_record_holds_unit_direction_error_and_parameters():
    content = every_eval_ever(known_run(), US, now=1_900_000_000).content
    assert len(content["evaluation_results"]) == len(METRICS)
    bits = result_of(content, "bits_per_byte")
    assert bits["metric_config"]["metric_unit"] == "bits per byte"
    assert bits["metric_config"]["lower_is_better"] is True
    assert bits["metric_config"]["metric_parameters"] == {
        "regime": "harness",
        "max_tokens": 1024,
        "bias_bits_per_token": -20.0,
        "flops_per_token": 2.0**30,
    }
    assert bits["score_details"]["score"] == pytest.approx(0.61)
    assert bits["score_details"]["uncertainty"] == {
        "standard_error": {"value": 0.25, "method": "jackknife"},
        "num_samples": 2,
    }
    assert result_of(content, "information_capacity")["metric_config"]["lower_is_better"] is False
    assert content["evaluation_timestamp"] == "1800000000"
    assert content["retrieved_timestamp"] == "1900000000"


def test_path_depends_on_the_run_alone():
    first, again = (every_eval_ever(known_run(), US).path for _ in range(2))
    assert first == again
    assert first != every_eval_ever(known_run(max_tokens=512), US).path


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("Qwen/Qwen3-0.6B", "Qwen/Qwen3-0.6B"),
        ("/home/someone/models/mine", "local/mine"),
        ("./models/mine", "local/mine"),
        ("models/deep/mine", "local/mine"),
        ("../mine", "local/mine"),
        ("~/mine", "local/mine"),
        ("/x/a b:c", "local/a_b_c"),
    ],
)
def test_model_id_hides_paths_of_this_machine(given, shown):
    assert public_id(known_run(provenance=Provenance(given))) == shown


def test_export_of_a_run_whose_file_has_moved_keeps_its_model_id(tmp_path):
    path = write_results(tmp_path, known_run())
    (run,) = read_runs([path]).runs
    path.rename(tmp_path / "elsewhere.json")
    (row,) = flat_rows([run])
    assert (row["model_id"], row["backend"]) == ("lab/m-1B", "infocap-hf")
    assert row["source"] == path.name
    assert every_eval_ever(run, US).content["model_info"]["id"] == "lab/m-1B"


def test_published_rows_are_not_among_the_records(tmp_path, capsys):
    arguments = ["--published", "--format", "every_eval_ever", "-o", str(tmp_path / "records")]
    assert main(["export", *arguments]) == 2
    assert "choose --format csv or parquet" in capsys.readouterr().err
    results = write_results(tmp_path, known_run())
    assert main(["export", str(results), *arguments]) == 0
    assert "39 published rows left out" in capsys.readouterr().err
    (path,) = (tmp_path / "records").rglob("*.json")
    assert json.loads(path.read_text())["model_info"]["name"] == "m-1B"


def test_records_pass_the_checks_of_every_eval_ever(tmp_path):
    """As its validator runs them on a submission: schema, bounds, identity and path."""
    pytest.importorskip("every_eval_ever", reason="pip install every-eval-ever (Python 3.12)")
    from every_eval_ever.validator.validation_core import validate_aggregate

    for run in [known_run(), known_run(max_tokens=512)]:
        record = every_eval_ever(run, US)
        assert faults(record.content) == []
        path = tmp_path / record.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(record.content))
        report = validate_aggregate(path, repo_path=record.path, run_semantic_checks=True)
        assert (report.errors, report.warnings) == ([], [])


def test_rows_read_off_a_figure_have_their_margin():
    margins = [row["information_capacity_margin"] for row in flat_rows(published_runs())]
    assert (margins.count(5e-5), margins.count(None)) == (32, 7)


def test_faults_are_those_of_the_schema():
    pytest.importorskip("every_eval_ever", reason="pip install every-eval-ever (Python 3.12)")
    content = every_eval_ever(known_run(), US).content
    del content["model_info"]
    assert faults(content) == ["$: 'model_info' is a required property"]


def test_parquet_reads_back_in_full_precision(tmp_path):
    target = tmp_path / "flat.parquet"
    assert main(["export", "--published", "--format", "parquet", "-o", str(target)]) == 0
    assert pyarrow.parquet.read_table(target).to_pylist() == flat_rows(published_runs())
    assert [path.name for path in tmp_path.iterdir()] == ["flat.parquet"]


def test_parquet_types_do_not_depend_on_what_is_known(tmp_path):
    """Also of columns that are empty, or hold whole numbers only."""
    schemas = []
    for number, fields in enumerate(
        [{"benchmarks": {"arc": 1}}, {"documents": None, "benchmarks": {"arc": 0.5}}]
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        write_results(folder, run_of("m-1B", documents([300.0, 310.0]), **fields))
        target = str(folder / "flat.parquet")
        assert main(["export", str(folder), "-o", target]) == 0
        schemas.append(pyarrow.parquet.read_schema(target))
    assert schemas[0].equals(schemas[1])
    types = {field.name: str(field.type) for field in schemas[0]}
    assert set(types.values()) == {"string", "bool", "int64", "double"}
    assert types["benchmark_arc"] == types["bits_per_byte_stderr"] == types["date"] == "double"
    assert types["num_documents"] == types["active_params"] == "int64"
    assert types["dtype"] == types["corpus_sha256"] == "string"


def test_output_says_so_if_nothing_was_validated(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "every_eval_ever.schema", None)
    results = str(write_results(tmp_path, known_run()))
    target = tmp_path / "records"
    assert main(["export", results, "--format", "every_eval_ever", "-o", str(target)]) == 0
    assert "not validated" in capsys.readouterr().err
    assert len(list(target.rglob("*.json"))) == 1


def test_unwritable_output_is_one_line(tmp_path, capsys):
    assert main(["export", "--published", "--format", "parquet"]) == 2
    nowhere = str(tmp_path / "no" / "flat.parquet")
    assert main(["export", "--published", "--format", "parquet", "-o", nowhere]) == 2
    blocked = tmp_path / "file"
    blocked.write_text("")
    results = str(write_results(tmp_path, known_run()))
    arguments = ["export", results, "--format", "every_eval_ever", "-o", str(blocked)]
    assert main(arguments) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if "error" in line]
    assert len(lines) == 3  # beside them it may say that nothing validated the records
    assert all("-o" in line for line in lines)
