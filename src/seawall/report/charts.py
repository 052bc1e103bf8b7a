"""How the lab's pictures look: colours that the colour-blind tell apart, one font, few lines.

Charts are Vega-Lite specifications with their data inside: plain objects, the same for the same
figures, that need no import to make.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

Chart = dict[str, Any]
Row = dict[str, Any]

WIDTH = 640
"""Pixels of a picture with its axes."""
MOST_POINTS = 400
"""More points of a line would be finer than the picture."""

INK = "#1f2933"
QUIET = "#616e7c"
LABEL = "#52606d"
GRID = "#e4e7eb"
CROSS_COLOUR = "#1d4f91"
MARKET_COLOURS = ("#e07a1f", "#2a9d8f", "#8e5bb5", "#b5485d", "#5b7f2b", "#9a6b3f", "#4c8fbd")
LIQUIDATION = "#c92a2a"
BACKSTOP = "#5f3dc4"
CHOSEN = "#b45309"
GAINS_AND_LOSSES = ["#b2182b", "#ef8a62", "#fddbc7", "#f7f7f7", "#d1e5f0", "#67a9cf", "#2166ac"]
"""From losses over nothing to gains."""
HOVER = "#00000000"
"""Of marks that are to be pointed at, not seen."""
CELL_INK, CELL_INK_ON_DARK = "#111820", "white"
"""Words on a cell of these colours, which are the same on a dark page."""
DARK = {
    INK: "#e6eaee", QUIET: "#9aa7b4", LABEL: "#b4bec9", GRID: "#333d48",
    CROSS_COLOUR: "#79aef2", LIQUIDATION: "#ff7b72", BACKSTOP: "#ab93f7", CHOSEN: "#f0a04b",
    "#e07a1f": "#f0964a", "#2a9d8f": "#3fbcad", "#8e5bb5": "#b98fd9", "#b5485d": "#e57e92",
    "#5b7f2b": "#92bb5c", "#9a6b3f": "#cda072", "#4c8fbd": "#74b4e0",
    "#c9d8ea": "#20364f", "#93b1d6": "#33557f", "#6189bd": "#4d7bb3",
    "#862e9c": "#d08ce2", "#0b7285": "#4fc3d9", "#2b8a3e": "#57c06b", "#e8590c": "#ff8a4c",
    "#8f5d12": "#e0a84a", "#c2410c": "#f58b5b", "#ddd": "#444f5a", "#888": "#9aa7b4",
}  # fmt: skip
"""The same colours on a dark page; one that is not named is the same on both."""

LABEL_SIZE = 12
# Fonts of equal widths on all systems, so that a page shows what was measured here.
_FONT = "Liberation Sans, Arial, Helvetica, sans-serif"
_SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"

_CONFIG: Row = {
    "aria": False,
    "font": _FONT,
    # The same minus as in tables: a copied number is a number.
    "locale": {
        "number": {
            "decimal": ".", "thousands": ",", "grouping": [3], "currency": ["$", ""], "minus": "-",
        },
    },
    "view": {"stroke": None},
    "axis": {
        "labelColor": LABEL, "titleColor": INK, "gridColor": GRID, "domainColor": GRID,
        "tickColor": GRID, "labelFontSize": LABEL_SIZE, "titleFontSize": LABEL_SIZE,
        "titleFontWeight": "normal", "titlePadding": 10, "labelPadding": 5,
    },
    "legend": {
        "labelColor": INK, "titleColor": LABEL, "labelFontSize": LABEL_SIZE,
        "titleFontSize": LABEL_SIZE, "titleFontWeight": "normal", "orient": "top",
        "symbolStrokeWidth": 3, "labelLimit": 300, "titleLimit": 300, "columnPadding": 18,
        "offset": 10, "labelOverlap": "greedy",
    },
    "text": {"fontSize": LABEL_SIZE, "color": INK},
    "title": {
        "anchor": "start", "color": INK, "fontSize": 13, "fontWeight": "normal", "offset": 8,
    },
}  # fmt: skip

MONEY_LABEL = (
    "abs(datum.value) < 1000 ? format(datum.value, '$,.4~g') "
    ": replace(format(datum.value, '$.4~s'), 'G', 'B')"
)
PERCENT_LABEL = "format(datum.value, ',.4~g') + ' %'"


def finished(content: Chart, *, height: int | None = None) -> Chart:
    """The whole specification of one picture ``WIDTH`` wide."""
    frame: Chart = {"$schema": _SCHEMA, "background": "white", "padding": 6, "config": _CONFIG}
    if "layer" in content:
        # Lines and words at a fixed place hold no data; without any row they are not drawn.
        frame["data"] = {"values": [{}]}
    if height is not None:
        frame |= {
            "width": WIDTH,
            "height": height,
            "autosize": {"type": "fit-x", "contains": "padding"},
        }
    return frame | content


def number(value: float) -> float | None:
    """A number as it stands in a specification: not finite is absent; seven figures are enough."""
    return float(f"{value:.7g}") if math.isfinite(value) else None


def columns(**arrays: ArrayLike) -> list[Row]:
    """Rows of equally long arrays, thinned evenly to ``MOST_POINTS`` with both ends."""
    made = {name: np.asarray(values, dtype=np.float64) for name, values in arrays.items()}
    lengths = {len(values) for values in made.values()}
    if len(lengths) != 1:
        raise ValueError(f"columns of different lengths: {sorted(lengths)}")
    length = lengths.pop()
    chosen: Iterable[int] = range(length)
    if length > MOST_POINTS:
        chosen = np.unique(np.linspace(0, length - 1, MOST_POINTS).round().astype(int)).tolist()
    return [
        {name: number(float(values[index])) for name, values in made.items()} for index in chosen
    ]


def axis(title: str | None, *, label: str | None = None, ticks: int = 6, **more: Any) -> Row:
    """An axis; ``label``: a Vega expression of ``datum.value``."""
    made: Row = {"title": title, "labelOverlap": "greedy"}
    # A count would thin out ticks that are named one by one.
    made |= {} if "values" in more else {"tickCount": ticks}
    if label is not None:
        made["labelExpr"] = label
    return made | more


def quantity(field: str, axis_: Row | None = None, **more: Any) -> Row:
    """A channel of numbers."""
    made: Row = {"field": field, "type": "quantitative"}
    return made | ({} if axis_ is None else {"axis": axis_}) | more


def logarithmic(field: str, low: float, high: float, title: str, **more: Any) -> Row:
    """A channel on a logarithmic axis of round numbers, a little wider than from low to high."""
    domain = [low * 0.8, high * 1.25]
    ticks = round_numbers(domain[0], domain[1])
    frame = {"type": "log", "nice": False, "domain": domain}
    return quantity(field, axis(title, values=ticks, **more), scale=frame)


def round_numbers(low: float, high: float, steps: Sequence[int] = (1, 2, 5)) -> list[float]:
    """The steps times the powers of ten from ``low`` to ``high``."""
    decades = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    wanted = [step * 10.0**power for power in decades for step in steps]
    return [each for each in wanted if low <= each <= high]


def series(name: str, **arrays: ArrayLike) -> list[Row]:
    """The rows of one line that is distinguished by its ``name``."""
    return [row | {"name": name} for row in columns(**arrays)]


def names_down(field: str, order: Sequence[str] | None = None, *, width: int = 260) -> Row:
    """A channel of names, one below the other."""
    axis_ = {"title": None, "labelLimit": width}
    return {"field": field, "type": "nominal", "sort": order, "axis": axis_}


def values(rows: Sequence[Mapping[str, Any]]) -> Row:
    """Data inside the picture."""
    return {"values": [dict(row) for row in rows]}


def line(
    rows: Sequence[Mapping[str, Any]], x: Row, y: Row, colour: str = INK, **more: Any
) -> Chart:
    """One line."""
    mark: Row = {"type": "line", "color": colour, "strokeWidth": 2, "clip": True}
    return {"data": values(rows), "mark": mark | more, "encoding": {"x": x, "y": y}}


def band(
    rows: Sequence[Mapping[str, Any]], x: Row, low: str, high: Row, colour: str, opacity: float
) -> Chart:
    """What lies between two lines."""
    mark = {"type": "area", "color": colour, "opacity": opacity, "clip": True}
    return {
        "data": values(rows),
        "mark": mark,
        "encoding": {"x": x, "y": high, "y2": {"field": low}},
    }


def hover(rows: Sequence[Mapping[str, Any]], x: Row, y: Row) -> Chart:
    """Points that show their row's ``words`` where a reader rests on them; unseen otherwise."""
    mark: Row = {
        "type": "point", "filled": True, "size": 90, "color": HOVER, "opacity": 1, "aria": True,
        "clip": True,
    }  # fmt: skip
    encoding = {"x": x, "y": y, "description": {"field": "words", "type": "nominal"}}
    return {"data": values(rows), "mark": mark, "encoding": encoding}


def upright(x: float, words: str, colour: str, *, align: str = "left", row: int = 0) -> Chart:
    """A dashed line across at ``x`` with words at its top, ``row`` lines of text down."""
    place = {"x": {"datum": x}}
    text = {"align": align, "dx": 6 if align == "left" else -6, "baseline": "top"}
    return _marked(place, place | {"y": {"value": 2 + 16 * row}}, words, colour, text)


def level(y: float, words: str, colour: str) -> Chart:
    """A dashed line at the height ``y`` with words above it at its left end."""
    place = {"y": {"datum": y}}
    text = {"align": "left", "dx": 4, "dy": -8}
    return _marked(place, place | {"x": {"value": 0}}, words, colour, text)


def named(
    rows: Sequence[Row],
    x: Row,
    y: Row,
    names: Sequence[str],
    dashed: str = "",
    colours: Sequence[str] = (),
) -> Chart:
    """Lines distinguished by the rows' ``name``; the one called ``dashed`` is a quiet mark.

    ``colours``: of the names, those of ``palette`` without.
    """
    found = zip(names, colours or palette(len(names)), strict=True)
    used = [INK if name == dashed else colour for name, colour in found]
    strokes = [[5, 4] if name == dashed else [1, 0] for name in names]
    chart = line(rows, x, y)
    name: Row = {
        "field": "name", "type": "nominal", "title": None, "legend": {"columns": 4}, "sort": None,
    }  # fmt: skip
    chart["encoding"] |= {
        "color": name | {"scale": {"domain": list(names), "range": used}},
        "strokeDash": name | {"scale": {"domain": list(names), "range": strokes}},
    }
    return chart


def _marked(line_at: Row, words_at: Row, words: str, colour: str, text: Row) -> Chart:
    mark: Row = {"type": "text", "text": words, "fill": colour} | text
    halo = {"stroke": "white", "strokeWidth": 4, "strokeJoin": "round"}
    rule = {"type": "rule", "color": colour, "strokeDash": [5, 4], "strokeWidth": 1.5}
    return {
        "layer": [
            {"mark": rule, "encoding": line_at},
            {"mark": mark | halo, "encoding": words_at},
            {"mark": mark, "encoding": words_at},
        ]
    }


def coloured(field: str, names: Sequence[str], **more: Any) -> Row:
    """A channel of names, each in its colour of the palette."""
    scale = {"domain": list(names), "range": palette(len(names))}
    return {"field": field, "type": "nominal", "scale": scale} | more


def palette(count: int) -> list[str]:
    """Colours of series in order."""
    colours = (CROSS_COLOUR, *MARKET_COLOURS)
    return [colours[index % len(colours)] for index in range(count)]
