"""Real results files of the real harness, made once: two small models, two corpora, one quiz."""

import json
from pathlib import Path

import pytest
from helpers.models import SAFE, byte_tokenizer, save_llama, write_jsonl
from lm_eval import simple_evaluate
from lm_eval.loggers import EvaluationTracker
from lm_eval.tasks import TaskManager

from infocap_tasks.paths import task_configs_dir

TEXTS = {
    "en": [f"The theory of weather number {i}, {'then there ' * (i % 3)}." for i in range(12)],
    "zh": [f"天气的理论，第{i}条，{'然后那里' * (i % 3)}。" for i in range(12)],
}


def write_tasks(folder: Path) -> None:
    """Two parallel corpora of ours, and a multiple-choice task of the harness's own kind."""
    for language, texts in TEXTS.items():
        corpus = write_jsonl(folder / f"{language}.jsonl", [{"text": text} for text in texts])
        (folder / f"words_{language}.yaml").write_text(
            f"include: {task_configs_dir() / '_infocap.yaml'}\ntask: words_{language}\n"
            f"metadata: {{version: 1.0, corpus: {{path: {corpus}, text_field: text}}, "
            "bias_bits_per_token: -27}\n"
        )
    quiz = write_jsonl(
        folder / "quiz.jsonl",
        [
            {"question": f"Is {n} even?", "choices": ["yes", "no"], "answer": n % 2}
            for n in range(4)
        ],
    )
    (folder / "quiz.yaml").write_text(
        f"task: quiz\ndataset_path: json\ndataset_kwargs: {{data_files: {{test: {quiz}}}}}\n"
        "test_split: test\noutput_type: multiple_choice\ndoc_to_text: '{{question}}'\n"
        "doc_to_choice: choices\ndoc_to_target: answer\n"
        "metric_list: [{metric: acc, aggregation: mean, higher_is_better: true}]\n"
    )


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    """What ``--output_path`` leaves of two sizes of one made-up series."""
    folder = tmp_path_factory.mktemp("real")
    (folder / "tasks").mkdir()
    write_tasks(folder / "tasks")
    for name, width in (("mini-0.1B", 32), ("mini-0.2B", 64)):
        model = save_llama(folder / name, byte_tokenizer(merges=True), hidden_size=width)
        write_results(model, folder / "tasks", folder / "results")
    return folder / "results"


def write_results(model: Path, tasks: Path, output: Path) -> None:
    """As ``infocap eval --output_path`` does, without indexing the harness's own tasks."""
    arguments = {"pretrained": str(model), "dtype": "float32", **SAFE}
    tracker = EvaluationTracker(output_path=str(output))
    evaluated = simple_evaluate(
        "hf",
        model_args=arguments,
        tasks=["words_en", "words_zh", "quiz"],
        task_manager=TaskManager(
            include_path=str(tasks),
            include_defaults=False,
            metadata={**arguments, "max_tokens": 96},
        ),
        batch_size=4,
        device="cpu",
        evaluation_tracker=tracker,
        log_samples=False,
    )
    tracker.save_results_aggregated(evaluated, samples={})


@pytest.fixture
def content(results) -> dict:
    """The JSON of one real file."""
    return json.loads(sorted(results.rglob("*.json"))[0].read_text())
