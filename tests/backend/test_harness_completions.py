"""A completions server is scored by its log-probabilities, and refused where it gives none."""

import json

import pytest
from helpers.completions_server import completions_server, uniform

from infocap_tasks.cli.evaluate import evaluate
from infocap_tasks.errors import InfocapError


def ask(server, tiny_model, corpus_file, *more):
    arguments = f"model=served,base_url={server},tokenizer={tiny_model}"
    told = (f"corpus_path={corpus_file}", "max_tokens=64", "flops_per_token=1e6")
    evaluate(
        ["--model", "local-completions", "--model_args", ",".join((arguments, *more)),
         "--tasks", "infocap_custom", "--metadata", *told,
         "--output_path", str(corpus_file.parent / "out")]
    )  # fmt: skip


@pytest.mark.parametrize("more", ["num_concurrent=1", "num_concurrent=2"])
def test_a_server_whose_answer_is_known_on_paper(tiny_model, corpus_file, more):
    """Every token costs 8 bits."""
    with completions_server(uniform) as server:
        ask(server, tiny_model, corpus_file, more)
    (file,) = (corpus_file.parent / "out").rglob("results_*.json")
    row = json.loads(file.read_text())["results"]["infocap_custom"]
    assert row["nll_bits_per_token,none"] == pytest.approx(8)


@pytest.mark.parametrize("more", ["num_concurrent=1", "num_concurrent=2"])
@pytest.mark.parametrize(
    "logprobs",
    [
        lambda tokens: None,
        lambda tokens: {"token_logprobs": []},
        # Of the generated token only, as servers answer that do not know echo.
        lambda tokens: {"token_logprobs": [-0.5], "top_logprobs": [{"x": -0.5}]},
    ],
)
def test_a_server_without_log_probabilities_of_the_prompt(tiny_model, corpus_file, logprobs, more):
    with (
        completions_server(logprobs) as server,
        pytest.raises(InfocapError, match="no log-probabilities of the prompt"),
    ):
        ask(server, tiny_model, corpus_file, more)
