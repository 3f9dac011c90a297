"""The report on a corpus, as text and JSON."""

from dataclasses import asdict

from infocap_tasks.corpora.check import VERY_SHORT_CHARACTERS, CorpusReport
from infocap_tasks.report import tables


def as_text(report: CorpusReport) -> str:
    """The report as lines of text."""
    total = sum(report.characters_by_script.values())
    lines = [
        f"documents      {report.num_documents:,}",
        f"bytes          {report.num_bytes:,}",
        f"characters     {total:,}",
        *(
            f"  {script:<13}{number:,} ({100 * number / total:.1f} %)"
            for script, number in report.characters_by_script.items()
        ),
        f"duplicates     {report.num_duplicates:,}",
        f"same names     {report.num_duplicate_names:,}",
        f"empty          {report.num_empty:,}",
        f"very short     {report.num_very_short:,} (under {VERY_SHORT_CHARACTERS} characters; "
        "a text of a single token ends a run)",
        f"faulty         {report.num_faulty:,}",
        *(f"  {fault}" for fault in report.faults),
    ]
    if report.num_faulty > len(report.faults):
        lines.append(f"  … and {report.num_faulty - len(report.faults):,} more")
    return "\n".join(map(tables.wrapped, lines))


def as_json(report: CorpusReport) -> str:
    """The report as JSON."""
    return tables.as_json(asdict(report))


RENDERERS = {"table": as_text, "json": as_json}
