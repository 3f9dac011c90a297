"""Equal to the harness's own backend, for heads and bodies of many kinds."""

import math

import pytest
import torch
from helpers.models import TEXTS, byte_tokenizer
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM
from transformers import (
    AutoTokenizer,
    CohereConfig,
    CohereForCausalLM,
    Gemma2Config,
    Gemma2ForCausalLM,
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    GPT2Config,
    GPT2LMHeadModel,
    GraniteConfig,
    GraniteForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    MambaConfig,
    MambaForCausalLM,
    MixtralConfig,
    MixtralForCausalLM,
    PhiConfig,
    PhiForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
    T5Config,
    T5ForConditionalGeneration,
)

from infocap_tasks.backend.infocap_hf import InfocapHF
from infocap_tasks.errors import InfocapError

TOKENIZER = byte_tokenizer(adds_bos=True, merges=True)
VOCAB = len(TOKENIZER)
SMALL = {
    "vocab_size": VOCAB, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64,
    "bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0, "initializer_range": 0.3,
}  # fmt: skip
NO_GROUPS = {k: v for k, v in SMALL.items() if k not in ("num_key_value_heads",)}
KINDS = {
    "llama": (LlamaForCausalLM, LlamaConfig(**SMALL)),
    "tied": (LlamaForCausalLM, LlamaConfig(**SMALL, tie_word_embeddings=True)),
    "padded": (LlamaForCausalLM, LlamaConfig(**SMALL | {"vocab_size": VOCAB + 27})),
    "qwen3": (Qwen3ForCausalLM, Qwen3Config(**SMALL, head_dim=16)),
    "gemma2": (
        Gemma2ForCausalLM,
        Gemma2Config(**SMALL, head_dim=16, final_logit_softcapping=2.0, sliding_window=16),
    ),
    "gemma3": (Gemma3ForCausalLM, Gemma3TextConfig(**SMALL, head_dim=16, sliding_window=16)),
    "cohere": (CohereForCausalLM, CohereConfig(**SMALL, logit_scale=0.3)),
    "granite": (GraniteForCausalLM, GraniteConfig(**SMALL, logits_scaling=4.0)),
    "phi": (PhiForCausalLM, PhiConfig(**SMALL)),
    "gpt2": (
        GPT2LMHeadModel,
        GPT2Config(
            vocab_size=VOCAB, n_embd=32, n_layer=2, n_head=4, n_positions=64, bos_token_id=0,
            eos_token_id=0, initializer_range=0.3,
        ),
    ),
    "mixtral": (MixtralForCausalLM, MixtralConfig(**SMALL, num_local_experts=4)),
    "mamba": (
        MambaForCausalLM,
        MambaConfig(
            vocab_size=VOCAB, hidden_size=32, num_hidden_layers=2, state_size=8,
            initializer_range=0.3, bos_token_id=0, eos_token_id=0, pad_token_id=0,
        ),
    ),
    "t5": (
        T5ForConditionalGeneration,
        T5Config(
            vocab_size=VOCAB, d_model=32, d_kv=8, d_ff=64, num_layers=2, num_heads=4,
            decoder_start_token_id=0, pad_token_id=0, eos_token_id=0,
        ),
    ),
}  # fmt: skip

MIXED = [*TEXTS, "a", "the", "A long text that takes several windows of the model. " * 8]


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    made = {}

    def get(name):
        if name not in made:
            torch.manual_seed(1)
            folder = tmp_path_factory.mktemp(name)
            kind, config = KINDS[name]
            kind(config).save_pretrained(folder)
            TOKENIZER.save_pretrained(folder)
            made[name] = str(folder)
        return made[name]

    return get


def requests(kind, arguments):
    return [
        Instance(kind, {}, one, index, metadata=("task", index, 1))
        for index, one in enumerate(arguments)
    ]


def rolling(lm, texts=MIXED):
    return lm.loglikelihood_rolling(requests("loglikelihood_rolling", [(t,) for t in texts]), True)


COMMON = {"device": "cpu", "dtype": "float32", "max_length": 48}


def stock(path, **more):
    return HFLM(path, **(COMMON | {"add_bos_token": False, "softmax_dtype": "float32"} | more))


def bits_per_token(nats, texts=MIXED):
    counts = [len(TOKENIZER(t, add_special_tokens=False)["input_ids"]) for t in texts]
    return [-n / math.log(2) / count for n, count in zip(nats, counts, strict=True)]


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("batch_size", [1, 3, "auto"])
def test_rolling_equals_the_harness(models, name, batch_size):
    ours = InfocapHF(models(name), batch_size=batch_size, **COMMON)
    assert ours.scoring_method == ("harness" if name == "t5" else "blockwise")
    expected = bits_per_token(rolling(stock(models(name), batch_size=2)))
    assert bits_per_token(rolling(ours)) == pytest.approx(expected, abs=1e-5)


PAIRS = [
    ("Is it so?", " yes"), ("Is it so?", " no"), ("Is it so?", " n"), ("", "from nothing"),
    ("A context that is much longer than the model can read at once, so it is cut. ", "x"),
    ("one ", "two three"), ("one ", "two four"),
]  # fmt: skip


@pytest.mark.parametrize("name", ["llama", "gemma2", "gpt2", "mamba", "t5"])
def test_loglikelihood_equals_the_harness(models, name):
    ours = InfocapHF(models(name), batch_size=2, **COMMON)
    theirs = HFLM(models(name), batch_size=2, softmax_dtype="float32", **COMMON)
    reqs = requests("loglikelihood", PAIRS)
    got, expected = ours.loglikelihood(reqs, True), theirs.loglikelihood(reqs, True)
    assert [ll for ll, _ in got] == pytest.approx([ll for ll, _ in expected], abs=1e-4)
    assert [greedy for _, greedy in got] == [greedy for _, greedy in expected]


def test_greedy_flag_marks_only_the_likeliest_continuation(models):
    ours = InfocapHF(models("llama"), **COMMON)
    context = ours.tok_encode("the", add_special_tokens=False)
    with torch.no_grad():
        token = ours.model(torch.tensor([context])).logits[0, -1].argmax().item()
    asked = [(None, context, [token]), (None, context, [(token + 1) % VOCAB])]
    assert [greedy for _, greedy in ours._loglikelihood_tokens(asked, True)] == [True, False]


def test_generation_equals_the_harness(models):
    arguments = [(text, {"until": ["."], "max_gen_toks": 5}) for text in ("the", "other", "a")]
    reqs = requests("generate_until", arguments)
    ours = InfocapHF(models("llama"), **COMMON).generate_until(reqs, True)
    assert ours == HFLM(models("llama"), **COMMON).generate_until(reqs, True)


@pytest.mark.parametrize("name", ["llama", "gemma2", "gpt2"])
def test_bf16_stays_close_to_float32_logits(models, name):
    ours = InfocapHF(models(name), **COMMON | {"dtype": "bfloat16"})
    assert ours.scoring_method == "blockwise"
    exact = bits_per_token(rolling(stock(models(name), dtype="bfloat16")), MIXED)
    tokens = [len(TOKENIZER(t, add_special_tokens=False)["input_ids"]) for t in MIXED]
    got = bits_per_token(rolling(ours))
    mean = sum((g - e) * n for g, e, n in zip(got, exact, tokens, strict=True)) / sum(tokens)
    assert abs(mean) < 1e-2  # the harness's own logits are rounded to bf16, in both places


class Odd(LlamaForCausalLM):
    """Changes its logits in a way that its config does not declare."""

    def forward(self, *arguments, **named):
        output = super().forward(*arguments, **named)
        output.logits = output.logits * 1.5 - 1
        return output


def test_unusual_head_is_scored_from_full_logits_with_a_warning(models, caplog):
    model = Odd.from_pretrained(models("llama"))
    tokenizer = AutoTokenizer.from_pretrained(models("llama"))
    more = {"tokenizer": tokenizer, "max_length": 48, "batch_size": 3}
    ours = InfocapHF(model, **more)
    assert ours.scoring_method == "full_logits"
    said = [r.message for r in caplog.records if "scored from its full logits" in r.message]
    assert len(said) == 1
    expected = HFLM(model, add_bos_token=False, softmax_dtype="float32", **more)
    assert bits_per_token(rolling(ours)) == pytest.approx(
        bits_per_token(rolling(expected)), abs=1e-5
    )


class OutOfMemoryAbove(LlamaForCausalLM):
    """Runs out of memory above a number of sequences."""

    most = 10

    def forward(self, input_ids, **named):
        if len(input_ids) > self.most:
            raise torch.OutOfMemoryError("out of memory")
        return super().forward(input_ids, **named)


@pytest.mark.parametrize(("most", "fits"), [(5, True), (2, False)])
def test_out_of_memory_halves_the_batch_once(models, most, fits):
    model = OutOfMemoryAbove.from_pretrained(models("llama"))
    tokenizer = AutoTokenizer.from_pretrained(models("llama"))
    ours = InfocapHF(model, tokenizer=tokenizer, max_length=48, batch_size=8)
    model.most = most
    texts = [f"{n} the other {n}" for n in range(8)]
    if fits:
        expected = rolling(stock(models("llama")), texts)
        assert rolling(ours, texts) == pytest.approx(expected, abs=1e-4)
    else:
        with pytest.raises(InfocapError, match="lower --batch_size"):
            rolling(ours, texts)


def test_requests_that_do_not_fit_are_refused(models):
    ours = InfocapHF(models("llama"), **COMMON)
    for context, continuation in (([], [1]), ([1], []), ([1], [2] * 49)):
        with pytest.raises(InfocapError, match=r"48 \(max_length\)"):
            ours._loglikelihood_tokens([(None, context, continuation)], True)


def test_model_info_records_the_scoring_method(models):
    info = InfocapHF(models("llama"), **COMMON).get_model_info()["infocap_scoring"]
    assert info["method"] == "blockwise"
    assert "one prefix token" in info["bos_policy"]


def test_fingerprints_differ_wherever_an_answer_could(models, tmp_path):
    def fingerprint(name="llama", **more):
        return InfocapHF(models(name), **COMMON | more).scorer.fingerprint()

    base = fingerprint()
    assert fingerprint() == base
    changed = LlamaForCausalLM.from_pretrained(models("llama"))
    with torch.no_grad():
        changed.model.layers[1].mlp.up_proj.weight[3, 5] += 1e-3
    changed.save_pretrained(tmp_path)
    TOKENIZER.save_pretrained(tmp_path)
    exchanged = LlamaForCausalLM.from_pretrained(models("llama"))
    rows = exchanged.model.embed_tokens.weight.data
    rows[[65, 67]] = rows[[67, 65]]
    exchanged.save_pretrained(tmp_path / "exchanged")
    TOKENIZER.save_pretrained(tmp_path / "exchanged")
    others = [
        fingerprint("tied"), fingerprint(dtype="bfloat16"), fingerprint(max_length=47),
        fingerprint(prefix_token_id=5), InfocapHF(str(tmp_path), **COMMON).scorer.fingerprint(),
        InfocapHF(str(tmp_path / "exchanged"), **COMMON).scorer.fingerprint(),
    ]  # fmt: skip
    assert len({base, *others}) == 7
