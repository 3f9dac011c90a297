"""Where each model's FLOPs go: one bar a model, one part a component."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from infocap_tasks.errors import InfocapError
from infocap_tasks.report.figures.axes import SMALL, WIDTH_INCHES
from infocap_tasks.report.figures.style import drawing, new_figure
from infocap_tasks.report.looks import COLOURS
from infocap_tasks.report.tables import si

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class Counted(NamedTuple):
    """A model, its FLOPs per token, and the parts that they are the sum of."""

    model: str
    flops_per_token: float
    breakdown: Mapping[str, float]


# Hatches tell apart the components that come after the colours are used up.
_HATCHES = ("", "////")


@drawing()
def flops_figure(models: Sequence[Counted]) -> "Figure":
    """Shares of N by component in %, the cheapest model on top, N beside each bar.

    Raises:
        InfocapError: no model has a breakdown.
    """
    counted = sorted(
        {model.model: model for model in models if model.breakdown}.values(),
        key=lambda model: model.flops_per_token,
        reverse=True,
    )
    if not counted:
        raise InfocapError(
            "no breakdown of FLOPs in what was given: published numbers and runs with given FLOPs "
            "have none; give results of infocap eval"
        )
    figure = new_figure(WIDTH_INCHES, 1.1 + 0.32 * len(counted))
    axes = figure.add_subplot()
    _draw_shares(axes, counted)
    for row, model in enumerate(counted):
        axes.text(101, row, si(model.flops_per_token), va="center", fontsize=SMALL)
    _name(axes, [model.model for model in counted])
    figure.legend(loc="outside upper center", ncols=4, frameon=False, fontsize=SMALL)
    return figure


def _draw_shares(axes: "Axes", counted: Sequence[Counted]) -> None:
    """Bars of parts, in the order in which records name them: that of a forward pass."""
    left = [0.0] * len(counted)
    components = dict.fromkeys(name for model in counted for name in model.breakdown)
    for index, component in enumerate(components):
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


def _name(axes: "Axes", models: Sequence[str]) -> None:
    axes.set_yticks(range(len(models)), models, fontsize=SMALL)
    axes.set_xlim(0, 100)
    axes.tick_params(axis="x", labelsize=SMALL)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("Share of the FLOPs per token, %; their number on the right", fontsize=9)
