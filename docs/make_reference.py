"""Write the pages of docs/reference/ that are made from the code.

    python docs/make_reference.py

A test compares these pages with what this script makes.
"""

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path

from infocap_tasks.cli import demo, main
from infocap_tasks.cli.settings_help import eval_preface, settings_markdown

FOLDER = Path(__file__).parent / "reference"
_MADE = "<!-- Made by docs/make_reference.py. Change the code, then run it again. -->"
_INTRODUCTION = """\
`infocap COMMAND --help` says the same; `infocap eval --help` adds the flags of the harness. The
exit status is 0, or 1 if a file was faulty, 2 for wrong input and 130 after an interrupt."""
# Their flags are those of the harness, so that no parser of ours knows them.
_OF_THE_HARNESS = {"eval": eval_preface, "demo": lambda: demo._HELP}


def pages() -> Mapping[str, str]:
    """The text of each page, by its name."""
    return {"cli.md": "\n".join(_commands()), "metadata-keys.md": _settings()}


def _settings() -> str:
    return (
        f"# Settings of a task\n\n{_MADE}\n\n"
        "Each key changes what a task does. `infocap eval` and `lm_eval` take them with\n"
        "`--metadata KEY=VALUE …`, and a task's own YAML may set them.\n\n"
        f"{settings_markdown()}"
    )


def _commands() -> Iterator[str]:
    yield from ("# Commands", "", _MADE, "", _INTRODUCTION, "")
    for group, commands in main._COMMANDS.items():
        yield f"- {group}: {', '.join(map(_link, commands))}"
    for commands in main._COMMANDS.values():
        for name, command in commands.items():
            yield from ("", f"## infocap {name}", "", _sentence(command.line), "")
            yield from _details(name)
            yield from ("```bash", command.example, "```")
    yield ""


def _link(command: str) -> str:
    return f"[{command}](#infocap-{command})"


def _sentence(line: str) -> str:
    return f"{line[0].upper()}{line[1:]}."


def _details(name: str) -> Iterator[str]:
    """What the help of a command says, and its flags."""
    if name in _OF_THE_HARNESS:
        yield from ("```text", _OF_THE_HARNESS[name]().rstrip(), "```", "")
        return
    parser = _subparsers(main._parser(name))[name]
    for action, inner in _subparsers(parser).items():
        yield from (f"`infocap {name} {action}`:", "")
        yield from _flags(inner)
    if not _subparsers(parser):
        yield from _flags(parser)


def _subparsers(parser: argparse.ArgumentParser) -> Mapping[str, argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return action.choices
    return {}


def _flags(parser: argparse.ArgumentParser) -> Iterator[str]:
    """The description and a table; not argparse's own help, which differs between versions."""
    if parser.description:
        yield from ("```text", parser.description.rstrip(), "```", "")
    rows = [action for action in parser._actions if action.dest != "help"]
    if rows:
        yield from ("| argument | meaning |", "| --- | --- |")
        yield from (f"| {_name(action)} | {_cell(action.help or '')} |" for action in rows)
        yield ""


def _name(action: argparse.Action) -> str:
    names = ", ".join(action.option_strings)
    value = action.metavar or ("{" + ",".join(action.choices) + "}" if action.choices else "")
    if action.nargs in ("*", "+"):
        value = f"{value} …"
    return f"`{_cell(f'{names} {value}'.strip())}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
