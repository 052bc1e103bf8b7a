"""Pictures of a cascade."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from seawall.lab.arrays import Floats
from seawall.lab.cascade.simulate import CascadeRun
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
from seawall.report.findings import Figure

MOST_BARS = 60
MOST_MARKETS = 3
"""Of which prices are drawn."""
PRICE_LABEL = "format(datum.value, ',.6~g')"
WITH, WITHOUT = "with liquidations", "without"
STAGES = {
    "sold_to_book": ("sold to the book", CROSS_COLOUR),
    "to_backstop": ("to the backstop", BACKSTOP),
    "deleveraged": ("closed against winners", LIQUIDATION),
}
_TIME = axis("minutes from the start", ticks=8, grid=False)


def minutes_of(run: CascadeRun) -> Floats:
    """Minutes since the first decision, of each."""
    times = run.series.times_ms
    return np.asarray((times - times[0]) / 60_000, dtype=np.float64)


def market_figures(run: CascadeRun, without: CascadeRun) -> Iterator[Figure]:
    """Prices, liquidations, depth and balances over time."""
    series, plain = run.series, without.series
    for market in np.argsort(-series.flow.sum(axis=0), kind="stable")[:MOST_MARKETS].tolist():
        name = run.setup.markets[market]
        lines = {
            WITH: series.mark[:, market],
            WITHOUT: plain.mark[:, market],
            "other venues": series.oracle[:, market],
        }
        yield Figure(
            title=f"{name}: price with liquidations and without",
            chart=_lines(run, lines, 280, PRICE_LABEL, WITHOUT, scale={"zero": False}),
            alt=f"The mark price of {name} over the run with and without liquidations.",
            note="Other venues: with liquidations.",
        )
    yield Figure(
        title="Liquidations over time",
        chart=_stage_bars(run),
        alt="USD of liquidated positions by stage over the run.",
    )
    depth = {
        name: np.maximum(each.depth.sum(axis=1), 1.0)
        for name, each in ((WITH, series), (WITHOUT, plain))
    }
    scale = {"type": "symlog", "constant": 1e5}
    yield Figure(
        title="Depth of the book before, during and after",
        chart=_lines(run, depth, 260, scale=scale),
        alt="USD resting within 50 bp of the middle in all markets over the run.",
        note="Both sides and all markets, by the orders that really rest at each second's end.",
    )
    balances = {
        "Balance of insurance fund": series.insurance,
        "Balance of backstop": series.backstop,
    }
    shown = {title: usd for title, usd in balances.items() if np.any(usd)}
    if run.own_start is not None:
        shown["Equity of the account"] = series.own_equity
    for title, usd in shown.items():
        chart = _lines(run, {title: usd}, 220)
        yield Figure(title=title, chart=chart, alt=f"{title} over the run, USD.")


def _lines(
    run: CascadeRun,
    lines: Mapping[str, Floats],
    height: int,
    label: str = MONEY_LABEL,
    dashed: str = "",
    **more: Any,
) -> Chart:
    """USD over time; the line called ``dashed`` is the one to compare with."""
    minutes = minutes_of(run)
    rows = [
        row | {"name": name}
        for name, usd in lines.items()
        for row in columns(minute=minutes, usd=usd)
    ]
    x = quantity("minute", _TIME, scale={"nice": False})
    y = quantity("usd", axis("USD", label=label), **more)
    return finished(named(rows, x, y, list(lines), dashed), height=height)


def _coloured(field: str, colours: Mapping[str, str]) -> Row:
    scale = {"domain": list(colours), "range": list(colours.values())}
    return {
        "field": field, "type": "nominal", "title": None, "sort": list(colours), "scale": scale,
    }  # fmt: skip


def _stage_bars(run: CascadeRun) -> Chart:
    """USD by stage of liquidation, in equal buckets of time."""
    minutes = minutes_of(run)
    edges = np.linspace(minutes[0], minutes[-1] + 1e-9, MOST_BARS + 1)
    rows: list[Row] = []
    for stage, (name, _) in STAGES.items():
        sums, _edges = np.histogram(minutes, edges, weights=getattr(run.series, stage).sum(axis=1))
        rows += [
            {"start": number(start), "end": number(end), "usd": number(usd), "stage": name}
            for start, end, usd in zip(edges, edges[1:], sums.tolist(), strict=False)
            if usd > 0
        ]
    span = [float(edges[0]), float(edges[-1])]
    x = quantity("start", _TIME, scale={"domain": span, "nice": False}, bin={"binned": True})
    y = quantity("usd", axis("USD", label=MONEY_LABEL), aggregate="sum", stack=True)
    colour = _coloured("stage", dict(STAGES.values()))
    return finished(
        {
            "data": values(rows),
            "mark": {"type": "bar", "clip": True},
            "encoding": {"x": x, "x2": {"field": "end"}, "y": y, "color": colour},
        },
        height=240,
    )


def leverage_figure(names: Sequence[str], whole: Sequence[int], hit: Sequence[int]) -> Figure:
    """Accounts of each band of leverage, liquidated and not."""
    rows: list[Row] = []
    for name, accounts, some in zip(names, whole, hit, strict=True):
        rows.append({"band": name, "accounts": some, "group": "liquidated"})
        rows.append({"band": name, "accounts": accounts - some, "group": "not liquidated"})
    x = {
        "field": "band", "type": "nominal", "sort": list(names),
        "axis": {"title": "leverage at the start, notional / equity", "labelAngle": 0},
    }  # fmt: skip
    y = quantity("accounts", axis("accounts"))
    colour = _coloured("group", {"liquidated": LIQUIDATION, "not liquidated": QUIET})
    encoding = {"x": x, "y": y, "color": colour}
    return Figure(
        title="Liquidated accounts by leverage",
        chart=finished(
            {"data": values(rows), "mark": {"type": "bar"}, "encoding": encoding}, height=240
        ),
        alt="Accounts by leverage at the start, liquidated or not.",
    )


def taken_figure(waves: Sequence[Row]) -> Figure:
    """USD of positions closed against winners, one bar a wave; rows of the sheet ``waves``."""
    rows = [{"wave": each["wave"], "usd": number(each["taken"])} for each in waves]
    y = {
        "field": "wave", "type": "nominal", "sort": [each["wave"] for each in waves],
        "axis": {"title": None, "labelLimit": 260, "ticks": False, "domain": False},
    }  # fmt: skip
    x = quantity("usd", axis("USD", label=MONEY_LABEL))
    mark = {"type": "bar", "color": LIQUIDATION, "height": 14}
    chart = {"data": values(rows), "mark": mark, "encoding": {"y": y, "x": x}}
    return Figure(
        title="What was taken from winners, by wave",
        chart=finished(chart, height=22 * len(rows)),
        alt="USD of winning positions closed in each wave of deleveraging.",
    )


def seed_figure(
    market: str, falls: Sequence[float], without: Sequence[float], liquidated: Sequence[float]
) -> Figure:
    """Two points a seed: the fall of the price in percent over what was liquidated, in USD."""
    rows: list[Row] = [
        {"usd": number(usd), "fall": number(-100 * fall), "name": name}
        for name, found in ((WITH, falls), (WITHOUT, without))
        for usd, fall in zip(liquidated, found, strict=True)
    ]
    x = quantity("usd", axis("liquidated, USD", label=MONEY_LABEL), scale={"zero": False})
    y = quantity("fall", axis("largest fall of the price, %"), scale={"zero": False})
    colour = _coloured("name", {WITH: LIQUIDATION, WITHOUT: MARKET_COLOURS[1]})
    chart = {
        "data": values(rows),
        "mark": {"type": "point", "filled": True, "size": 60, "opacity": 0.8},
        "encoding": {"x": x, "y": y, "color": colour},
    }
    return Figure(
        title=f"{market} under {len(falls)} seeds",
        chart=finished(chart, height=260),
        alt="The fall of the price with and without liquidations over what was liquidated.",
    )
