"""What other libraries raise when a model is loaded or asked ends in one line."""

import pytest

from infocap_tasks.cli.evaluate import evaluate
from infocap_tasks.errors import InfocapError


def complaint_of(corpus_file, metadata, *flags):
    told = ("--metadata", f"corpus_path={corpus_file}", *metadata)
    with pytest.raises(InfocapError) as error:
        evaluate(["--tasks", "infocap_custom", *flags, *told])
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--model", "sglang"), "--model sglang: needs"),
        (("--model", "mamba_ssm"), "--model mamba_ssm: needs"),
        (("--trackio_args", "project=x"), "trackio"),
        (("--wandb_args", "project=x"), "--wandb_args: needs the package wandb"),
        (("--limit", "inf"), "--limit inf: must be"),
    ],
)
def test_what_cannot_run_here(tiny_model, corpus_file, flags, said):
    arguments = ("--model_args", f"pretrained={tiny_model}", *flags)
    assert said in complaint_of(corpus_file, ("max_tokens=64",), *arguments)


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("prefix_token_id=100000", "has the ids 0 to"),
        ("prefix_token_id=-5", "has the ids 0 to"),
    ],
)
def test_an_argument_of_the_model_that_cannot_be_used(tiny_model, corpus_file, argument, said):
    arguments = ("--model_args", f"pretrained={tiny_model},{argument}")
    assert said in complaint_of(corpus_file, ("max_tokens=64",), *arguments)
