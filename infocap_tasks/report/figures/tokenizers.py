"""Heat map of tokenizers: how many tokens each takes for the same texts."""

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, NamedTuple

from infocap_tasks.models.measure import TokenizerRow
from infocap_tasks.report.figures.style import drawing, readable_on
from infocap_tasks.report.looks import SEQUENTIAL, SOFT_INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import LogNorm
    from matplotlib.figure import Figure

# In inches; the figure grows with what it shows, so that the numbers keep their size.
_CELL_WIDTH, _CELL_HEIGHT = 0.8, 0.52
_CHARACTER_WIDTH, _SMALL_CHARACTER_WIDTH = 0.09, 0.075
_ABOVE, _BELOW, _BETWEEN, _MARGIN = 0.65, 0.65, 0.3, 0.12

# A ratio below two is printed but should not look like a large difference.
_LEAST_DARKEST_RATIO = 2.0
_MAX_NAME_CHARACTERS = 36
_LOSSY = "†"


class _Panel(NamedTuple):
    """Columns side by side whose numbers have the same reference.

    Attributes:
        title: Says what 1.00 is.
        labels: Label of the column by corpus.
        references: Number of tokens that is 1.00, by corpus.
    """

    title: str
    labels: Mapping[str, str]
    references: Mapping[str, int]


@drawing()
def heat_map(rows: Sequence[TokenizerRow], languages: Mapping[str, str]) -> "Figure":
    """A heat map of tokens: one row for each tokenizer, one column for each corpus.

    The large number is the number of tokens that the tokenizer takes for the column's texts,
    divided by what the most economical tokenizer takes for the same texts in English. Along a row
    it shows whether a tokenizer is fair to languages, down a column which one is cheap. The small
    number is bytes per token. Corpora that are not translations stand apart and are divided by the
    fewest tokens in their own column.

    A tokenizer that loses text is no yardstick for others: it comes last, and unless all of them
    lose text, 1.00 and the colours are set by those that reproduce the column's texts.

    Args:
        rows: One for each tokenizer and corpus.
        languages: Language by corpus, for the corpora that are translations of one another;
            English first.
    """
    panels = _panels(rows, languages)
    tokenizers = _cheapest_first(rows, panels[0])
    return _figure(rows, panels, tokenizers)


def _figure(
    rows: Sequence[TokenizerRow], panels: Sequence[_Panel], tokenizers: Sequence[str]
) -> "Figure":
    from matplotlib.figure import Figure

    labels, legend = _row_labels(tokenizers, rows), _legend(rows)
    left = _MARGIN + _CHARACTER_WIDTH * max(len(line) for label in labels for line in label)
    width = left + sum(_panel_width(panel) + _BETWEEN for panel in panels) - _BETWEEN + _MARGIN
    width = max(width, _SMALL_CHARACTER_WIDTH * max(map(len, legend)) + 2 * _MARGIN)
    cells_height = len(tokenizers) * _CELL_HEIGHT
    height = _ABOVE + cells_height + _BELOW
    figure = Figure(figsize=(width, height), facecolor="white")
    scale = _colour_scale(
        [_ratio(row, p) for p in panels for row in _lossless(rows) if row.corpus in p.labels]
    )
    cells = {(row.tokenizer, row.corpus): row for row in rows}
    for panel in panels:
        cells_width = len(panel.labels) * _cell_width(panel)
        box = (left / width, _BELOW / height, cells_width / width, cells_height / height)
        axes = figure.add_axes(box)
        _draw_panel(axes, panel, [[cells[t, c] for c in panel.labels] for t in tokenizers], scale)
        if panel is panels[0]:
            _label_rows(axes, labels)
        left += _panel_width(panel) + _BETWEEN
    place = _MARGIN / width, _MARGIN / height
    figure.text(*place, "\n".join(legend), fontsize=8.5, color=SOFT_INK, va="bottom")
    return figure


def _lossless(rows: Sequence[TokenizerRow]) -> Sequence[TokenizerRow]:
    """The rows of tokenizers that reproduce every text; all rows if there are none."""
    return [row for row in rows if row.is_lossless] or rows


def _cheapest_first(rows: Sequence[TokenizerRow], panel: _Panel) -> list[str]:
    """Tokenizers in the order of the mean of their row; those that lose text last."""
    lossy = {row.tokenizer for row in rows if not row.is_lossless}
    totals: dict[str, float] = {}
    for row in rows:
        if row.corpus in panel.labels:
            totals[row.tokenizer] = totals.get(row.tokenizer, 0) + _ratio(row, panel)
    return sorted(totals, key=lambda tokenizer: (tokenizer in lossy, totals[tokenizer]))


def _cell_width(panel: _Panel) -> float:
    return max(_CELL_WIDTH, _CHARACTER_WIDTH * max(map(len, panel.labels.values())) + 0.1)


def _panel_width(panel: _Panel) -> float:
    return max(len(panel.labels) * _cell_width(panel), len(panel.title) * _CHARACTER_WIDTH)


def _colour_scale(ratios: Sequence[float]) -> "LogNorm":
    from matplotlib.colors import LogNorm

    return LogNorm(min(ratios), max(*ratios, _LEAST_DARKEST_RATIO * min(ratios)))


def _panels(rows: Sequence[TokenizerRow], languages: Mapping[str, str]) -> list[_Panel]:
    corpora = list(dict.fromkeys(row.corpus for row in rows))
    best = {corpus: _cheapest([row for row in rows if row.corpus == corpus]) for corpus in corpora}
    fewest = {corpus: row.num_tokens for corpus, row in best.items()}
    translated = {corpus: languages[corpus] for corpus in corpora if corpus in languages}
    others = {
        corpus: _short_names(corpora)[corpus] for corpus in corpora if corpus not in languages
    }
    panels = []
    if translated:
        english = next(iter(translated))
        name = _short_names([row.tokenizer for row in rows])[best[english].tokenizer]
        title = f"Tokens for the same texts; 1.00 = {translated[english]}, {name}"
        panels.append(_Panel(title, translated, dict.fromkeys(translated, fewest[english])))
    if others:
        panels.append(_Panel("Tokens; 1.00 = fewest", others, fewest))
    return panels


def _cheapest(rows: Sequence[TokenizerRow]) -> TokenizerRow:
    return min(_lossless(rows), key=lambda row: row.num_tokens)


def _short_names(names: Sequence[str]) -> dict[str, str]:
    """The last parts of each path or hub id, as many as it takes to tell all of them apart."""
    parts = {name: PurePath(name).parts for name in names}
    for depth in range(1, max(map(len, parts.values())) + 1):
        short = {name: "/".join(part[-depth:]) for name, part in parts.items()}
        if len(set(short.values())) == len(parts):
            break
    most = _MAX_NAME_CHARACTERS
    return {
        n: label if len(label) <= most else f"…{label[1 - most :]}" for n, label in short.items()
    }


def _row_labels(tokenizers: Sequence[str], rows: Sequence[TokenizerRow]) -> list[tuple[str, str]]:
    sizes = {row.tokenizer: row.vocab_size for row in rows}
    names = _short_names(tokenizers)
    return [(names[tokenizer], f"{sizes[tokenizer]:,} tokens") for tokenizer in tokenizers]


def _ratio(row: TokenizerRow, panel: _Panel) -> float:
    return row.num_tokens / panel.references[row.corpus]


def _draw_panel(
    axes: "Axes", panel: _Panel, cells: Sequence[Sequence[TokenizerRow]], scale: "LogNorm"
) -> None:
    ratios = [[_ratio(row, panel) for row in line] for line in cells]
    image = axes.imshow(ratios, cmap=SEQUENTIAL, norm=scale, aspect="auto")
    for y, line in enumerate(cells):
        for x, row in enumerate(line):
            colour = readable_on(image.cmap(scale(ratios[y][x])))
            lossy = "" if row.is_lossless else _LOSSY
            large, small = f"{ratios[y][x]:.2f}{lossy}", f"{row.bytes_per_token:.2f}"
            axes.text(x, y - 0.14, large, ha="center", va="center", color=colour)
            axes.text(x, y + 0.26, small, ha="center", va="center", color=colour, fontsize=8)
    axes.set_title(panel.title, pad=8)
    axes.xaxis.tick_top()
    axes.set_xticks(range(len(panel.labels)), list(panel.labels.values()))
    axes.set_xticks([x - 0.5 for x in range(1, len(panel.labels))], minor=True)
    axes.set_yticks([])
    axes.set_yticks([y - 0.5 for y in range(1, len(cells))], minor=True)
    axes.grid(which="minor", color="white", linewidth=1.5)
    axes.tick_params(which="both", length=0)
    axes.spines[:].set_visible(False)


def _label_rows(axes: "Axes", labels: Sequence[tuple[str, str]]) -> None:
    for y, (name, size) in enumerate(labels):
        for text, offset, points, colour in ((name, -0.14, 10, "black"), (size, 0.26, 8, SOFT_INK)):
            axes.annotate(
                text,
                (0, y + offset),
                xytext=(-6, 0),
                xycoords=("axes fraction", "data"),
                textcoords="offset points",
                ha="right",
                va="center",
                fontsize=points,
                color=colour,
            )


def _legend(rows: Sequence[TokenizerRow]) -> list[str]:
    lines = [
        "Large: tokens for the column's texts, as a multiple. Small: bytes per token.",
        "Fewer tokens are better. The colours are on a logarithmic scale.",
    ]
    if not all(row.is_lossless for row in rows):
        lines.append(
            f"{_LOSSY} Decoding does not give all of these texts back: no measure of the others."
        )
    return lines
