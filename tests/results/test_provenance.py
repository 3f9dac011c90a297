import json

from helpers.made_up import documents, run_of

from infocap_tasks.results.provenance import provenance_of
from infocap_tasks.results.read import published_runs


def test_of_a_file_and_of_published_numbers(tmp_path):
    path = tmp_path / "results_x.json"
    infocap = {"flops": {"breakdown": {"mlp": 5}}, "documents": {"document_id": ["1"]}}
    content = {
        "lm_eval_version": "0.4.13",
        "model_name": "Lab/m",
        "config": {"model": "infocap-hf", "model_args": {"pretrained": "Lab/m"},
                   "model_dtype": "torch.bfloat16", "model_sha": ""},
        "configs": {"infocap_custom": {"metadata": {"infocap": infocap}}},
    }  # fmt: skip
    path.write_text(json.dumps(content))
    found = provenance_of(run_of("m", documents([300.0]), source=str(path)))
    assert (found.model_id, found.backend, found.harness_version) == (
        "Lab/m",
        "infocap-hf",
        "0.4.13",
    )
    assert found.model == {"model_dtype": "torch.bfloat16"}
    assert found.flop_breakdown == {"mlp": 5}
    assert "documents" not in found.infocap
    published = provenance_of(published_runs()[0])
    assert (published.model_id, published.infocap) == ("Qwen3-0.6B-Base", {})
