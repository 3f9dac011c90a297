"""What models are credited with: texts that tokens lose, and names of special tokens in texts."""

import json

import pytest
from helpers.models import (
    SAFE,
    byte_fallback_tokenizer,
    byte_tokenizer,
    lower_casing_tokenizer,
    save_llama,
    task_manager,
    write_jsonl,
)
from lm_eval import simple_evaluate

import infocap_tasks.backend.infocap_hf  # noqa: F401, registers the backend
from infocap_tasks.cli.main import main
from infocap_tasks.models.tokenizers import load

NAMED = ["the <s> other</s> the <unk> other", "<s>the then", "the other, then the other"]


def evaluate(folder, corpus, backend="infocap-hf", task="infocap_custom", **more):
    """The task's record of what its numbers rest on."""
    arguments = {"pretrained": str(folder), "dtype": "float32"}
    metadata = {"corpus_path": str(corpus), "max_tokens": 64, **more}
    if backend == "hf":
        arguments |= SAFE
    else:
        metadata = {"takes_token_ids": True} | metadata
    results = simple_evaluate(
        backend,
        model_args=arguments,
        tasks=[task],
        task_manager=task_manager(**arguments | metadata),
        device="cpu",
        batch_size=2,
    )
    return results["configs"][task]["metadata"]["infocap"], results


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_llama(tmp_path_factory.mktemp("named"), byte_fallback_tokenizer())


@pytest.fixture
def named(tmp_path):
    return write_jsonl(tmp_path / "named.jsonl", [{"text": text} for text in NAMED])


def test_a_lower_casing_model_is_named_and_not_ranked(tmp_path, capsys):
    texts = [{"text": text} for text in ("the of the one", "The of the One", "the of weather")]
    corpus = write_jsonl(tmp_path / "c.jsonl", texts)
    for name, tokenizer in (("lossy", lower_casing_tokenizer()), ("bytes", byte_tokenizer())):
        folder = save_llama(tmp_path / name, tokenizer)
        _, results = evaluate(folder, corpus)
        results["config"]["model_args"] = {"pretrained": name}
        (tmp_path / f"results_{name}.json").write_text(json.dumps(results, default=str))
        record = results["configs"]["infocap_custom"]["metadata"]["infocap"]["corpus"]
        assert record["num_documents_not_round_trip"] == (2 if name == "lossy" else 0)
    assert main(["leaderboard", str(tmp_path), "--format", "json"]) == 0
    streams = capsys.readouterr()
    (board,) = json.loads(streams.out)
    assert [row["model"] for row in board["rows"]] == ["bytes"]
    assert [run["model"] for run in board["kept_out"]] == ["lossy"]
    assert "lossy (67% of its texts)" in streams.err
    assert main(["leaderboard", str(tmp_path), "--format", "json", "--include_lossy"]) == 0
    (board,) = json.loads(capsys.readouterr().out)
    assert {row["model"] for row in board["rows"]} == {"lossy", "bytes"}


def test_names_of_special_tokens_are_text_for_our_backend_and_for_tokenizers(model, named):
    infocap, _ = evaluate(model, named)
    assert infocap["tokenizer"]["special_tokens_in_text"] == "plain text"
    assert infocap["corpus"]["num_special_token_names"] == 4
    counted = [len(ids) for ids in load(str(model)).encode_batch(NAMED)]
    assert infocap["documents"]["num_tokens"] == counted


def test_the_harness_backend_takes_them_for_control_tokens_with_a_warning(model, named, caplog):
    infocap, _ = evaluate(model, named, backend="hf")
    assert infocap["tokenizer"]["special_tokens_in_text"] == "control tokens"
    assert infocap["corpus"]["num_special_token_names"] == 4
    tokenizer = byte_fallback_tokenizer()
    counted = [len(tokenizer.encode(text, add_special_tokens=False)) for text in NAMED]
    assert infocap["documents"]["num_tokens"] == counted
    assert "hold names of special tokens, 4 times" in caplog.text


def test_bits_are_those_of_the_tokens_that_are_counted(model, named):
    """Without the mark, our backend scores what the harness's does; with it, the text alone."""
    plain, _ = evaluate(model, named)
    unmarked, _ = evaluate(model, named, takes_token_ids=False)
    of_harness, _ = evaluate(model, named, backend="hf")
    bits = [record["documents"]["nll_bits"] for record in (plain, unmarked, of_harness)]
    assert bits[1] == pytest.approx(bits[2], rel=1e-5)
    assert bits[0][2] == pytest.approx(bits[2][2], rel=1e-5)  # holds no name
    assert all(a > b for a, b in zip(bits[0][:2], bits[2][:2], strict=True))


def test_the_published_protocol_keeps_control_tokens_and_counts_them(model, named, caplog):
    infocap, _ = evaluate(model, named, task="infocap_custom_reference")
    assert infocap["tokenizer"]["special_tokens_in_text"] == "control tokens"
    assert infocap["corpus"]["num_special_token_names"] == 4
    assert "names of special tokens" not in caplog.text
