"""Whether a model that is named by a path is there; imports nothing, so the answer is immediate."""

from difflib import get_close_matches
from pathlib import Path

from infocap_tasks.errors import InfocapError


def refuse_missing_model(model: str, gguf_file: str | None = None) -> None:
    """Refuse a path to nothing; a name that may be a hub id passes.

    Raises:
        InfocapError: there is no such file or folder.
    """
    path = Path(model) / (gguf_file or "")
    looks_local = model.startswith((".", "/", "~")) or model.endswith(".json")
    if path.exists() or not (looks_local or Path(model).exists()):
        return
    beside = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
    nearest = [str(path.with_name(name)) for name in get_close_matches(path.name, beside)]
    meant = f"did you mean {', '.join(nearest)}? " if nearest else ""
    raise InfocapError(
        f"model {path}: no such file or folder; {meant}"
        "give a local folder, a config.json, a .gguf file or a hub id"
    )
