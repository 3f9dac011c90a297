import pytest

from infocap_tasks.errors import InfocapError
from infocap_tasks.results.published import published_runs
from infocap_tasks.results.series import read_series_map, series_of


@pytest.mark.parametrize("run", published_runs(), ids=lambda run: run.model)
def test_published_models_are_in_their_published_series(run):
    assert series_of(run.model) == run.series


@pytest.mark.parametrize(
    ("model", "series"),
    [
        ("Qwen/Qwen3-8B-Base", "Qwen3-Base"),
        ("Qwen/Qwen3-8B", "Qwen3"),
        ("Qwen/Qwen3-30B-A3B-Base", "Qwen3-MoE-Base"),
        ("meta-llama/Llama-3.2-1B", "Llama-3"),
        ("meta-llama/Meta-Llama-3-8B", "Llama-3"),
        ("meta-llama/Llama-3.2-1B-Instruct", "Llama-3-Instruct"),
        ("google/gemma-3-1b-it", "Gemma-3"),
        ("THUDM/glm-4-9b", "GLM-4-Base"),
        ("THUDM/glm-4-9b-chat", "GLM-4"),
        ("THUDM/GLM-4-32B-0414", "GLM-4"),
        ("zai-org/GLM-4.5-Air", "GLM-4.5"),
        ("HuggingFaceTB/SmolLM2-135M", "SmolLM2"),
        ("HuggingFaceTB/SmolLM2-135M-Instruct", "SmolLM2-Instruct"),
        ("EleutherAI/pythia-160m@step1000", "Pythia"),
        # No rule: what stands before the size.
        ("Foo/Bar-Baz-7B-Base", "Bar-Baz"),
        ("some/where/ours_1.3b", "ours"),
        ("mistralai/Mixtral-8x7B-v0.1", "Mixtral"),
        ("/models/checkpoint/", "checkpoint"),
        ("7B", "7B"),
    ],
)
def test_series_follows_from_the_name(model, series):
    assert series_of(model) == series


def test_map_overrides_the_rules(tmp_path):
    path = tmp_path / "map.csv"
    path.write_text("model,series,remark\nQwen3-8B-Base,Ours,x\nlab/a-1B,Theirs,\n")
    overrides = read_series_map(str(path))
    assert series_of("Qwen/Qwen3-8B-Base", overrides) == "Ours"
    assert series_of("lab/a-1B", overrides) == "Theirs"
    assert series_of("other/a-1B", overrides) == "a"


@pytest.mark.parametrize("content", ["model\nx\n", "model,series\nx,\n", None])
def test_faulty_map_is_refused(tmp_path, content):
    path = tmp_path / "map.csv"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InfocapError, match=r"map\.csv"):
        read_series_map(str(path))
