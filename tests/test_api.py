"""The public names: where they are, what they answer, and that the reference shows them all."""

import ast
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pandas
import pytest
from helpers.made_up import documents, made_up_series, run_of, write_results
from transformers import AutoConfig

import infocap_tasks
from infocap_tasks import (
    InfocapError,
    compare,
    correlate,
    count_flops,
    explain,
    fit_bias,
    leaderboard,
    load_tokenizer,
    measure_tokenizers,
    predict,
    published_runs,
    read_runs,
    to_frame,
)
from infocap_tasks.analysis.compare import compare as compare_documents
from infocap_tasks.metrics import METRICS

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "reference" / "python.md").read_text("utf-8")
HEAVY = {"torch", "transformers", "lm_eval", "matplotlib", "pandas"}


# ------------------------------------------------------------------ names


def imports_for_type_checkers():
    """Module and attribute by public name, as ``if TYPE_CHECKING`` imports them."""
    tree = ast.parse(Path(infocap_tasks.__file__).read_text())
    (block,) = [node for node in tree.body if isinstance(node, ast.If) and node.orelse == []][:1]
    return {
        alias.asname or alias.name: (node.module, alias.name)
        for node in block.body
        for alias in node.names
    }


def test_every_public_name_is_the_one_that_type_checkers_see():
    homes = imports_for_type_checkers()
    assert sorted(homes) == infocap_tasks.__all__
    for name, (module, attribute) in homes.items():
        assert getattr(infocap_tasks, name) is getattr(import_module(module), attribute)
    assert set(infocap_tasks.__all__) <= set(dir(infocap_tasks))


def test_unknown_names_are_attribute_errors():
    with pytest.raises(AttributeError, match="'infocap_tasks' has no attribute 'scores'"):
        _ = infocap_tasks.scores


def modules_after(code):
    code += "\nimport sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_the_package_loads_nothing_else_of_it():
    modules = modules_after("import infocap_tasks")
    ours = {name for name in modules if name.startswith("infocap_tasks.")}
    assert ours == {"infocap_tasks.errors"}  # it names the extra that brings what is missing
    assert not (HEAVY | {"numpy"}) & modules


def test_questions_to_runs_need_no_model_library():
    names = "compare, correlate, explain, fit_bias, languages, leaderboard, predict, to_frame"
    modules = modules_after(f"from infocap_tasks import {names}, published_runs, read_runs")
    assert "infocap_tasks.analysis.questions" in modules
    assert not HEAVY & modules


# ------------------------------------------------------------------ the page


def arguments_and_result(function):
    """A signature as text, whether its annotations are quoted or not."""
    result = ast.unparse(function.returns)
    return re.sub("[\"']", "", f"{ast.unparse(function.args)} -> {result}")


def shown_signatures():
    blocks = re.findall(r"```python\n(def .+?)\n```", PAGE, re.DOTALL)
    functions = [ast.parse(f"{block}: ...").body[0] for block in blocks]
    return {function.name: arguments_and_result(function) for function in functions}


def test_the_reference_shows_every_name_with_its_signature():
    shown = shown_signatures()
    assert {*shown, "InfocapError"} == set(infocap_tasks.__all__)
    for name, (module, attribute) in imports_for_type_checkers().items():
        if name in shown:
            module = getattr(infocap_tasks, name).__module__
            tree = ast.parse(Path(import_module(module).__file__).read_text())
            (function,) = [
                node
                for node in tree.body
                if isinstance(node, ast.FunctionDef) and node.name == attribute
            ]
            assert shown[name] == arguments_and_result(function), name


def test_the_harness_example_of_the_reference_runs(tiny_model, tmp_path):
    """In a process of its own, so that nothing but its one import registers the model."""
    (example,) = re.findall(r"<!-- runs -->\n```python\n(.+?)```", PAGE, re.DOTALL)
    example = example.replace("HuggingFaceTB/SmolLM2-135M", str(tiny_model))
    example = example.replace("limit=16", "limit=2").replace("False,", 'False, "max_length": 2048,')
    example += "print(results['config']['model'], results['results']['infocap_pydocs'])"
    done = subprocess.run(
        [sys.executable, "-c", example], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("infocap-hf {")
    assert "'sample_len': 2" in done.stdout


def test_the_notebook_ends_in_a_figure(tmp_path):
    notebook = ROOT / "docs" / "notebook.py"
    done = subprocess.run([sys.executable, notebook], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "capacity.png").read_bytes().startswith(b"\x89PNG")
    assert re.search(r"^IC = -?\d\.\d{4}, \d\.\d{3} bits per byte$", done.stdout, re.MULTILINE)


def test_our_model_stands_beside_those_of_the_harness():
    code = (
        "import infocap_tasks.backend.registered, sys; light = 'torch' not in sys.modules\n"
        "from lm_eval.api.registry import get_model\n"
        "print(light, get_model('infocap-hf').__name__, get_model('hf').__name__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "InfocapHF", "HFLM"]


# ------------------------------------------------------------------ runs


@pytest.fixture
def pair():
    """Two runs on the same three documents, the first one cheaper in bits."""
    return (
        run_of("good", documents([300.0, 310.0, 290.0])),
        run_of("poor", documents([400.0, 390.0, 420.0])),
    )


def test_one_path_is_enough_to_read_runs(pair, tmp_path):
    for run in pair:
        write_results(tmp_path, run)
    of_text, of_path = read_runs(str(tmp_path)), read_runs(tmp_path)
    assert of_text == of_path == read_runs([tmp_path])
    assert sorted(run.model for run in of_text) == ["good", "poor"]


def test_files_that_cannot_be_read_are_warnings_at_the_caller(pair, tmp_path):
    write_results(tmp_path, pair[0])
    (tmp_path / "results_damaged.json").write_text("{")
    with pytest.warns(UserWarning, match="results_damaged.json: is damaged") as warned:
        (run,) = read_runs(tmp_path)
    assert run.model == "good"
    assert warned[0].filename == __file__


def test_a_frame_has_a_row_a_run_and_every_metric_with_its_error(pair, tmp_path):
    for run in pair:
        write_results(tmp_path, run)
    runs = read_runs(tmp_path)
    frame = to_frame(runs)
    assert list(frame["model"]) == [run.model for run in runs]
    for name in METRICS:
        assert list(frame[name]) == [run.metric(name) for run in runs]
        assert frame[f"{name}_stderr"].dtype == "float64"
    assert list(frame["num_documents"]) == [3, 3]


def test_columns_of_a_frame_have_one_type_where_nothing_is_known():
    frame = to_frame(published_runs())
    assert len(frame) == 39
    assert frame["num_documents"].isna().all()
    assert frame["num_documents"].dtype == pandas.Int64Dtype()
    assert frame["information_capacity_stderr"].dtype == "float64"


def test_a_board_becomes_a_frame_with_ranks_and_intervals(pair):
    (board,) = leaderboard(pair)
    frame = to_frame(board)
    assert list(zip(frame["rank"], frame["model"], strict=True)) == [(1, "good"), (2, "poor")]
    low, high = frame["information_capacity_low"], frame["information_capacity_high"]
    assert ((low <= frame["information_capacity"]) & (frame["information_capacity"] <= high)).all()


def test_compare_answers_as_the_command(pair):
    assert compare(*pair) == compare_documents(*pair)
    assert compare(*pair).difference > 0
    assert explain(*pair) == compare(*pair)


@pytest.mark.parametrize("ask", [compare, explain])
def test_runs_on_other_texts_are_not_compared(pair, ask):
    other = run_of("other", documents([400.0, 390.0, 420.0]), corpus_sha256="1" * 64)
    with pytest.raises(InfocapError, match="differ in corpus_sha256"):
        ask(pair[0], other)


def test_another_bias_is_no_reason_not_to_compare(pair):
    other = run_of("poor", documents([400.0, 390.0, 420.0], bias=-24.0))
    parts = {part.source: part.information_capacity for part in compare(pair[0], other).parts}
    assert parts["bias"] == pytest.approx((-20 + 24) / 30)


def test_a_flat_series_gives_its_bias_back():
    runs = made_up_series("S", 0.2, -22.0, [30, 32, 34])
    (fit,) = fit_bias(runs)
    assert fit.bias_bits_per_token == pytest.approx(-22.0)
    mixed = [runs[0], *made_up_series("T", 0.2, -22.0, [30])]
    with pytest.raises(InfocapError, match="at least two sizes"):
        fit_bias(mixed)


def test_predict_leaves_out_the_reference_and_other_series():
    reference = next(run for run in published_runs() if run.model == "Hunyuan-0.5B-Pretrain")
    found = predict(reference, published_runs())
    assert [prediction.model for prediction in found] == [
        "Hunyuan-1.8B-Pretrain", "Hunyuan-4B-Pretrain", "Hunyuan-7B-Pretrain",
    ]  # fmt: skip
    assert found[0].predicted_gain_bits_per_token == pytest.approx(31.4107, abs=5e-5)


def test_predict_a_size_that_is_not_run_yet():
    reference, *others = made_up_series("S", 0.2, -24.0, [30, 32, 34])
    (found,) = predict(reference, others, flops_per_token=2.0**36)
    assert found.predicted_gain_bits_per_token == pytest.approx(0.2 * 36 + 24)
    assert found.interval.low == pytest.approx(found.interval.high)  # nothing scatters
    with pytest.raises(InfocapError, match="N must be a finite number above 1"):
        predict(reference, others, flops_per_token=1.0)


def test_correlate_takes_comparable_runs_alone():
    runs = [
        run_of(f"m{bits}", documents([100.0 * bits, 90.0 * bits]), benchmarks={"arc": 1 / bits})
        for bits in (1, 2, 3, 4)
    ]
    found = {row.coefficient: row for row in correlate(runs) if row.quantity == "bits_per_byte"}
    assert found["spearman"].value == pytest.approx(-1)
    other = run_of("other", documents([1.0, 2.0]), task="infocap_pydocs", benchmarks={"arc": 0.5})
    with pytest.raises(InfocapError, match="differ in task"):
        correlate([*runs, other])


def test_published_rows_that_are_left_out_are_a_warning_at_the_caller():
    mine = run_of(
        "Qwen3-8B-Base", documents([300.0, 310.0], bias=-24.0, regime="reference"), "Qwen3-Base",
        task="infocap_mixed_reference", corpus="mixed_text",
    )  # fmt: skip
    with pytest.warns(UserWarning, match="published") as warned:
        fits = fit_bias([mine, *published_runs()])
    assumed, left_out = (str(warning.message) for warning in warned)
    assert "38 published rows do not say the hash of their texts" in assumed
    assert "left out the published Qwen3-8B-Base" in left_out
    assert {warning.filename for warning in warned} == {__file__}
    assert next(fit for fit in fits if fit.series == "Qwen3-Base").num_models == 5


# ------------------------------------------------------------------ models without weights


def test_flops_of_a_name_and_of_its_config_agree(tiny_model):
    flops = count_flops(tiny_model, context_tokens=64)
    assert flops == count_flops(str(tiny_model), 64)
    assert flops == count_flops(AutoConfig.from_pretrained(tiny_model), 64)
    assert flops.context_tokens == 64
    with pytest.raises(InfocapError, match="no such file or folder"):
        count_flops("./none")


def test_tokenizers_are_measured_on_plain_strings(tiny_model):
    loaded = load_tokenizer(str(tiny_model))
    texts = {"one": ["abc", "the other"], "two": ["xyz"]}
    rows = measure_tokenizers([str(tiny_model), loaded], texts)
    assert [row.corpus for row in rows] == ["one", "two"] * 2
    assert [row.num_bytes for row in rows] == [12, 3] * 2
    # "the" and " the" have merges in this tokenizer: a, b, c; the, ' ', o, the, r.
    assert rows[0].num_tokens == 3 + 5
    assert measure_tokenizers([loaded], ["xyz"])[0].num_tokens == 3
    with pytest.raises(InfocapError, match="one string was given"):
        measure_tokenizers([loaded], "xyz")
