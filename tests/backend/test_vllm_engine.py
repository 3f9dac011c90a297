"""What of ``infocap-vllm`` needs no vLLM; ``tests/engines/`` runs it on a real one."""

from infocap_tasks.backend.vllm_engine import settings_of_answers


def test_kept_answers_are_found_again_on_other_gpus_but_not_at_other_precision():
    before = {"quantization": "fp8", "tensor_parallel_size": 8, "gpu_memory_utilization": 0.9}
    elsewhere = before | {"tensor_parallel_size": 4, "gpu_memory_utilization": 0.8}
    assert settings_of_answers(before) == settings_of_answers(elsewhere)
    assert settings_of_answers(before) != settings_of_answers({**before, "quantization": "awq"})
