"""What ``infocap eval`` says last: the answer, what it rests on, where it is kept, what is next."""

import math
import shlex
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

from infocap_tasks.analysis.intervals import margin_factor
from infocap_tasks.report.tables import WIDTH, aligned, shortened, si
from infocap_tasks.results.file import ResultsFile
from infocap_tasks.results.run import Run

_HEADER = (
    ("", "", "", "", "bits/", "bytes/", "FLOPs/"),
    ("corpus", "texts", "IC", "95 % interval", "byte", "token", "token"),
)


def summarise(content: ResultsFile, file: Path | None, output_path: str | None) -> str:
    """The summary of an evaluation in lines of at most 80 columns, but for paths.

    Args:
        content: what was measured; it has at least one run.
        file: the results file; None if none was written.
        output_path: what --output_path was given.
    """
    runs = content.runs
    return "\n".join(
        [
            *_headlines(runs, content.num_texts),
            "",
            _table(runs, content.num_texts),
            "",
            *_benchmarks(content.benchmarks),
            *_what_next(file, output_path),
        ]
    )


def _headlines(runs: Sequence[Run], num_texts: Mapping[str, int]) -> list[str]:
    """The mean IC over the corpora, for each way in which texts are weighted."""
    lines = []
    for regime in dict.fromkeys(run.regime for run in runs):
        alike = [run for run in runs if run.regime == regime]
        errors = [run.standard_errors.get("information_capacity", math.nan) for run in alike]
        error = math.hypot(*errors) / len(alike)
        mean = sum(run.information_capacity for run in alike) / len(alike)
        margin = "" if math.isnan(error) else f" ± {error:.4f} (standard error)"
        where = alike[0].task if len(alike) == 1 else f"mean of {len(alike)} corpora"
        protocol = "" if regime == "harness" else f", {regime} protocol"
        partial = ", partial" if any(_is_partial(run, num_texts) for run in alike) else ""
        lines.append(f"IC {mean:.4f}{margin}, {where}{protocol}{partial}")
    if any(_is_partial(run, num_texts) for run in runs):
        lines.append("Partial: not all texts were scored. Compare it only with runs on the same.")
    return lines


def _is_partial(run: Run, num_texts: Mapping[str, int]) -> bool:
    return run.documents is not None and len(run.documents) < num_texts.get(run.task, 0)


def _table(runs: Sequence[Run], num_texts: Mapping[str, int]) -> str:
    rows = [_row(run, num_texts) for run in runs]
    others = aligned([["", *cells] for _, *cells in [*_HEADER, *rows]])
    room = WIDTH - max(map(len, others.split("\n")))
    return aligned([*_HEADER, *((shortened(label, room), *cells) for label, *cells in rows)])


def _row(run: Run, num_texts: Mapping[str, int]) -> tuple[str, ...]:
    num_scored = len(run.documents or ())
    error = run.standard_errors.get("information_capacity")
    interval = "-"
    if error is not None and num_scored > 1:
        margin = margin_factor(num_scored - 1) * error
        low, high = run.information_capacity - margin, run.information_capacity + margin
        interval = f"{low:.3f} to {high:.3f}"
    return (
        run.task.removeprefix("infocap_"),
        f"{num_scored} of {num_texts.get(run.task, num_scored)}",
        f"{run.information_capacity:.4f}",
        interval,
        *(
            "-" if (value := run.metric(name)) is None else f"{value:.4f}"
            for name in ("bits_per_byte", "bytes_per_token")
        ),
        si(run.flops_per_token),
    )


def _benchmarks(scores: Mapping[str, float]) -> list[str]:
    if not scores:
        return []
    text = ", ".join(f"{task} {score:.4f}" for task, score in scores.items())
    return textwrap.wrap(f"benchmarks: {text}", WIDTH, subsequent_indent="  ")


def _what_next(file: Path | None, output_path: str | None) -> list[str]:
    if file is None or output_path is None:
        return ["results: not written; --output_path FOLDER keeps them for the other commands"]
    # With --output_path NAME.json the results of other runs stand beside it.
    folder = Path(output_path).parent if output_path.endswith(".json") else Path(output_path)
    return [
        f"results: {file}",
        f"next: infocap leaderboard {shlex.quote(str(folder))}",
        f"      infocap compare {shlex.quote(str(file.parent))} OTHER_RESULTS",
    ]
