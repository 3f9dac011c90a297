"""What a task must know of the scored model before it is loaded: tokenizer, window, softmax."""

import logging
from types import SimpleNamespace
from typing import Any

from transformers import PreTrainedTokenizerBase

from infocap_tasks.errors import InfocapError
from infocap_tasks.models.pretrained import (
    Pretrained,
    added_special_tokens,
    load_config,
    load_tokenizer,
    require_offsets,
    tokenizer_fingerprint,
)
from infocap_tasks.task.settings import Backend, Settings
from infocap_tasks.task.special_tokens import CONTROL_TOKENS, PLAIN_TEXT

log = logging.getLogger("lm_eval.infocap_tasks")

# The harness's default for models behind an API.
_SERVED_MAX_LENGTH = 2048


def find_tokenizer(settings: Settings, add_bos_token: bool | None) -> PreTrainedTokenizerBase:
    """The tokenizer that texts are cut with.

    Raises:
        InfocapError: none is named, or it cannot be used.
    """
    source = settings.tokenizer
    if source is None:
        raise InfocapError(
            "no tokenizer known to count with: give --model_args pretrained=… or tokenizer=…; "
            "from Python with a ready model, metadata={'pretrained': …} or {'tokenizer': …}"
        )
    if isinstance(source, Pretrained):
        source = load_tokenizer(source, add_bos_token, settings.backend.use_fast_tokenizer)
    return require_offsets(source)


def tokenizer_record(
    tokenizer: PreTrainedTokenizerBase, prefix_token_id: int, splits_special_tokens: bool
) -> dict[str, Any]:
    """What a results file says of the tokenizer."""
    return {
        "class": type(tokenizer).__name__,
        "name_or_path": tokenizer.name_or_path,
        "vocab_size": len(tokenizer),
        "fingerprint": tokenizer_fingerprint(tokenizer),
        "prefix_token_id": prefix_token_id,
        "prefix_token": tokenizer.convert_ids_to_tokens(prefix_token_id),
        "special_tokens_in_text": PLAIN_TEXT if splits_special_tokens else CONTROL_TOKENS,
    }


def refuse_second_bos(tokenizer: PreTrainedTokenizerBase, backend: Backend) -> None:
    """Refuse a tokenizer that would add BOS where the harness puts the prefix token too.

    Raises:
        InfocapError: it would, and the model would be charged for predicting a special token.
    """
    if backend.takes_token_ids or backend.add_bos_token is False:
        return
    added = added_special_tokens(tokenizer)
    if added:
        raise InfocapError(
            f"tokenizer {tokenizer.name_or_path} adds {' '.join(added)} to each text, and the "
            "harness puts the prefix token before it too: the model would be charged for a "
            "special token; add add_bos_token=False to --model_args, as `infocap eval` does"
        )


def require_prefix_token(tokenizer: PreTrainedTokenizerBase, backend: Backend) -> int:
    """The token before the first one, by the harness's rule: given, else BOS, else EOS.

    Raises:
        InfocapError: there is none of them, or the one that is given is no id of the tokenizer.
    """
    ids = (backend.prefix_token_id, tokenizer.bos_token_id, tokenizer.eos_token_id)
    prefix = next((token_id for token_id in ids if token_id is not None), None)
    if prefix is None:
        raise InfocapError(
            f"tokenizer {tokenizer.name_or_path} has neither a BOS nor an EOS token to predict "
            "the first token from; add prefix_token_id=ID to --model_args"
        )
    if not 0 <= prefix < len(tokenizer):
        raise InfocapError(
            f"prefix_token_id={prefix}: tokenizer {tokenizer.name_or_path} has the ids 0 to "
            f"{len(tokenizer) - 1}; give one of them, such as that of BOS"
        )
    return int(prefix)


def _window(model: Pretrained, tokenizer: PreTrainedTokenizerBase) -> int:
    """Tokens that a model holds, by the rule of the harness's transformers backend.

    It is a property of a loaded model there, and asked here before one is loaded.
    """
    from lm_eval.models.huggingface import HFLM

    unloaded = SimpleNamespace(
        _max_length=None,
        _DEFAULT_MAX_LENGTH=HFLM._DEFAULT_MAX_LENGTH,
        model=SimpleNamespace(config=load_config(model).get_text_config()),
        tokenizer=tokenizer,
    )
    return int(HFLM.max_length.fget(unloaded))


def require_window(settings: Settings, tokenizer: PreTrainedTokenizerBase) -> None:
    """Refuse texts longer than the model's window.

    The harness would score them in several windows, and each but the first would start without
    what came before it.

    Raises:
        InfocapError: ``max_tokens`` is above the window.
    """
    max_length, is_served = settings.backend.max_length, settings.backend.is_served
    if max_length is None and settings.model is not None:
        max_length = _window(settings.model, tokenizer)
    elif max_length is None and is_served:
        max_length = _SERVED_MAX_LENGTH
    if max_length is None:
        return
    window = max_length - (2 if is_served else 0)
    if settings.max_tokens > window:
        raise InfocapError(
            f"max_tokens={settings.max_tokens} is above the model's max_length of {window}; "
            f"lower it with --metadata max_tokens={window} (or less), for every model that "
            "is to be compared"
        )


def declared_quantization(settings: Settings) -> str | None:
    """How the model's config says that its weights are quantised, such as ``gptq``."""
    model = settings.model or settings.flops_config  # as on a server
    if model is None:
        return None
    try:
        declared = getattr(load_config(model), "quantization_config", None)
    except InfocapError:  # FLOPs were given, and nothing else needs the config
        return None
    method = (
        declared.get("quant_method")
        if isinstance(declared, dict)
        else getattr(declared, "quant_method", None)
    )
    return None if method is None else str(getattr(method, "value", method))


def find_softmax_dtype(settings: Settings) -> str | None:
    """The dtype in which the backend takes the log-softmax; None where nothing tells it.

    A coarse one is warned of.
    """
    if settings.backend.takes_token_ids:
        return "float32"  # unless the backend says otherwise with its answers
    if not settings.backend.may_be_hf:
        return None  # what other engines do is not known
    name = settings.backend.softmax_dtype
    if name is None and settings.model is not None:
        dtype = load_config(settings.model).get_text_config().dtype
        name = None if dtype is None else str(dtype).removeprefix("torch.")
    if name in {"bfloat16", "float16"}:
        log.warning(
            "--model hf takes and sums log-probabilities in %s, which is good for about 3 "
            "digits; add softmax_dtype=float32 to --model_args, as `infocap eval` does",
            name,
        )
    return name
