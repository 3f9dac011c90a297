"""Cutting texts to documents: together by the tokenizer's threads, or one by one.

    python benchmarks/cutting.py [TOKENIZER_DIR_OR_ID]

The tokenizer is SmolLM2's (the demo's model) unless another is named. One by one is how the
definition reads: tokenise the whole text with offsets, then the prefix that ends with token L, one
call a text. Both ways must give the same documents, except for the few that end some tokens after
token L. The texts are those of infocap_pycode and infocap_pydocs, and short ones made of their
paragraphs.
"""

import sys
import time
from collections.abc import Callable

from transformers import PreTrainedTokenizerBase

from infocap_tasks.cli.demo import prepare_model
from infocap_tasks.corpora.corpus import open_corpus
from infocap_tasks.corpora.records import StandardLibrary
from infocap_tasks.corpora.text import Text
from infocap_tasks.errors import InfocapError
from infocap_tasks.models.pretrained import Pretrained, load_tokenizer
from infocap_tasks.paths import cache_dir
from infocap_tasks.task.documents import cut

MAX_TOKENS = 1024
AT_ONCE = 64
REPETITIONS = 3


def one_by_one(texts: list[Text], tokenizer: PreTrainedTokenizerBase) -> list[tuple[str, int]]:
    documents = []
    for text in texts:
        whole = tokenizer(text.text, add_special_tokens=False, return_offsets_mapping=True)
        ends = [end for _, end in whole["offset_mapping"]]
        end = len(text.text) if len(ends) <= MAX_TOKENS else ends[MAX_TOKENS - 1]
        prefix = text.text[:end]
        documents.append((prefix, len(tokenizer(prefix, add_special_tokens=False)["input_ids"])))
    return documents


def together(texts: list[Text], tokenizer: PreTrainedTokenizerBase) -> list[tuple[str, int]]:
    documents = []
    for first in range(0, len(texts), AT_ONCE):
        batch = cut(texts[first : first + AT_ONCE], tokenizer, MAX_TOKENS)
        documents += [(document.text, document.num_tokens) for document in batch]
    return documents


def seconds(work: Callable[[], object]) -> float:
    times = []
    for _ in range(REPETITIONS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def paragraphs(texts: list[Text]) -> list[Text]:
    parts = [p for text in texts for p in text.text.split("\n\n") if 40 < len(p) < 2000]
    return [Text(part, f"paragraph {n}", str(n)) for n, part in enumerate(parts)]


def main() -> None:
    name = (
        sys.argv[1]
        if len(sys.argv) > 1
        else str(prepare_model(cache_dir() / "demo" / "SmolLM2-135M-Instruct"))
    )
    tokenizer = load_tokenizer(Pretrained(name))
    corpora = {name: list(open_corpus(StandardLibrary(name))) for name in ("pycode", "pydocs")}
    corpora["paragraphs"] = paragraphs([t for texts in corpora.values() for t in texts])
    print("| texts | number | MB | one by one, s | together, s | ratio |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for corpus, texts in corpora.items():
        same = sum(
            a == b
            for a, b in zip(one_by_one(texts, tokenizer), together(texts, tokenizer), strict=True)
        )
        if same < 0.9 * len(texts):  # the definition also looks a few tokens further
            raise InfocapError(f"{corpus}: the two ways agree on {same} of {len(texts)} texts only")
        alone = seconds(lambda texts=texts: one_by_one(texts, tokenizer))
        batched = seconds(lambda texts=texts: together(texts, tokenizer))
        num_megabytes = sum(len(text.text.encode()) for text in texts) / 1e6
        print(
            f"| {corpus} | {len(texts)} | {num_megabytes:.1f} | {alone:.3f} | {batched:.3f} "
            f"| {alone / batched:.1f} |"
        )


if __name__ == "__main__":
    main()
