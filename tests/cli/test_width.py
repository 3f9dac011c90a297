"""What commands print by default fits 80 columns, and says the answer first."""

import json

import pytest
from helpers.made_up import documents, run_of, write_results

from infocap_tasks.cli.main import main
from infocap_tasks.report.tables import WIDTH

LONG = "an-organisation__A-Model-With-A-Name-That-Goes-On-And-On-And-On-For-Ever-And-Ever-{}B-it"
BENCHMARKS = ("a_benchmark_whose_name_is_longer_than_most_others", "arc_easy", "hellaswag")
CORPUS = "a-corpus-of-texts-from-many-places-and-times-whose-name-takes-a-line.jsonl.gz"


def write_series(folder, num_models=6):
    """Sizes of one series with three benchmarks, on four documents."""
    folder.mkdir()
    for index in range(num_models):
        bits = [400.0 - 20 * index - 7 * (index % 2) + 11 * text for text in range(4)]
        scores = {
            name: 0.3 + 0.05 * index + 0.04 * (index % (2 + number))
            for number, name in enumerate(BENCHMARKS)
        }
        of_texts = documents(bits, flops=2.0 ** (30 + index))
        run = run_of(LONG.format(index), of_texts, benchmarks=scores, corpus=CORPUS)
        write_results(folder, run)
    return folder


@pytest.fixture
def results(tmp_path):
    return write_series(tmp_path / "results")


@pytest.fixture
def pair(tmp_path):
    paths = []
    for index, bits in enumerate(([300.0, 310.0, 290.0], [330.0, 345.0, 320.0])):
        scores = documents(bits, flops=2.0 ** (30 + index))
        paths.append(str(write_results(tmp_path, run_of(LONG.format(index), scores))))
    return paths


@pytest.fixture
def language_results(tmp_path):
    folder = tmp_path / "languages"
    folder.mkdir()
    for model in (LONG.format(1), LONG.format(2)):
        for number, code in enumerate(("en", "de", "zh", "a_language_without_a_code_of_its_own")):
            scores = documents([100.0 + 50 * number + text for text in range(4)])
            task = {"task": f"infocap_parallel_{code}", "corpus_sha256": str(number) * 64}
            write_results(folder, run_of(model, scores, **task))
    return folder


def printed(capsys, *arguments):
    assert main(list(map(str, arguments))) == 0
    return capsys.readouterr().out


def widest(text):
    return max(map(len, text.splitlines()))


OF_RESULTS = [
    ["leaderboard"],
    ["leaderboard", "--sort", "flops_per_byte"],
    ["bias"],
    ["predict"],
    ["predict", "--target-flops", "6e10"],
    ["correlate"],
]


@pytest.mark.parametrize("command", OF_RESULTS, ids=" ".join)
def test_tables_of_results_fit_80_columns_and_wide_has_all(results, capsys, command):
    narrow = printed(capsys, *command, results)
    assert widest(narrow) <= WIDTH
    assert "…" in narrow or command[0] in ("bias", "predict")
    wide = printed(capsys, *command, results, "--wide")
    assert widest(wide) > WIDTH
    assert "--wide" not in wide


@pytest.mark.parametrize(
    "command", [["leaderboard"], ["bias"], ["predict"], ["leaderboard", "--sort", "bits_per_byte"]]
)
def test_tables_of_the_published_models_fit_80_columns(capsys, command):
    assert widest(printed(capsys, *command, "--published")) <= WIDTH


@pytest.mark.parametrize("command", ["compare", "explain"])
def test_two_runs_are_compared_in_80_columns(pair, capsys, command):
    assert widest(printed(capsys, command, *pair)) <= WIDTH


@pytest.mark.parametrize("command", ["compare", "explain"])
def test_the_better_of_two_runs_stands_first(pair, capsys, command):
    text = " ".join(printed(capsys, command, *pair).split())
    assert "(A) is better than" in text
    assert text.index("(A) is better than") < text.index("source")
    turned = " ".join(printed(capsys, command, *pair[::-1]).split())
    assert "(B) is better than" in turned
    same = " ".join(printed(capsys, command, pair[0], pair[0]).split())
    assert same.startswith("Tie: the difference is below what")


def test_languages_fit_80_columns_under_their_names(language_results, capsys):
    text = printed(capsys, "languages", language_results)
    assert widest(text) <= WIDTH
    for name in ("English", "German", "Chinese"):
        assert name in text.split()
    first = " ".join(text.split())
    # 100 + 50 * 3 to 100 bits, and 1.5 for the passages, whose number is added to their bits.
    assert "takes 2.48 times the bits and 1.00 times the tokens in" in first
    rows = json.loads(printed(capsys, "languages", language_results, "--format", "json"))
    assert [row["baseline"] for row in rows] == ["English", "English"]


def test_a_correlation_is_a_matrix_with_its_answer_first(results, capsys):
    text = printed(capsys, "correlate", results)
    assert text.startswith("IC correlates: r = ")
    assert "with the mean of 3 benchmarks over 6 models." in " ".join(text.split("\n\n")[0].split())
    rows = [line.split() for line in text.splitlines() if line.startswith("arc_easy")]
    assert [row[1] for row in rows] == ["models", "in"]
    found = json.loads(printed(capsys, "correlate", results, "--format", "json"))
    (r,) = [
        row["value"]
        for row in found
        if row["benchmark"] == "arc_easy" and row["coefficient"] == "pearson"
        and row["quantity"] == "information_capacity" and not row["within_series"]
    ]  # fmt: skip
    assert rows[0][3] == f"{r:.2f}"


def test_flops_and_tokenizers_fit_80_columns(tiny_model, tmp_path, capsys):
    folder = tmp_path / LONG.format(1) / LONG.format(2)
    folder.mkdir(parents=True)
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        (folder / name).write_bytes((tiny_model / name).read_bytes())
    for command in (
        ["flops", folder, "--verify"],
        ["flops", folder, tiny_model, "--verify"],
        ["tokenizers", folder, tiny_model],
    ):
        assert widest(printed(capsys, *command)) <= WIDTH
        assert widest(printed(capsys, *command, "--wide")) > WIDTH


def test_the_report_on_a_corpus_fits_80_columns(tmp_path, capsys):
    path = tmp_path / "texts.jsonl"
    path.write_text('{"text": "one"}\n{"txt": "two"}\n')
    assert main(["corpus", "check", str(path)]) == 1
    text = capsys.readouterr().out
    assert "faulty         1" in text
    assert widest(text) <= WIDTH


def test_bits_per_byte_are_predicted_with_an_interval(results, capsys):
    arguments = ["predict", results, "--target-flops", "6e10"]
    (found,) = json.loads(printed(capsys, *arguments, "--format", "json"))["predictions"]
    # 500 bytes for 100 tokens: 5 bytes per token.
    for per_byte, nll in (
        ("predicted_bits_per_byte", "predicted_nll_bits_per_token"),
        ("predicted_bits_per_byte_low", "predicted_nll_low"),
        ("predicted_bits_per_byte_high", "predicted_nll_high"),
    ):
        assert found[per_byte] == pytest.approx(found[nll] / 5)
    text = printed(capsys, *arguments)
    assert f"{found['predicted_bits_per_byte']:.4f} [" in text.split("\n\n")[0]


def test_measured_bits_per_byte_stand_beside_predicted_ones(results, capsys):
    found = json.loads(printed(capsys, "predict", results, "--format", "json"))["predictions"]
    assert len(found) == 5
    for row in found:
        assert row["bits_per_byte"] == pytest.approx(row["nll_bits_per_token"] / 5)


def test_a_format_and_wide_exclude_each_other(capsys, tmp_path):
    assert main(["bias", "--published", "--wide", "--format", "csv"]) == 2
    assert "not allowed with" in capsys.readouterr().err
    assert main(["bias", "--published", "--wide", "-o", str(tmp_path / "x.csv")]) == 2
    assert "--wide makes a table; rename it, or leave out --wide" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["leaderboard", "--published"], ("x.html", "39 models")),
        (["predict", "--published"], ("x.csv", "13 series")),
        (["bias", "--published"], ("x.json", "35 models, 4 left out")),
        (["export", "--published"], ("x.parquet", "39 runs")),
        (["plot", "capacity", "--published"], ("x.png", "39 models")),
        (["plot", "frontier", "--published"], ("x.svg", "7 models, 32 left out")),
        (["plot", "series", "--published"], ("x.pdf", "35 models, 4 left out")),
    ],
)
def test_commands_that_write_say_what_they_wrote(arguments, said, tmp_path, capsys):
    name, what = said
    path = tmp_path / name
    assert main([*arguments, "-o", str(path)]) == 0
    out, err = capsys.readouterr()
    assert not out
    assert err.splitlines()[-1] == f"infocap: wrote {path}: {what}"
    assert path.stat().st_size
