"""A GGUF file in place of a model's folder."""

import sys
from pathlib import Path
from typing import Any


def with_gguf_file(model_args: dict[str, Any]) -> dict[str, Any]:
    """``pretrained=FILE.gguf`` as transformers wants it, which dequantises the file: said here."""
    path = Path(str(model_args.get("pretrained", ""))).expanduser()
    if path.suffix == ".gguf" and path.is_file():
        model_args |= {"pretrained": str(path.absolute().parent), "gguf_file": path.name}
    if name := model_args.get("gguf_file"):
        given = model_args.get("dtype", "auto")
        dtype = "float32" if given == "auto" else given  # a GGUF file names no dtype
        print(f"infocap eval: {name}: weights are dequantised to {dtype}", file=sys.stderr)
    return model_args
