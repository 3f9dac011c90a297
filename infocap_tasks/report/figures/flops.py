"""Where each model's FLOPs go: one bar a model, one part a component."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from infocap_tasks.errors import InfocapError
from infocap_tasks.report.figures.axes import COLOURS, SMALL, WIDTH_INCHES
from infocap_tasks.report.figures.style import new_figure
from infocap_tasks.report.tables import si

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Counted(NamedTuple):
    """A model, its FLOPs per token, and the parts that they are the sum of."""

    model: str
    flops_per_token: float
    breakdown: Mapping[str, float]


# Left out of the ink: hatches tell apart what comes after the colours are used up.
_HATCHES = ("", "////")


def flops_figure(models: Sequence[Counted]) -> "Figure":
    """Shares of N by component, the cheapest model on top, N beside each bar.

    Raises:
        InfocapError: no model has a breakdown.
    """
    counted = sorted({m.model: m for m in models if m.breakdown}.values(), key=_flops, reverse=True)
    if not counted:
        raise InfocapError(
            "no breakdown of FLOPs in what was given: published numbers and runs with given FLOPs "
            "have none; give results of infocap eval"
        )
    figure = new_figure(WIDTH_INCHES, 1.1 + 0.32 * len(counted))
    axes = figure.add_subplot()
    left = [0.0] * len(counted)
    for index, component in enumerate(_components(counted)):
        shares = [100 * m.breakdown.get(component, 0) / m.flops_per_token for m in counted]
        axes.barh(
            range(len(counted)),
            shares,
            left=left,
            height=0.7,
            color=COLOURS[index % len(COLOURS)],
            hatch=_HATCHES[index // len(COLOURS)],
            edgecolor="white",
            linewidth=0.6,
            label=component.replace("_", " "),
        )
        left = [start + share for start, share in zip(left, shares, strict=True)]
    for row, model in enumerate(counted):
        axes.text(101, row, si(model.flops_per_token), va="center", fontsize=SMALL)
    axes.set_yticks(range(len(counted)), [model.model for model in counted], fontsize=SMALL)
    axes.set_xlim(0, 100)
    axes.tick_params(axis="x", labelsize=SMALL)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("Share of the FLOPs per token, %; their number on the right", fontsize=9)
    figure.legend(loc="outside upper center", ncols=4, frameon=False, fontsize=SMALL)
    return figure


def _flops(model: Counted) -> float:
    return model.flops_per_token


def _components(counted: Sequence[Counted]) -> list[str]:
    """Components in the order in which records name them, which is that of a forward pass."""
    return list(dict.fromkeys(name for model in counted for name in model.breakdown))
