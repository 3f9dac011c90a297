"""``infocap languages``: what a model takes to say the same in each language."""

import argparse

from infocap_tasks.analysis.languages import languages
from infocap_tasks.cli.commands import new_command
from infocap_tasks.cli.options import add_results, select_runs
from infocap_tasks.cli.output import add_output, count, deliver, draw, draws
from infocap_tasks.report.languages import languages_answer
from infocap_tasks.report.tables import RENDERERS

_DESCRIPTION = """\
Measure the bits and tokens that a model takes to say the same in each language, relative to the
baseline (English: the task or corpus whose name ends in _en or _en_reference). A language is a
task, or a corpus if several were scored with one task, such as infocap_custom. Corpora are parallel
if their documents have names of their own (corpus_id_field) and share them, as in infocap_parallel:
passages are paired, and those that are missing or were cut in some language are left out. Other
corpora are compared by bits and tokens per byte only.

flops_per_token_times_num_tokens is N times the tokens. It weighs tokens between models; it is not
what the passages cost, since N is the mean over all positions up to L and passages are shorter.

Linguistic bias is the standard deviation over the mean of the languages' bits, or of their tokens:
0 if all languages take the same. The 95 % intervals are over passages.
"""


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = new_command(commands, "languages", _DESCRIPTION, run)
    add_results(parser)
    parser.add_argument(
        "--baseline",
        metavar="LANGUAGE",
        help="what ratios are relative to: a language as it is printed, or a task "
        "(default: the one that ends in _en or _en_reference)",
    )
    add_output(parser, list(RENDERERS), chart="draws the ratios")


def run(options: argparse.Namespace) -> int:
    """Measure and print, and draw if asked; the exit status is 1 if a file was left out."""
    selection = select_runs(options)
    found = languages(selection.runs, options.baseline)
    num_left_out = len({run.model for run in selection.runs}) - len(found)
    what = count(len(found), "model", num_left_out)
    deliver(options, languages_answer(found).render, what)
    if draws(options):
        from infocap_tasks.report.figures.languages import ratios

        draw(options, ratios(found), what)
    return selection.status
