"""A GGUF file is scored by its path."""

import json

import pytest
from helpers.gguf_files import save_gguf

from infocap_tasks.cli.evaluate import evaluate
from infocap_tasks.errors import InfocapError


def metrics_of(folder, corpus_file, *flags):
    told = ("--metadata", f"corpus_path={corpus_file}", "max_tokens=64")
    evaluate(["--tasks", "infocap_custom", *flags, *told, "--output_path", str(folder)])
    (file,) = folder.rglob("results_*.json")
    row = json.loads(file.read_text())["results"]["infocap_custom"]
    return {name: value for name, value in row.items() if isinstance(value, float)}


@pytest.mark.parametrize("more", [(), ("--model", "hf")])
def test_a_gguf_file_has_the_capacity_of_its_weights(
    tiny_model, corpus_file, tmp_path, capsys, more
):
    file = save_gguf(tiny_model, tmp_path / "tiny.gguf")
    given = ("--model_args", f"pretrained={file},dtype=float32", *more)
    of_file = metrics_of(tmp_path / "file", corpus_file, *given)
    assert "tiny.gguf: weights are dequantised to float32" in capsys.readouterr().err
    of_folder = metrics_of(
        tmp_path / "folder", corpus_file, "--model_args", f"pretrained={tiny_model}", *more
    )
    assert of_file == pytest.approx(of_folder, rel=1e-5)


def test_a_file_that_is_no_gguf(corpus_file, tmp_path):
    (tmp_path / "junk.gguf").write_bytes(b"GGUF junk")
    with pytest.raises(InfocapError, match=r"junk\.gguf") as error:
        metrics_of(tmp_path, corpus_file, "--model_args", f"pretrained={tmp_path / 'junk.gguf'}")
    assert "\n" not in str(error.value)
