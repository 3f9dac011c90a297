"""A whole corpus read once: what it holds, and which texts no run could score."""

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

import regex
from tqdm import tqdm

from infocap_tasks.corpora.corpus import Corpus
from infocap_tasks.corpora.text import Load, Text, refuse_unusable, utf8
from infocap_tasks.errors import InfocapError

VERY_SHORT_CHARACTERS = 16
NUM_FAULTS_SHOWN = 10

# The scripts of most of the world's text; Unicode's names for them. What a character of another
# script or none counts as comes from its general category.
SCRIPTS = (
    "Latin", "Han", "Hiragana", "Katakana", "Hangul", "Cyrillic", "Arabic", "Devanagari",
    "Greek", "Hebrew", "Thai", "Bengali", "Tamil", "Telugu", "Gujarati", "Gurmukhi", "Kannada",
    "Malayalam", "Sinhala", "Burmese", "Khmer", "Lao", "Tibetan", "Georgian", "Armenian",
    "Ethiopic", "Mongolian",
)  # fmt: skip
_UNICODE_NAMES = {"Burmese": "Myanmar"}
_CATEGORIES = {"N": "digits", "P": "punctuation", "S": "symbols", "Z": "white space"}


@dataclass
class CorpusReport:
    """What a corpus holds; the last four count texts that a run would refuse or could regret.

    Attributes:
        num_documents: texts, faulty ones among them.
        num_bytes: UTF-8 bytes of the texts that could be read.
        characters_by_script: Unicode script, or digits, punctuation, symbols, white space, other.
        num_duplicates: texts that are the same as an earlier one.
        num_duplicate_names: documents named as an earlier one, which cannot be paired.
        num_empty: texts of white space or nothing; each is faulty too.
        num_very_short: other texts under 16 characters.
        num_faulty: texts that end a run.
        faults: the first ten of those, each with its place.
    """

    num_documents: int = 0
    num_bytes: int = 0
    characters_by_script: dict[str, int] = field(default_factory=dict)
    num_duplicates: int = 0
    num_duplicate_names: int = 0
    num_empty: int = 0
    num_very_short: int = 0
    num_faulty: int = 0
    faults: list[str] = field(default_factory=list)

    def add_fault(self, error: Exception) -> None:
        """Count a text that ends a run."""
        self.num_faulty += 1
        if len(self.faults) < NUM_FAULTS_SHOWN:
            self.faults.append(str(error))


def check(corpus: Corpus) -> CorpusReport:
    """Read all texts of a corpus; memory grows by some bytes a text, to find duplicates."""
    report = CorpusReport()
    characters: Counter[str] = Counter()
    seen: set[bytes] = set()
    for load in tqdm(_up_to_damage(corpus, report), desc="reading", unit=" texts", delay=2):
        report.num_documents += 1
        try:
            _note(load(), report, characters, seen)
        except InfocapError as error:
            report.add_fault(error)
    by_script: Counter[str] = Counter()
    for character, number in characters.items():
        by_script[script_of(character)] += number
    report.characters_by_script = dict(by_script.most_common())
    return report


def _up_to_damage(corpus: Corpus, report: CorpusReport) -> Iterator[Load]:
    """The texts of a corpus, up to where the file itself is damaged."""
    try:
        yield from corpus.loads()
    except InfocapError as error:
        report.add_fault(error)


def _note(text: Text, report: CorpusReport, characters: Counter[str], seen: set[bytes]) -> None:
    encoded = utf8(text)
    report.num_bytes += len(encoded)
    digest = hashlib.blake2b(encoded, digest_size=16).digest()
    report.num_duplicates += digest in seen
    seen.add(digest)
    name = hashlib.blake2b(utf8(Text(text.document_id, "", "")), digest_size=15).digest()
    report.num_duplicate_names += name in seen
    seen.add(name)
    characters.update(text.text)
    is_empty = not text.text.strip()
    report.num_empty += is_empty
    report.num_very_short += not is_empty and len(text.text) < VERY_SHORT_CHARACTERS
    refuse_unusable(text)


@cache
def _script_patterns() -> dict[str, "regex.Pattern[str]"]:
    names = {script: _UNICODE_NAMES.get(script, script) for script in SCRIPTS}
    return {script: regex.compile(rf"\p{{Script={name}}}") for script, name in names.items()}


def script_of(character: str) -> str:
    """The script of a character by Unicode, or what kind of sign it is."""
    for script, pattern in _script_patterns().items():
        if pattern.match(character):
            return script
    if character.isspace():
        return "white space"
    return _CATEGORIES.get(unicodedata.category(character)[0], "other")
