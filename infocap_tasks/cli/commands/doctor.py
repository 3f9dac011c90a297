"""``infocap doctor``: what is installed here, what is missing for what, what hub and disks give."""

import argparse
import platform
import shutil
from collections.abc import Iterator
from pathlib import Path
from stat import S_ISREG
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from infocap_tasks import __version__
from infocap_tasks.cli.commands import new_command
from infocap_tasks.errors import one_line
from infocap_tasks.paths import cache_dir

_DESCRIPTION = """\
Say what is installed here, what is missing for what and which command installs it, which engines
and GPUs there are, whether the hub is reached, and what the caches hold. The exit status is 1 if a
package has a version that does not do, or one that everything needs is missing; extras may be.
"""
# What each extra is for; the empty one is what everything needs.
_PURPOSES = {
    "": "results, tables",
    "eval": "scoring, flops, tokenizers",
    "api": "servers: infocap-api, local-completions",
    "gguf": "infocap-gguf: llama.cpp",
    "demo": "demo, .gguf files",
    "report": "figures, the page",
    "tokenizers": "tiktoken, SentencePiece",
    "export": "Parquet, Every Eval Ever",
}
# By the package that they need: the backends that it serves.
_ENGINES_OF_OTHERS = {"vllm": "infocap-vllm, vllm", "sglang": "sglang"}
_SECONDS_TO_ANSWER = 5


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    new_command(commands, "doctor", _DESCRIPTION, run)


def run(_: argparse.Namespace) -> int:
    """Print what was found; 1 if something installed does not do."""
    print(f"infocap-tasks {__version__}, Python {platform.python_version()}, {platform.platform()}")
    is_faulty = False
    for extra, purpose in _PURPOSES.items():
        line, does_not_do = _packages(extra)
        is_faulty |= does_not_do
        print(f"\n{extra or 'needed by all'}: {purpose}\n  {line}")
    print("\nengines", *_engines(), "", "hub and caches", *_places(), sep="\n")
    return 1 if is_faulty else 0


def _packages(extra: str) -> tuple[str, bool]:
    """What is here of an extra, and whether that is faulty."""
    from infocap_tasks.cli.installed import CORE, packages_of

    packages = packages_of(extra)
    shown = ", ".join(map(str, packages))
    unfit = any(package.is_unfit for package in packages)
    missing = any(package.version is None for package in packages)
    if unfit or missing:
        wanted = f"infocap-tasks[{extra}]" if extra else "infocap-tasks"
        shown += f'\n  to mend it: pip install --upgrade "{wanted}"'
    return shown, unfit or (missing and extra == CORE)


def _engines() -> Iterator[str]:
    """What can score here, a line an engine."""
    from infocap_tasks.cli.installed import packages_of, version_of

    missing = [package.name for package in packages_of("eval") if package.version is None]
    yield f"  infocap-hf, hf: {'without ' + ', '.join(missing) if missing else 'ready'}"
    for name, backends in _ENGINES_OF_OTHERS.items():
        absent = f"not installed (pip install {name})"
        yield f"  {backends}: {version_of(name) or absent}"
    yield f"  GPU: {_gpus()}"


def _gpus() -> str:
    try:
        import torch
    except ImportError:
        return "not known without torch"
    names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return ", ".join(names) or "none that torch sees"


def _places() -> Iterator[str]:
    """The hub, its cache and ours, a line each."""
    try:
        from huggingface_hub import constants
    except ImportError:
        yield "  hub: not used without huggingface-hub"
    else:
        yield f"  {constants.ENDPOINT}: {_hub(constants.ENDPOINT, constants.HF_HUB_OFFLINE)}"
        yield _folder(Path(constants.HF_HUB_CACHE))
    yield _folder(cache_dir())


def _hub(endpoint: str, is_offline: bool) -> str:
    if is_offline:
        return "not asked, since HF_HUB_OFFLINE is set; only what is cached can be used"
    try:
        with urlopen(Request(endpoint, method="HEAD"), timeout=_SECONDS_TO_ANSWER):
            return "reachable"
    except HTTPError:
        return "reachable"  # it answered, if only that it does not like the question
    except (OSError, ValueError) as error:
        return f"not reachable ({one_line(error)}); only what is cached can be used"


def _folder(folder: Path) -> str:
    """Size of a cache, and what is free on its disk."""
    files = (path.lstat() for path in folder.rglob("*"))  # a link counts as what it is
    size = sum(file.st_size for file in files if S_ISREG(file.st_mode))
    there = next(place for place in (folder, *folder.parents) if place.is_dir())
    return f"  {folder}: {size / 1e9:.1f} GB, {shutil.disk_usage(there).free / 1e9:.0f} GB free"
