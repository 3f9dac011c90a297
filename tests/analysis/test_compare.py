from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from helpers.made_up import documents, run_of, write_results
from scipy import stats

from infocap_tasks.analysis.compare import compare, explain
from infocap_tasks.analysis.intervals import estimate, metric_of, text_columns
from infocap_tasks.cli.main import main
from infocap_tasks.errors import InfocapError


def pair(seed=0, count=40, advantage=5.0, **settings):
    """Two models on the same texts, of which some are hard for both."""
    rng = np.random.default_rng(seed)
    hard = rng.gamma(9, 40, count)
    return tuple(
        run_of(name, documents(hard + shift + rng.normal(0, 10, count)), **settings)
        for name, shift in (("a", 0.0), ("b", advantage))
    )


def test_run_compared_with_itself_is_a_tie():
    run, _ = pair()
    found = compare(run, run)
    assert found.difference == 0
    assert found.interval == pytest.approx((0, 0), abs=1e-12)
    assert found.probability == 0.5
    assert [part.information_capacity for part in found.parts] == [0, 0, 0, 0]
    assert found.num_documents == 40


def test_difference_is_that_of_the_runs_and_changes_sign_with_their_order():
    a, b = pair()
    found, turned = compare(a, b), compare(b, a)
    assert found.difference == pytest.approx(a.information_capacity - b.information_capacity)
    assert turned.difference == pytest.approx(-found.difference)
    assert turned.probability == pytest.approx(1 - found.probability)
    assert sum(p.information_capacity for p in found.parts) == pytest.approx(found.difference)
    assert found.interval.low < found.difference < found.interval.high


def test_paired_intervals_are_narrower_than_unpaired_ones():
    a, b = pair()

    def difference(runs, groups):
        of_a, of_b = (
            metric_of("information_capacity", group[0], run)
            for run, group in zip(runs, groups, strict=True)
        )
        return (of_a - of_b)[:, np.newaxis]

    unpaired = estimate(partial(difference, (a, b)), [text_columns([run]) for run in (a, b)])
    paired = compare(a, b).interval
    (wide,) = unpaired.intervals()
    width = wide.high - wide.low
    assert paired.high - paired.low < width / 3


def test_paired_intervals_cover_the_true_difference():
    covered = 0
    for seed in range(100):
        found = compare(*pair(seed))
        covered += found.interval.low <= 0.05 / 30 <= found.interval.high  # 5 bits of 100 tokens
    assert covered >= 90


def test_large_lead_is_certain():
    a, b = pair(advantage=200)
    assert compare(a, b).probability == pytest.approx(1, abs=1e-12)
    assert compare(b, a).probability == pytest.approx(0, abs=1e-12)


def test_probability_is_that_of_a_paired_t_test():
    """An independent implementation, on texts of one length: 1 less its one-sided p-value."""
    a, b = pair(seed=3, count=12, advantage=2.0)
    of_a, of_b = ([-score.nll_bits for score in run.documents] for run in (a, b))
    p_value = stats.ttest_rel(of_a, of_b, alternative="greater").pvalue
    assert compare(a, b).probability == pytest.approx(1 - p_value)


def test_copies_make_a_difference_no_surer(capsys, tmp_path):
    """Ten texts, ten times each."""
    runs = [
        run_of(run.model, tuple(
            score._replace(document_id=f"{index}-{copy}", text_digest=str(index))
            for copy in range(10) for index, score in enumerate(run.documents)
        )) for run in pair(count=10)
    ]  # fmt: skip
    once, often = compare(*pair(count=10)), compare(*runs)
    assert often.interval == pytest.approx(once.interval)
    assert often.probability == pytest.approx(once.probability)
    assert (often.num_documents, often.num_texts) == (100, 10)
    files = [str(write_results(tmp_path, run)) for run in runs]
    assert main(["compare", *files]) == 0
    assert "over 100 documents, 10 distinct texts." in capsys.readouterr().out


@pytest.mark.parametrize(("count", "is_few"), [(7, True), (8, False)])
def test_few_texts_are_said(count, is_few, capsys, tmp_path):
    files = [str(write_results(tmp_path, run)) for run in pair(count=count)]
    for command in (["compare", *files], ["leaderboard", str(tmp_path)]):
        assert main(command) == 0
        said = capsys.readouterr()
        assert ("an interval means little" in said.out + said.err) is is_few


def test_only_documents_that_share_a_name_are_paired():
    a, b = pair()
    shuffled = replace(b, documents=b.documents[::-1])
    assert compare(a, shuffled) == compare(a, b)
    fewer = run_of("b", b.documents[:20])
    found = compare(a, fewer)
    assert found.num_documents == 20
    assert found.difference == pytest.approx(
        run_of("a", a.documents[:20]).information_capacity - fewer.information_capacity
    )


def test_reference_regime_weighs_documents_alike():
    scores = [
        tuple(s._replace(regime="reference", num_bytes=s.num_bytes + 100 * (i % 3)) for i, s in
              enumerate(run.documents))
        for run in pair()
    ]  # fmt: skip
    a, b = (run_of(name, of_run) for name, of_run in zip("ab", scores, strict=True))
    found = compare(a, b)
    text_size = next(part for part in found.parts if part.source == "tokenizer")
    assert text_size.a == pytest.approx(np.mean([8 * s.num_bytes / 100 for s in scores[0]]))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda run: replace(run, documents=None), "holds no documents"),
        (lambda run: replace(run, documents=run.documents[:1]), "share 1 documents"),
        (lambda run: replace(run, documents=(run.documents[0],) * 3), "have one name"),
        (lambda run: replace(run, documents=tuple(
            s._replace(document_id=f"x{s.document_id}") for s in run.documents
        )), "share 0 documents"),
    ],
)  # fmt: skip
def test_unpairable_runs_are_refused(change, said):
    a, b = pair()
    with pytest.raises(InfocapError, match=said):
        compare(a, change(b))


def test_explain_equals_compare_if_documents_are_known():
    a, b = pair()
    assert explain(a, b) == compare(a, b)


@pytest.mark.parametrize("other", ["Hunyuan-1.8B-Pretrain", "Hunyuan-4B-Pretrain"])
def test_error_on_published_runs_names_explain(other, capsys):
    assert main(["compare", "published:Hunyuan-0.5B-Pretrain", f"published:{other}"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "infocap explain" in line
