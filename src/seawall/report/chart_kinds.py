"""Kinds of charts that several questions draw: profit over price, candles, bands of many paths.

Each takes figures alone, and says what a point is where a reader rests on it (``hover``).
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import ArrayLike, NDArray

from seawall.report import kinds
from seawall.report.charts import (
    CHOSEN,
    CROSS_COLOUR,
    INK,
    LIQUIDATION,
    MONEY_LABEL,
    QUIET,
    Chart,
    Row,
    axis,
    band,
    columns,
    finished,
    hover,
    level,
    line,
    number,
    quantity,
    upright,
    values,
)

PRICE_LABEL = "format(datum.value, ',.6~g')"
FAN_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_FAN_COLOURS = ("#c9d8ea", "#93b1d6", "#6189bd")
"""From the widest band to the narrowest."""
RISING, FALLING = "#2a9d8f", "#b5485d"
MOST_CANDLES = 90
_POINTS = 60
_FARTHEST = 1.0
"""A price farther from now than this share of it would squeeze all others together."""


class PriceMark(Struct, frozen=True):
    """A price with a name. ``kind``: ``now``, ``entry``, ``break-even``, ``stop``, ``profit`` or
    ``liquidation``."""

    kind: str
    price: float
    words: str = ""


def break_even(entry: float, size: float, taker_fee: float) -> float:
    """The price at which closing pays for the taker fee of both trades; funding is left out."""
    side = 1.0 if size > 0 else -1.0
    return entry * (1 + side * taker_fee) / (1 - side * taker_fee)


_MARK_COLOURS = {
    "now": INK, "entry": QUIET, "break-even": QUIET, "stop": CHOSEN, "profit": RISING,
    "liquidation": LIQUIDATION,
}  # fmt: skip


def profit_over_price(
    size: float,
    entry: float,
    now: float,
    marks: Sequence[PriceMark],
    price_text: Callable[[float], str],
) -> Chart:
    """Profit of a position over the price of its market, with prices that matter marked.

    ``size``: signed, in coins; USD = size x (price - entry). Beyond a liquidation price the line is
    quiet: the position is gone there. Marks farther than ``_FARTHEST`` from now are left out.
    """
    shown = [each for each in marks if abs(each.price / now - 1) <= _FARTHEST]
    low, high = _price_range(now, [entry, *(each.price for each in shown)])
    prices = np.linspace(low, high, _POINTS + 1)
    ends = [each.price for each in shown if each.kind == "liquidation"]
    side = 1.0 if size > 0 else -1.0
    is_held = np.all([side * (prices - end) >= 0 for end in ends], axis=0) if ends else None
    profits = size * (prices - entry)
    top, bottom = float(profits.max()), float(profits.min())
    # Room above the line for a row of words to each mark.
    ceiling = top + (top - bottom) * (0.08 + 0.085 * len(shown))
    x = quantity(
        "price", axis("price, USD", label=PRICE_LABEL, grid=False),
        scale={"domain": [low, high], "nice": False},
    )  # fmt: skip
    y = quantity(
        "profit", axis("profit of the position, USD", label=MONEY_LABEL),
        scale={"domain": [bottom, ceiling], "nice": False},
    )  # fmt: skip
    rows = columns(price=prices, profit=profits)
    layers: list[Chart] = [
        _filled(rows, x, y, "datum.profit >= 0", RISING),
        _filled(rows, x, y, "datum.profit < 0", LIQUIDATION),
        level(0.0, "", QUIET),
    ]
    if is_held is None:
        layers.append(line(rows, x, y, CROSS_COLOUR))
    else:
        edge = sorted([*ends, *prices[is_held].tolist()], reverse=size < 0)
        held = np.asarray(edge)
        gone = np.asarray(sorted([*ends, *prices[~is_held].tolist()]))
        quiet = line(_profits(gone, size, entry), x, y, QUIET, strokeDash=[4, 4], strokeWidth=1.5)
        layers += [quiet, line(_profits(held, size, entry), x, y, CROSS_COLOUR)]
    spoken = [
        f"{price_text(price)}: {kinds.short_usd(profit)}"
        for price, profit in zip(prices.tolist(), profits.tolist(), strict=True)
    ]
    layers.append(
        hover([row | {"words": each} for row, each in zip(rows, spoken, strict=True)], x, y)
    )
    middle = (low + high) / 2
    lines: list[Chart] = []
    names: list[Chart] = []
    for place, each in enumerate(sorted(shown, key=lambda mark: mark.price)):
        align = "right" if each.price > middle else "left"
        text = f"{each.words or each.kind}: {price_text(each.price)}"
        colour = _MARK_COLOURS[each.kind]
        rule, *words = upright(each.price, text, colour, align=align, row=place)["layer"]
        lines.append(rule)
        names += words
    # Words lie on all lines, with a halo that keeps them readable.
    layers += lines + names
    return finished({"layer": layers}, height=320)


def _profits(prices: NDArray[np.float64], size: float, entry: float) -> list[Row]:
    return columns(price=prices, profit=size * (prices - entry))


def _price_range(now: float, prices: Sequence[float]) -> tuple[float, float]:
    """From the lowest to the highest with room beside them; at least a tenth around now."""
    low, high = min([*prices, 0.95 * now]), max([*prices, 1.05 * now])
    room = 0.12 * (high - low)
    return max(0.0, low - room), high + room


def _filled(rows: Sequence[Row], x: Row, y: Row, test: str, colour: str) -> Chart:
    """What lies between the line and zero, where the test holds."""
    return {
        "data": values(rows),
        "transform": [{"filter": test}],
        "mark": {"type": "area", "color": colour, "opacity": 0.14, "clip": True},
        "encoding": {"x": x, "y": y, "y2": {"datum": 0}},
    }


def candle_rows(times_ms: ArrayLike, prices: ArrayLike, most: int = MOST_CANDLES) -> list[Row]:
    """Open, high, low and close of equal stretches of a series: ``start``, ``end`` in ms.

    Each opens at the close before it, so that no move between two of them is lost.
    """
    times, marks = np.asarray(times_ms, np.float64), np.asarray(prices, np.float64)
    count = min(most, max(1, len(times) - 1))
    edges = np.linspace(times[0], times[-1], count + 1)
    places = np.searchsorted(times, edges)
    rows: list[Row] = []
    for start, end, first, last in zip(edges, edges[1:], places, places[1:], strict=False):
        part = marks[int(first) : int(last) + 1]
        if len(part) == 0:
            continue
        rows.append(
            {
                "start": float(start), "end": float(end), "middle": float((start + end) / 2),
                "open": number(float(part[0])), "close": number(float(part[-1])),
                "low": number(float(part.min())), "high": number(float(part.max())),
            }
        )  # fmt: skip
    return rows


def candles(
    bars: Sequence[Row],
    time: Row,
    markers: Sequence[Row] = (),
    styles: Mapping[str, tuple[str, str]] | None = None,
    *,
    levels: Sequence[tuple[float, str, str]] = (),
    height: int = 300,
) -> Chart:
    """Candles of ``candle_rows``: hollow where the price rose, filled where it fell.

    ``time``: the channel of time, without its field. ``markers``: rows of ``middle`` (ms),
    ``price``, ``what`` and ``words``; ``styles``: shape and colour of each ``what``. ``levels``:
    prices with words and a colour.
    """
    y = quantity("low", axis("price, USD", label=PRICE_LABEL), scale={"zero": False})
    x = time | {"field": "middle"}
    rises = "datum.close >= datum.open"
    colour: Row = {"condition": {"test": rises, "value": RISING}, "value": FALLING}
    # A body covers two thirds of its stretch, and has a height also where the price stood still.
    bodies = [
        row | {
            "from": row["start"] + (row["end"] - row["start"]) / 6,
            "to": row["end"] - (row["end"] - row["start"]) / 6,
        }
        for row in bars
    ]  # fmt: skip
    box: Row = {"x": time | {"field": "from"}, "x2": {"field": "to"}}
    body: Row = box | {"y": y | {"field": "open"}, "y2": {"field": "close"}}
    filled: Row = {"condition": {"test": rises, "value": "white"}, "value": FALLING}
    layers: list[Chart] = [
        {
            "data": values(bars),
            "mark": {"type": "rule", "strokeWidth": 1.2},
            "encoding": {"x": x, "y": y, "y2": {"field": "high"}, "color": colour},
        },
        {
            "data": values(bodies),
            "mark": {"type": "bar", "strokeWidth": 1.2},
            "encoding": body | {"fill": filled, "stroke": colour},
        },
        *(level(price, words, tint) for price, words, tint in levels),
    ]
    if markers:
        layers += _marked_points(markers, x, y | {"field": "price"}, styles or {})
    return finished({"layer": layers}, height=height)


def _marked_points(
    markers: Sequence[Row], x: Row, y: Row, styles: Mapping[str, tuple[str, str]]
) -> list[Chart]:
    used = [what for what in styles if any(row["what"] == what for row in markers)]
    what: Row = {
        "field": "what", "type": "nominal", "title": None, "sort": None, "legend": {"columns": 4},
    }  # fmt: skip
    shape = {"domain": used, "range": [styles[each][0] for each in used]}
    colour = {"domain": used, "range": [styles[each][1] for each in used]}
    point: Row = {"type": "point", "filled": True, "size": 120, "opacity": 1, "stroke": "white"}
    encoding = {"x": x, "y": y, "color": what | {"scale": colour}, "shape": what | {"scale": shape}}
    return [
        {"data": values(markers), "mark": point | {"strokeWidth": 1}, "encoding": encoding},
        hover(markers, x, y),
    ]


def fan(
    rows_by_quantile: Mapping[float, ArrayLike],
    times: ArrayLike,
    x: Row,
    y: Row,
    words: Callable[[float, float], str] | None = None,
) -> list[Chart]:
    """Layers of bands between quantiles that mirror each other, and the median as a line.

    ``rows_by_quantile``: by probability, such as 0.05, 0.25, 0.5, 0.75 and 0.95, one value of each
    time. ``words``: what to read at a time and its median.
    """
    lines = {q: np.asarray(found, np.float64) for q, found in rows_by_quantile.items()}
    pairs = [(q, r) for q in sorted(lines) for r in lines if q < 0.5 and abs(q + r - 1) < 1e-9]
    names = [
        f"{kinds.short_percent(low)} to {kinds.short_percent(high)} of paths" for low, high in pairs
    ]
    scale = {"domain": [*names, "median"], "range": [*_fan_colours(len(names)), INK]}
    layers: list[Chart] = []
    high_end = y | {"field": "high"}
    for (low, high), name in zip(pairs, names, strict=True):
        rows = columns(time=times, low=lines[low], high=lines[high])
        layer = band(rows, x, "low", high_end, CROSS_COLOUR, 1.0)
        layer["encoding"]["color"] = {
            "datum": name, "type": "nominal", "title": None, "scale": scale, "sort": None,
            "legend": {"symbolType": "square"},
        }  # fmt: skip
        layers.append(layer)
    if 0.5 in lines:
        rows = columns(time=times, high=lines[0.5])
        middle = line(rows, x, high_end)
        middle["encoding"]["color"] = {"datum": "median", "type": "nominal"}
        layers.append(middle)
        if words is not None:
            points = rows[:: max(1, len(rows) // _POINTS)]
            spoken = [row | {"words": words(row["time"], row["high"])} for row in points]
            layers.append(hover(spoken, x, high_end))
    return layers


def _fan_colours(count: int) -> list[str]:
    """As many as there are bands, the narrowest the darkest."""
    return [_FAN_COLOURS[-1]] if count == 1 else list(_FAN_COLOURS[:count])


def panels(charts: Sequence[Chart]) -> Chart:
    """Charts below each other, each with its own scales and legends."""
    resolve = {"scale": dict.fromkeys(("color", "shape", "strokeDash"), "independent")}
    return finished({"vconcat": list(charts), "spacing": 16, "resolve": resolve})
