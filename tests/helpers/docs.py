"""The README, the pages of docs/, and the fenced blocks in them."""

import re
import shlex
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
DOCS = ROOT / "docs"
PAGES = sorted(
    [
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
        ROOT / "task_configs" / "README.md",
        ROOT / "benchmarks" / "RESULTS.md",
        *DOCS.rglob("*.md"),
    ]
)

_FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


class Block(NamedTuple):
    """A fenced block: its language, empty for what a command printed, and its text."""

    language: str
    text: str


def blocks(page: Path) -> list[Block]:
    return [Block(*found) for found in _FENCED.findall(page.read_text("utf-8"))]


def words_of(line: str) -> list[list[str]]:
    """The commands of a line of a shell, each as its words; those in $(…) are commands too."""
    commands = [shlex.split(part) for part in line.split("&&")]
    inner = [shlex.split(part) for part in re.findall(r"\$\((.*?)\)", line)]
    return [*commands, *inner]


def commands(page: Path) -> list[list[str]]:
    """All commands in the ``bash`` blocks of a page."""
    return [
        words
        for block in blocks(page)
        if block.language == "bash"
        for line in block.text.splitlines()
        for words in words_of(line)
    ]


def printed(page: Path) -> list[tuple[list[str], str]]:
    """Each single command of a page with the block right behind it, which shows what it prints."""
    found = blocks(page)
    return [
        (shlex.split(command.text), output.text)
        for command, output in pairwise(found)
        if command.language == "bash" and not output.language and command.text.count("\n") == 1
    ]


def columns(page: Path, header: str) -> list[list[str]]:
    """The cells of the table whose first line starts with ``header``, without that line."""
    _, _, rest = page.read_text("utf-8").partition(f"\n{header}")
    rows = rest.partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("| \n").split(" | ")] for row in rows]
