"""Heat map of tokenizers: how many tokens each of them takes for the same texts."""

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, NamedTuple

from infocap_tasks.models.measure import TokenizerRow
from infocap_tasks.report.figures import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import LogNorm
    from matplotlib.figure import Figure

# In inches; the figure grows with what it shows, so that the numbers keep their size.
_CELL_WIDTH, _CELL_HEIGHT = 0.8, 0.52
_CHARACTER_WIDTH, _SMALL_CHARACTER_WIDTH = 0.09, 0.075
_ABOVE, _BELOW, _BETWEEN, _MARGIN = 0.65, 0.5, 0.3, 0.12

# Below two times, differences are printed but should not look large.
_LEAST_DARKEST_RATIO = 2.0
_MAX_NAME_CHARACTERS = 36
_GREY = "#555555"
_LOSSY = "†"


class _Panel(NamedTuple):
    """Columns side by side whose numbers have one meaning.

    Attributes:
        title: what 1.00 is.
        labels: corpus to column label.
        references: corpus to the tokens that are 1.00 in its column.
    """

    title: str
    labels: Mapping[str, str]
    references: Mapping[str, int]


def heat_map(rows: Sequence[TokenizerRow], languages: Mapping[str, str]) -> "Figure":
    """The heat map: a row a tokenizer, a column a corpus.

    The large number is the tokens that the tokenizer takes for the column's texts over those that
    the most economical tokenizer takes for the English ones, which say the same: along a row it
    tells whether a tokenizer is fair, down a column which one is cheap. The small number is bytes
    per token. Corpora that are no translations stand apart, against the fewest in their column.

    A tokenizer that loses text is no measure of others: 1.00 and the colours are those of the
    tokenizers that give all of the column's texts back, if any does, and it stands last.

    Args:
        rows: one for each tokenizer and corpus.
        languages: the corpora that are translations of one another, English first, to their
            language.
    """
    panels = _panels(rows, languages)
    tokenizers = _cheapest_first(rows, panels[0])
    with style.drawing():
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
    figure.text(*place, "\n".join(legend), fontsize=8.5, color=_GREY, va="bottom")
    return figure


def _lossless(rows: Sequence[TokenizerRow]) -> Sequence[TokenizerRow]:
    """The rows whose tokens stand for the whole texts; all of them where none do."""
    return [row for row in rows if row.is_lossless] or rows


def _cheapest_first(rows: Sequence[TokenizerRow], panel: _Panel) -> list[str]:
    """Tokenizers by the mean of the numbers that their row shows; those that lose text last."""
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
    """Of each path or hub id the last parts, as many as tell them all apart."""
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
    image = axes.imshow(ratios, cmap=style.SEQUENTIAL, norm=scale, aspect="auto")
    for y, line in enumerate(cells):
        for x, row in enumerate(line):
            colour = style.readable_on(image.cmap(scale(ratios[y][x])))
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
        for text, offset, points, colour in ((name, -0.14, 10, "black"), (size, 0.26, 8, _GREY)):
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
    lines = ["Large: tokens for the column's texts, as a multiple. Small: bytes per token."]
    if not all(row.is_lossless for row in rows):
        lines.append(
            f"{_LOSSY} Decoding does not give all of these texts back: no measure of the others."
        )
    return lines
