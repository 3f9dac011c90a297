"""``infocap-api`` against servers on the loopback that score with a real, small model."""

import math

import pytest
from helpers.api_server import NAN, serving
from helpers.models import TEXTS, byte_fallback_tokenizer, byte_tokenizer, save_llama
from lm_eval.api.instance import Instance

from infocap_tasks.backend.api import engine
from infocap_tasks.backend.infocap_api import InfocapAPI
from infocap_tasks.backend.infocap_hf import InfocapHF
from infocap_tasks.backend.token_text import TokenText
from infocap_tasks.errors import InfocapError

MIXED = [*TEXTS, "a", "the", "数据压缩", "A long text that takes several windows. " * 12]


@pytest.fixture(autouse=True)
def short_waits(monkeypatch):
    monkeypatch.setattr(engine, "_FIRST_WAIT_S", 0.01)
    monkeypatch.setattr(engine, "_LONGEST_WAIT_S", 0.05)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


def requests(kind, arguments):
    return [
        Instance(kind, {}, one, index, metadata=("task", index, 1))
        for index, one in enumerate(arguments)
    ]


def rolling(lm, texts=MIXED):
    return lm.loglikelihood_rolling(requests("loglikelihood_rolling", [(t,) for t in texts]), True)


def api(server, folder, **more):
    return InfocapAPI(server.url, tokenizer=str(folder), **more)


def local(model, **more):
    return InfocapHF(str(model), device="cpu", dtype="float32", **more)


@pytest.mark.parametrize("kind", ["vllm", "sglang", "echo"])
def test_every_dialect_gives_the_numbers_of_the_model(tiny_model, kind):
    with serving(tiny_model, kind=kind) as server:
        ours = api(server, tiny_model)
        here = local(tiny_model, max_length=254)
        assert rolling(ours) == pytest.approx(rolling(here), rel=1e-6)
        pairs = requests("loglikelihood", [("The river ", "keeps"), ("", "no record"), ("a", "b")])
        mine, theirs = ours.loglikelihood(pairs, True), here.loglikelihood(pairs, True)
        assert [nats for nats, _ in mine] == pytest.approx([nats for nats, _ in theirs], rel=1e-5)
        assert [greedy for _, greedy in mine] == [greedy for _, greedy in theirs]


@pytest.mark.parametrize("kind", ["vllm", "sglang", "echo"])
def test_the_greedy_continuation_is_known(tiny_model, kind):
    with serving(tiny_model, kind=kind) as server:
        ours = api(server, tiny_model)
        (_, _, _, likeliest) = server.logprobs([0, 5, 7, 9, 11])[-1]
        texts = [TokenText("…", (0, 5, 7, 9), (token,), 10**6) for token in (likeliest, 1)]
        answers = ours.loglikelihood(requests("loglikelihood", [("", t) for t in texts]), True)
        assert [greedy for _, greedy in answers] == [True, likeliest == 1]


def test_ids_are_sent_after_one_prefix_token_and_many_are_in_flight(tiny_model):
    with serving(tiny_model, delay_s=0.05) as server:
        ours = api(server, tiny_model, num_concurrent=6)
        server.prompts.clear()
        texts = [f"text {number}" for number in range(20)]
        rolling(ours, texts)
        encoded = byte_tokenizer(merges=True)(texts)["input_ids"]
        assert sorted(server.prompts) == sorted((0, *ids) for ids in encoded)
        assert 1 < server.most_in_flight <= 6


def test_answers_say_which_server_gave_them(tiny_model):
    with serving(tiny_model) as server:
        (answer,) = rolling(api(server, tiny_model, dtype="bfloat16"), ["a text"])
        assert answer.engine.name == "vllm"
        assert answer.engine.version == "0.0.test"
        assert answer.engine.dtype == "bfloat16"


@pytest.mark.parametrize(
    "trouble",
    [
        {"statuses": [429, 503, 500, 429, 502, 503] * 3},
        {"breaks": 7},
        {"stalls_s": [3.0, 3.0]},
    ],
    ids=["busy", "broken connections", "stalls"],
)
def test_what_passes_is_asked_again(tiny_model, trouble, caplog):
    with serving(tiny_model) as server:
        ours = api(server, tiny_model, timeout=1)
        for name, value in trouble.items():
            setattr(server, name, value)
        here = local(tiny_model, max_length=254)
        assert rolling(ours) == pytest.approx(rolling(here), rel=1e-6)
    assert "asking again" in caplog.text


def test_a_server_that_stays_away_ends_the_run_and_its_answers_are_kept(tiny_model, tmp_path):
    with serving(tiny_model) as server:
        ours = api(server, tiny_model, cache=str(tmp_path), num_concurrent=1, max_retries=2)
        first = rolling(ours, MIXED[:2])
        server.statuses = [503] * 10**4
        with pytest.raises(InfocapError, match="answered 503, 3 times"):
            rolling(ours)
    with serving(tiny_model) as server:
        again = api(server, tiny_model, cache=str(tmp_path))
        server.prompts.clear()
        assert rolling(again)[:2] == first
        num_windows = sum(math.ceil(len(text.encode()) / 254) for text in MIXED)
        assert len(server.prompts) <= num_windows - 2 + 1  # one kept text is asked again


def test_other_weights_under_the_same_name_are_refused(tiny_model, tmp_path):
    other = save_llama(tmp_path / "other", byte_tokenizer(merges=True), initializer_range=0.3)
    with serving(tiny_model) as server:
        rolling(api(server, tiny_model, cache=str(tmp_path / "kept")), MIXED[:3])
        server.load(str(other))
        with pytest.raises(InfocapError, match="those of other weights"):
            rolling(api(server, tiny_model, cache=str(tmp_path / "kept")))


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"kind": "no-logprobs"}, "gave 0 log-probabilities for a prompt of"),
        ({"kind": "retokenizes"}, "read a prompt of 73 tokens where 72 were sent"),
        ({"leaves_out": 3}, "read a prompt of 69 tokens where 72 were sent"),
        ({"last_value": NAN}, "gave nan as the log-probability of token"),
        ({"last_value": -9999.0}, "gave -9999.0 as the log-probability of token"),
        ({"busy": True}, "answered 503 to /v1/models; it is loading or busy"),
        ({"kind": "echo", "says_tokens": False}, "does not say which tokens it scored"),
        ({"last_value": -math.inf}, "gave -inf as the log-probability of token"),
        ({"key": "secret"}, "answered 401 .no access.; set the key in the environment"),
        ({"name": "base-model"}, "model=served: not served by .*; it serves base-model"),
        ({"statuses": [400]}, "answered 400"),
    ],
)
def test_servers_that_cannot_be_used_are_refused_before_anything_is_scored(
    tiny_model, how, message
):
    with serving(tiny_model, **how) as server, pytest.raises(InfocapError, match=message):
        api(server, tiny_model, model="served", max_retries=0)


def test_another_tokenizer_is_refused(tiny_model, tmp_path):
    other = save_llama(tmp_path / "other", byte_fallback_tokenizer())
    with serving(other) as server, pytest.raises(InfocapError, match="to this tokenizer 'T'; give"):
        api(server, tiny_model)


def test_the_key_is_sent_and_stands_in_no_message(tiny_model, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "secret-key")
    with serving(tiny_model, key="secret-key") as server:
        ours = api(server, tiny_model, max_retries=0)
        server.key = "another"
        with pytest.raises(InfocapError) as caught:
            rolling(ours, ["a text"])
        assert "secret-key" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"base_url": "localhost:8000"}, "must begin with http:// or https://"),
        ({"base_url": "http://127.0.0.1:9/v1"}, "no server answers there"),
        ({"engine": "tgi"}, "engine=tgi: unknown; give one of vllm, sglang, echo"),
        ({"num_concurrent": 0}, "num_concurrent=0: must be a whole number of at least 1"),
        ({"timeout": "soon"}, "timeout=soon: must be a number of at least 1"),
        ({"max_retries": -1}, "max_retries=-1: must be a whole number of at least 0"),
        ({"num_concurrent": 2.5}, "num_concurrent=2.5: must be a whole number"),
        ({"num_concurent": 2}, "num_concurent=: no argument .* did you mean num_concurrent"),
        ({"openai_api_key": "k"}, "openai_api_key=: no argument .* environment variable"),
        ({"model": "servd"}, "model=servd: not served by .*; did you mean served"),
        ({"tokenizer": None}, "add tokenizer=DIR_OR_HUB_ID"),
    ],
)
def test_wrong_arguments_are_refused_in_one_line(tiny_model, arguments, message):
    with serving(tiny_model, root="/on/another/machine") as server:
        given = {"base_url": server.url, "tokenizer": str(tiny_model)} | arguments
        with pytest.raises(InfocapError, match=message) as caught:
            InfocapAPI(**given)
    assert "\n" not in str(caught.value)


def test_tokenizer_comes_from_where_the_server_loaded_the_model(tiny_model):
    with serving(tiny_model, root=str(tiny_model)) as server:
        ours = InfocapAPI(f"{server.url}/v1/completions")
        assert ours.tokenizer.name_or_path == str(tiny_model)
        assert ours.max_length == 254


def test_one_process_asks(tiny_model, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with serving(tiny_model) as server, pytest.raises(InfocapError, match="without torchrun"):
        api(server, tiny_model)
