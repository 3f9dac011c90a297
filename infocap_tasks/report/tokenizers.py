"""Measurements of tokenizers, as table, JSON and CSV."""

from collections.abc import Callable, Mapping, Sequence

from infocap_tasks.models.measure import TokenizerRow
from infocap_tasks.report import tables


def as_table(rows: Sequence[TokenizerRow]) -> str:
    """One row for each tokenizer and corpus; the fewest tokens first, lossy tokenizers last."""
    return tables.as_table(_shown(rows))


def as_wide_table(rows: Sequence[TokenizerRow]) -> str:
    """The same with all columns and whole names."""
    return tables.as_wide_table(_shown(rows))


def _shown(rows: Sequence[TokenizerRow]) -> list[dict[str, str]]:
    return [
        {field: _CELLS[field](getattr(row, field)) for field in _CELLS} for row in _in_order(rows)
    ]


RENDERERS: Mapping[str, Callable[[Sequence[TokenizerRow]], str]] = {
    "table": as_table,
    tables.WIDE: as_wide_table,
    "json": lambda rows: tables.as_json([row._asdict() for row in _in_order(rows)]),
    "csv": lambda rows: tables.as_csv([row._asdict() for row in _in_order(rows)]),
}

# JSON and CSV also have source and num_documents.
_CELLS: Mapping[str, Callable[..., str]] = {
    "tokenizer": str,
    "corpus": str,
    "num_tokens": "{:,}".format,
    "bytes_per_token": "{:.3f}".format,
    "round_trip": str,
    "vocab_size": "{:,}".format,
    "single_byte_token_share": lambda share: "-" if share is None else f"{share:.2%}",
    "num_bytes": "{:,}".format,
    "text_size_bits_per_token": "{:.2f}".format,
    "characters_per_token": "{:.3f}".format,
    "tokens_per_second": "{:,.0f}".format,
}


def _in_order(rows: Sequence[TokenizerRow]) -> list[TokenizerRow]:
    corpora = list(dict.fromkeys(row.corpus for row in rows))
    return sorted(
        rows, key=lambda row: (corpora.index(row.corpus), not row.is_lossless, row.num_tokens)
    )
