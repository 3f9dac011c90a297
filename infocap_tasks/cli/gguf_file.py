"""A GGUF file in place of a model's folder."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def with_gguf_file(model_args: dict[str, Any]) -> dict[str, Any]:
    """``pretrained=FILE.gguf`` as transformers wants it, the folder and the name of the file."""
    path = Path(str(model_args.get("pretrained", ""))).expanduser()
    if path.suffix == ".gguf" and path.is_file():
        model_args |= {"pretrained": str(path.absolute().parent), "gguf_file": path.name}
    return model_args


def say_dequantised(model_args: Mapping[str, Any]) -> None:
    """Say on stderr that transformers dequantises a GGUF file, which llama.cpp does not."""
    if name := model_args.get("gguf_file"):
        given = model_args.get("dtype", "auto")
        dtype = "float32" if given == "auto" else given  # a GGUF file names no dtype
        print(
            f"infocap eval: {name}: weights are dequantised to {dtype}; --model infocap-gguf "
            "scores them as llama.cpp does",
            file=sys.stderr,
        )
