"""GGUF files: whether one is whole, and the further files of a model that has several."""

import re
from pathlib import Path

from infocap_tasks.errors import InfocapError, one_line

_PARTS = re.compile(r"(.+-)00001-of-(\d{5})\.gguf")


def with_further_parts(path: Path) -> list[Path]:
    """All files of a model whose first one is named; llama.cpp finds them by their names."""
    if not (match := _PARTS.fullmatch(path.name)):
        return [path]
    stem, total = match.groups()
    return [
        path.with_name(f"{stem}{number:05}-of-{total}.gguf") for number in range(1, int(total) + 1)
    ]


def require_whole(path: Path) -> None:
    """Refuse a file that is no GGUF or was cut; llama.cpp would end the process on some of them.

    Raises:
        InfocapError: it, or a further file of the model, cannot be read to its end.
    """
    from gguf import GGUFReader

    for part in with_further_parts(path):
        try:
            GGUFReader(part)
        except Exception as error:  # the reader raises whatever numpy does on wrong sizes
            raise InfocapError(
                f"pretrained={part}: no whole GGUF file ({one_line(error)}); download it again"
            ) from error
