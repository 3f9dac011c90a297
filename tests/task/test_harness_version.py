"""Which releases of the harness are taken, and what would be wrong under others."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.lower_bounds import requirements
from helpers.models import byte_tokenizer, load_task
from lm_eval.api.task import ConfigurableTask
from lm_eval.models.utils import resolve_max_length
from packaging.specifiers import SpecifierSet
from transformers import Gemma3Config, GPT2Config, LlamaConfig, MambaConfig

from infocap_tasks.errors import InfocapError
from infocap_tasks.models.pretrained import Pretrained
from infocap_tasks.task.harness_version import SUPPORTED, refuse_other_versions
from infocap_tasks.task.model import _window


def install(folder: Path, version: str) -> Path:
    """A harness of that version, as far as its metadata go."""
    metadata = folder / f"lm_eval-{version}.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text(f"Metadata-Version: 2.1\nName: lm_eval\nVersion: {version}\n")
    return folder


def test_the_releases_are_those_that_pip_is_told():
    declared = [r.specifier for r in requirements() if r.name == "lm-eval"]
    assert declared == [SpecifierSet(SUPPORTED)] * len(declared) != []


@pytest.mark.parametrize("version", ["0.4.13", "0.4.14.dev0", "0.4.20"])
def test_a_release_of_these_is_taken(version, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(install(tmp_path, version))
    refuse_other_versions()


@pytest.mark.parametrize("version", ["0.4.12", "0.5.0.dev1", "0.5.0", "1.0"])
def test_another_release_is_refused_with_the_command_that_installs_one(
    version, tmp_path, monkeypatch
):
    monkeypatch.syspath_prepend(install(tmp_path, version))
    with pytest.raises(InfocapError) as refused:
        refuse_other_versions()
    assert str(refused.value) == (
        f"lm-eval {version} is installed, and this release of infocap-tasks works with "
        f'{SUPPORTED}; run `pip install "lm-eval{SUPPORTED}"`'
    )


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("from infocap_tasks.cli.main import main; sys.exit(main(['eval', '--help']))", 2),
        ("from infocap_tasks.task import InformationCapacityTask", 1),
    ],
)
def test_command_and_tasks_end_with_that_line(code, status, tmp_path):
    path = os.pathsep.join([str(install(tmp_path, "0.5.0.dev1")), *filter(None, sys.path)])
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; {code}"],
        capture_output=True, text=True, env=os.environ | {"PYTHONPATH": path},
    )  # fmt: skip
    assert done.returncode == status
    last = done.stderr.splitlines()[-1]
    assert "lm-eval 0.5.0.dev1 is installed" in last
    if status == 2:
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("answer", [None, []])
def test_a_document_without_a_request_is_an_error(answer, tiny_model, corpus_file, monkeypatch):
    """As the general class of 0.5 answers, whose ``construct_requests`` is empty."""
    task = load_task(pretrained=str(tiny_model), corpus_path=str(corpus_file))
    monkeypatch.setattr(ConfigurableTask, "construct_requests", lambda *_, **__: answer)
    with pytest.raises(InfocapError, match=rf"{corpus_file}:1: lm-eval .* makes no request"):
        task.build_all_requests()


@pytest.mark.parametrize(
    "config",
    [
        LlamaConfig(max_position_embeddings=333),
        GPT2Config(n_positions=77),
        MambaConfig(),
        Gemma3Config(text_config={"max_position_embeddings": 555}),
    ],
)
@pytest.mark.parametrize("model_max_length", [1111, None])
def test_the_window_is_the_one_that_the_harness_takes(config, model_max_length, tmp_path):
    config.save_pretrained(tmp_path)
    tokenizer = byte_tokenizer()
    if model_max_length:
        tokenizer.model_max_length = model_max_length
    expected = resolve_max_length(config, tokenizer)
    assert _window(Pretrained.from_file_or_id(str(tmp_path)), tokenizer) == expected
