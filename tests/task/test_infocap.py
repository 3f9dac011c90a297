import json
import math

import pytest
from helpers.models import SAFE, TEXTS, byte_tokenizer, load_task, write_jsonl
from lm_eval.api.registry import (
    get_aggregation,
    get_metric,
    get_metric_aggregation,
    is_higher_better,
)

import infocap_tasks.task.infocap
from infocap_tasks.errors import InfocapError
from infocap_tasks.metrics import METRICS
from infocap_tasks.task.infocap import InformationCapacityTask


@pytest.fixture
def custom(tiny_model, corpus_file):
    return {"pretrained": str(tiny_model), "corpus_path": str(corpus_file)}


def test_metrics_are_known_to_the_harness_by_name():
    assert infocap_tasks.task.infocap  # its import registers them
    for name, metric in METRICS.items():
        assert get_metric(name)
        assert is_higher_better(name) is metric.higher_is_better
        assert get_metric_aggregation(name) is get_aggregation(name)


def test_a_users_task_may_list_some_metrics(custom, tmp_path):
    from lm_eval.tasks import TaskManager

    from infocap_tasks.paths import task_configs_dir

    (tmp_path / "own.yaml").write_text(
        f"include: {task_configs_dir() / '_infocap.yaml'}\n"
        "task: own\n"
        "metric_list: [{metric: bytes_per_token}]\n"
        "metadata: {version: 1.0, corpus: file, bias_bits_per_token: -20}\n"
    )
    manager = TaskManager(
        include_path=str(tmp_path),
        include_defaults=False,
        metadata=custom | SAFE | {"max_tokens": 32},
    )
    task = manager.load(["own"])["tasks"]["own"]
    assert set(task.aggregation()) == {"bytes_per_token", "bytes_per_token_stderr"}
    assert task.higher_is_better() == {"bytes_per_token": True}


def requests(task, **options):
    task.build_all_requests(**options)
    return task.instances


def test_requests_are_the_scored_strings(custom):
    task = load_task(**custom)
    instances = requests(task)
    assert [i.request_type for i in instances] == ["loglikelihood_rolling"] * 4
    for instance, text in zip(instances, TEXTS, strict=True):
        (scored,) = instance.args
        assert text.startswith(scored)
        assert instance.doc["num_bytes"] == len(scored.encode())
        ids = byte_tokenizer(merges=True).encode(scored, add_special_tokens=False)
        assert instance.doc["num_tokens"] == len(ids) <= 64
        assert instance.doc["is_whole"] is (text == scored)


@pytest.mark.parametrize("world_size", [1, 2, 3])
def test_ranks_share_the_documents_and_each_is_cut_once(custom, world_size):
    seen = []
    for rank in range(world_size):
        task = load_task(**custom)
        seen += [doc_id for doc_id, _ in task.doc_iterator(rank=rank, world_size=world_size)]
        assert len(task._docs) == len(range(rank, 4, world_size))
    assert sorted(seen) == [0, 1, 2, 3]


def test_limit_reads_no_further(custom, tmp_path):
    path = tmp_path / "c.jsonl"
    path.write_text(json.dumps({"text": "one two"}) + "\nnot JSON\n")
    task = load_task(**custom | {"corpus_path": str(path)})
    assert len(requests(task, limit=1)) == 1
    with pytest.raises(InfocapError, match=r"c.jsonl:2"):
        requests(task)


def test_samples_are_chosen_as_the_harness_does(custom):
    task = load_task(**custom)
    docs = [doc["text"] for _, doc in task.doc_iterator(samples=[1, 3])]
    assert docs[1] == TEXTS[3]
    assert TEXTS[1].startswith(docs[0])
    assert [doc["text"] for _, doc in task.doc_iterator(samples=[3])] == [TEXTS[3]]
    with pytest.raises(InfocapError, match=r"--samples \[4, 9\]: .* has 4 documents"):
        list(task.doc_iterator(samples=[1, 4, 9]))


def test_metrics_of_the_harness_work_beside_ours(custom, tmp_path):
    names = ["byte_perplexity", "bits_per_byte", "information_capacity"]
    task = load_task(**custom)
    config = task.config.to_dict() | {"metric_list": [{"metric": name} for name in names]}
    own = InformationCapacityTask(config)
    results = own.process_results(requests(task)[0].doc, [-10.0])
    assert results["byte_perplexity"] == results["bits_per_byte"]
    assert results["information_capacity"]["nll_bits"] == pytest.approx(10 / math.log(2))


@pytest.mark.parametrize(
    ("metadata", "complaint"),
    [
        ({"max_tokens": 1}, "max_tokens=1: must be a whole number of at least 2"),
        ({"max_tokens": "many"}, "max_tokens=many"),
        ({"max_tokens": 1024}, "above the model's max_length of 256"),
        ({"max_tokens": 64, "max_length": 50}, "above the model's max_length of 50"),
        ({"max_tokens": 64, "max_model_len": 65}, "above the model's max_length of 63"),
        ({"max_tokens": 255, "scored_by": "infocap-vllm"}, "above the model's max_length of 254"),
        ({"bias_bits_per_token": "low"}, "bias_bits_per_token=low: must be a number"),
        ({"flops_per_token": 0}, "flops_per_token=0: must be a number above 1"),
        ({"corpus_path": "none.jsonl"}, "does not exist"),
        ({"pretrained": "./none"}, "no such file or folder"),
    ],
)
def test_unusable_metadata_is_refused(custom, metadata, complaint):
    with pytest.raises(InfocapError, match=complaint):
        load_task(**custom | metadata)


def test_a_served_model_without_a_config_has_the_window_that_the_harness_takes(custom):
    served = custom | {"pretrained": None, "model": custom["pretrained"], "flops_per_token": 10**6}
    with pytest.raises(InfocapError, match="above the model's max_length of 2046"):
        load_task(**served, max_tokens=2047)


def test_without_a_model_the_error_says_what_to_pass(corpus_file):
    with pytest.raises(InfocapError, match=r"metadata=\{'pretrained'"):
        load_task(corpus_path=str(corpus_file))
    with pytest.raises(InfocapError, match="flops_per_token=N"):
        load_task(corpus_path=str(corpus_file), tokenizer=byte_tokenizer())


def test_flops_of_a_named_config_or_as_stated(custom, bos_model):
    def flops(**metadata):
        task = load_task(**custom, **metadata)
        return task.dump_config()["metadata"]["infocap"]["flops"]

    config = str(bos_model / "config.json")
    assert flops(flops_config=config)["flops_per_token"] != flops()["flops_per_token"]
    assert flops(flops_config=config, flops_per_token=5e9)["flops_per_token"] == 5_000_000_000
    assert flops()["verification"]["agrees"]


def test_a_tokenizer_without_bos_and_eos(custom):
    tokenizer = byte_tokenizer()
    tokenizer.bos_token = tokenizer.eos_token = None
    with pytest.raises(InfocapError, match="prefix_token_id=ID"):
        load_task(**custom, tokenizer=tokenizer)
    task = load_task(**custom, tokenizer=tokenizer, prefix_token_id=3)
    assert task.dump_config()["metadata"]["infocap"]["tokenizer"]["prefix_token_id"] == 3


def test_a_second_bos_is_refused(bos_model, corpus_file):
    model = {"pretrained": str(bos_model), "corpus_path": str(corpus_file)}
    for add_bos_token in (None, True):
        with pytest.raises(InfocapError, match=r"add_bos_token=False to --model_args"):
            load_task(**model, add_bos_token=add_bos_token)
    assert load_task(**model, add_bos_token=False)


@pytest.mark.parametrize(
    ("dtype", "softmax_dtype", "recorded", "warns"),
    [
        ("auto", None, "float32", False),
        ("bfloat16", None, "bfloat16", True),
        ("bfloat16", "float32", "float32", False),
        ("float32", "float16", "float16", True),
    ],
)
def test_a_low_precision_softmax_is_recorded_with_a_warning(
    custom, caplog, dtype, softmax_dtype, recorded, warns
):
    task = load_task(**custom, dtype=dtype, softmax_dtype=softmax_dtype)
    assert task.dump_config()["metadata"]["infocap"]["softmax_dtype"] == recorded
    assert ("softmax_dtype=float32" in caplog.text) is warns


@pytest.mark.parametrize(
    ("option", "complaint"),
    [
        ({"cache_requests": True}, "--cache_requests"),
        ({"apply_chat_template": True}, "--apply_chat_template"),
        ({"system_instruction": "Be brief."}, "--system_instruction"),
    ],
)
def test_harness_options_that_falsify_numbers_are_refused(custom, option, complaint):
    with pytest.raises(InfocapError, match=complaint):
        load_task(**custom).build_all_requests(**option)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_non_finite_loglikelihood_names_the_document(custom, corpus_file, value):
    task = load_task(**custom)
    doc = requests(task)[2].doc
    with pytest.raises(InfocapError, match=rf"{corpus_file}:3: its log-likelihood is"):
        task.process_results(doc, [value])


def test_a_faulty_document_is_named_before_anything_is_scored(custom, tmp_path):
    path = write_jsonl(tmp_path / "c.jsonl", [{"text": "fine text"}, {"text": "  "}])
    with pytest.raises(InfocapError, match=r"c.jsonl:2: the text is white space only"):
        requests(load_task(**custom | {"corpus_path": str(path)}))
