"""Models and tokenizers small enough to make for each test run; nothing is mocked."""

import json
from pathlib import Path

import torch
from lm_eval.tasks import TaskManager
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from infocap_tasks.paths import task_configs_dir

BYTES = sorted(pre_tokenizers.ByteLevel.alphabet())


def byte_tokenizer(adds_bos: bool = False, merges: bool = False) -> PreTrainedTokenizerFast:
    """256 tokens, one a byte (and a few merges); token 0 is the BOS token too."""
    pairs = [("t", "h"), ("th", "e"), ("Ġ", "the"), ("e", "r"), ("Ġ", "Ġ")] if merges else []
    vocab = {token: index for index, token in enumerate(BYTES)}
    vocab |= {a + b: len(BYTES) + index for index, (a, b) in enumerate(pairs)}
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=pairs))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    if adds_bos:
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{BYTES[0]} $A", special_tokens=[(BYTES[0], 0)]
        )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=BYTES[0], eos_token=BYTES[0]
    )


def byte_fallback_tokenizer() -> PreTrainedTokenizerFast:
    """As SentencePiece's: a word-start mark before the text, unknown characters as their bytes."""
    words = ["▁", "t", "h", "e", "a", "n", "o", "th", "the", "▁the"]
    vocab = {"<unk>": 0, "<s>": 1, "</s>": 2}
    for token in [*(f"<0x{byte:02X}>" for byte in range(256)), *words]:
        vocab[token] = len(vocab)
    pairs = [("t", "h"), ("th", "e"), ("▁", "the")]
    tokenizer = Tokenizer(
        models.BPE(vocab=vocab, merges=pairs, byte_fallback=True, unk_token="<unk>")
    )
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )


def lower_casing_tokenizer() -> PreTrainedTokenizerFast:
    """As BERT's: lower case, unknown words are one token, white space is lost."""
    words = ["[UNK]", "[SEP]", "the", "of", "##er", "th", "short", "one", ".", "x"]
    vocab = {word: index for index, word in enumerate(words)}
    tokenizer = Tokenizer(models.WordPiece(vocab=vocab, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="[UNK]", bos_token="[SEP]", eos_token="[SEP]"
    )


def save_llama(folder: Path, tokenizer: PreTrainedTokenizerFast, **config) -> Path:
    """A random two-layer Llama in float32 with this tokenizer."""
    torch.manual_seed(0)
    settings = {
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 256,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": 0,
        "initializer_range": 0.2,
    } | config
    model = LlamaForCausalLM(LlamaConfig(**settings))
    if settings.get("vocab_size") == 256 and config.get("uniform"):
        torch.nn.init.zeros_(model.lm_head.weight)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


TEXTS = [
    "The theory of the weather: the thunder, the other, then there.",
    "数据压缩与预测是同一件事。" * 20,
    "def f(x):\n    return x ** 2  # 🙂 emoji 👩‍👩‍👧 and naïve café\n" * 10,
    "Short one.",
]


def write_jsonl(path: Path, records) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


SAFE = {"add_bos_token": False, "softmax_dtype": "float32"}


def task_manager(**metadata) -> TaskManager:
    # Without the harness's own thousands of tasks, which take seconds to index.
    return TaskManager(
        include_path=str(task_configs_dir()), include_defaults=False, metadata=metadata
    )


def load_task(name: str = "infocap_custom", **metadata):
    defaults = {"max_tokens": 64, **SAFE}
    return task_manager(**(defaults | metadata)).load([name])["tasks"][name]
