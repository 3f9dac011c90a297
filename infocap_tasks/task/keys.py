"""Every key that a task may be told by its YAML, by ``--metadata`` or by the model arguments."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from infocap_tasks.errors import InfocapError, did_you_mean

# How alike two names must be for one to be taken for a misspelling of the other. A run may have
# tasks of others, whose keys must pass: RULER's max_seq_lengths and our max_length have 0.8.
_MISSPELLED = 0.85
_SIMILAR = 0.6

METADATA = "metadata"
YAML = "yaml"
MODEL_ARGS = "model_args"
INTERNAL = "internal"


class Setting(NamedTuple):
    """A key and what it means.

    Attributes:
        name: as it is written.
        meaning: what it sets, for help and documentation.
        example: a value, as it is written on the command line.
        default: what holds without it; empty where it says nothing more than "not given".
        unit: of the value; empty where it has none.
        given_in: where it is usually given: ``metadata``, ``yaml``, ``model_args``, or
            ``internal`` for what the harness, ``infocap eval`` or a results file puts there.
    """

    name: str
    meaning: str
    example: str = ""
    default: str = ""
    unit: str = ""
    given_in: str = METADATA


SETTINGS = (
    Setting(
        "max_tokens", "cut texts at L tokens, and average N over that length",
        "512", "1024", "tokens",
    ),
    Setting(
        "bias_bits_per_token", "set the bias b of information capacity",
        "-24", "that of the corpus", "bits per token",
    ),
    Setting(
        "flops_config", "count N from this config, for models behind an API",
        "HUB_ID_OR_PATH", "the model's own",
    ),
    Setting(
        "flops_per_token", "state N, where it cannot be counted from a config",
        "2.5e9", "counted", "FLOPs per token",
    ),
    Setting(
        "corpus_path", "read these texts: for infocap_custom, or your copy of a published corpus",
        "my.jsonl",
    ),
    Setting("text_field", "read the text from this field of a record", "body", "text"),
    Setting(
        "corpus_id_field", "read the name of the document from this field",
        "id", "documents are numbered",
    ),
    Setting(
        "max_documents", "score only the first texts; with seed, a random sample",
        "100", "all", "documents",
    ),
    Setting("run_name", "call the run this in boards and figures (--name of infocap eval)", "NAME"),
    Setting("seed", "draw that sample; the same seed draws the same texts", "1"),
    Setting(
        "corpus_revision", "read a published corpus at this branch, tag or commit", "COMMIT", "main"
    ),
    Setting(
        "corpus_file", "read another file of its repository on the hub",
        "datasets/X.jsonl", "that of the corpus",
    ),
    Setting(
        "corpus",
        "the texts: pydocs, pycode, file (corpus_path names it), {path: FILE}, {packaged: FILE} or "
        "{repository: ID, file: FILE}; path and packaged take id_field, path takes text_field",
        "pydocs", given_in=YAML,
    ),
    Setting("version", "the version of the task, for the harness", "1.0", given_in=YAML),
    Setting(
        "pretrained", "the scored model, whose config N is counted from",
        "DIR_OR_HUB_ID", given_in=MODEL_ARGS,
    ),
    Setting(
        "tokenizer", "the tokenizer that texts are cut with",
        "DIR_OR_HUB_ID", "the model's own", given_in=MODEL_ARGS,
    ),
    Setting(
        "revision", "the branch, tag or commit of the model on the hub",
        "COMMIT", "main", given_in=MODEL_ARGS,
    ),
    Setting(
        "subfolder", "the folder of the model in its repository", "FOLDER", given_in=MODEL_ARGS
    ),
    Setting("gguf_file", "a GGUF file in pretrained", "model.gguf", given_in=MODEL_ARGS),
    Setting(
        "trust_remote_code", "run code that a repository brings",
        "True", "False", given_in=MODEL_ARGS,
    ),
    Setting(
        "add_bos_token", "whether the tokenizer adds BOS; must be False for --model hf if it would",
        "False", "as the tokenizer says", given_in=MODEL_ARGS,
    ),
    Setting(
        "use_fast_tokenizer", "load the fast tokenizer; a slow one cannot be used",
        "True", "True", given_in=MODEL_ARGS,
    ),
    Setting(
        "max_length", "the model's window", "4096", "that of its config", "tokens", MODEL_ARGS
    ),
    Setting("max_model_len", "the same, for vLLM", "4096", unit="tokens", given_in=MODEL_ARGS),
    Setting(
        "prefix_token_id", "the token that the first one is predicted from",
        "1", "BOS, else EOS", given_in=MODEL_ARGS,
    ),
    Setting(
        "custom_prefix_token_id", "the same, for models behind an API", "1", given_in=MODEL_ARGS
    ),
    Setting(
        "softmax_dtype", "the dtype in which --model hf takes the log-softmax",
        "float32", "that of the model", given_in=MODEL_ARGS,
    ),
    Setting("dtype", "the dtype of the weights", "bfloat16", "auto", given_in=MODEL_ARGS),
    Setting(
        "allow_missing_tensors",
        "score a checkpoint that lacks tensors of the model, with random numbers in their place",
        "True", "False", given_in=MODEL_ARGS,
    ),
    Setting("model", "the name of a model behind an API", "NAME", given_in=MODEL_ARGS),
    Setting("base_url", "the address of a model behind an API", "URL", given_in=MODEL_ARGS),
    Setting(
        "takes_token_ids",
        "the backend scores token ids as they are given, after one prefix token, in float32",
        given_in=INTERNAL,
    ),
    Setting(
        "scored_by", "the backend, by the name that --model gave it", given_in=INTERNAL
    ),
    Setting("bos_policy", "what the backend does about BOS, in words", given_in=INTERNAL),
    Setting("infocap", "what the numbers of a results file rest on", given_in=INTERNAL),
    Setting("config_source", "the YAML of the task", given_in=INTERNAL),
)  # fmt: skip


def settings_given_in(place: str) -> list[Setting]:
    """The keys that are usually given in ``metadata``, ``yaml`` or ``model_args``."""
    return [setting for setting in SETTINGS if setting.given_in == place]


def refuse_unknown(metadata: Mapping[str, Any], has_other_tasks: bool) -> None:
    """Refuse keys of ``--metadata`` that nothing knows.

    Args:
        metadata: what the user gave.
        has_other_tasks: whether tasks that are not ours are to run, which may have keys of their
            own; then only a key that looks like a misspelling of one of ours is refused.

    Raises:
        InfocapError: there is one; the message names the nearest known key.
    """
    known = {setting.name: setting.given_in for setting in SETTINGS}
    for key in _unknown(metadata, known):
        cutoff = _MISSPELLED if has_other_tasks else _SIMILAR
        usable = [name for name, place in known.items() if place != INTERNAL]
        if meant := did_you_mean(key, usable, 1, cutoff):
            raise InfocapError(f"--metadata {key}: {meant.rstrip()}")
        if not has_other_tasks:
            ours = ", ".join(setting.name for setting in settings_given_in(METADATA))
            raise InfocapError(f"--metadata {key}: no infocap task knows it; known are {ours}")


def refuse_contradictions(
    metadata: Mapping[str, Any], model_args: Mapping[str, Any], loads_model: bool
) -> None:
    """Refuse a fact of the model in ``--metadata`` that is another one in the model arguments.

    Texts would be cut, and N counted, for another model than the one that is scored.

    Args:
        metadata: what the user gave.
        model_args: what the model is loaded with.
        loads_model: whether the backend takes tokenizer, revision and the like from its arguments,
            so that one that is not among them is at its default.

    Raises:
        InfocapError: there is one.
    """
    scored = {"tokenizer": model_args.get("pretrained")} | dict(model_args)
    for key in (setting.name for setting in settings_given_in(MODEL_ARGS)):
        if key not in metadata or metadata[key] == scored.get(key):
            continue
        if key in model_args:
            raise InfocapError(
                f"--metadata {key}={metadata[key]}: the model is scored with "
                f"{key}={model_args[key]} of --model_args; leave one of them out"
            )
        if loads_model:
            raise InfocapError(
                f"--metadata {key}={metadata[key]}: the model would be scored without it; give it "
                "in --model_args"
            )


def _unknown(metadata: Mapping[str, Any], known: Iterable[str]) -> list[str]:
    return [str(key) for key in metadata if str(key) not in set(known)]
