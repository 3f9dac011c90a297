"""``infocap flops``: FLOPs to decode one token, from configs alone."""

import argparse
from typing import TYPE_CHECKING

from infocap_tasks.cli.loading import rare_collections
from infocap_tasks.cli.options import add_trust_remote_code
from infocap_tasks.cli.output import add_output, count, deliver, say, say_loading
from infocap_tasks.errors import FaultyFiles, InfocapError
from infocap_tasks.report.tables import WIDE

if TYPE_CHECKING:
    from infocap_tasks.flops.record import Flops

_DESCRIPTION = """\
FLOPs to decode one token with a KV cache, averaged over the positions of a text of --context
tokens; a multiply-add is 2. Counted on the model's own code from its config: projections,
attention over the keys that each layer's mask shows, routed and shared experts, routers, the state
of recurrent mixers, the LM head. Norms, activations and the embedding's look-up are left out. No
weights are read. reference_flops_per_token is the published formula's figure, where it applies.

--verify computes N in a second way: 2 FLOPs for each matrix parameter that a token uses, and
attention's closed form from the declared heads, widths and windows.
"""


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = commands.add_parser(
        "flops",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "models", nargs="+", metavar="MODEL", help="local folder, config.json, .gguf file or hub id"
    )
    parser.add_argument(
        "--context", type=int, default=1024, metavar="TOKENS", help="text length L (default 1024)"
    )
    parser.add_argument(
        "--verify", action="store_true", help="print the second way and the difference too"
    )
    add_trust_remote_code(parser)
    add_output(parser, ["table", WIDE, "json", "csv"])
    parser.set_defaults(run=run)


@rare_collections()
def run(options: argparse.Namespace) -> int:
    """Count, then print or write; 1 if some of the models could not be counted."""
    say_loading()
    from transformers.utils import logging

    from infocap_tasks.flops.count import refuse_context
    from infocap_tasks.report.flops import RENDERERS

    logging.set_verbosity_error()  # remarks on fields that do not bear on FLOPs
    refuse_context(options.context)
    if len(options.models) == 1:
        counted = [(options.models[0], _count(options.models[0], options))]
    else:
        counted = _count_each(options)
    num_left_out = len(options.models) - len(counted)
    what = count(len(counted), "model", num_left_out)
    deliver(options, lambda name: RENDERERS[name](counted, options.verify), what)
    return int(num_left_out > 0)


def _count(name: str, options: argparse.Namespace) -> "Flops":
    from infocap_tasks.flops.count import count_model
    from infocap_tasks.models.pretrained import Pretrained

    model = Pretrained.from_file_or_id(name, options.trust_remote_code)
    return count_model(model, options.context)


def _count_each(options: argparse.Namespace) -> "list[tuple[str, Flops]]":
    """The models that can be counted; of each other one it is said why not."""
    counted = []
    for name in options.models:
        try:
            counted.append((name, _count(name, options)))
        except InfocapError as error:
            say(f"left out: {error}")
    if not counted:
        raise FaultyFiles("no model is left to count; mend or leave out those named above")
    return counted
