import ast
from pathlib import Path

import pytest
from helpers.models import byte_tokenizer

from infocap_tasks.corpora.records import Copy, File, Hub, Packaged, Sample, StandardLibrary
from infocap_tasks.corpora.text import Fields
from infocap_tasks.errors import InfocapError
from infocap_tasks.models.pretrained import Pretrained
from infocap_tasks.task import settings as module
from infocap_tasks.task.keys import INTERNAL, SETTINGS
from infocap_tasks.task.settings import UsersFile, corpus_keys, parse_settings

MIXED = {"repository": "nobody/nothing", "file": "datasets/mixed.jsonl"}


def parse(**metadata):
    return parse_settings({"corpus": "pydocs", "bias_bits_per_token": -27} | metadata)


class Reading(dict):
    """A mapping that notes which keys it is asked for."""

    def __init__(self, given):
        super().__init__(given)
        self.keys_read = set()

    def get(self, key, default=None):
        self.keys_read.add(key)
        return super().get(key, default)

    def __getitem__(self, key):
        self.keys_read.add(key)
        return super().__getitem__(key)

    def __contains__(self, key):
        self.keys_read.add(key)
        return super().__contains__(key)


def test_the_list_of_keys_is_what_is_read():
    given = Reading(
        {"corpus": MIXED, "bias_bits_per_token": -27, "max_documents": 3, "pretrained": "org/model",
         "flops_config": "org/other", "flops_per_token": 2e9}
    )  # fmt: skip
    parse_settings(given)
    assert given.keys_read <= {setting.name for setting in SETTINGS}
    unread = {s.name for s in SETTINGS if s.given_in != INTERNAL} - given.keys_read
    # The harness reads the one, the backend the other.
    assert unread == {"version", "allow_missing_tensors"}


def test_no_module_below_reads_the_metadata():
    package = Path(module.__file__).parents[1]
    readers = {
        path.name
        for room in ("task", "backend", "flops", "models", "corpora")
        for path in (package / room).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute)
        and node.attr == "get"
        and ast.unparse(node.value) in ("metadata", "self.config.metadata")
    }
    assert readers == {"settings.py"}


def test_defaults():
    settings = parse()
    assert (settings.max_tokens, settings.bias_bits_per_token) == (1024, -27)
    assert settings.corpus == settings.declared_corpus == StandardLibrary("pydocs")
    assert settings.model is settings.tokenizer is settings.given_flops is None
    assert settings.flops_config is None
    backend = settings.backend
    assert (backend.takes_token_ids, backend.is_served, backend.use_fast_tokenizer) == (
        False, False, True,
    )  # fmt: skip
    assert backend.max_length is backend.prefix_token_id is backend.softmax_dtype is None


def test_name_of_the_run_is_text_on_one_line():
    assert parse(run_name=7).run_name == "7"  # as the harness parses run_name=7
    assert parse(run_name="a\n b").run_name == "a b"
    assert parse().run_name is None


@pytest.mark.parametrize(
    ("metadata", "corpus"),
    [
        ({"corpus": "pycode"}, StandardLibrary("pycode")),
        ({"corpus": {"path": "own.jsonl"}}, File(Path("own.jsonl"))),
        (
            {"corpus": {"path": "a", "text_field": "body", "id_field": "id"}, "corpus_path": "b"},
            File(Path("a"), Fields("body", "id")),
        ),
        ({"corpus": {"packaged": "x/en.jsonl", "id_field": "id"}}, Packaged("x/en.jsonl", "id")),
        ({"corpus": MIXED}, Hub("nobody/nothing", "datasets/mixed.jsonl", "main")),
        (
            {"corpus": MIXED, "corpus_file": "other.jsonl", "corpus_revision": "v2"},
            Hub("nobody/nothing", "other.jsonl", "v2"),
        ),
        (
            {"corpus": MIXED, "corpus_path": "here", "text_field": "body"},
            Copy("datasets/mixed.jsonl", Path("here"), Fields("body")),
        ),
        (
            {"corpus": "file", "corpus_path": "~/my.jsonl", "corpus_id_field": "id"},
            File(Path.home() / "my.jsonl", Fields("text", "id")),
        ),
        ({"max_documents": 3}, Sample(StandardLibrary("pydocs"), 3, None)),
        ({"max_documents": 3, "seed": 1}, Sample(StandardLibrary("pydocs"), 3, 1)),
        ({"seed": 7}, StandardLibrary("pydocs")),  # a seed alone may be the model's own
    ],
)
def test_corpora(metadata, corpus):
    assert parse(**metadata).corpus == corpus


def test_the_keys_that_a_corpus_reads():
    assert corpus_keys(parse().declared_corpus) == frozenset()
    users_file = parse(corpus="file", corpus_path="x").declared_corpus
    assert users_file == UsersFile()
    assert "corpus_path" in corpus_keys(users_file)
    assert "corpus_revision" not in corpus_keys(users_file)
    assert {"corpus_path", "corpus_revision"} < corpus_keys(parse(corpus=MIXED).declared_corpus)


@pytest.mark.parametrize(
    ("metadata", "complaint"),
    [
        ({"corpus": "file"}, "no corpus_path given: .*corpus_path=FILE"),
        ({"corpus": "wiki"}, "corpus=wiki: unknown; known corpora are pydocs, pycode, file"),
        ({"corpus": {"repository": "x"}}, "unknown; known corpora are"),
        ({"corpus": None}, "corpus=None: unknown"),
        ({"max_documents": 0}, "max_documents=0: must be a whole number of at least 1"),
        ({"max_documents": 1.5}, "must be a whole number of at least 1"),
        ({"max_documents": 2, "seed": "x"}, "seed=x: must be a whole number"),
        ({"bias_bits_per_token": None}, "bias_bits_per_token=None: must be a number"),
        ({"max_tokens": True}, "max_tokens=True: must be a whole number"),
        ({"max_length": "long"}, "max_length=long: must be a whole number"),
        ({"prefix_token_id": "<s>"}, "prefix_token_id=<s>: must be a whole number"),
        ({"flops_per_token": None}, "flops_per_token=None: must be a number above 1"),
    ],
)
def test_unusable_values_are_refused(metadata, complaint):
    with pytest.raises(InfocapError, match=complaint):
        parse(**metadata)


def test_the_tokenizer_is_the_given_one_else_that_of_the_model():
    arguments = {"pretrained": "org/model", "revision": "v2", "gguf_file": "model.gguf"}
    model = Pretrained("org/model", "v2", gguf_file="model.gguf")
    assert parse(**arguments).model == parse(**arguments).tokenizer == model
    named = parse(**arguments, tokenizer="org/other")
    assert (named.model, named.tokenizer) == (model, Pretrained("org/other", "v2"))
    ready = byte_tokenizer()
    assert parse(**arguments, tokenizer=ready).tokenizer is ready
    served = parse(model="org/served", base_url="http://here")
    assert (served.model, served.tokenizer) == (None, Pretrained("org/served"))
    assert served.backend.is_served


def test_facts_of_the_backend():
    def backend(**metadata):
        return parse(**metadata).backend

    assert backend(takes_token_ids=True).takes_token_ids
    assert not backend(bos_policy="one prefix token").takes_token_ids
    assert backend(prefix_token_id=0, custom_prefix_token_id=7).prefix_token_id == 0
    assert backend(custom_prefix_token_id="7").prefix_token_id == 7
    assert backend(max_model_len=64).max_length == 64
    assert backend(max_model_len=64).is_served
    assert not backend(max_length=64).is_served
    assert backend(dtype="torch.bfloat16").softmax_dtype == "bfloat16"
    assert backend(dtype="bfloat16", softmax_dtype="float32").softmax_dtype == "float32"


def test_flops_as_stated_or_of_another_config():
    assert parse(flops_per_token=2e9).given_flops.flops_per_token == 2_000_000_000
    config = parse(flops_config="org/model", trust_remote_code=True).flops_config
    assert config == Pretrained("org/model", trust_remote_code=True)


@pytest.mark.parametrize(
    ("corpus", "complaint"),
    [
        ({"path": "a.jsonl", "text_feld": "body"}, "corpus: text_feld: .* did you mean text_field"),
        ({"packaged": "a.jsonl", "text_field": "body"}, "did you mean id_field"),
        (MIXED | {"fil": "b.jsonl"}, "corpus: fil: .* did you mean file"),
    ],
)
def test_unknown_keys_of_a_corpus_are_refused(corpus, complaint):
    with pytest.raises(InfocapError, match=complaint):
        parse(corpus=corpus)
