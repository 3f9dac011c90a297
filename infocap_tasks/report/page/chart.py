"""The page's two charts as Vega-Lite specifications, and what draws them.

Vega and not Plotly: its script is 0.9 MB against Plotly's 4.8 MB, needs no network, and draws SVG
that takes the page's CSS colours, so that charts turn dark with the page.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

from infocap_tasks.errors import missing_package
from infocap_tasks.report.looks import COLOURS, look, looks

# Beyond this many series colours and marks tell nothing apart: all are grey but the chosen one.
MOST_SERIES = 20
BROUGHT_OUT, GREY, CIRCLE = COLOURS[0], COLOURS[-1], look(0).path

_RUNTIME = "window.vegaEmbed = vegaEmbed;"


@cache
def runtime() -> str:
    """The JavaScript that draws Vega-Lite charts, as one script.

    Raises:
        InfocapError: vl-convert-python is not installed.
    """
    try:
        import vl_convert
    except ImportError as error:
        raise missing_package("vl-convert-python", "report", "The page") from error
    return str(vl_convert.javascript_bundle(_RUNTIME))


def capacity_chart(series: Sequence[str]) -> dict[str, Any]:
    """Information capacity over FLOPs per token: a line for each series, intervals where known."""
    x = _flops_axis("flops_per_token", "FLOPs per token (log scale)")
    y = {
        "field": "information_capacity",
        "type": "quantitative",
        "title": "Information capacity (higher is better)",
        "scale": {"zero": False, "nice": True},
    }
    interval = {
        "y": {**y, "field": "information_capacity_low"},
        "y2": {"field": "information_capacity_high"},
    }
    colour = _colour(series)
    line = {"type": "line", "strokeWidth": 1.5, "strokeCap": "round"}
    return _chart(
        [
            {
                "mark": line,
                "encoding": {
                    "x": x,
                    "y": y,
                    "color": colour,
                    "detail": {"field": "series"},
                    "opacity": _dimmed(0.6),
                },
            },
            {
                "transform": [{"filter": "isValid(datum.information_capacity_low)"}],
                "mark": {"type": "rule", "strokeWidth": 1.5},
                "encoding": {"x": x, **interval, "color": colour, "opacity": _dimmed(0.8)},
            },
            _points(series, x, y),
        ],
    )


def frontier_chart(series: Sequence[str]) -> dict[str, Any]:
    """Bits per byte over FLOPs per byte, without a bias, and the frontier of the rows shown."""
    x = _flops_axis("flops_per_byte", "FLOPs per byte (log scale)")
    y = {
        "field": "bits_per_byte",
        "type": "quantitative",
        "title": "Bits per byte (lower is better)",
        "scale": {"zero": False, "nice": True, "padding": 12},
    }
    ink = {"value": "var(--ink-soft)"}
    on_frontier = [{"filter": "datum.on_frontier"}]  # page.js computes it for the rows shown
    step = {"type": "line", "interpolate": "step-after", "strokeDash": [5, 4], "strokeWidth": 1.5}
    chart = _chart(
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
    mark = {
        "type": "point",
        "filled": True,
        "strokeWidth": 1.2,
        "opacity": 1,
        "tooltip": {"content": "data"},
    }
    is_few = len(series) <= MOST_SERIES
    paths = [look.path for look in looks(series).values()]
    shape = _by_series(series, paths) if is_few else {"value": CIRCLE}
    colour = _colour(series)
    size = {"condition": {"test": "datum.key === highlighted", "value": 320}, "value": 120}
    encoding = {
        "x": x,
        "y": y,
        "shape": shape,
        "size": size,
        "opacity": _dimmed(1),
        # What was read off a figure is hollow.
        "fill": _but(colour, ("datum.is_read_off", "var(--page)")),
        "stroke": _but(
            colour,
            ("datum.key === highlighted", "var(--ink)"),
            ("!datum.is_read_off", "var(--page)"),
        ),
    }
    return {"name": "points", "mark": mark, "encoding": encoding}


def _colour(series: Sequence[str]) -> dict[str, Any]:
    """The colour of the series; of too many, grey but for the one that is highlighted."""
    if len(series) <= MOST_SERIES:
        return _by_series(series, [look.colour for look in looks(series).values()])
    return _but({"value": GREY}, ("datum.series === highlighted_series", BROUGHT_OUT))


def _but(encoding: dict[str, Any], *exceptions: tuple[str, str]) -> dict[str, Any]:
    """This encoding, except where a test holds: the first that does gives the value."""
    conditions = [{"test": test, "value": value} for test, value in exceptions]
    return {**encoding, "condition": [*conditions, *encoding.get("condition", [])]}


def _by_series(series: Sequence[str], values: Sequence[str]) -> dict[str, Any]:
    scale = {"domain": list(series), "range": list(values)}
    return {"field": "series", "legend": None, "scale": scale}


def _dimmed(opacity: float) -> dict[str, Any]:
    """This opacity; less for all other series while a row is highlighted."""
    test = "highlighted_series !== null && datum.series !== highlighted_series"
    return {"condition": {"test": test, "value": 0.15}, "value": opacity}


def _chart(layers: list[dict[str, Any]]) -> dict[str, Any]:
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
