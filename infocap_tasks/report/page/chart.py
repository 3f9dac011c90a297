"""The page's two charts as Vega-Lite specifications, and what draws them.

Vega and not Plotly: its script is 0.9 MB against Plotly's 4.8 MB, needs no network, and draws SVG
that takes the page's CSS colours, so that charts turn dark with the page.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

from infocap_tasks.errors import InfocapError
from infocap_tasks.report.figures.axes import COLOURS

_RUNTIME = "window.vegaEmbed = vegaEmbed;"

# In a box from -1 to 1, as Vega and an SVG viewBox both take them.
SHAPES = (
    "M-0.8,0A0.8,0.8,0,1,1,0.8,0A0.8,0.8,0,1,1,-0.8,0Z",
    "M-0.7,-0.7L0.7,-0.7L0.7,0.7L-0.7,0.7Z",
    "M0,-0.95L0.9,0.65L-0.9,0.65Z",
    "M0,-1L0.9,0L0,1L-0.9,0Z",
    "M0,0.95L0.9,-0.65L-0.9,-0.65Z",
    "M-0.3,-0.9L0.3,-0.9L0.3,-0.3L0.9,-0.3L0.9,0.3L0.3,0.3L0.3,0.9L-0.3,0.9L-0.3,0.3L-0.9,0.3"
    "L-0.9,-0.3L-0.3,-0.3Z",
)


def look(index: int) -> tuple[str, str]:
    """Colour and shape of the series with this number."""
    return COLOURS[index % len(COLOURS)], SHAPES[index % len(SHAPES)]


@cache
def runtime() -> str:
    """The JavaScript that draws Vega-Lite charts, as one script.

    Raises:
        InfocapError: vl-convert-python is not installed.
    """
    try:
        import vl_convert
    except ImportError as error:
        raise InfocapError(
            "the page needs vl-convert-python, which is not installed; "
            'pip install "infocap-tasks[report]"'
        ) from error
    return str(vl_convert.javascript_bundle(_RUNTIME))


def capacity_chart(series: Sequence[str]) -> dict[str, Any]:
    """Information capacity over FLOPs per token: a line a series, intervals where known."""
    x = _flops_axis("flops_per_token", "FLOPs per token (log scale)")
    y = {
        "field": "information_capacity",
        "type": "quantitative",
        "title": "Information capacity",
        "scale": {"zero": False, "nice": True},
    }
    interval = {
        "y": {**y, "field": "information_capacity_low"},
        "y2": {"field": "information_capacity_high"},
    }
    line = {"type": "line", "strokeWidth": 1.5, "strokeCap": "round"}
    return _chart(
        series,
        [
            {"mark": line, "encoding": {"x": x, "y": y, "opacity": _dimmed(0.6)}},
            {
                "transform": [{"filter": "isValid(datum.information_capacity_low)"}],
                "mark": {"type": "rule", "strokeWidth": 1.5},
                "encoding": {"x": x, **interval, "opacity": _dimmed(0.8)},
            },
            _points(series, x, y),
        ],
    )


def frontier_chart(series: Sequence[str]) -> dict[str, Any]:
    """Bits per byte over FLOPs per byte: no bias in it; the frontier of those shown is drawn."""
    x = _flops_axis("flops_per_byte", "FLOPs per byte (log scale)")
    y = {
        "field": "bits_per_byte",
        "type": "quantitative",
        "title": "Bits per byte",
        "scale": {"zero": False, "nice": True, "padding": 12},
    }
    ink = {"value": "var(--ink-soft)"}
    on_frontier = [{"filter": "datum.on_frontier"}]  # page.js finds it among the rows shown
    step = {"type": "line", "interpolate": "step-after", "strokeDash": [5, 4], "strokeWidth": 1.5}
    chart = _chart(
        series,
        [
            {
                "transform": on_frontier,
                "mark": step,
                "encoding": {"x": x, "y": y, "color": ink},
            },
            _points(series, x, y),
        ],
    )
    chart["transform"] = [{"filter": "isValid(datum.bits_per_byte)"}]
    return chart


_ONE_TWO_FIVE = "indexof('125', slice(format(datum.value, '.0e'), 0, 1)) >= 0"


def _flops_axis(field: str, title: str) -> dict[str, Any]:
    return {
        "field": field,
        "type": "quantitative",
        "title": title,
        "scale": {"type": "log", "nice": False, "padding": 16},
        "axis": {
            "grid": False,
            "labelExpr": f"{_ONE_TWO_FIVE} ? format(datum.value, '~s') : ''",
            "labelOverlap": "greedy",
        },
    }


def _points(series: Sequence[str], x: dict[str, Any], y: dict[str, Any]) -> dict[str, Any]:
    shape = {
        "field": "series",
        "legend": None,
        "scale": {"domain": list(series), "range": [look(i)[1] for i in range(len(series))]},
    }
    mark = {
        "type": "point",
        "filled": True,
        "stroke": "var(--page)",
        "strokeWidth": 1,
        "opacity": 1,
        "tooltip": {"content": "data"},
    }
    size = {"condition": {"test": "datum.key === highlighted", "value": 320}, "value": 120}
    encoding = {"x": x, "y": y, "shape": shape, "size": size, "opacity": _dimmed(1)}
    return {"name": "points", "mark": mark, "encoding": encoding}


def _dimmed(opacity: float) -> dict[str, Any]:
    """Less ink for all other series while a row is highlighted."""
    test = "highlighted_series !== null && datum.series !== highlighted_series"
    return {"condition": {"test": test, "value": 0.15}, "value": opacity}


def _chart(series: Sequence[str], layers: list[dict[str, Any]]) -> dict[str, Any]:
    colour = {
        "field": "series",
        "legend": None,
        "scale": {"domain": list(series), "range": [look(i)[0] for i in range(len(series))]},
    }
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "params": [
            {"name": "highlighted", "value": None},
            {"name": "highlighted_series", "value": None},
        ],
        "data": {"name": "rows", "values": []},
        "width": "container",
        "height": 340,
        "autosize": {"type": "fit-x", "contains": "padding", "resize": True},
        "padding": {"left": 5, "top": 5, "right": 18, "bottom": 5},
        "encoding": {"color": colour},
        "layer": layers,
        "config": _CONFIG,
    }


_CONFIG = {
    "background": "transparent",
    "font": "system-ui, sans-serif",
    "view": {"stroke": None},
    "axis": {
        "labelColor": "var(--ink-soft)",
        "titleColor": "var(--ink)",
        "titleFontWeight": "normal",
        "titleFontSize": 13,
        "labelFontSize": 12,
        "gridColor": "var(--line)",
        "domainColor": "var(--line-strong)",
        "tickColor": "var(--line-strong)",
    },
    "aria": False,
}
