"""``infocap completion``: a script with which a shell completes commands, flags and names."""

import argparse
from importlib import import_module
from typing import Any

import shtab

from infocap_tasks.cli.commands import new_command
from infocap_tasks.cli.main import _COMMANDS
from infocap_tasks.results.groups import task_groups
from infocap_tasks.task.listing import task_entries

_DESCRIPTION = """\
Print a script with which bash or zsh completes commands, flags, files, metrics, figures and tasks.
Print it again after an update. The flags of eval and demo are those of the harness, and are in it
where the extra eval is installed.
"""
_EPILOG = """\
examples:
  infocap completion bash > ~/.local/share/bash-completion/completions/infocap
  infocap completion zsh > "${fpath[1]}/_infocap"
"""
_FOLDERS = {"output_path", "include_path", "cache"}
_FILES = {"results", "run_a", "run_b", "output", "path", "models", "tokenizers", "config"}
_TASKS = {"task", "tasks"}
_TASK_FUNCTION = "_infocap_names_of_tasks"


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = new_command(commands, "completion", _DESCRIPTION, run)
    parser.epilog = _EPILOG
    parser.add_argument("shell", choices=["bash", "zsh"], metavar="SHELL", help="bash or zsh")


def run(options: argparse.Namespace) -> None:
    """Print the script."""
    parser = _whole_parser()
    _complete_values(parser)
    print(shtab.complete(parser, options.shell, preamble=_preamble(options.shell)))


class _Commands(argparse._SubParsersAction):  # type: ignore[type-arg]
    """Commands with a help each, since shtab takes others for hidden ones."""

    def add_parser(self, name: str, **settings: Any) -> Any:
        """Add the command with the first line of its description as its help."""
        line = (settings.get("description") or name).partition("\n")[0]
        return super().add_parser(name, help=line, **settings)


class _WholeParser(argparse.ArgumentParser):
    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.register("action", "parsers", _Commands)


def _whole_parser() -> argparse.ArgumentParser:
    """The parser with the flags of all commands; ``main`` makes that of the one that is called."""
    parser = _WholeParser(prog="infocap")
    parser.add_argument("--version", action="store_true", help="print the version")
    commands: Any = parser.add_subparsers(dest="command")
    for name in (name for group in _COMMANDS.values() for name in group):
        if name in ("eval", "demo"):
            commands.add_parser(name, parents=_parsers_of_eval(), add_help=False)
        else:
            import_module(f"infocap_tasks.cli.commands.{name}").add(commands)
    return parser


def _parsers_of_eval() -> list[argparse.ArgumentParser]:
    """The parsers of the flags of eval and demo; none where the harness is not installed."""
    try:
        from infocap_tasks.cli.evaluate import parsers
    except ModuleNotFoundError:
        return []
    return parsers()


def _complete_values(parser: argparse.ArgumentParser) -> None:
    """Tell shtab what the values of flags are, by the names that commands give them."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                _complete_values(inner)
        elif action.dest in _TASKS:
            action.complete = dict.fromkeys(("bash", "zsh"), _TASK_FUNCTION)  # type: ignore[attr-defined]
        elif action.dest in _FOLDERS:
            action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
        elif action.dest in _FILES:
            action.complete = shtab.FILE  # type: ignore[attr-defined]


def _preamble(shell: str) -> str:
    """The function of the shell that completes names of tasks and groups."""
    names = " ".join(sorted({*task_groups(), *(entry.task for entry in task_entries())}))
    if shell == "bash":
        return f'{_TASK_FUNCTION}() {{ compgen -W "{names}" -- "$1"; }}'
    return f"{_TASK_FUNCTION}() {{ compadd -- {names}; }}"
