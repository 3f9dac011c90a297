"""Whether there are tasks of these names, told from the text of the YAMLs.

The harness's own index parses some 14,000 files, which takes seconds. A name that stands in none of
them is certainly no task, and the text is read in a fraction of a second.
"""

import re
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from os import walk
from pathlib import Path

from infocap_tasks.errors import InfocapError, did_you_mean, missing_package

_DECLARED = re.compile(rb"^(?:task|group|tag):[ \t]*['\"]?([\w.+-]+)", re.MULTILINE)


def refuse_unknown_tasks(tasks: Sequence[str], folders: Sequence[str | Path]) -> None:
    """Refuse a task whose name stands in no YAML; the last folder is searched last.

    Patterns and files are left to the harness.

    Raises:
        InfocapError: there is no such task; the message has the nearest names.
    """
    missing = [name for name in tasks if not re.search(r"[*?\[/\\]|\.yaml$", name)]
    texts = []
    for text in _texts([*folders, harness_folder()]):
        missing = [name for name in missing if not _has_word(text, name.encode())]
        if not missing:
            return
        texts.append(text)
    if missing:
        declared = {name.decode() for name in _DECLARED.findall(b"\n".join(texts))}
        meant = did_you_mean(missing[0], declared, cutoff=0.7)
        raise InfocapError(
            f"--tasks {missing[0]}: there is no such task; {meant}"
            "`infocap tasks` prints the folder of ours, `lm_eval ls tasks` lists the harness's"
        )


def harness_folder() -> Path:
    """The folder of the harness's own tasks, found without importing it."""
    spec = find_spec("lm_eval")
    if spec is None or spec.origin is None:
        raise missing_package("lm_eval", "eval", "--tasks")
    return Path(spec.origin).parent / "tasks"


def _texts(folders: Sequence[str | Path]) -> Iterator[bytes]:
    for folder in folders:
        for place, _, files in walk(folder):
            for file in files:
                # Templates that others include have names such as _default_template.
                if file.endswith("yaml") or "." not in file:
                    yield Path(place, file).read_bytes()


def _has_word(text: bytes, name: bytes) -> bool:
    if name not in text:
        return False
    return re.search(rb"(?<![\w+-])" + re.escape(name) + rb"(?![\w+-])", text) is not None
