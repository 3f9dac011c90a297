"""``infocap corpus check``: what is in a file of texts, before a model is loaded for it."""

import argparse
from pathlib import Path

from infocap_tasks.cli.output import add_output, count, deliver

_DESCRIPTION = """\
Read a whole corpus and report its documents, bytes, characters by script, duplicates, empty and
very short texts, and the first ten faulty ones with their place. The exit status is 1 if any text
is faulty, since a run would stop there.

forms: .jsonl, .jsonl.gz, .jsonl.zst, .json (one array), .parquet, .txt, a folder of .txt
example:
  infocap corpus check my.jsonl --text_field body
"""


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    corpus = commands.add_parser("corpus", description="Read a file of texts.")
    actions = corpus.add_subparsers(dest="action", metavar="ACTION", required=True)
    check = actions.add_parser(
        "check",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    check.add_argument("path", type=Path, metavar="PATH", help="a file, or a folder of .txt files")
    check.add_argument("--text_field", default="text", metavar="NAME", help="default: text")
    check.add_argument("--corpus_id_field", metavar="NAME", help="field that names the document")
    add_output(check, ["table", "json"])
    check.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the report; 1 if a text is faulty."""
    from infocap_tasks.corpora.check import check
    from infocap_tasks.corpora.corpus import open_corpus
    from infocap_tasks.corpora.records import File
    from infocap_tasks.corpora.text import Fields
    from infocap_tasks.report.corpus import RENDERERS

    fields = Fields(options.text_field, options.corpus_id_field)
    report = check(open_corpus(File(options.path.expanduser(), fields)))
    deliver(options, lambda name: RENDERERS[name](report), count(report.num_documents, "text"))
    return 1 if report.num_faulty else 0
