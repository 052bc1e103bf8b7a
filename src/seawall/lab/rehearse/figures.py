"""Pictures of a rehearsal: prices, equity and margin ratio over time, and what happened when."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from seawall.domain.events import is_pool
from seawall.domain.units import HOUR_MS, MICRO
from seawall.lab.rehearse.rehearsal import Rehearsal
from seawall.lab.simulation.incidents import IncidentKind
from seawall.lab.simulation.names import bucket_name
from seawall.report.chart_kinds import candle_rows, candles
from seawall.report.charts import (
    CROSS_COLOUR,
    INK,
    LIQUIDATION,
    MARKET_COLOURS,
    MONEY_LABEL,
    PERCENT_LABEL,
    Chart,
    Row,
    axis,
    finished,
    level,
    named,
    number,
    quantity,
    values,
)
from seawall.report.findings import Figure
from seawall.report.kinds import clock, money, price_of

WIDTH = 600
POINTS = 600
"""More would be finer than the picture."""
RATIO_TOP = 150.0
"""Percent; beyond it only the fact matters."""
INDEPENDENT = {"scale": dict.fromkeys(("color", "shape", "strokeDash"), "independent")}
"""Each panel has its own legends."""

MARKERS: dict[IncidentKind, tuple[str, str, str]] = {
    IncidentKind.MARGIN_WARNING: ("margin warning", "circle", "#f0b429"),
    IncidentKind.PARTLY_LIQUIDATED: ("liquidated in part", "triangle-down", "#e8590c"),
    IncidentKind.LIQUIDATED: ("liquidated", "triangle-down", LIQUIDATION),
    IncidentKind.BACKSTOP: ("closed by the backstop", "square", "#5f3dc4"),
    IncidentKind.DELEVERAGED_LOSER: ("loss deleveraged", "cross", "#862e9c"),
    IncidentKind.DELEVERAGED_WINNER: ("profit deleveraged", "diamond", "#0b7285"),
    IncidentKind.ORDER_FILLED: ("own order filled", "triangle-up", "#2b8a3e"),
}
"""Legend text, shape and colour of what is marked."""


def rehearsal_figure(result: Rehearsal) -> Figure:
    """Three panels over one time axis."""
    book, steps = result.rulebook, _thinned(result)
    panels = [_prices(result, steps), _equity(result, steps), _ratios(result, steps)]
    chart = finished({"vconcat": panels, "spacing": 14})
    chart["resolve"] = INDEPENDENT
    return Figure(
        title=f"{result.name} through {result.path.name}",
        chart=chart,
        alt="Prices, equity and margin ratio over time, with what happened to the account.",
        note=f"Equity {money(result.start.equity)} to {money(result.end.equity)} USD; rules of "
        f"{book.name} as of {book.as_of}; liquidations by the engine, order book assumed.",
    )


def candle_figures(result: Rehearsal) -> Iterator[Figure]:
    """Of each market with a position: candles of its mark, with what happened to the position."""
    styles = {what: (shape, colour) for what, shape, colour in MARKERS.values()}
    for market, holding in result.start.holdings.items():
        instrument = result.instruments[market]
        unit = 10.0**-instrument.price_decimals
        marks = result.series.mark[market] * unit
        text = price_of(instrument.price_decimals).text
        end = result.liquidation_prices[market]
        low, high = float(marks.min()), float(marks.max())
        # A boundary far outside would press the candles together.
        shown = []
        if end is not None and 2 * low - high <= end <= 2 * high - low:
            shown = [(end, f"liquidation at the start: {text(end)}", LIQUIDATION)]
        yield Figure(
            title=f"{instrument.name}: {result.price_word} price and liquidations",
            chart=candles(
                candle_rows(result.series.times_ms, marks), _time(result, labels=True),
                _candle_markers(result, market, holding.bucket, marks, text), styles, levels=shown,
            ),
            alt=f"Candles of the {instrument.name} {result.price_word} price, with liquidations, "
            "deleveraging and filled orders of the account marked.",
            note="Hollow: rising, filled: falling. What concerns the whole pool is marked in each "
            "of its markets.",
        )  # fmt: skip


def _candle_markers(
    result: Rehearsal, market: int, bucket: int, marks: NDArray[np.float64],
    text: Callable[[float], str],
) -> list[Row]:  # fmt: skip
    """One for each kind and short time, at the mark of the step."""
    times = result.series.times_ms
    apart = max(1, int(times[-1] - times[0]) // 60)
    rows: list[Row] = []
    latest: dict[IncidentKind, int] = {}
    for each in result.incidents:
        if each.kind not in MARKERS or each.market not in (market, bucket):
            continue
        if each.time_ms - latest.get(each.kind, -apart) < apart:
            continue
        latest[each.kind] = each.time_ms
        step = min(int(np.searchsorted(times, each.time_ms)), len(times) - 1)
        what, price = MARKERS[each.kind][0], float(marks[step])
        words = f"{clock(each.time_ms)}: {what} at {text(price)}"
        rows.append({"middle": int(times[step]), "price": price, "what": what, "words": words})
    return rows


def _prices(result: Rehearsal, steps: Sequence[int]) -> Chart:
    rows = []
    names = [each.name for each in result.instruments]
    for name, marks in zip(names, result.series.mark, strict=True):
        change = (marks / marks[0] - 1.0) * 100
        rows += _line(result, steps, name, change)
    title = f"{result.price_word} price since start, %"
    y = quantity("y", axis(title, label=PERCENT_LABEL, ticks=5))
    colours = _colours(range(len(names)))
    return _panel(named(rows, _time(result), y, names, colours=colours), 130)


def _equity(result: Rehearsal, steps: Sequence[int]) -> Chart:
    total = result.series.total_equity / MICRO
    names = ["equity", "the same positions without liquidation"]
    rows = _line(result, steps, names[0], total)
    rows += _line(result, steps, names[1], result.untouched_equity)
    y = quantity("y", axis("equity, USD", label=MONEY_LABEL, ticks=5))
    lines = named(rows, _time(result), y, names, dashed=names[1], colours=[CROSS_COLOUR, INK])
    marks = _markers(result, total)
    if not marks:
        return _panel(lines, 185)
    layer = [lines, *_drawn(marks, _time(result), y)]
    return _panel({"layer": layer, "resolve": INDEPENDENT}, 185)


def _markers(result: Rehearsal, total: NDArray[np.float64]) -> list[Row]:
    """One for each kind, bucket and short time: what would lie on top of each other is one."""
    times = result.series.times_ms
    apart = max(1, int(times[-1] - times[0]) // 100)
    rows: list[Row] = []
    latest: dict[tuple[IncidentKind, int], int] = {}
    free_from = 0
    for each in result.incidents:
        key = (each.kind, each.market)
        if each.kind not in MARKERS or each.time_ms - latest.get(key, -apart) < apart:
            continue
        latest[key] = each.time_ms
        step = int(np.searchsorted(times, each.time_ms))
        label = ""
        # Words that would lie on each other are left out; the table has them all.
        if each.kind != IncidentKind.MARGIN_WARNING and each.time_ms >= free_from:
            label = "cross" if is_pool(each.market) else result.instruments[each.market].name
            free_from = each.time_ms + 10 * apart
        what = MARKERS[each.kind][0]
        rows.append({"x": int(times[step]), "y": number(total[step]), "what": what, "label": label})
    return rows


def _drawn(marks: list[Row], x: Row, y: Row) -> list[Chart]:
    used = {row["what"] for row in marks}
    styles = [style for style in MARKERS.values() if style[0] in used]
    domain = [style[0] for style in styles]
    legend = {"columns": 4, "orient": "bottom"}
    what: Row = {"field": "what", "type": "nominal", "title": None, "legend": legend}
    colour = {"domain": domain, "range": [style[2] for style in styles]}
    shape = {"domain": domain, "range": [style[1] for style in styles]}
    encoding = {"x": x, "y": y}
    text = {"type": "text", "align": "right", "dx": -10, "dy": 5, "color": INK}
    point = {"type": "point", "filled": True, "size": 110, "opacity": 1, "stroke": "white"}
    labelled = [row for row in marks if row["label"]]
    return [
        {
            "data": values(labelled),
            "mark": text,
            "encoding": encoding | {"text": {"field": "label"}},
        },
        {
            "data": values(marks),
            "mark": point | {"strokeWidth": 1},
            "encoding": encoding
            | {"color": what | {"scale": colour}, "shape": what | {"scale": shape}},
        },
    ]


def _ratios(result: Rehearsal, steps: Sequence[int]) -> Chart:
    ratios = {b: each for b, each in result.series.ratio.items() if not np.isnan(each).all()}
    names = [bucket_name(result, bucket) for bucket in ratios]
    rows = []
    for name, ratio in zip(names, ratios.values(), strict=True):
        rows += _line(result, steps, name, np.minimum(ratio * 100, RATIO_TOP))
    top = max([110.0, *(row["y"] or 0.0 for row in rows)])
    title = "maintenance margin of equity, %"
    y = quantity("y", axis(title, label=PERCENT_LABEL), scale={"domain": [0, top]})
    lines = named(rows, _time(result, labels=True), y, names, colours=_colours(ratios))
    marks = [
        level(50, "50 %", "#8f5d12"),
        level(80, "80 %", "#c2410c"),
        level(100, "100 %: liquidation", LIQUIDATION),
    ]
    for each in marks:
        each["data"] = values([{}])
    return _panel({"layer": [lines, *marks]}, 165)


def _panel(chart: Chart, height: int) -> Chart:
    return {"width": WIDTH, "height": height} | chart


def _line(
    result: Rehearsal, steps: Sequence[int], name: str, heights: NDArray[np.float64]
) -> list[Row]:
    times = result.series.times_ms
    return [{"x": int(times[at]), "y": number(float(heights[at])), "name": name} for at in steps]


def _colours(buckets: Iterable[int]) -> list[str]:
    return [
        CROSS_COLOUR if is_pool(bucket) else MARKET_COLOURS[bucket % len(MARKET_COLOURS)]
        for bucket in buckets
    ]


def _time(result: Rehearsal, *, labels: bool = False) -> Row:
    first, last = int(result.series.times_ms[0]), int(result.series.times_ms[-1])
    hours = (last - first) / HOUR_MS
    style = "%H:%M" if hours <= 30 else "%d %b %H:%M" if hours <= 240 else "%d %b"
    title = f"time, UTC, from {clock(first)[:10]}" if labels else None
    shown = axis(title, ticks=8, format=style, labels=labels)
    domain = {"type": "utc", "domain": [first, last]}
    return {"field": "x", "type": "temporal", "scale": domain, "axis": shown}


def _thinned(result: Rehearsal) -> list[int]:
    """Steps to draw: evenly, and in each piece the extremes of equity and of each ratio."""
    count = len(result.series.times_ms)
    if count <= POINTS:
        return list(range(count))
    keep = {0, count - 1}
    equity, ratios = result.series.total_equity, result.series.ratio.values()
    filled = [np.nan_to_num(each, posinf=1e9) for each in ratios]
    for piece in np.array_split(np.arange(count), POINTS // 4):
        keep |= {int(piece[0]), int(piece[equity[piece].argmin()])}
        keep |= {int(piece[each[piece].argmax()]) for each in filled}
    # A line that begins or ends inside a piece must not be bridged over.
    for each in ratios:
        changes = np.flatnonzero(np.diff(np.isnan(each)))
        keep |= {int(at) for at in changes} | {int(at) + 1 for at in changes}
    return sorted(keep)
