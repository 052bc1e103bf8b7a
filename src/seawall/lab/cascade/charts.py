"""Pictures of a cascade."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seawall.report.charts import (
    BACKSTOP,
    CROSS_COLOUR,
    LIQUIDATION,
    MARKET_COLOURS,
    MONEY_LABEL,
    QUIET,
    Chart,
    Row,
    axis,
    columns,
    finished,
    named,
    number,
    quantity,
    values,
)

Floats = NDArray[np.float64]

MOST_BARS = 60
STAGES = ("sold to the book", "taken over by the backstop", "closed against winners")
_STAGE_COLOURS = (CROSS_COLOUR, BACKSTOP, LIQUIDATION)
_TIME = axis("minutes from the start", ticks=8, grid=False)


def price_lines(minutes: ArrayLike, lines: Mapping[str, ArrayLike], dashed: str) -> Chart:
    """Prices in USD over time; the line called ``dashed`` is the one to compare with."""
    rows: list[Row] = []
    for name, prices in lines.items():
        rows += [row | {"name": name} for row in columns(minute=minutes, price=prices)]
    x = quantity("minute", _TIME, scale={"nice": False})
    y = quantity("price", axis("USD", label="format(datum.value, ',.6~g')"), scale={"zero": False})
    return finished(named(rows, x, y, list(lines), dashed), height=280)


def stage_bars(minutes: Floats, stages: Sequence[Floats]) -> Chart:
    """USD by stage of liquidation, in equal buckets of time."""
    edges = np.linspace(minutes[0], minutes[-1] + 1e-9, MOST_BARS + 1)
    rows: list[Row] = []
    for name, flow in zip(STAGES, stages, strict=True):
        sums, _ = np.histogram(minutes, edges, weights=flow)
        rows += [
            {"start": number(start), "end": number(end), "usd": number(usd), "stage": name}
            for start, end, usd in zip(edges, edges[1:], sums.tolist(), strict=False)
            if usd > 0
        ]
    colour = {
        "field": "stage", "type": "nominal", "title": None, "sort": list(STAGES),
        "scale": {"domain": list(STAGES), "range": list(_STAGE_COLOURS)},
    }  # fmt: skip
    span = [float(edges[0]), float(edges[-1])]
    x = quantity("start", _TIME, scale={"domain": span, "nice": False}, bin={"binned": True})
    y = quantity("usd", axis("USD", label=MONEY_LABEL), aggregate="sum", stack=True)
    return finished(
        {
            "data": values(rows),
            "mark": {"type": "bar", "clip": True},
            "encoding": {"x": x, "x2": {"field": "end"}, "y": y, "color": colour},
        },
        height=240,
    )


def depth_lines(minutes: ArrayLike, lines: Mapping[str, ArrayLike]) -> Chart:
    """USD within 50 bp of the middle, both sides, over time."""
    rows: list[Row] = []
    for name, usd in lines.items():
        rows += [row | {"name": name} for row in columns(minute=minutes, usd=usd)]
    x = quantity("minute", _TIME, scale={"nice": False})
    y = quantity("usd", axis("USD", label=MONEY_LABEL), scale={"type": "symlog", "constant": 1e5})
    return finished(named(rows, x, y, list(lines)), height=260)


def money_lines(minutes: ArrayLike, lines: Mapping[str, ArrayLike]) -> Chart:
    """Balances in USD over time."""
    rows: list[Row] = []
    for name, usd in lines.items():
        rows += [row | {"name": name} for row in columns(minute=minutes, usd=usd)]
    x = quantity("minute", _TIME, scale={"nice": False})
    y = quantity("usd", axis("USD", label=MONEY_LABEL))
    return finished(named(rows, x, y, list(lines)), height=220)


def leverage_bars(
    names: Sequence[str], liquidated: Sequence[int], untouched: Sequence[int]
) -> Chart:
    """How many accounts of each band of leverage were liquidated, and how many were not."""
    groups = ("liquidated", "not liquidated")
    rows: list[Row] = []
    for group, counts in zip(groups, (liquidated, untouched), strict=True):
        rows += [
            {"band": band, "accounts": count, "group": group}
            for band, count in zip(names, counts, strict=True)
        ]
    colour = {
        "field": "group", "type": "nominal", "title": None, "sort": list(groups),
        "scale": {"domain": list(groups), "range": [LIQUIDATION, QUIET]},
    }  # fmt: skip
    x = {
        "field": "band", "type": "nominal", "sort": list(names),
        "axis": {"title": "leverage at the start, notional / equity", "labelAngle": 0},
    }  # fmt: skip
    return finished(
        {
            "data": values(rows),
            "mark": {"type": "bar"},
            "encoding": {"x": x, "y": quantity("accounts", axis("accounts")), "color": colour},
        },
        height=240,
    )


def taken_bars(names: Sequence[str], taken: Sequence[float]) -> Chart:
    """USD of positions closed against winners, one bar a wave."""
    rows: list[Row] = [
        {"wave": name, "usd": number(usd)} for name, usd in zip(names, taken, strict=True)
    ]
    y = {
        "field": "wave", "type": "nominal", "sort": list(names),
        "axis": {"title": None, "labelLimit": 260, "ticks": False, "domain": False},
    }  # fmt: skip
    x = quantity("usd", axis("USD", label=MONEY_LABEL))
    mark = {"type": "bar", "color": LIQUIDATION, "height": 14}
    return finished(
        {"data": values(rows), "mark": mark, "encoding": {"y": y, "x": x}},
        height=22 * max(1, len(rows)),
    )


def seed_points(
    with_cascade: Sequence[float], without: Sequence[float], sold: Sequence[float]
) -> Chart:
    """One point a seed: the fall of the price in percent over what was liquidated, in USD."""
    names = ("with the cascade", "without it")
    rows: list[Row] = []
    for name, falls in zip(names, (with_cascade, without), strict=True):
        rows += [
            {"usd": number(usd), "fall": number(-100 * fall), "name": name}
            for usd, fall in zip(sold, falls, strict=True)
        ]
    colour = {
        "field": "name", "type": "nominal", "title": None, "sort": list(names),
        "scale": {"domain": list(names), "range": [LIQUIDATION, MARKET_COLOURS[1]]},
    }  # fmt: skip
    x = quantity("usd", axis("liquidated, USD", label=MONEY_LABEL), scale={"zero": False})
    y = quantity("fall", axis("largest fall of the price, %"), scale={"zero": False})
    return finished(
        {
            "data": values(rows),
            "mark": {"type": "point", "filled": True, "size": 60, "opacity": 0.8},
            "encoding": {"x": x, "y": y, "color": colour},
        },
        height=260,
    )
