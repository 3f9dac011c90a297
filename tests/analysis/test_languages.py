import json
from dataclasses import replace

import numpy as np
import pytest
from helpers.made_up import run_of, write_results
from helpers.models import SAFE, task_manager, write_jsonl
from lm_eval import simple_evaluate
from lm_eval.loggers import EvaluationTracker

from infocap_tasks.analysis.languages import languages
from infocap_tasks.cli.main import main
from infocap_tasks.errors import InfocapError
from infocap_tasks.metrics import DocumentScore

FLOPS, BIAS = 2.0**30, -27.0


def language(task, factor, tokens=50, seed=0, count=40, prefix="p", model="m", **settings):
    """A run whose passages cost ``factor`` times the bits of hard and easy passages."""
    rng = np.random.default_rng(seed)
    hard = rng.gamma(4, 40, count)
    scores = tuple(
        DocumentScore(f"{prefix}{i}", 200, tokens, factor * float(bits) + rng.normal(0, 2), FLOPS,
                      BIAS)
        for i, bits in enumerate(hard)
    )  # fmt: skip
    return run_of(model, scores, task=task, **{"has_named_documents": True} | settings)


def test_parallel_passages_are_compared_by_their_totals():
    runs = [language("x_zh", 1.3, tokens=46), language("x_en", 1), language("x_de", 1.1, 60)]
    (found,) = languages(runs)
    assert found.is_parallel
    assert found.num_documents == 40
    assert [x.language for x in found.languages] == ["English", "German", "Chinese"]
    totals = {run.task: sum(s.nll_bits for s in run.documents) for run in runs}
    chinese = found.languages[2]
    assert chinese.values["nll_bits"] == pytest.approx(totals["x_zh"])
    assert chinese.values["num_tokens"] == 40 * 46
    assert chinese.values["bits_per_byte"] == pytest.approx(totals["x_zh"] / 8000)
    assert chinese.flops_times_tokens == ("flops_per_token_times_num_tokens", FLOPS * 40 * 46)
    ratio = chinese.ratios["nll_bits"]
    assert ratio.value == pytest.approx(totals["x_zh"] / totals["x_en"])
    assert ratio.interval.low < 1.3 < ratio.interval.high
    assert chinese.ratios["num_tokens"].value == pytest.approx(0.92)
    bits = np.array(list(totals.values()))
    assert found.variation["nll_bits"].value == pytest.approx(bits.std() / bits.mean())
    tokens = np.array([46, 50, 60])
    assert found.variation["num_tokens"].value == pytest.approx(tokens.std() / tokens.mean())


def test_paired_intervals_are_narrower_than_unpaired_ones():
    """The same numbers, once with the names of the English passages and once with others."""
    english = language("x_en", 1)
    (paired,) = languages([english, language("x_zh", 1.3)])
    (unpaired,) = languages([english, language("x_zh", 1.3, prefix="q")])
    assert not unpaired.is_parallel
    widths = []
    for found in (paired, unpaired):
        low, high = found.languages[1].ratios["bits_per_byte"].interval
        assert low < 1.3 < high
        widths.append(high - low)
    assert widths[0] < widths[1] / 5


def test_other_corpora_are_compared_by_the_byte():
    (found,) = languages([language("x_en", 1), language("x_zh", 1.3, 100, prefix="q", count=10)])
    chinese = found.languages[1]
    assert set(chinese.values) == {"bits_per_byte", "tokens_per_byte"}
    assert chinese.values["tokens_per_byte"] == 0.5
    assert chinese.flops_times_tokens == ("flops_per_byte", FLOPS / 2)
    assert found.num_documents == 50


def test_numbered_documents_are_not_paired():
    runs = [language(f"x_{name}", 1, prefix="", has_named_documents=False) for name in ("en", "zh")]
    (found,) = languages(runs)
    assert not found.is_parallel
    (found,) = languages([replace(runs[0], has_named_documents=True), runs[1]])
    assert not found.is_parallel


def test_intervals_of_ratios_cover_the_true_ratio():
    covered = 0
    for seed in range(100):
        (found,) = languages([language("x_en", 1, seed=seed), language("x_zh", 1.3, seed=seed)])
        low, high = found.languages[1].ratios["nll_bits"].interval
        covered += low <= 1.3 <= high
    assert covered >= 90


def test_equal_cost_in_all_languages_is_no_bias():
    english = language("x_en", 1)
    (found,) = languages([english, replace(english, task="x_zh")])
    assert found.variation["nll_bits"].value == 0
    assert found.variation["nll_bits"].interval == pytest.approx((0, 0))


def test_cut_passages_count_in_no_language():
    english = language("x_en", 1)
    scores = list(language("x_zh", 1).documents)
    scores[3] = scores[3]._replace(is_whole=False)
    chinese = run_of("m", tuple(scores), task="x_zh", has_named_documents=True)
    (found,) = languages([english, chinese])
    assert (found.num_documents, found.num_cut) == (39, 1)
    kept = sum(s.nll_bits for i, s in enumerate(english.documents) if i != 3)
    assert found.languages[0].values["nll_bits"] == pytest.approx(kept)


def without(run, *numbers):
    """The run on the other documents alone."""
    kept = tuple(s for i, s in enumerate(run.documents) if i not in numbers)
    return run_of(run.model, kept, task=run.task, has_named_documents=True)


def test_passages_missing_in_one_language_count_in_none():
    german, chinese = language("x_de", 1.1), language("x_zh", 1.3)
    (found,) = languages([language("x_en", 1), without(german, 2), without(chinese, 2, 5, 6)])
    assert found.is_parallel
    assert [x.language for x in found.languages] == ["English", "German", "Chinese"]
    assert (found.num_documents, found.num_missing, found.num_cut) == (37, 3, 0)
    kept = sum(s.nll_bits for s in without(chinese, 2, 5, 6).documents)
    assert found.languages[2].values["nll_bits"] == pytest.approx(kept)


def test_one_shared_passage_is_too_few_to_pair():
    chinese = language("x_zh", 1, prefix="q")
    english_name = chinese.documents[0]._replace(document_id="p0")
    chinese = replace(chinese, documents=(english_name, *chinese.documents[1:]))
    (found,) = languages([language("x_en", 1), language("x_de", 1), chinese])
    assert found.left_out == ["Chinese"]


def all_cut(run):
    scores = tuple(score._replace(is_whole=False) for score in run.documents)
    return replace(run, documents=scores)


def test_task_with_other_documents_is_left_out_beside_parallel_ones():
    runs = [language("x_en", 1), language("x_zh", 1.2), language("x_code", 2, prefix="c")]
    (found,) = languages(runs)
    assert found.left_out == ["code"]
    assert [x.language for x in found.languages] == ["English", "Chinese"]


def test_parallel_tasks_are_found_among_others(tmp_path, capsys):
    """One folder with the parallel tasks, local corpora cut elsewhere and another English one."""
    parallel = [language(f"infocap_parallel_{name}", 1, max_tokens=2048) for name in ("en", "zh")]
    others = [
        language("infocap_pydocs", 1, prefix="", has_named_documents=False, corpus_sha256="1"),
        language("infocap_finepdfs_en", 1, prefix="", has_named_documents=False),
        language("infocap_parallel_code", 1, prefix="c", max_tokens=2048),
    ]
    (alone,) = languages(parallel)
    (found,) = languages([*others, *parallel])
    assert found.left_out == ["finepdfs_en", "parallel_code", "pydocs"]
    assert replace(found, left_out=[]) == alone
    assert main(["languages", results_of(tmp_path / "all", *others, *parallel)]) == 0
    assert "Left out, finepdfs_en, parallel_code, pydocs" in capsys.readouterr().out


def test_of_two_parallel_corpora_the_one_of_the_baseline_is_taken():
    ours = [language(f"ours_{name}", 1, prefix="o") for name in ("en", "de")]
    theirs = [language(f"theirs_{name}", 1, prefix="t") for name in ("en", "fr", "zh")]
    for baseline in ("theirs_en", "fr"):
        (found,) = languages([*ours, *theirs], baseline)
        taken = {x.run.task for x in found.languages}
        assert taken == {"theirs_en", "theirs_fr", "theirs_zh"}
        assert found.left_out == ["ours_de", "ours_en"]
    with pytest.raises(InfocapError, match=r"ours_de, ours_en, theirs_en, .* choose one with"):
        languages([*ours, *theirs])


def test_each_model_with_two_languages_is_measured():
    runs = [language(f"x_{name}", 1, model=m) for m in ("m1", "m2") for name in ("de", "zh")]
    found = languages([*runs, language("x_de", 1, model="alone")], baseline="x_zh")
    assert [x.model for x in found] == ["m1", "m2"]
    assert found[0].languages[0].language == "Chinese"


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        ([language("x_en", 1)], "two languages"),
        ([language("x_de", 1), language("x_zh", 1)], "--baseline"),
        ([language("x_en", 1), language("x_zh", 1, documents=None)], "fewer than two documents"),
        ([language("x_en", 1), language("x_zh", 1, max_tokens=9)], "differ in max_tokens"),
        ([language("x_en", 1), language("x_en", 1, corpus_sha256="1")], "texts named made_up"),
        (
            [
                language("x_en", 1),
                without(language("x_de", 1), *range(20)),
                without(language("x_zh", 1), *range(20, 40)),
            ],
            "English, German, Chinese share 0 passages",
        ),
        ([all_cut(language("x_en", 1)), language("x_zh", 1)], "stay below"),
    ],
)
def test_incomparable_languages_are_refused(runs, said):
    with pytest.raises(InfocapError, match=said):
        languages(runs)


def results_of(folder, *runs):
    """The folder, with a results file of each run in it."""
    folder.mkdir()
    for run in runs:
        write_results(folder, run)
    return str(folder)


def test_command_prints_the_table_and_draws_the_chart(tmp_path, capsys):
    results = results_of(
        tmp_path / "results", language("x_en", 1), language("x_zh", 1.3, tokens=46)
    )
    assert main(["languages", results, "-o", str(tmp_path / "chart.svg")]) == 0
    printed = capsys.readouterr().out
    assert "0.920" in printed
    assert "linguistic bias" in printed
    assert (tmp_path / "chart.svg").read_text().startswith("<?xml")
    assert main(["languages", results, "-o", str(tmp_path / "table.json")]) == 0
    (found,) = json.loads((tmp_path / "table.json").read_text())
    assert found["languages"][1]["num_tokens_ratio"] == pytest.approx(0.92)
    assert not capsys.readouterr().out


def test_command_says_what_is_left_out_and_names_flops_by_what_they_are(tmp_path, capsys):
    english, code = language("x_en", 1), language("x_code", 1, prefix="c")
    chinese = without(language("x_zh", 1), 3)
    assert main(["languages", results_of(tmp_path / "all", english, chinese, code)]) == 0
    printed = capsys.readouterr().out
    assert "1 passages left out: not in every language" in printed
    assert "Left out, code: fewer than two documents" in printed
    assert main(["languages", results_of(tmp_path / "unpaired", english, code)]) == 0
    assert "Not paired: fewer than two documents" in capsys.readouterr().out
    paired = results_of(tmp_path / "paired", english, chinese)
    assert main(["languages", paired, "--format", "csv"]) == 0
    columns = capsys.readouterr().out.splitlines()[0].split(",")
    assert "flops_per_token_times_num_tokens" in columns
    assert "flops" not in columns


@pytest.mark.parametrize(
    ("tasks", "baseline", "first"),
    [
        (["infocap_finepdfs_en_reference", "infocap_ch_reference"], None, "finepdfs_en_reference"),
        (["x_de", "x_zh"], "zh", "Chinese"),
        (["x_de", "x_zh"], "Chinese", "Chinese"),
        (["x_de", "x_zh"], "x_de", "German"),
    ],
)
def test_baseline_is_found_by_default_label_or_task(tasks, baseline, first):
    (found,) = languages([language(task, 1) for task in tasks], baseline)
    assert found.languages[0].language == first


@pytest.fixture(scope="module")
def own_corpora(tiny_model, tmp_path_factory):
    """Results of the harness: three files of one's own, all with the task infocap_custom."""
    folder = tmp_path_factory.mktemp("own")
    texts = {"en": "the weather", "zh": "天气", "numbered": "the other weather"}
    for name, text in texts.items():
        records = [{"id": f"passage {i}", "text": f"{text} {i}."} for i in range(5)]
        corpus = write_jsonl(folder / f"{name}.jsonl", records)
        arguments = {"pretrained": str(tiny_model), "dtype": "float32", **SAFE}
        of_corpus = {"corpus_path": str(corpus), "max_tokens": 64}
        if name != "numbered":
            of_corpus["corpus_id_field"] = "id"
        tracker = EvaluationTracker(output_path=str(folder / "results" / name))
        evaluated = simple_evaluate(
            "hf",
            model_args=arguments,
            tasks=["infocap_custom"],
            task_manager=task_manager(**arguments, **of_corpus),
            device="cpu",
            evaluation_tracker=tracker,
            log_samples=False,
        )
        tracker.save_results_aggregated(evaluated, samples={})
    return folder / "results"


def table_of(capsys, *arguments):
    assert main(["languages", *map(str, arguments), "--format", "json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    return found


def test_own_corpora_scored_with_one_task_are_languages(own_corpora, capsys):
    found = table_of(capsys, own_corpora)
    assert found["is_parallel"]
    assert found["num_documents"] == 5
    assert [row["language"] for row in found["languages"]] == ["English", "Chinese"]
    assert found["left_out"] == ["numbered"]
    turned = table_of(capsys, own_corpora, "--baseline", "zh")
    assert turned["baseline"] == "Chinese"
    ratios = [rows["languages"][1]["num_tokens_ratio"] for rows in (found, turned)]
    assert ratios[0] == pytest.approx(1 / ratios[1])
    assert not table_of(capsys, own_corpora / "en", own_corpora / "numbered")["is_parallel"]
    assert main(["languages", str(own_corpora), "--baseline", "infocap_custom"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "its languages are English, numbered, Chinese; choose one with --baseline" in line
