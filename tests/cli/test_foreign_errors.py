"""What other libraries raise when a model is loaded or asked ends in one line."""

import sys

import pytest

from infocap_tasks.cli.evaluate import evaluate
from infocap_tasks.errors import InfocapError


def complaint_of(corpus_file, metadata, *flags):
    told = ("--metadata", f"corpus_path={corpus_file}", *metadata)
    with pytest.raises(InfocapError) as error:
        evaluate(["--tasks", "infocap_custom", *flags, *told])
    assert "\n" not in str(error.value)
    return str(error.value)


# What the message names, beside the package, is what needs it.
@pytest.mark.parametrize(
    ("package", "flags", "said"),
    [
        ("vllm", ("--model", "vllm"), "--model vllm: needs"),
        ("sglang", ("--model", "sglang"), "--model sglang: needs"),
        ("llama_cpp", ("--model", "infocap-gguf"), "needs llama_cpp, not installed"),
        ("mamba_ssm", ("--model", "mamba_ssm"), "--model mamba_ssm: needs"),
        ("optimum", ("--model", "openvino"), "--model openvino: needs"),
        ("onnxruntime_genai", ("--model", "winml"), "--model winml: needs"),
        ("gptqmodel", "gptqmodel=True", "pip install gptqmodel"),
        ("auto_gptq", "autogptq=True", "auto-gptq is not installed"),
        ("flash_attn", "attn_implementation=flash_attention_2", "FlashAttention2"),
        ("tenacity", ("--model", "local-completions"), "needs tenacity, not installed"),
        ("aiohttp", ("--model", "openai-completions"), "needs aiohttp, not installed"),
        ("trackio", ("--trackio_args", "project=x"), "trackio"),
        ("wandb", ("--wandb_args", "project=x"), "--wandb_args: needs the package wandb"),
    ],
)
def test_a_package_that_is_missing(tiny_model, corpus_file, monkeypatch, package, flags, said):
    monkeypatch.setitem(sys.modules, package, None)  # as where it is not installed
    more = f",{flags}" if isinstance(flags, str) else ""
    arguments = ("--model_args", f"pretrained={tiny_model}{more}", *(() if more else flags))
    complaint = complaint_of(corpus_file, ("max_tokens=64",), *arguments)
    assert said in complaint
    assert "install" in complaint
    assert "('" not in complaint


NO_SERVER = "base_url=http://127.0.0.1:9/v1/completions"  # the port of a service that nobody runs


@pytest.mark.parametrize(
    ("model", "arguments", "reason"),
    [
        ("gguf", NO_SERVER, "cannot do what a task asks of it"),
        ("anthropic-chat", "model=x", "chat servers return no log-likelihoods"),
        ("local-chat-completions", f"model=x,{NO_SERVER}", "chat servers return no"),
    ],
)
def test_a_backend_that_scores_no_texts(tiny_model, corpus_file, model, arguments, reason):
    told = ("max_tokens=64", f"tokenizer={tiny_model}", "flops_per_token=1e6")
    flags = ("--model", model, "--model_args", arguments)
    said = complaint_of(corpus_file, told, *flags)
    assert said.startswith(f"--model {model}: {reason}")


def test_an_answer_cache_that_is_damaged_or_cannot_be_opened(tiny_model, corpus_file, tmp_path):
    flags = ("--model_args", f"pretrained={tiny_model}", "--use_cache")
    (tmp_path / "file").touch()
    said = complaint_of(corpus_file, ("max_tokens=64",), *flags, str(tmp_path / "file" / "kept"))
    assert said.startswith(f"--use_cache {tmp_path / 'file'}")
    told = ("--metadata", f"corpus_path={corpus_file}", "max_tokens=64")
    kept = tmp_path / "kept"
    evaluate(["--tasks", "infocap_custom", *flags, str(kept), *told])
    (file,) = tmp_path.glob("kept*.db")
    for left in tmp_path.glob("kept*.db?*"):
        left.unlink()
    file.write_bytes(b"no database" * 1000)
    said = complaint_of(corpus_file, ("max_tokens=64",), *flags, str(kept))
    assert said.startswith(f"--use_cache {kept}")
    assert "cannot be opened or written (file is not a database)" in said


def test_a_limit_that_is_no_number_of_texts(tiny_model, corpus_file):
    flags = ("--model_args", f"pretrained={tiny_model}", "--limit", "inf")
    assert "--limit inf: must be" in complaint_of(corpus_file, ("max_tokens=64",), *flags)


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("prefix_token_id=100000", "has the ids 0 to"),
        ("prefix_token_id=-5", "has the ids 0 to"),
        ("backend=nonsense", "backend=nonsense: give default, causal or seq2seq"),
    ],
)
def test_an_argument_of_the_model_that_cannot_be_used(tiny_model, corpus_file, argument, said):
    arguments = ("--model_args", f"pretrained={tiny_model},{argument}")
    assert said in complaint_of(corpus_file, ("max_tokens=64",), *arguments)
