"""``infocap-gguf``: llama.cpp for real, beside its own high-level API and ``infocap-hf``."""

import math

import numpy as np
import pytest
from helpers.gguf_files import save_gguf
from helpers.models import TEXTS, byte_tokenizer, save_llama
from helpers.real_files import SMOLLM2_GGUF
from lm_eval.api.instance import Instance

from infocap_tasks.backend.infocap_hf import InfocapHF
from infocap_tasks.backend.token_text import PlainText, TokenText
from infocap_tasks.errors import InfocapError

llama_cpp = pytest.importorskip(
    "llama_cpp", reason="llama.cpp is not built here: pip install llama-cpp-python"
)

from infocap_tasks.backend.infocap_gguf import InfocapGGUF  # noqa: E402

LONG = "A long text that takes several windows. " * 40
MIXED = [*TEXTS, "a", "the", "数据压缩", LONG]


def requests(kind, arguments):
    return [
        Instance(kind, {}, one, index, metadata=("task", index, 1))
        for index, one in enumerate(arguments)
    ]


def rolling(lm, texts):
    asked = requests("loglikelihood_rolling", [(PlainText(text),) for text in texts])
    return lm.loglikelihood_rolling(asked, True)


@pytest.fixture(scope="module")
def tiny_gguf(tiny_model, tmp_path_factory):
    return save_gguf(tiny_model, tmp_path_factory.mktemp("gguf") / "tiny.gguf")


def quantised(source, path, ftype):
    settings = llama_cpp.llama_model_quantize_default_params()
    settings.ftype, settings.allow_requantize, settings.nthread = ftype, True, 2
    assert llama_cpp.llama_model_quantize(str(source).encode(), str(path).encode(), settings) == 0
    return path


def bits_by_high_level(path, sequences, num_words=None):
    """Bits of the tokens of each sequence after its first one, from all logits at once."""
    # Attention as llama.cpp's own programs run it by default; its Python class does not. For a
    # quantised model that changes a short text by some 0.05 bits a token.
    model = llama_cpp.Llama(
        str(path), n_ctx=2048, logits_all=True, flash_attn=True, n_threads=1, verbose=False
    )
    found = []
    for ids in sequences:
        model.reset()
        model.eval(ids)
        logits = model.scores[: len(ids) - 1, :num_words].astype(np.float64)
        nats = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        found.append(-nats[np.arange(len(ids) - 1), ids[1:]].sum() / math.log(2))
    return found


def bits_by_ours(lm, sequences):
    texts = [TokenText("", ids[:1], ids[1:], lm._engine.vocabulary_size) for ids in sequences]
    answers = lm.loglikelihood(requests("loglikelihood", [("", text) for text in texts]), True)
    return [-nats / math.log(2) for nats, _ in answers]


def require_equal(ours, theirs, sequences):
    for mine, other, ids in zip(ours, theirs, sequences, strict=True):
        assert abs(mine - other) / (len(ids) - 1) < 1e-4


def test_a_tiny_model_has_the_bits_of_all_its_logits_at_once(tiny_model, tmp_path):
    folder = save_llama(
        tmp_path / "long", byte_tokenizer(merges=True), max_position_embeddings=2048
    )
    path = save_gguf(folder, tmp_path / "long.gguf")
    lm = InfocapGGUF(str(path), n_threads=1)
    sequences = [[0, *lm.tokenizer(text)["input_ids"]] for text in MIXED]
    assert max(map(len, sequences)) > 1024  # three steps of llama.cpp
    theirs = bits_by_high_level(path, sequences)
    require_equal(bits_by_ours(lm, sequences), theirs, sequences)
    nats = rolling(lm, MIXED)
    assert [-one / math.log(2) for one in nats] == pytest.approx(theirs, rel=1e-5)


REAL_TEXTS = [
    "The cat sat on the mat, and <|im_start|> is a name.",
    "数据压缩与预测是同一件事。",
    "def f(x):\n    return x ** 2  # 🙂 naïve café\n",
]


@pytest.fixture(scope="module")
def smollm2():
    return InfocapGGUF(str(SMOLLM2_GGUF), n_threads=1)


@pytest.mark.parametrize("ftype", [None, "Q8_0"])
def test_smollm2_has_the_bits_of_all_its_logits_at_once(smollm2, tmp_path, ftype):
    path, lm = SMOLLM2_GGUF, smollm2
    if ftype:
        code = getattr(llama_cpp, f"LLAMA_FTYPE_MOSTLY_{ftype}")
        path = quantised(SMOLLM2_GGUF, tmp_path / f"{ftype}.gguf", code)
        lm = InfocapGGUF(str(path), tokenizer=str(smollm2_tokenizer(smollm2, tmp_path)))
    sequences = [
        [lm.prefix_token_id, *ids]
        for ids in smollm2.tokenizer(REAL_TEXTS, split_special_tokens=True)["input_ids"]
    ]
    theirs = bits_by_high_level(path, sequences)
    require_equal([-n / math.log(2) for n in rolling(lm, REAL_TEXTS)], theirs, sequences)
    assert lm._engine.facts.dtype == (ftype or "Q4_1")


def test_standard_tasks_are_scored_with_contexts_of_any_length(tiny_model, tmp_path):
    folder = save_llama(
        tmp_path / "long", byte_tokenizer(merges=True), max_position_embeddings=2048
    )
    ours = InfocapGGUF(str(save_gguf(folder, tmp_path / "long.gguf")), n_threads=1)
    theirs = InfocapHF(str(folder), device="cpu", dtype="float32")
    pairs = [("The river ", "keeps"), ("", "no record"), (LONG[:1000], " the end"), (LONG, LONG)]
    mine, others = (
        lm.loglikelihood(requests("loglikelihood", pairs), True) for lm in (ours, theirs)
    )
    assert [n for n, _ in mine] == pytest.approx([n for n, _ in others], rel=2e-3)


def test_the_greedy_continuation_is_known(tiny_gguf):
    lm = InfocapGGUF(str(tiny_gguf), n_threads=1)
    answers = lm.loglikelihood(
        requests(
            "loglikelihood",
            [
                ("", TokenText("", (5, 7, 9), (token,), 10**6))
                for token in range(lm._engine.vocabulary_size)
            ],
        ),
        True,
    )
    (likeliest,) = [token for token, (_, is_greedy) in enumerate(answers) if is_greedy]
    assert answers[likeliest] == max(answers)
    assert math.fsum(math.exp(nats) for nats, _ in answers) == pytest.approx(1)


# ------------------------------------------------------------------ the tokens


@pytest.fixture(scope="module")
def other_tokenizer(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokenizer")
    byte_tokenizer(merges=False).save_pretrained(folder)
    return folder


def test_a_tokenizer_that_is_not_the_file_s_is_refused(tiny_gguf, other_tokenizer):
    lm = InfocapGGUF(str(tiny_gguf), tokenizer=str(other_tokenizer), n_threads=1)
    assert rolling(lm, ["short: big talk"])
    said = r"token 3 of a text, near 'on t', is \d+, and 258 to llama.cpp; give the tokenizer of"
    with pytest.raises(InfocapError, match=said):
        rolling(lm, ["on the way"])
    (ids,) = lm.tokenizer(["on the way"])["input_ids"]
    text = TokenText("", ids[:1], ids[1:], 10**6)
    with pytest.raises(InfocapError, match=said):
        lm.loglikelihood(requests("loglikelihood", [("", text)]), True)
    with pytest.raises(InfocapError, match=said):
        lm.loglikelihood(requests("loglikelihood", [("on the way", " home")]), True)


def test_ids_of_a_text_that_was_cut_within_a_character_are_scored(tiny_gguf):
    lm = InfocapGGUF(str(tiny_gguf), n_threads=1)
    (ids,) = lm.tokenizer(["数据"])["input_ids"]
    text = TokenText("", ids[:1], ids[1:-1], 10**6)
    ((nats, _),) = lm.loglikelihood(requests("loglikelihood", [("", text)]), True)
    assert nats < 0


# ------------------------------------------------------------------ wrong input


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"n_threads": 0}, "n_threads=0: give a number from 1"),
        ({"n_threads": "many"}, "n_threads=many: give a number from 1"),
        (
            {"max_length": 257},
            r"max_length=257: tiny.gguf was trained for 256 tokens; give at most",
        ),
        ({"gguf_file": "none.gguf"}, r"none.gguf: no such file"),
    ],
)
def test_arguments_that_cannot_be_used(tiny_gguf, arguments, said):
    with pytest.raises(InfocapError, match=said) as error:
        InfocapGGUF(str(tiny_gguf), **arguments)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.1, 0.5, 0.9, 0.999])
def test_a_file_that_was_cut(tiny_gguf, tiny_model, tmp_path, share):
    whole = tiny_gguf.read_bytes()
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(InfocapError, match=r"cut\.gguf: no whole GGUF file \(") as error:
        InfocapGGUF(str(cut), tokenizer=str(tiny_model))
    assert "\n" not in str(error.value)


def test_a_model_of_which_a_part_is_missing(tiny_gguf, tiny_model, tmp_path):
    first = tmp_path / "big-00001-of-00002.gguf"
    first.write_bytes(tiny_gguf.read_bytes())
    with pytest.raises(InfocapError, match=r"big-00002-of-00002\.gguf: no whole GGUF file"):
        InfocapGGUF(str(first), tokenizer=str(tiny_model))


def test_a_file_of_an_unknown_architecture(tiny_gguf, tiny_model, tmp_path):
    other = tmp_path / "other.gguf"
    other.write_bytes(tiny_gguf.read_bytes().replace(b"llama", b"lhama"))
    with pytest.raises(InfocapError, match=r"other\.gguf: llama.cpp .* cannot load it"):
        InfocapGGUF(str(other), tokenizer=str(tiny_model))


def smollm2_tokenizer(lm, folder):
    lm.tokenizer.save_pretrained(folder / "tokenizer")
    return folder / "tokenizer"
