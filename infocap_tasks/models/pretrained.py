"""A model's config and tokenizer, from a folder, a file or the hub; never its weights."""

import hashlib
import json
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from transformers import AutoConfig, AutoTokenizer, PretrainedConfig, PreTrainedTokenizerBase

from infocap_tasks.errors import InfocapError, one_line
from infocap_tasks.models.layers import more_layers_than
from infocap_tasks.models.local import nearest_in_cache, refuse_missing_model

# Scripts, numbers, white space and code that tokenizers are known to treat differently.
_PROBE = (
    "The café's 3 rules:\n\tdef f(x): return x**2  # 1234567\r\n"
    "数据压缩 データ 데이터 данные بيانات डेटा δεδομένα 🙂👩‍👩‍👧\u00a0 \u200b  end."
)


class Pretrained(NamedTuple):
    """What names a model: the arguments that transformers' ``from_pretrained`` takes.

    Attributes:
        path: local folder, hub id, or local folder of ``gguf_file``.
        revision: branch, tag or commit on the hub.
        subfolder: folder in the repository.
        gguf_file: name of a GGUF file in ``path`` that holds config and tokenizer.
        trust_remote_code: run code that the repository brings.
    """

    path: str
    revision: str = "main"
    subfolder: str = ""
    gguf_file: str | None = None
    trust_remote_code: bool = False

    @classmethod
    def from_file_or_id(cls, model: str, trust_remote_code: bool = False) -> "Pretrained":
        """The model that a user names on a command line: also a config.json or a .gguf file."""
        path = Path(model)
        if path.suffix == ".gguf":
            folder = str(path.absolute().parent)
            return cls(folder, gguf_file=path.name, trust_remote_code=trust_remote_code)
        if path.name == "config.json" and path.is_file():
            model = str(path.parent)  # beside it may stand the code that it names
        return cls(model, trust_remote_code=trust_remote_code)

    @property
    def name(self) -> str:
        """Folder, hub id or GGUF file, for messages."""
        return str(Path(self.path, self.gguf_file)) if self.gguf_file else self.path

    def arguments(self) -> dict[str, Any]:
        """Keyword arguments for ``from_pretrained``, without those that are at their default."""
        given: dict[str, Any] = {
            "revision": self.revision,
            "trust_remote_code": self.trust_remote_code,
        }
        if self.subfolder:
            given["subfolder"] = self.subfolder
        if self.gguf_file:
            given["gguf_file"] = self.gguf_file
        return given


@lru_cache(maxsize=8)
def load_config(model: Pretrained) -> PretrainedConfig:
    """The model's config.

    Raises:
        InfocapError: it cannot be loaded, or its architecture is unknown.
    """
    refuse_missing_model(model.path, model.gguf_file)
    try:
        _refuse_absurd_layers(model)
        config = AutoConfig.from_pretrained(model.path, **model.arguments())
        missing = [] if model.gguf_file else _fields_left_to_defaults(model, config)
    except InfocapError:
        raise
    except Exception as error:  # transformers raises whatever its readers raise
        nearest = [] if Path(model.path).exists() else nearest_in_cache(model.path)
        meant = f"; did you mean {', '.join(nearest)}?" if nearest else ""
        raise InfocapError(f"no config for model {model.name}: {one_line(error)}{meant}") from error
    if missing:
        raise InfocapError(
            f"no config for model {model.path}: it does not say {', '.join(missing)}, which "
            f"transformers would fill in for some {config.model_type} model; add what is missing"
        )
    return config


# Classes of transformers list the kind of each layer when they are loaded, which takes the memory.
_MAX_LAYERS = 100_000


def _refuse_absurd_layers(model: Pretrained) -> None:
    if model.gguf_file:
        return
    given, _ = PretrainedConfig.get_config_dict(model.path, **model.arguments())
    if many := more_layers_than(_MAX_LAYERS, given):
        raise InfocapError(f"no config for model {model.name}: {many}")


# What LongCat-Flash and two generations of Nemotron-H give in place of num_hidden_layers.
_LAYERS = {"num_layers", "layers_block_type", "hybrid_override_pattern"}


def _fields_left_to_defaults(model: Pretrained, config: PretrainedConfig) -> list[str]:
    """Sizes that a config does not give itself; wrappers leave those of their parts to defaults."""
    if config.get_text_config(decoder=True) is not config or config.sub_configs:
        return []
    given, _ = PretrainedConfig.get_config_dict(model.path, **model.arguments())
    has = config.to_dict()  # not by attribute: sizes that vary by layer (dots3) cannot be read
    names = {
        name: {name, config.attribute_map.get(name, name)}
        for name in ("hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size")
    }
    if isinstance(getattr(type(config), "num_hidden_layers", None), property):
        names["num_hidden_layers"] |= _LAYERS
    return [name for name, words in names.items() if words & set(has) and not words & set(given)]


@lru_cache(maxsize=8)
def load_tokenizer(
    model: Pretrained, add_bos_token: bool | None = None, use_fast: bool = True
) -> PreTrainedTokenizerBase:
    """The model's tokenizer, loaded as the harness's HFLM loads it; it may be a slow one.

    Raises:
        InfocapError: it cannot be loaded.
    """
    refuse_missing_model(model.path, model.gguf_file)
    arguments = model.arguments()
    if not model.gguf_file:
        arguments["use_fast"] = use_fast
    if add_bos_token is not None:
        arguments["add_bos_token"] = add_bos_token
    try:
        return AutoTokenizer.from_pretrained(model.path, **arguments)
    except Exception as error:
        raise InfocapError(f"no tokenizer for model {model.name}: {one_line(error)}") from error


def require_offsets(tokenizer: PreTrainedTokenizerBase) -> PreTrainedTokenizerBase:
    """The tokenizer itself, if it can say where in the text each token ends.

    Raises:
        InfocapError: it is a slow tokenizer.
    """
    if not tokenizer.is_fast:
        raise InfocapError(
            f"tokenizer {type(tokenizer).__name__} of {tokenizer.name_or_path} is a slow one, "
            "without offsets, so a text cannot be cut at a token's end; give one that has a "
            "tokenizer.json, with tokenizer=PATH_OR_ID in --model_args"
        )
    return tokenizer


def tokenizer_fingerprint(tokenizer: PreTrainedTokenizerBase) -> str:
    """16 hex digits of the ids that a fixed text encodes to, which tell tokenizers apart."""
    ids = tokenizer(_PROBE, add_special_tokens=False)["input_ids"]
    return hashlib.sha256(json.dumps([len(tokenizer), ids]).encode()).hexdigest()[:16]


def added_special_tokens(tokenizer: PreTrainedTokenizerBase) -> list[str]:
    """The special tokens that the tokenizer adds to a text unless told otherwise."""
    bare = tokenizer("x", add_special_tokens=False)["input_ids"]
    added = [token for token in tokenizer("x")["input_ids"] if token not in bare]
    return [str(token) for token in tokenizer.convert_ids_to_tokens(added)]
