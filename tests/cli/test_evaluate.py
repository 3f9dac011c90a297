import argparse

import pytest
from helpers.models import write_jsonl

from infocap_tasks.cli.evaluate import complete, evaluate
from infocap_tasks.errors import InfocapError
from infocap_tasks.paths import task_configs_dir
from infocap_tasks.task import command_line

OURS = str(task_configs_dir())


def parsed(*flags) -> argparse.Namespace:
    return complete(command_line.parse(flags, "infocap eval"))


def test_defaults_for_hf_are_put_in(tiny_model):
    flags = ("--model_args", f"pretrained={tiny_model},dtype=float32")
    options = parsed("--model", "hf", *flags)
    assert options.include_path == [OURS]
    assert options.model_args == {
        "add_bos_token": False,
        "softmax_dtype": "float32",
        "pretrained": str(tiny_model),
        "dtype": "float32",
    }


def test_our_model_is_the_default_and_needs_none_of_them(bos_model):
    options = parsed("--model_args", f"pretrained={bos_model}")
    assert options.model == "infocap-hf"
    assert options.batch_size == "auto"
    assert options.model_args == {"pretrained": str(bos_model)}
    assert "one prefix token" in options.metadata["bos_policy"]
    assert options.metadata["takes_token_ids"] is True
    options = parsed("--model_args", f"pretrained={bos_model}", "--batch_size", "4")
    assert options.batch_size == "4"


def test_flags_that_the_user_set_are_kept(tiny_model, tmp_path):
    options = parsed(
        "--model", "hf", "--include_path", str(tmp_path), "--trust_remote_code",
        "--model_args", f"pretrained={tiny_model},add_bos_token=True,softmax_dtype=bfloat16",
    )  # fmt: skip
    assert options.include_path == [OURS, str(tmp_path)]
    assert options.model_args["add_bos_token"] is True
    assert options.model_args["softmax_dtype"] == "bfloat16"
    assert options.model_args["trust_remote_code"] is True


@pytest.mark.parametrize("as_text", [True, False])
def test_a_config_file_counts_as_set_by_the_user(tiny_model, tmp_path, as_text):
    model_args = f"pretrained={tiny_model},softmax_dtype=float64" if as_text else (
        f"{{pretrained: {tiny_model}, softmax_dtype: float64}}"
    )  # fmt: skip
    file = tmp_path / "run.yaml"
    file.write_text(
        f"model: hf\nmodel_args: {model_args}\ninclude_path: [{tmp_path}]\n"
        "trust_remote_code: true\n"
    )
    options = parsed("--config", str(file))
    assert options.include_path == [OURS, str(tmp_path)]
    assert options.model_args == {
        "add_bos_token": False,
        "softmax_dtype": "float64",
        "pretrained": str(tiny_model),
        "trust_remote_code": True,
    }
    # As in the harness, model_args on the command line take the place of the file's.
    options = parsed("--config", str(file), "--model_args", f"pretrained={tiny_model}")
    assert options.model_args["softmax_dtype"] == "float32"


def test_a_cache_is_kept_apart_by_model(tiny_model, bos_model):
    def cache_for(model, *more):
        flags = ("--model_args", f"pretrained={model}", "--use_cache", "answers")
        return parsed(*flags, *more).use_cache

    assert cache_for(tiny_model) == cache_for(tiny_model)
    assert cache_for(tiny_model).startswith("answers_")
    assert cache_for(tiny_model) != cache_for(bos_model)


def test_other_backends_keep_their_arguments():
    options = parsed("--model", "vllm", "--model_args", "pretrained=x")
    assert options.model_args == {"pretrained": "x", "add_bos_token": False}
    assert options.metadata == {"scored_by": "vllm"}
    assert options.include_path == [OURS]


CUSTOM = ["--tasks", "infocap_custom", "--metadata", "corpus_path=CORPUS"]


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (["--tasks", "infocap_pydocs"], "no model given: add --model_args pretrained="),
        (["--model_args", "pretrained=./none"], "no such file or folder"),
        (["--config", "none.yaml"], "Config file not found"),
        ([*CUSTOM, "--model=hf", "--model_args=pretrained=MODEL", "--cache", "x"], "no such cache"),
        (
            ["--model_args", "pretrained=MODEL", "--tasks", "infocap_pydoc"],
            "infocap_pydoc: there is no such task; did you mean infocap_pydocs",
        ),
        (["--model_args", "pretrained=MODEL", "--tasks", "infocap_custom"], "no corpus_path given"),
        (["--model_args", "pretrained=MODEL", *CUSTOM], "above the model's max_length of 256"),
        (["--model_args", "pretrained=MODEL", *CUSTOM, "max_tokens=1"], "at least 2"),
        (["--model_args", "pretrained=MODEL", *CUSTOM, "--cache_requests"], "--cache_requests:"),
        (["--model_args", "pretrained=MODEL", *CUSTOM, "--apply_chat_template"], "bare text"),
        (["--model_args", "pretrained=MODEL,no_such=1", *CUSTOM, "max_tokens=9"], "no_such"),
        (["--model_args", "pretrained=MODEL", *CUSTOM, "max_tokens=9", "--limit", "-1"], "least 1"),
    ],
)
def test_wrong_input_is_one_line(tiny_model, corpus_file, flags, complaint):
    filled = [
        flag.replace("MODEL", str(tiny_model)).replace("CORPUS", str(corpus_file)) for flag in flags
    ]
    with pytest.raises(InfocapError, match=complaint) as error:
        evaluate(filled)
    assert "\n" not in str(error.value)


def test_one_file_does_not_stand_in_for_several_corpora(tiny_model, corpus_file):
    flags = (
        "--model_args", f"pretrained={tiny_model}",
        "--metadata", f"corpus_path={corpus_file}", "max_tokens=64",
    )  # fmt: skip
    for tasks in ("infocap", "infocap_mixed,infocap_custom"):
        with pytest.raises(InfocapError, match="would all read this one file"):
            parsed(*flags, "--tasks", tasks)
    for tasks in ("infocap_mixed,infocap_mixed_reference,infocap_pydocs", "infocap_custom"):
        assert parsed(*flags, "--tasks", tasks).tasks


def test_a_misspelt_key_is_refused_with_the_one_that_was_meant(tiny_model, corpus_file):
    flags = ("--model_args", f"pretrained={tiny_model}", "--metadata", "max_tokns=64")
    for tasks in ("infocap_pydocs", "infocap_pydocs,arc_easy"):
        with pytest.raises(InfocapError, match="max_tokns: did you mean max_tokens"):
            parsed(*flags, "--tasks", tasks)


def test_keys_of_other_tasks_pass_where_such_a_task_runs(tiny_model):
    flags = (
        "--model_args", f"pretrained={tiny_model}",
        "--metadata", "max_tokens=64", "max_seq_lengths=[4096]", "--tasks",
    )  # fmt: skip
    options = parsed(*flags, "infocap_pydocs,niah_single_1")
    assert options.metadata["max_seq_lengths"] == [4096]
    with pytest.raises(InfocapError, match="max_seq_lengths: "):
        parsed(*flags, "infocap_pydocs")


def test_a_corpus_path_that_no_task_reads_is_refused(tiny_model, corpus_file):
    flags = (
        "--model_args", f"pretrained={tiny_model}",
        "--metadata", f"corpus_path={corpus_file}", "max_tokens=64", "--tasks",
    )  # fmt: skip
    with pytest.raises(InfocapError, match=r"infocap_pydocs would not read it; .*infocap_custom"):
        parsed(*flags, "infocap_pydocs")
    for tasks in ("infocap_pydocs,infocap_custom", "infocap_pydocs,one_of_my_own"):
        assert parsed(*flags, tasks).tasks


def test_a_name_is_told_to_the_tasks(tiny_model):
    flags = ("--model_args", f"pretrained={tiny_model}", "--metadata", "max_tokens=64")
    options = command_line.parse(flags, "infocap eval")
    assert complete(options, name="base 4bit").metadata["run_name"] == "base 4bit"
    assert "run_name" not in parsed(*flags).metadata


@pytest.mark.parametrize("name", ["", "  ", "a\x00b"])
def test_a_name_that_cannot_be_printed_is_refused(tiny_model, name):
    flags = (
        "--model_args", f"pretrained={tiny_model}", "--tasks", "infocap_pydocs", "--name", name,
        "--metadata", "max_tokens=64",
    )  # fmt: skip
    with pytest.raises(InfocapError, match=r"run_name=.*can be printed"):
        evaluate(flags)


def test_the_harness_cache_is_refused_for_token_ids(tiny_model, corpus_file):
    flags = (
        "--model_args", f"pretrained={tiny_model}", "--use_cache", "cache",
        "--metadata", f"corpus_path={corpus_file}", "max_tokens=64", "--tasks",
    )  # fmt: skip
    with pytest.raises(InfocapError, match=r"--use_cache: .* infocap_custom_reference"):
        parsed(*flags, "infocap_custom,infocap_custom_reference")
    assert parsed(*flags, "infocap_custom").use_cache


def test_the_seed_of_a_model_does_not_draw_a_sample(tiny_model):
    flags = ("--model_args", f"pretrained={tiny_model},seed=7")
    assert parsed(*flags).metadata["seed"] is None
    assert parsed(*flags, "--metadata", "seed=3").metadata["seed"] == 3


@pytest.mark.parametrize(
    ("model_args", "metadata", "complaint"),
    [
        ("pretrained=MODEL", "pretrained=OTHER", "is scored with pretrained=.*; leave one"),
        ("pretrained=MODEL,tokenizer=OTHER", "tokenizer=MODEL", "is scored with tokenizer="),
        ("pretrained=MODEL", "tokenizer=OTHER", "would be scored without it; give it in --model"),
        ("pretrained=MODEL", "revision=old", "would be scored without it"),
    ],
)
@pytest.mark.parametrize("backend", ["infocap-hf", "hf"])
def test_metadata_of_another_model_than_is_scored_are_refused(
    tiny_model, bos_model, backend, model_args, metadata, complaint
):
    names = [
        words.replace("MODEL", str(tiny_model)).replace("OTHER", str(bos_model))
        for words in (model_args, metadata)
    ]
    flags = ("--model", backend, "--tasks", "infocap_pydocs", "--model_args", names[0])
    with pytest.raises(InfocapError, match=complaint):
        parsed(*flags, "--metadata", names[1])
    with pytest.raises(InfocapError, match="max_tokens=1024 is above"):  # past the check
        parsed(*flags, "--metadata", f"pretrained={tiny_model}")


def test_a_model_that_makes_up_numbers_is_refused_for_our_tasks_alone(tiny_model):
    flags = ("--model", "dummy", "--model_args", f"pretrained={tiny_model}", "--tasks")
    with pytest.raises(InfocapError, match="--model dummy: makes up"):
        parsed(*flags, "infocap_pydocs")
    assert parsed(*flags, "arc_easy").tasks


def test_infocap_tasks_of_the_users_own_are_checked_as_ours_are(tiny_model, tmp_path):
    corpus = write_jsonl(tmp_path / "letters.jsonl", [{"text": "Dear reader, hello."}])
    (tmp_path / "letters.yaml").write_text(
        f"include: {OURS}/_infocap.yaml\ntask: letters_of_mine\n"
        f"metadata: {{version: 1.0, corpus: {{path: {corpus}}}, bias_bits_per_token: -27}}\n"
    )
    flags = [
        "--model_args", f"pretrained={tiny_model}", "--include_path", str(tmp_path),
        "--tasks", "letters_of_mine", "--metadata", "max_tokens=64",
    ]  # fmt: skip
    assert parsed(*flags).metadata["max_tokens"] == 64
    with pytest.raises(InfocapError, match="max_tokens_per_text: did you mean max_tokens"):
        parsed(*flags, "max_tokens_per_text=32")
    with pytest.raises(InfocapError, match="apply_chat_template"):
        parsed(*flags, "--apply_chat_template")
