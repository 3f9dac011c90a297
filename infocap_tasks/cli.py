"""The ``infocap`` command: parses, calls, prints. Heavy imports wait until they are needed."""

import argparse
import sys
from collections.abc import Callable, Sequence
from importlib import import_module

from infocap_tasks import __version__
from infocap_tasks.errors import InfocapError
from infocap_tasks.paths import task_configs_dir

_DESCRIPTION = """\
Information capacity of language models (arXiv 2511.08066), on lm-evaluation-harness:
IC = (C - H + b) / log2 N, with C the text size and H the code length in bits per token,
N the FLOPs to decode a token and b a constant of the corpus. Higher is better.
"""

_EPILOG = """\
examples:
  infocap demo
  infocap eval --model_args pretrained=HuggingFaceTB/SmolLM2-135M --tasks infocap_local
  infocap eval --model_args pretrained=DIR --tasks infocap_custom --metadata corpus_path=my.jsonl
  infocap flops Qwen/Qwen3-0.6B Qwen/Qwen3-8B --verify
  lm_eval --include_path "$(infocap tasks)" --tasks infocap_pydocs ...
"""

_FLOPS_DESCRIPTION = """\
FLOPs to decode one token with a KV cache, averaged over the positions of a text of --context
tokens; a multiply-add is 2. Counted on the model's own code from its config: projections,
attention over the keys that each layer's mask shows, picked and shared experts, routers, the state
of recurrent mixers, the LM head. Norms, activations and the embedding's look-up are left out. No
weights are read. reference_flops_per_token is the published formula's figure, where it applies.

--verify works N out a second way: 2 FLOPs for each matrix parameter that a token uses, and
attention's closed form from the declared heads, widths and windows.
"""

_EVAL_HELP = "score a model: every flag of `lm_eval run`, our tasks and safe defaults put in"
_DEMO_HELP = "score a real small model on the embedded corpora; takes the flags of eval"


_REPORTS = {
    "leaderboard": "models ranked by information capacity, with intervals; also as a page",
    "plot": "figures for papers: capacity, frontier, flops, series, benchmarks",
    "bias": "the bias b that makes series flat, of one series and pooled",
    "predict": "predict the compression gain of other sizes of a series from one size",
    "compare": "the difference of two runs on the same documents, with an interval",
    "explain": "tokenizer, prediction or FLOPs: where a difference comes from",
    "languages": "bits, tokens and FLOPs to say the same in each language",
    "correlate": "correlation with benchmark scores, over models and within series",
    "export": "results as CSV, Parquet, or records of Every Eval Ever",
}

_EVAL_PREFACE = """\
infocap eval: score a model with lm-evaluation-harness and our tasks beside its own.
It takes every flag of `lm_eval run`, below, with our task folder added to --include_path. The
default --model is infocap-hf: exact, out of the logits' memory, one BOS token, batches by tokens
(--batch_size auto unless you set it). With --model hf, add_bos_token=False and
softmax_dtype=float32 are put in unless you set them.
  --cache DIR                            keep answers after every batch; start a killed run again
  --metadata max_tokens=512              cut texts at 512 tokens (default 1024)
  --metadata bias_bits_per_token=-24     the bias b (default: that of the corpus)
  --metadata flops_config=HUB_ID         the config to count FLOPs from, for models behind an API
  --metadata flops_per_token=2.5e9       FLOPs, where they cannot be counted from a config
  --metadata corpus_path=my.jsonl        texts for infocap_custom (text_field=NAME)
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status: 0, 2 for wrong input, 130 when interrupted."""
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        return _run(list(arguments))
    except InfocapError as error:
        print(f"infocap: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _run(arguments: list[str]) -> int:
    # The harness parses the flags of these two, including --help.
    passed_on: dict[str, Callable[[list[str]], None]] = {"eval": _eval, "demo": _demo}
    if arguments and arguments[0] in passed_on:
        passed_on[arguments[0]](arguments[1:])
        return 0
    parser = _parser(next((a for a in arguments if not a.startswith("-")), None))
    options = parser.parse_args(arguments)
    if not options.command:
        parser.print_help()
        return 0
    return int(options.run(options) or 0)


def _parser(command: str | None) -> argparse.ArgumentParser:
    # Of the reports only the one that is called is imported.
    parser = argparse.ArgumentParser(
        prog="infocap",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"infocap {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    commands.add_parser("eval", help=_EVAL_HELP)
    commands.add_parser("demo", help=_DEMO_HELP)
    tasks = commands.add_parser("tasks", help="print the folder of our tasks, for --include_path")
    tasks.set_defaults(run=lambda _: print(task_configs_dir()))
    _add_flops(commands)
    for name, line in _REPORTS.items():
        if name == command:
            import_module(f"infocap_tasks.commands.{name}").add(commands)
        else:
            commands.add_parser(name, help=line)
    return parser


def _eval(arguments: list[str]) -> None:
    from infocap_tasks.evaluate import evaluate

    if {"-h", "--help"} & set(arguments):
        print(_EVAL_PREFACE)
    evaluate(arguments)


def _demo(arguments: list[str]) -> None:
    from infocap_tasks.demo import demo

    demo(arguments)


def _add_flops(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "flops",
        help="FLOPs to decode one token, from a model's config alone",
        description=_FLOPS_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "models", nargs="+", metavar="MODEL", help="local folder, config.json, .gguf file or hub id"
    )
    parser.add_argument(
        "--context", type=int, default=1024, metavar="TOKENS", help="text length L (default 1024)"
    )
    parser.add_argument("--format", choices=["table", "json", "csv"], default="table")
    parser.add_argument(
        "--verify", action="store_true", help="print the second way and the difference too"
    )
    parser.add_argument(
        "--trust_remote_code", action="store_true", help="run code that the model's repository has"
    )
    parser.set_defaults(run=_flops)


def _flops(options: argparse.Namespace) -> None:
    from transformers.utils import logging

    from infocap_tasks.flops import count_model
    from infocap_tasks.flops_table import RENDERERS
    from infocap_tasks.pretrained import Pretrained

    logging.set_verbosity_error()  # remarks on fields that do not bear on FLOPs
    models = [(m, Pretrained.from_file_or_id(m, options.trust_remote_code)) for m in options.models]
    counted = [(name, count_model(model, options.context)) for name, model in models]
    print(RENDERERS[options.format](counted, options.verify))
