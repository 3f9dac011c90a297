"""Which models are on this machine; imports nothing heavy, so the answer is immediate."""

from difflib import get_close_matches
from pathlib import Path

from infocap_tasks.errors import InfocapError, did_you_mean


def refuse_missing_model(model: str, gguf_file: str | None = None) -> None:
    """Refuse a path to nothing; a name that may be a hub id passes.

    Raises:
        InfocapError: there is no such file or folder.
    """
    path = Path(model) / (gguf_file or "")
    looks_local = model.startswith((".", "/", "~")) or model.endswith((".json", ".gguf"))
    if path.exists() or not (looks_local or Path(model).exists()):
        return
    beside = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
    raise InfocapError(
        f"model {path}: no such file or folder; {did_you_mean(path.name, beside)}"
        "give a local folder, a config.json, a .gguf file or a hub id"
    )


def nearest_in_cache(model: str) -> list[str]:
    """Hub ids of other models in the hub's cache whose names are near to ``model``."""
    from huggingface_hub import constants

    folders = Path(constants.HF_HUB_CACHE).glob("models--*")
    held = {folder.name.removeprefix("models--").replace("--", "/") for folder in folders}
    return get_close_matches(model, sorted(held - {model}))
