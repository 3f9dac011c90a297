"""All that a task is told, parsed once into one frozen record.

The harness merges the YAML's own metadata, the model arguments and what the user gave with
``--metadata``, in rising order of precedence, into one mapping. Nothing but this module reads it;
``keys.SETTINGS`` lists and explains its keys.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerBase

from infocap_tasks.corpora.corpus import CORPORA
from infocap_tasks.corpora.records import (
    Copy,
    CorpusRecord,
    File,
    Hub,
    Packaged,
    Sample,
    StandardLibrary,
    WholeCorpus,
)
from infocap_tasks.corpora.text import Fields
from infocap_tasks.errors import InfocapError, did_you_mean
from infocap_tasks.flops.record import Flops, given_flops
from infocap_tasks.models.pretrained import Pretrained

Metadata = Mapping[str, Any]

_USERS_FILE = "file"


@dataclass(frozen=True)
class UsersFile:
    """The corpus of a task that scores whatever file ``corpus_path`` names."""


DeclaredCorpus = WholeCorpus | UsersFile


@dataclass(frozen=True)
class Backend:
    """What the model arguments say of how the model will be scored.

    Attributes:
        takes_token_ids: it scores token ids as they are given, after one prefix token that it
            puts there itself, in float32. A property of our own backends.
        add_bos_token: whether the tokenizer is to add BOS; None: as it does by default.
        use_fast_tokenizer: whether the fast tokenizer is loaded.
        prefix_token_id: the token that the first one is predicted from; None: BOS, else EOS.
        max_length: the window in tokens; None: that of the config.
        is_served: by vLLM or behind an API, where windows are two tokens shorter than max_length.
        softmax_dtype: in which the log-softmax is taken; None: in that of the model.
        may_be_hf: it is, or may be, the harness's own transformers backend.
    """

    takes_token_ids: bool
    add_bos_token: bool | None
    use_fast_tokenizer: bool
    prefix_token_id: int | None
    max_length: int | None
    is_served: bool
    softmax_dtype: str | None
    may_be_hf: bool


@dataclass(frozen=True)
class Settings:
    """What a task is told.

    Attributes:
        max_tokens: L.
        bias_bits_per_token: b.
        declared_corpus: the corpus as the task's YAML names it.
        corpus: the corpus that is read, after what the user wants instead of that or of it.
        model: the model whose config counts; None where no model argument names one.
        tokenizer: the tokenizer that texts are cut with, or what it is loaded from.
        given_flops: FLOPs that the user states.
        flops_config: another model to count FLOPs from.
        backend: how the model is scored.
        run_name: what the run is called in boards; None: by its model.
    """

    max_tokens: int
    bias_bits_per_token: float
    declared_corpus: DeclaredCorpus
    corpus: CorpusRecord
    model: Pretrained | None
    tokenizer: Pretrained | PreTrainedTokenizerBase | None
    given_flops: Flops | None
    flops_config: Pretrained | None
    backend: Backend
    run_name: str | None


def parse_settings(metadata: Metadata) -> Settings:
    """The settings that a task's merged metadata holds.

    Raises:
        InfocapError: a value that a task needs is missing, or one is of no use; the message says
            what is allowed.
    """
    max_tokens = _max_tokens(metadata)
    bias = _bias(metadata)
    declared = _declared_corpus(metadata.get("corpus"))
    model = parse_model(metadata)
    return Settings(
        max_tokens=max_tokens,
        bias_bits_per_token=bias,
        declared_corpus=declared,
        corpus=_sampled(_wanted_corpus(declared, metadata), metadata),
        model=model,
        tokenizer=_tokenizer(metadata, model),
        given_flops=(
            given_flops(metadata["flops_per_token"], max_tokens)
            if "flops_per_token" in metadata
            else None
        ),
        flops_config=_flops_config(metadata),
        backend=_backend(metadata),
        run_name=_run_name(metadata.get("run_name")),
    )


def _run_name(given: Any) -> str | None:
    if given is None:
        return None
    name = " ".join(str(given).split())
    if not name or not name.isprintable():
        raise InfocapError(
            f"run_name={given!r}: give letters that can be printed, such as base-4bit"
        )
    return name


def parse_model(metadata: Metadata) -> Pretrained | None:
    """The scored model, where the model arguments name one by ``pretrained``."""
    path = metadata.get("pretrained")
    if not isinstance(path, str):
        return None
    return _pretrained(path, metadata, metadata.get("gguf_file"))


def corpus_keys(declared: DeclaredCorpus) -> frozenset[str]:
    """The keys that tasks on this corpus read to find their texts."""
    of_a_file = frozenset({"corpus_path", "text_field", "corpus_id_field"})
    match declared:
        case UsersFile():
            return of_a_file
        case Hub():
            return of_a_file | {"corpus_file", "corpus_revision"}
    return frozenset()


# ---------------------------------------------------------------------- the two constants


def _max_tokens(metadata: Metadata) -> int:
    max_tokens = metadata.get("max_tokens", 1024)
    if not _is_whole_number(max_tokens) or max_tokens < 2:
        raise InfocapError(
            f"max_tokens={max_tokens}: must be a whole number of at least 2; "
            "the published protocol takes 1024"
        )
    return int(max_tokens)


def _bias(metadata: Metadata) -> float:
    bias = metadata.get("bias_bits_per_token")
    if not isinstance(bias, int | float) or isinstance(bias, bool) or not math.isfinite(bias):
        raise InfocapError(
            f"bias_bits_per_token={bias}: must be a number, the corpus's constant b; "
            "set it in the task's YAML or with --metadata bias_bits_per_token=-27"
        )
    return bias


def _is_whole_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


# ---------------------------------------------------------------------- the corpus


def _declared_corpus(named: Any) -> DeclaredCorpus:
    """What ``corpus`` in a YAML stands for; see ``keys.SETTINGS`` for its forms."""
    if isinstance(named, Mapping):
        _refuse_unknown_parts(named)
    match named:
        case {"path": path}:
            fields = _fields(named.get("text_field"), named.get("id_field"))
            return File(Path(str(path)).expanduser(), fields)
        case {"packaged": file}:
            return Packaged(str(file), named.get("id_field"))
        case {"repository": repository, "file": file}:
            return Hub(str(repository), str(file))
        case str() if named in CORPORA:
            return StandardLibrary(named)
        case str() if named == _USERS_FILE:
            return UsersFile()
    known = [*CORPORA, _USERS_FILE]
    meant = did_you_mean(str(named), known)
    raise InfocapError(f"corpus={named}: unknown; {meant}known corpora are {', '.join(known)}")


# What a corpus in a YAML may say, by the key that tells its kind.
_CORPUS_KEYS = {
    "path": ("path", "text_field", "id_field"),
    "packaged": ("packaged", "id_field"),
    "repository": ("repository", "file"),
}


def _refuse_unknown_parts(named: Mapping[Any, Any]) -> None:
    kind = next((kind for kind in _CORPUS_KEYS if kind in named), None)
    if kind is None:
        return
    allowed = _CORPUS_KEYS[kind]
    for key in named:
        if key not in allowed:
            raise InfocapError(
                f"corpus: {key}: not a key of a corpus with {kind}; "
                f"{did_you_mean(str(key), allowed, 1)}known: {', '.join(allowed)}"
            )


def _wanted_corpus(declared: DeclaredCorpus, metadata: Metadata) -> WholeCorpus:
    """The declared corpus, or the file or revision that the user wants in its place."""
    path = Path(str(metadata.get("corpus_path"))).expanduser()
    fields = _fields(metadata.get("text_field"), metadata.get("corpus_id_field"))
    match declared:
        case UsersFile() if "corpus_path" not in metadata:
            raise InfocapError(
                "no corpus_path given: add --metadata corpus_path=FILE.jsonl "
                "(one JSON object a line, the text in its field 'text' or in text_field=NAME)"
            )
        case UsersFile():
            return File(path, fields)
        case Hub(_, file) if "corpus_path" in metadata:
            return Copy(file, path, fields)
        case Hub(repository, file):
            revision = str(metadata.get("corpus_revision", "main"))
            return Hub(repository, str(metadata.get("corpus_file", file)), revision)
        case _:
            return declared


def _fields(text: object, document_id: object) -> Fields:
    return Fields(
        "text" if text is None else str(text), None if document_id is None else str(document_id)
    )


def _sampled(corpus: WholeCorpus, metadata: Metadata) -> CorpusRecord:
    max_documents, seed = metadata.get("max_documents"), metadata.get("seed")
    if max_documents is None:
        return corpus  # a seed alone may be the model's own argument
    if not _is_whole_number(max_documents) or max_documents < 1:
        raise InfocapError(f"max_documents={max_documents}: must be a whole number of at least 1")
    if seed is not None and not _is_whole_number(seed):
        raise InfocapError(f"seed={seed}: must be a whole number")
    return Sample(corpus, max_documents, seed)


# ---------------------------------------------------------------------- the model


def _pretrained(path: str, metadata: Metadata, gguf_file: str | None = None) -> Pretrained:
    return Pretrained(
        path,
        revision=str(metadata.get("revision") or "main"),
        subfolder=str(metadata.get("subfolder") or ""),
        gguf_file=gguf_file,
        trust_remote_code=bool(metadata.get("trust_remote_code", False)),
    )


def _tokenizer(
    metadata: Metadata, model: Pretrained | None
) -> Pretrained | PreTrainedTokenizerBase | None:
    """The tokenizer that is given, else the model's own; served models are named by ``model``."""
    given = metadata.get("tokenizer")
    if isinstance(given, PreTrainedTokenizerBase):
        return given
    if given:
        return _pretrained(str(given), metadata)  # not the GGUF file of the model
    served = metadata.get("model")
    if model is None and isinstance(served, str):
        return _pretrained(served, metadata, metadata.get("gguf_file"))
    return model


def _flops_config(metadata: Metadata) -> Pretrained | None:
    if "flops_config" not in metadata:
        return None
    trust_remote_code = bool(metadata.get("trust_remote_code", False))
    return Pretrained.from_file_or_id(str(metadata["flops_config"]), trust_remote_code)


# Backends that need room for a token that the model writes, and for the last one of a text.
_SERVED = frozenset({"vllm", "sglang", "infocap-vllm", "infocap-api"})


def _backend(metadata: Metadata) -> Backend:
    scored_by = metadata.get("scored_by")
    prefix_token_id = _number(metadata, "prefix_token_id")
    if prefix_token_id is None:
        prefix_token_id = _number(metadata, "custom_prefix_token_id")
    dtype = metadata.get("softmax_dtype") or metadata.get("dtype") or "auto"
    return Backend(
        takes_token_ids=bool(metadata.get("takes_token_ids", False)),
        add_bos_token=metadata.get("add_bos_token"),
        use_fast_tokenizer=bool(metadata.get("use_fast_tokenizer", True)),
        prefix_token_id=prefix_token_id,
        max_length=_number(metadata, "max_length") or _number(metadata, "max_model_len"),
        is_served=scored_by in _SERVED
        or any(key in metadata for key in ("model", "base_url", "max_model_len")),
        softmax_dtype=None if dtype == "auto" else str(dtype).removeprefix("torch."),
        may_be_hf=scored_by in (None, "hf", "hf-auto", "huggingface"),
    )


def _number(metadata: Metadata, key: str) -> int | None:
    value = metadata.get(key)
    try:
        return None if value is None else int(value)
    except (TypeError, ValueError):
        raise InfocapError(f"{key}={value}: must be a whole number") from None
