import pytest

from infocap_tasks.errors import InfocapError
from infocap_tasks.sweep.study import read_study

TASKS = "tasks: [infocap]\n"


def one_model(keys):
    """A study whose one model has these keys from line 4 on."""
    lines = "".join(f"    {line}\n" for line in keys.split("\n"))
    return f"{TASKS}models:\n  - pretrained: org/name\n{lines}"


# What is given, the line that is named, and a part of what is said.
BAD = {
    "unknown key": (f"{TASKS}batchsize: 4\nmodels: [a]\n", 2, "did you mean batch_size"),
    "unknown key far from all": (f"{TASKS}\nzzz: 4\nmodels: [a]\n", 3, "zzz: no key of a study"),
    "misspelled models": (f"{TASKS}model_s: [a]\n", 2, "did you mean models"),
    "key of a row at the top": (f"{TASKS}gpus: 2\nmodels: [a]\n", 2, "gpus: no key of a study"),
    "number as a key": (f"{TASKS}7: 2\nmodels: [a]\n", 2, "7: no key of a study"),
    "key of two lines": (f'{TASKS}"a\\nb": 2\nmodels: [a]\n', 2, "a b: no key of a study"),
    "null as a key": (f"{TASKS}? \n: 2\nmodels: [a]\n", 1, "None: no key of a study"),
    "unknown key of a model": (one_model("gpu: 2"), 4, "did you mean gpus"),
    "unknown key of a later model": (
        f"{TASKS}models:\n  - a\n  - pretrained: b\n    serie: c\n", 5, "did you mean series"
    ),
    "config": (f"{TASKS}config: x.yaml\nmodels: [a]\n", 2, "it is the study"),
    "use_cache": (f"{TASKS}models: [a]\nuse_cache: x\n", 3, "each row keeps its answers"),
    "config of a model": (one_model("config: x.yaml"), 4, "it is the study"),
    "use_cache of a model": (one_model("use_cache: x"), 4, "each row keeps its answers"),
    "models of a model": (one_model("models: [a]"), 4, "a model has no models"),
    "output_path of a model": (one_model("output_path: x"), 4, "output_path: no key of a model"),
    "no models": (TASKS, 1, "models: must be a list"),
    "models empty": (f"{TASKS}models: []\n", 2, "models: must be a list of at least one"),
    "models null": (f"{TASKS}models:\n", 2, "models: must be a list"),
    "models a name": (f"{TASKS}models: org/name\n", 2, "models: must be a list"),
    "models a mapping": (f"{TASKS}models: {{a: b}}\n", 2, "models: must be a list"),
    "model null": (f"{TASKS}models:\n  - a\n  -\n", 4, "not None"),
    "model a number": (f"{TASKS}models:\n  - a\n  - 7\n", 4, "not 7"),
    "model a list": (f"{TASKS}models:\n  - [a]\n", 3, "not ['a']"),
    "model blank": (f"{TASKS}models:\n  - ' '\n", 3, "not ' '"),
    "model a truth": (f"{TASKS}models: [yes]\n", 2, "not True"),
    "model without a name": (f"{TASKS}models:\n  - series: s\n", 3, "names no model"),
    "model with nothing": (f"{TASKS}models:\n  - {{}}\n", 3, "names no model"),
    "pretrained null": (f"{TASKS}models:\n  - pretrained:\n", 3, "names no model"),
    "pretrained a number": (f"{TASKS}models:\n  - pretrained: 7\n", 3, "names no model"),
    "pretrained blank": (f"{TASKS}models:\n  - pretrained: ' '\n", 3, "names no model"),
    "pretrained a list": (f"{TASKS}models:\n  - pretrained: [a]\n", 3, "names no model"),
    "pretrained the root": (f"{TASKS}models:\n  - pretrained: /\n", 3, "give it a label"),
    "pretrained this folder": (f"{TASKS}models: [.]\n", 2, "give it a label"),
    "no tasks": ("models:\n  - a\n", 2, "has no tasks"),
    "tasks empty": ("models: [a]\ntasks: []\n", 2, "has no tasks"),
    "tasks null": ("models: [a]\ntasks:\n", 2, "has no tasks"),
    "tasks a number": ("models: [a]\ntasks: 7\n", 2, "tasks: must be names"),
    "tasks a mapping": ("models: [a]\ntasks: {a: b}\n", 2, "tasks: must be names"),
    "tasks of numbers": ("models: [a]\n\ntasks: [1, 2]\n", 3, "tasks: must be names"),
    "tasks with a blank": ("models: [a]\ntasks: 'a,,b'\n", 2, "tasks: must be names"),
    "tasks of a model empty": (one_model("tasks: []"), 4, "has no tasks"),
    "tasks of a model a number": (one_model("tasks: 7"), 4, "tasks: must be names"),
    "same model twice": (f"{TASKS}models:\n  - a/x\n  - a/x\n", 4, "is the name of"),
    "same name of two owners": (f"{TASKS}models:\n  - a/x\n  - b/x\n", 4, "give one a label"),
    "same name but for its case": (f"{TASKS}models:\n  - a/x\n  - b/X\n", 4, "is the name of"),
    "label of another": (
        f"{TASKS}models:\n  - a/x\n  - pretrained: y\n    label: x\n", 4, "is the name of"
    ),
    "two series of one model": (
        f"{TASKS}models:\n  - {{pretrained: a, series: S}}\n"
        "  - {pretrained: a, label: b, series: T}\n", 4, "series: T:"
    ),
    "same revision twice": (one_model("revisions: [a, a]"), 3, "is the name of"),
    "key twice": (f"{TASKS}models: [a]\ntasks: [b]\n", 3, "tasks: stands there twice"),
    "key of a model twice": (one_model("gpus: 1\ngpus: 2"), 5, "gpus: stands there twice"),
    "key of metadata twice": (one_model("metadata: {a: 1, a: 2}"), 4, "a: stands there twice"),
    "series empty": (one_model("series: ''"), 4, "series: must be a name, not ''"),
    "series null": (one_model("series:"), 4, "series: must be a name, not None"),
    "series a number": (one_model("gpus: 1\nseries: 3"), 5, "series: must be a name, not 3"),
    "label blank": (one_model("label: ' '"), 4, "label: must be a name"),
    "label a list": (one_model("label: [a]"), 4, "label: must be a name"),
    "label of signs": (one_model("label: ..."), 4, "give it a label"),
    "gpus negative": (one_model("gpus: -1"), 4, "gpus: -1: must be a whole number"),
    "gpus a share": (one_model("gpus: 0.5"), 4, "gpus: 0.5: must be a whole number"),
    "gpus a word": (one_model("gpus: all"), 4, "gpus: 'all': must be a whole number"),
    "gpus a truth": (one_model("gpus: true"), 4, "gpus: True: must be a whole number"),
    "gpus of two lines": (one_model('gpus: "a\\nb"'), 4, "must be a whole number"),
    "timeout zero": (one_model("timeout: 0"), 4, "timeout: 0: must be seconds"),
    "timeout negative": (one_model("timeout: -5"), 4, "timeout: -5: must be seconds"),
    "timeout of no unit": (one_model("timeout: 5 weeks"), 4, "must be seconds, or such as 90m"),
    "timeout empty": (one_model("timeout: ''"), 4, "timeout: '': must be seconds"),
    "timeout a truth": (one_model("timeout: true"), 4, "must be seconds"),
    "timeout a list": (one_model("timeout: [1h]"), 4, "must be seconds"),
    "timeout infinite": (one_model("timeout: .inf"), 4, "must be seconds"),
    "revision and revisions": (one_model("revision: a\nrevisions: [b]"), 5, "not both"),
    "revisions empty": (one_model("revisions: []"), 4, "revisions: must be a list"),
    "revisions null": (one_model("revisions:"), 4, "revisions: must be a list"),
    "revisions a name": (one_model("revisions: main"), 4, "revisions: must be a list"),
    "revisions with a null": (one_model("revisions: [a, null]"), 4, "revisions: None: must be"),
    "revisions with a share": (one_model("revisions: [1.10]"), 4, "in quotes"),
    "revisions with a list": (one_model("revisions: [[a]]"), 4, "revisions: ['a']: must be"),
    "revision blank": (one_model("revision: ' '"), 4, "revision: ' ': must be"),
    "revision a truth": (one_model("revision: yes"), 4, "revision: True: must be"),
    "model_args a list": (one_model("model_args: [a]"), 4, "model_args: must be a mapping"),
    "model_args pairs": (one_model("model_args: [[a, b]]"), 4, "model_args: must be a mapping"),
    "model_args a number": (one_model("model_args: 7"), 4, "model_args: must be a mapping"),
    "model_args false": (one_model("model_args: no"), 4, "model_args: must be a mapping"),
    "model_args of numbers": (one_model("model_args: {1: 2}"), 4, "must be a mapping of names"),
    "model_args no pairs": (one_model("model_args: dtype"), 4, "or NAME=VALUE"),
    "model_args of the study": (f"{TASKS}model_args: 7\nmodels: [a]\n", 2, "must be a mapping"),
    "metadata a list": (one_model("metadata: [a]"), 4, "metadata: must be a mapping"),
    "metadata of the study": (f"{TASKS}metadata: x\nmodels: [a]\n", 2, "metadata: must be"),
    "output_path a number": (f"{TASKS}output_path: 7\nmodels: [a]\n", 2, "must be a folder"),
    "output_path a list": (f"{TASKS}models: [a]\noutput_path: [a]\n", 3, "must be a folder"),
    "empty": ("", 1, "holds no keys"),
    "comments only": ("# nothing\n", 1, "holds no keys"),
    "a list": ("- a\n- b\n", 1, "holds no keys"),
    "a word": ("study\n", 1, "holds no keys"),
    "two documents": (f"{TASKS}models: [a]\n---\na: b\n", 3, "is no YAML"),
    "bracket left open": (f"{TASKS}models: [a\n", 3, "is no YAML"),
    "tab as indentation": (f"{TASKS}models:\n\t- a\n", 3, "is no YAML"),
    "wrong indentation": (f"{TASKS}models:\n  - a\n - b\n", 4, "is no YAML"),
    "colon in a value": (f"{TASKS}models: a: b\n", 2, "is no YAML"),
    "quote left open": (f"{TASKS}models: ['a]\n", 3, "is no YAML"),
    "anchor that is not there": (f"{TASKS}models: [*a]\n", 2, "is no YAML (found undefined alias"),
    "tag that is not there": (f"{TASKS}models: !mine [a]\n", 2, "is no YAML"),
    "list as a key": (f"{TASKS}models: [a]\n? [a]\n: b\n", 3, "is no YAML"),
    "control character": (f"{TASKS}models: [a\0]\n", 2, "is no YAML"),
    "date that is not there": (f"{TASKS}models: [2025-02-30]\n", None, "is no YAML"),
    "models within itself": (f"{TASKS}models: &a [*a]\n", 2, "holds itself"),
    "model within itself": (
        f"{TASKS}models:\n  - &a\n    pretrained: x\n    metadata: *a\n", 3, "holds itself"
    ),
    "nested too deeply": (f"{TASKS}models: {'[' * 3000}{']' * 3000}\n", None, "nested too deeply"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "line", "said"), BAD.values(), ids=BAD.keys())
def test_a_bad_study_is_refused_in_one_line_that_says_where(tmp_path, text, line, said):
    path = tmp_path / "study.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InfocapError) as caught:
        read_study(str(path))
    message = str(caught.value)
    assert message.startswith(f"{path}: " if line is None else f"{path}:{line}: ")
    assert said in message
    assert len(message.splitlines()) == 1


def refused(given):
    with pytest.raises(InfocapError) as caught:
        read_study(str(given))
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


def test_what_is_no_file_is_refused(tmp_path):
    missing = tmp_path / "missing.yaml"
    assert refused(missing).startswith(f"{missing}: cannot be read (No such file")
    assert refused(tmp_path).startswith(f"{tmp_path}: cannot be read (Is a directory)")
    assert "cannot be read" in refused("a\0b.yaml")
    assert "cannot be read" in refused("a" * 5000 + ".yaml")


@pytest.mark.parametrize("name", ["papr", "a\0b", "a" * 5000, "no/such"])
def test_what_is_neither_a_file_nor_a_study_of_ours_is_answered_with_ours(name):
    assert "give a study, or one of ours: " in refused(name)
    assert "paper" in refused(name)


def test_what_is_not_utf_8_is_refused(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_bytes(f"{TASKS}models: [caf\xe9]\n".encode("latin-1"))
    assert refused(path).startswith(f"{path}: cannot be read (UnicodeDecodeError")


# ------------------------------------------------------------------ good studies


@pytest.fixture
def study(tmp_path):
    def made(text, name="study.yaml"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return read_study(str(path))

    return made


def test_a_name_alone_is_a_model_with_all_keys_of_the_study(study):
    (row,) = study(f"{TASKS}limit: 5\nbatch_size: 2\nmodels:\n  - org/name\n").rows
    assert (row.name, row.model, row.tasks) == ("name", "org/name", ["infocap"])
    assert (row.config["limit"], row.config["batch_size"]) == (5, 2)
    assert row.config["model_args"] == {"pretrained": "org/name"}
    assert row.place.endswith("study.yaml:5")
    assert (row.label, row.series, row.gpus, row.timeout_s) == (None, None, None, None)


def test_a_model_overrides_keys_of_the_study(study):
    one, two = study(
        "tasks: a,b\nlimit: 5\nmodel: hf\nmodels:\n  - one\n"
        "  - {pretrained: two, limit: 7, model: infocap-vllm, tasks: [c]}\n"
    ).rows
    assert (one.config["limit"], one.config["model"], one.tasks) == (5, "hf", ["a", "b"])
    assert (two.config["limit"], two.config["model"], two.tasks) == (7, "infocap-vllm", ["c"])


def test_model_args_and_metadata_are_merged_key_by_key(study):
    one, two = study(
        f"{TASKS}model_args: dtype=bfloat16,max_length=512\n"
        "metadata: {max_tokens: 256, seed: 1}\n"
        "models:\n  - one\n  - pretrained: two\n    model_args: {max_length: 1024}\n"
        "    metadata: max_tokens=64\n"
    ).rows
    common = {"dtype": "bfloat16", "max_length": 512, "pretrained": "one"}
    assert one.config["model_args"] == common
    assert one.config["metadata"] == {"max_tokens": 256, "seed": 1}
    assert two.config["model_args"] == common | {"max_length": 1024, "pretrained": "two"}
    assert two.config["metadata"] == {"max_tokens": 64, "seed": 1}


def test_rows_hold_only_keys_that_the_harness_knows(study):
    (row,) = study(
        f"{TASKS}output_path: out\n" + one_model("series: s\ngpus: 2\nlabel: l").removeprefix(TASKS)
    ).rows
    assert row.config.keys() == {"tasks", "model_args", "metadata"}
    assert (row.series, row.gpus, row.label) == ("s", 2, "l")


def test_each_revision_is_a_row_of_its_own(study):
    rows = study(one_model("revisions: [step1000, 2000, 'a/b']\nseries: s")).rows
    assert [row.name for row in rows] == ["name@step1000", "name@2000", "name@a_b"]
    revisions = [row.config["model_args"]["revision"] for row in rows]
    assert revisions == ["step1000", "2000", "a/b"]
    assert {row.series for row in rows} == {"s"}
    assert {row.label for row in rows} == {None}


def test_a_label_names_the_row_and_each_of_its_revisions(study):
    rows = study(
        f"{TASKS}models:\n  - {{pretrained: a/x, label: my x}}\n"
        "  - {pretrained: b/x, label: ours, revisions: [r1, r2]}\n"
        "  - {pretrained: c/x, revision: r3}\n"
    ).rows
    assert [row.name for row in rows] == ["my_x", "ours@r1", "ours@r2", "x@r3"]
    assert [row.label for row in rows] == ["my x", "ours@r1", "ours@r2", None]


@pytest.mark.parametrize(
    ("given", "seconds"),
    [("90", 90), ("90s", 90), ("1.5m", 90), ("12h", 43200), ("2 d", 172800), ("0.5", 0.5)],
)
def test_a_timeout_has_a_unit_or_is_in_seconds(study, given, seconds):
    assert study(one_model(f"timeout: {given}")).rows[0].timeout_s == seconds


def test_a_server_is_named_by_its_model_or_by_its_address(study):
    named, bare = study(
        f"{TASKS}model: infocap-api\nmodels:\n"
        "  - {base_url: 'http://host:1/v1', model_args: {model: mine}}\n"
        "  - {base_url: 'http://host:2/v1'}\n"
    ).rows
    assert (named.name, named.model) == ("mine", "mine")
    assert (bare.name, bare.model) == ("v1", "http://host:2/v1")
    assert named.config["model_args"] == {"model": "mine", "base_url": "http://host:1/v1"}


def test_an_empty_argument_names_no_model(study):
    (row,) = study(
        f"{TASKS}models:\n  - {{base_url: 'http://h/v1', model_args: {{pretrained: null}}}}\n"
    ).rows
    assert row.model == "http://h/v1"


def test_models_may_share_keys_by_an_anchor(study):
    one, two = study(
        f"{TASKS}models:\n  - &a {{pretrained: one, gpus: 2, metadata: {{max_tokens: 64}}}}\n"
        "  - {<<: *a, pretrained: two}\n"
    ).rows
    assert (two.model, two.gpus, two.config["metadata"]) == ("two", 2, {"max_tokens": 64})
    assert one.config["metadata"] == two.config["metadata"]


def test_a_file_with_a_byte_order_mark_and_windows_lines_is_read(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_bytes(b"\xef\xbb\xbftasks: [infocap]\r\nmodels:\r\n  - org/na\xc3\xafve\r\n")
    (row,) = read_study(str(path)).rows
    assert (row.name, row.place) == ("naïve", f"{path}:3")


def test_what_comes_of_a_study_goes_to_its_output_path_or_to_a_folder_of_its_name(study):
    models = f"{TASKS}models: [a]\n"
    assert str(study(models, "mine.yaml").folder) == "mine"
    assert str(study(f"{models}output_path: to/here\n").folder) == "to/here"


def test_a_row_is_found_by_its_name(study):
    found = study(f"{TASKS}models: [a/one, a/two]\n")
    assert found.row("two") is found.rows[1]
    with pytest.raises(InfocapError, match="did you mean two"):
        found.row("tow")
