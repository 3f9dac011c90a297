"""``infocap tokenizers``: what tokenizers make of texts, without a model."""

import argparse
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from infocap_tasks.cli.loading import rare_collections
from infocap_tasks.cli.options import add_trust_remote_code
from infocap_tasks.cli.output import add_output, count, deliver, draw, draws, say_loading
from infocap_tasks.corpora.languages import ENGLISH, LANGUAGES
from infocap_tasks.errors import InfocapError
from infocap_tasks.paths import task_configs_dir
from infocap_tasks.report.tables import WIDE

if TYPE_CHECKING:
    from infocap_tasks.corpora.corpus import Corpus
    from infocap_tasks.corpora.text import Text

_DESCRIPTION = """\
Compare tokenizers on texts in several languages. No model weights are read.

TOKENIZER is a hub id, a folder, or a file: tokenizer.json, .gguf, a SentencePiece .model,
Mistral's tekken.json, a .tiktoken file of OpenAI's; or the name of a tiktoken encoding, such as
o200k_base. Whole texts are encoded. Special tokens (BOS and others) are never added, and their
names inside a text are plain text. The sums over a corpus are made first, then one division.

columns:
  vocab_size                tokens that the tokenizer has, special ones included
  num_bytes, num_tokens     length of all texts of the corpus
  bytes_per_token           UTF-8 bytes / tokens. Compare it within one corpus only: a character
                            has 1 byte in English, 2 in Russian and Arabic, 3 in Chinese and Hindi
  text_size_bits_per_token  C = 8 bytes / tokens, the C of information capacity
  characters_per_token      Unicode code points / tokens
  single_byte_token_share   share of these tokens that stand for one byte: letters, punctuation, and
                            the bytes of characters that the vocabulary lacks, so it is high for
                            unknown languages; - if the library does not tell
  tokens_per_second         speed of encoding in this run, on the library's default threads: depends
                            on the machine, and is inexact for short corpora
  round_trip                yes if decoding reproduces every text, else the first text that differs
                            and where: such a tokenizer loses text, so its other numbers look better
                            than they are, and it comes last
JSON and CSV also have source (the library that reads the tokenizer) and num_documents.

heat map (-o): the texts of the corpus parallel are translations of one another, so their numbers of
tokens are comparable: 1.00 is what the most economical tokenizer that loses no text takes in
English. A row shows whether a tokenizer is fair to languages, a column which tokenizer is cheap.
Other corpora stand apart, each relative to the fewest tokens in its own column.
"""

_EPILOG = """\
examples:
  infocap tokenizers Qwen/Qwen3-0.6B HuggingFaceTB/SmolLM2-135M
  infocap tokenizers o200k_base tokenizer.model model.gguf -o tokenizers.png
  infocap tokenizers old/tokenizer.json new/tokenizer.json --corpus my.jsonl --format csv

tiktoken and sentencepiece come with `pip install "infocap-tasks[tokenizers]"`, gguf for .gguf files
with `pip install "infocap-tasks[demo]"`, matplotlib for the heat map with
`pip install "infocap-tasks[report]"`.
"""

_PARALLEL = "parallel"


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command and its flags."""
    parser = commands.add_parser(
        "tokenizers",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "tokenizers", nargs="+", metavar="TOKENIZER", help="hub id, folder, file or tiktoken name"
    )
    parser.add_argument(
        "--corpus",
        action="append",
        metavar="NAME_OR_PATH",
        help="parallel (the default: the same texts in ten languages, and code), pydocs, pycode, "
        "or a file of texts in any form that corpus_path takes; may be given several times",
    )
    parser.add_argument(
        "--text_field", default="text", metavar="NAME", help="field of the text in a file"
    )
    add_output(parser, ["table", WIDE, "json", "csv"], chart="draws a heat map")
    add_trust_remote_code(parser)
    parser.set_defaults(run=run)


@rare_collections()
def run(options: argparse.Namespace) -> None:
    """Measure, print, and draw the heat map.

    Raises:
        InfocapError: a tokenizer, a corpus or the figure cannot be used.
    """
    say_loading()
    from transformers.utils import logging

    from infocap_tasks.models.measure import measure
    from infocap_tasks.models.tokenizers import load
    from infocap_tasks.report.figures.tokenizers import heat_map
    from infocap_tasks.report.tokenizers import RENDERERS

    logging.set_verbosity_error()
    corpora = _open_corpora(options.corpus or [_PARALLEL], options.text_field)
    names = dict.fromkeys(options.tokenizers)
    tokenizers = [load(name, options.trust_remote_code) for name in names]
    rows = [
        measure(tokenizer, name, _with_progress(corpus, f"{tokenizer.name} on {name}"))
        for tokenizer in tokenizers
        for name, corpus in corpora.items()
    ]
    what = count(len(tokenizers), "tokenizer")
    if draws(options):
        draw(options, heat_map(rows, _languages(corpora)), what)
    deliver(options, lambda name: RENDERERS[name](rows), what)


def _open_corpora(names: Iterable[str], text_field: str) -> "dict[str, Corpus]":
    from infocap_tasks.corpora.corpus import CORPORA, open_corpus
    from infocap_tasks.corpora.records import File, StandardLibrary
    from infocap_tasks.corpora.text import Fields

    corpora: dict[str, Corpus] = {}
    for name in names:
        if name == _PARALLEL:
            corpora |= _parallel_corpora()
        elif name in CORPORA:
            corpora[name] = open_corpus(StandardLibrary(name))
        else:
            corpora[name] = open_corpus(File(Path(name).expanduser(), Fields(text_field)))
    return corpora


def _parallel_corpora() -> "dict[str, Corpus]":
    """A corpus a language, in the order of ``LANGUAGES``; what is no translation comes last."""
    from infocap_tasks.corpora.corpus import open_corpus
    from infocap_tasks.corpora.records import Packaged

    folder = task_configs_dir() / _PARALLEL
    order = list(LANGUAGES)
    found = sorted(path.stem for path in folder.glob("*.jsonl"))
    if ENGLISH not in found:
        raise InfocapError(
            f"--corpus {_PARALLEL}: {folder} has no {ENGLISH}.jsonl; install the package again, "
            "or give --corpus pydocs, pycode or a file"
        )
    stems = sorted(found, key=lambda stem: order.index(stem) if stem in order else len(order))
    # As the tasks open them, so that passages go by their ids.
    return {
        f"{_PARALLEL}/{stem}": open_corpus(Packaged(f"{_PARALLEL}/{stem}.jsonl", id_field="id"))
        for stem in stems
    }


def _languages(corpora: Iterable[str]) -> Mapping[str, str]:
    named = {f"{_PARALLEL}/{code}": language for code, language in LANGUAGES.items()}
    return {corpus: named[corpus] for corpus in corpora if corpus in named}


def _with_progress(corpus: "Corpus", label: str) -> "Iterable[Text]":
    from tqdm import tqdm

    return tqdm(corpus, desc=label, unit="text", delay=2, leave=False)
