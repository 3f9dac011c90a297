"""What the pages say holds: links, commands, printed output, examples, tables."""

import json
import re
import runpy
import shutil
import subprocess
import sys

import pytest
import yaml
from helpers.docs import DOCS, PAGES, README, ROOT, blocks, columns, commands, printed
from helpers.models import SAFE, byte_tokenizer, load_task, save_llama, write_jsonl
from helpers.real_files import MISTRAL_SENTENCEPIECE, SMOLLM2_GGUF, in_package, unpack_ranks
from lm_eval.tasks import TaskManager

from infocap_tasks import published_runs
from infocap_tasks.analysis.predict import FROM_CAPACITY
from infocap_tasks.backend.engine import EngineFacts
from infocap_tasks.backend.token_text import RollingAnswer
from infocap_tasks.cli import main as cli
from infocap_tasks.cli.evaluate import _our_parser
from infocap_tasks.errors import InfocapError
from infocap_tasks.metrics import METRICS
from infocap_tasks.paths import task_configs_dir
from infocap_tasks.task import command_line
from infocap_tasks.task.keys import refuse_unknown

ASK = DOCS / "how-to" / "ask-the-results.md"
TOKENIZERS = DOCS / "how-to" / "tokenizers.md"
OWN_TEXTS = DOCS / "how-to" / "own-texts.md"
PUBLISHED = DOCS / "how-to" / "published-numbers.md"
FLOPS = DOCS / "explanation" / "flops.md"
PREDICTION = DOCS / "explanation" / "prediction.md"
RESULTS_FILE = DOCS / "reference" / "results-file.md"


def name_of(page):
    return str(page.relative_to(ROOT))


# ------------------------------------------------------------------ links and names


def without_blocks(page):
    return re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)


def anchors(page):
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.+)$", without_blocks(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(page):
    found = re.findall(r"\[[^\]]*\]\(([^)]+)\)", without_blocks(page))
    return [link for link in found if "://" not in link]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page):
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_the_index_lists_every_page():
    index = DOCS / "README.md"
    listed = {(index.parent / link.partition("#")[0]).resolve() for link in links(index)}
    assert set(DOCS.rglob("*.md")) - {index} <= listed


def test_every_image_is_shown_somewhere():
    shown = {(page.parent / link).resolve() for page in PAGES for link in links(page)}
    assert set(DOCS.glob("*.png")) <= shown


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_files_that_are_named_exist(page):
    text = page.read_text("utf-8")
    for path in re.findall(r"`((?:infocap_tasks|tests|task_configs|benchmarks)/[^`]+)`", text):
        assert (ROOT / path).exists() or "NAME" in path, path


# ------------------------------------------------------------------ commands

# Programs that are not ours; they are named so that a misspelt command of ours is found.
OTHERS = {
    ".", "bash", "lint-imports", "mypy", "pip", "pytest", "python", "python3", "ray", "ruff", "uv",
    "vllm",
}  # fmt: skip


def parse_evaluation(arguments):
    """As ``infocap eval``; the harness's parser refuses what it does not know."""
    _, theirs = _our_parser().parse_known_args(arguments)
    options = command_line.parse(theirs, "infocap eval")
    refuse_unknown(options.metadata or {}, has_other_tasks=False)
    tasks = {path.stem for path in task_configs_dir().rglob("[!_]*.yaml")}
    for task in ",".join(options.tasks).split(","):
        assert task in tasks | {"arc_easy", "infocap_letters"}, task


def parse(words):
    words = [word for word in words if word != "..."]
    words = words[: words.index(">")] if ">" in words else words  # what is written to a file
    program, *arguments = words
    program = program.rpartition("/")[2]
    if program == "torchrun":
        program, arguments = "infocap", arguments[arguments.index("infocap_tasks") + 1 :]
    if program == "lm_eval":
        parse_evaluation(arguments)
    elif program == "infocap" and arguments[0] == "eval":
        parse_evaluation(arguments[1:])
    elif program == "infocap" and arguments[0] == "demo":
        assert not arguments[1:]
    elif program == "infocap":
        options, unknown = cli._parser(arguments[0]).parse_known_args(arguments)
        assert not unknown
        assert options.run
    else:
        assert program in OTHERS


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_parse(page):
    for words in commands(page):
        parse(words)


def test_a_wrong_command_does_not_parse():
    for wrong in (
        "infocap eval --tusks infocap_local",
        "infocap eval --tasks infocap_lokal",
        "infocap eval --tasks infocap_local --metadata max_tokns=512",
        "infocap leaderboard results --publish-all",
        "infocap leaderbord results",
        "infocup leaderboard results",
    ):
        with pytest.raises((InfocapError, SystemExit, AssertionError)):
            parse(wrong.split())


# ------------------------------------------------------------------ what is printed

SHOWN = [
    pytest.param(command, output, id=" ".join(command[1:3]))
    for page in PAGES
    for command, output in printed(page)
    if {"--published"} & set(command) or any(word.startswith("published:") for word in command)
]


@pytest.mark.parametrize(("command", "output"), SHOWN)
def test_output_is_what_the_command_prints(command, output, capsys):
    assert cli.main(command[1:]) == 0
    assert capsys.readouterr().out == output


def test_output_of_three_commands_is_shown():
    assert len(SHOWN) == 3


@pytest.fixture(scope="module")
def tokenizer_rows(tmp_path_factory):
    """What the page's command finds, by file and corpus."""
    folder = tmp_path_factory.mktemp("tokenizers")
    files = commands(TOKENIZERS)[0][2:-2]
    for encoding in ("o200k_base", "cl100k_base"):
        unpack_ranks(encoding, folder)
    shutil.copy(in_package("mistral_common", "data/tekken_240911.json"), folder)
    shutil.copy(MISTRAL_SENTENCEPIECE, folder)
    (folder / SMOLLM2_GGUF.name).symlink_to(SMOLLM2_GGUF)
    output = folder / "rows.json"
    assert cli.main(["tokenizers", *(str(folder / f) for f in files), "-o", str(output)]) == 0
    rows = json.loads(output.read_text())
    return {(row["tokenizer"].rpartition("/")[2], row["corpus"]): row for row in rows}


def test_the_table_of_tokenizers_is_what_its_command_finds(tokenizer_rows):
    (table,) = [block.text for block in blocks(TOKENIZERS) if not block.language]
    lines = [line.split() for line in table.splitlines()]
    for name, size, corpus, tokens, ratio, single, round_trip in lines[1:]:
        row = tokenizer_rows[name, corpus]
        assert f"{row['vocab_size']:,}" == size
        assert f"{row['num_tokens']:,}" == tokens
        assert f"{row['bytes_per_token']:.3f}" == ratio
        assert f"{row['single_byte_token_share']:.2%}" == single
        assert row["round_trip"] == round_trip
    fewest = min(row["num_tokens"] for (_, c), row in tokenizer_rows.items() if c == "parallel/en")
    for name, said in (("o200k_base", "1.53"), ("cl100k_base", "4.41")):
        of_hindi = tokenizer_rows[f"{name}.tiktoken", "parallel/hi"]["num_tokens"] / fewest
        assert f"{of_hindi:.2f}" == said
        assert f"{name} takes {said}" in TOKENIZERS.read_text()


def test_the_errors_of_predictions_are_those_of_the_command(capsys):
    cli.main(["predict", "--published", "--format", "json"])
    rows = json.loads(capsys.readouterr().out)
    text = " ".join(PREDICTION.read_text("utf-8").split())
    (total,) = [r for r in rows if r["series"] == "all series" and r["method"] == FROM_CAPACITY]
    mean, largest = total["mean_nll_error"], total["largest_nll_error"]
    assert f"off by {100 * mean:.1f} % on average and {100 * largest:.1f} % at most" in text
    shared = [row for row in rows if row["series"] == "all series, shared sizes"]
    nll = [f"{100 * row['mean_nll_error']:.1f} %" for row in shared]
    gain = [f"{100 * row['mean_gain_error']:.2f} %" for row in shared]
    assert f"off by {nll[0]} from information capacity" in text
    assert f"{nll[1]} from the power law and {nll[2]} from the nearest" in text
    assert f"is off by {gain[0]}, {gain[1]} and {gain[2]}" in text


def test_the_flops_table_is_what_its_command_prints():
    done = subprocess.run(
        [sys.executable, "benchmarks/well_known_models.py"],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.stdout
    assert done.stdout in FLOPS.read_text("utf-8")


# ------------------------------------------------------------------ examples


@pytest.fixture(scope="module")
def long_model(tmp_path_factory):
    """A random model whose window holds texts of 1024 tokens."""
    folder = tmp_path_factory.mktemp("long")
    return save_llama(folder, byte_tokenizer(merges=True), max_position_embeddings=2048)


# The tutorial has a test of its own, and so has the page of Python names.
WITH_PYTHON = [
    page
    for page in PAGES
    if page.name not in ("tutorial.md", "python.md")
    and any(block.language == "python" for block in blocks(page))
]


@pytest.mark.parametrize("page", WITH_PYTHON, ids=name_of)
def test_python_runs(page, long_model, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for block in blocks(page):
        if block.language == "python":
            example = block.text.replace("HuggingFaceTB/SmolLM2-135M", str(long_model))
            assert str(long_model) in example
            exec(compile(example, page, "exec"), {})
    assert re.search(r"\d\.\d{3}", capsys.readouterr().out)


def test_python_is_on_the_pages():
    assert {README, DOCS / "how-to" / "plain-lm-eval.md"} <= set(WITH_PYTHON)


def test_the_yaml_example_loads(tiny_model, tmp_path):
    (example,) = [block.text for block in blocks(OWN_TEXTS) if block.language == "yaml"]
    letters = write_jsonl(tmp_path / "letters.jsonl", [{"text": "Dear reader, hello."}])
    example = example.replace("/path/printed/by/infocap tasks", str(task_configs_dir()))
    (tmp_path / "letters.yaml").write_text(example.replace("letters.jsonl", str(letters)))
    metadata = {"pretrained": str(tiny_model), "max_tokens": 64, **SAFE}
    manager = TaskManager(include_path=str(tmp_path), include_defaults=False, metadata=metadata)
    task = manager.load(["infocap_letters"])["tasks"]["infocap_letters"]
    assert [doc["text"] for _, doc in task.doc_iterator()] == ["Dear reader, hello."]


# ------------------------------------------------------------------ tables of the reference


def test_the_reference_is_what_the_code_makes():
    made = runpy.run_path(str(DOCS / "make_reference.py"))["pages"]()
    for name, text in made.items():
        written = (DOCS / "reference" / name).read_text("utf-8")
        assert written == text, f"{name}: run python docs/make_reference.py"


def test_every_metric_is_in_the_table_with_its_direction():
    rows = columns(DOCS / "reference" / "metrics.md", "| metric |")
    assert {row[0].strip("`"): row[2] == "higher" for row in rows} == {
        name: metric.higher_is_better for name, metric in METRICS.items()
    }


def test_every_key_of_the_results_file_is_in_the_table(tiny_model, corpus_file, tmp_path):
    named = {"run_name": "mine"}  # by --name
    quantised = shutil.copytree(tiny_model, tmp_path / "quantised")
    config = json.loads((quantised / "config.json").read_text())
    config["quantization_config"] = {"quant_method": "fp8", "activation_scheme": "dynamic"}
    (quantised / "config.json").write_text(json.dumps(config))
    task = load_task(pretrained=str(quantised), corpus_path=str(corpus_file), **named)
    facts = EngineFacts("vllm", "0.32.0", "bfloat16", "prompt_logprobs", "float32")
    (_, doc), *_ = task.doc_iterator()
    task.process_results(doc, [RollingAnswer(-10.0, facts)])
    record = task.dump_config()["metadata"]["infocap"]
    keys = set()
    for name, value in record.items():
        keys |= {f"{name}.{key}" for key in value} if isinstance(value, dict) else {name}
    assert {row[0].strip("`") for row in columns(RESULTS_FILE, "| key |")} == keys


def bias_of(task):
    (path,) = task_configs_dir().rglob(f"{task}.yaml")
    config = yaml.load(path.read_text(), Loader=yaml.BaseLoader)
    return float(config["metadata"]["bias_bits_per_token"])


def test_the_biases_of_published_corpora_are_those_of_the_tasks():
    rows = columns(PUBLISHED, "| task |")
    assert len(rows) == 5
    for task, bias in rows:
        name = task.strip("`")
        assert bias_of(name) == bias_of(f"{name}_reference") == float(bias)


def test_the_biases_in_the_table_of_tasks_are_those_of_the_tasks():
    rows = columns(task_configs_dir() / "README.md", "| task |")
    listed = {
        name: float(bias) for names, _, bias in rows for name in re.findall(r"`(\w+)`", names)
    }
    assert listed
    assert listed == {name: bias_of(name) for name in listed}


def test_the_published_rows_are_as_many_as_said():
    runs = published_runs()
    exact = [run for run in runs if run.nll_bits_per_token is not None]
    text = " ".join(PUBLISHED.read_text("utf-8").split())
    assert f"the {len(runs)} published models" in text
    assert len(exact) == 7
    assert f"Seven rows were published as a table and are exact. The other {len(runs) - 7}" in text
