"""The ``infocap`` command: parses, calls, prints. Heavy imports wait until they are needed."""

import argparse
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any, NamedTuple, NoReturn

from infocap_tasks import __version__
from infocap_tasks.cli.output import check_output
from infocap_tasks.errors import FaultyFiles, InfocapError, did_you_mean, naming_extras

_DESCRIPTION = """\
Information capacity of language models (arXiv 2511.08066), on lm-evaluation-harness:
IC = (C - H + b) / log2 N, with C the text size and H the code length in bits per token,
N the FLOPs to decode a token and b a constant of the corpus. Higher is better.
"""


class _Command(NamedTuple):
    """A command in the help; its flags are declared in infocap_tasks.cli.commands.NAME."""

    line: str
    example: str


_COMMANDS: Mapping[str, Mapping[str, _Command]] = {
    "measure": {
        "demo": _Command(
            "score a real small model on the embedded corpora; takes the flags of eval",
            "infocap demo",
        ),
        "eval": _Command(
            "score a model: takes every flag of `lm_eval run`, adds our tasks and safe defaults",
            "infocap eval --model_args pretrained=DIR_OR_HUB_ID --tasks infocap --output_path OUT",
        ),
        "sweep": _Command(
            "score many models on the same tasks; goes on with what is missing",
            "infocap sweep run study.yaml",
        ),
    },
    "inspect": {
        "completion": _Command(
            "a script with which bash or zsh completes commands, flags, tasks and metrics",
            "infocap completion bash > ~/.local/share/bash-completion/completions/infocap",
        ),
        "doctor": _Command(
            "what is installed here, what is missing for what, hub and caches",
            "infocap doctor",
        ),
        "tasks": _Command(
            "print the folder of our tasks, for plain lm_eval; --list: the tasks",
            'lm_eval --include_path "$(infocap tasks)" --tasks infocap_pydocs ...',
        ),
        "corpus": _Command(
            "documents, bytes and scripts in a file of texts, and its faulty texts",
            "infocap corpus check my.jsonl",
        ),
        "flops": _Command(
            "FLOPs to decode one token, from a model's config alone",
            "infocap flops Qwen/Qwen3-0.6B Qwen/Qwen3-8B --verify",
        ),
        "tokenizers": _Command(
            "compare tokenizers on texts in several languages, without a model",
            "infocap tokenizers Qwen/Qwen3-0.6B model.gguf -o tokenizers.png",
        ),
    },
    "analyse (OUT is the folder of --output_path)": {
        "leaderboard": _Command(
            "models ranked by information capacity, with intervals; also as a page",
            "infocap leaderboard OUT --published -o leaderboard.html",
        ),
        "plot": _Command(
            "figures for papers: capacity, frontier, flops, series, benchmarks",
            "infocap plot capacity OUT --published -o capacity.pdf",
        ),
        "compare": _Command(
            "the difference of two runs on the same documents, with an interval",
            "infocap compare OUT/MODEL_A OUT/MODEL_B --task infocap_mixed",
        ),
        "explain": _Command(
            "where the difference comes from: tokenizer, prediction or FLOPs",
            "infocap explain OUT/MODEL_A OUT/MODEL_B --task infocap_mixed -o waterfall.png",
        ),
        "languages": _Command(
            "bits and tokens that each language takes to say the same",
            "infocap languages OUT -o languages.png",
        ),
        "bias": _Command(
            "the bias b that makes a series flat, for one series and pooled",
            "infocap bias --published",
        ),
        "predict": _Command(
            "predict the compression gain of other sizes of a series from one size",
            "infocap predict --published --series Qwen3-Base --target-flops 6e10",
        ),
        "correlate": _Command(
            "correlation with benchmark scores, over models and within series",
            "infocap correlate OUT --benchmarks arc_easy,hellaswag",
        ),
        "export": _Command(
            "results as CSV, Parquet, or records of Every Eval Ever",
            "infocap export OUT --format parquet -o results.parquet",
        ),
    },
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status.

    It is 0, 1 if a file was faulty, 2 for wrong input and 130 after an interrupt.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    try:
        with naming_extras(f"infocap {_command_in(arguments)}"):
            return _run(arguments)
    except InfocapError as error:
        print(f"infocap: error: {error}", file=sys.stderr)
        return 1 if isinstance(error, FaultyFiles) else 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # as after `| head`; without this, Python complains again at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:  # as a path whose name is too long, or in a folder that is closed
        if error.filename is None:
            raise
        what = f"{error.filename}: {error.strerror}; give another path"
        print(f"infocap: error: {what}", file=sys.stderr)
        return 2


def _command_in(arguments: list[str]) -> str | None:
    return next((word for word in arguments if not word.startswith("-")), None)


def _run(arguments: list[str]) -> int:
    command = _command_in(arguments)
    if command == "eval" and arguments[0] == command:
        _eval(arguments[1:])
        return 0
    if command == "demo" and arguments[0] == command:
        _demo(arguments[1:])
        return 0
    parser = _parser(command)
    options, unknown = parser.parse_known_args(arguments)
    if unknown:
        called = f"infocap {options.command}" if options.command else "infocap"
        raise InfocapError(
            f"{called} does not take {' '.join(unknown)} there; "
            f"{_remedy(parser, unknown[0])}see {called} --help"
        )
    if not options.command:
        parser.print_help()
        return 0
    check_output(options)
    return int(options.run(options) or 0)


def _remedy(parser: argparse.ArgumentParser, word: str) -> str:
    """What to do about a word that the parser does not take, as the start of a sentence."""
    if not word.startswith("-"):
        return "put it before the flags, or "
    return did_you_mean(word.partition("=")[0], _flags_of(parser), 1, cutoff=0.7)


def _flags_of(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in parser._actions:
        yield from action.option_strings
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                yield from _flags_of(inner)


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, like all errors of infocap."""

    def error(self, message: str) -> NoReturn:
        """Raise the message with a pointer to the help."""
        raise InfocapError(f"{message}; see {self.prog} --help")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Refuse a value that is no choice with the nearest ones; 3.14's argparse has one only."""
        if action.choices is not None and value not in action.choices:
            known = [str(choice) for choice in action.choices]
            raise argparse.ArgumentError(
                action,
                f"there is no {value}; {did_you_mean(str(value), known)}"
                f"choose from {', '.join(known)}",
            )


def _parser(command: str | None) -> argparse.ArgumentParser:
    """The parser with the flags of the command that is called; no other command is imported."""
    parser = _Parser(
        prog="infocap",
        usage="infocap COMMAND ...    (infocap COMMAND --help: its flags)",
        description=_DESCRIPTION + "\n" + "\n".join(_group_help(name) for name in _COMMANDS),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"infocap {__version__}")
    commands = parser.add_subparsers(
        dest="command", metavar="COMMAND", prog="infocap", help=argparse.SUPPRESS
    )
    for name, (_, example) in (item for group in _COMMANDS.values() for item in group.items()):
        if name == command and name not in ("eval", "demo"):
            import_module(f"infocap_tasks.cli.commands.{name}").add(commands)
            of_command = commands.choices[name]
            of_command.epilog = of_command.epilog or f"example:\n  {example}"
        else:
            commands.add_parser(name)
    return parser


def _group_help(name: str) -> str:
    lines = [f"{name}:"]
    for command, (line, example) in _COMMANDS[name].items():
        lines += [f"  {command:<12} {line}", f"  {'':<12}   {example}"]
    return "\n".join(lines) + "\n"


def _eval(arguments: list[str]) -> None:
    """The harness parses the flags, --help among them."""
    from infocap_tasks.cli.evaluate import evaluate

    if {"-h", "--help"} & set(arguments):
        from infocap_tasks.cli.settings_help import eval_preface

        print(eval_preface())
    evaluate(arguments)


def _demo(arguments: list[str]) -> None:
    from infocap_tasks.cli.demo import demo

    demo(arguments)
