"""Pictures of a pooled account: profit over price, margin over the hedge, liquidation surface."""

from collections.abc import Iterator, Sequence

import numpy as np

from seawall.lab.options.analysis import Cell, Hedge
from seawall.lab.options.held import moved
from seawall.lab.options.question import OptionsResult
from seawall.report import kinds
from seawall.report.chart_kinds import PRICE_LABEL
from seawall.report.charts import (
    CELL_INK,
    CELL_INK_ON_DARK,
    CHOSEN,
    INK,
    LIQUIDATION,
    MONEY_LABEL,
    QUIET,
    Chart,
    Row,
    axis,
    finished,
    level,
    named,
    quantity,
    series,
    upright,
    values,
)
from seawall.report.findings import Figure

_POINTS = 121
_ROW_HEIGHT = 34
_SHOWN_CHANGES = tuple(round(-0.4 + 0.1 * step, 1) for step in range(11))
"""Of the price: columns of the surface that stay readable."""
NOW, AT_EXPIRY = "now", "at the first expiry"


def profit_figures(result: OptionsResult) -> Iterator[Figure]:
    """Of each market with options: profit over its price, now and at the first expiry."""
    for name, portfolio in result.held.portfolios.items():
        if not len(portfolio.options):
            continue
        spot, years = portfolio.spot, float(portfolio.options.years.min())
        changes = np.linspace(-0.5, 0.6, _POINTS)
        rows: list[Row] = []
        for line, passed in ((NOW, 0.0), (AT_EXPIRY, years)):
            equity = [
                moved(portfolio, float(each), years=passed).equity - portfolio.equity
                for each in changes
            ]
            rows += series(line, price=spot * (1 + changes), profit=equity)
        x = quantity("price", axis("price, USD", label=PRICE_LABEL), scale={"zero": False})
        y = quantity("profit", axis("change of equity, USD", label=MONEY_LABEL))
        content: Chart = {"layer": [named(rows, x, y, [NOW, AT_EXPIRY], AT_EXPIRY)]}
        content["layer"] += [level(0.0, "", QUIET), upright(spot, "price now", INK)]
        for place, each in enumerate(_ends(result, name, spot), start=1):
            align = "right" if each > spot else "left"
            words = f"liquidation: {kinds.AVERAGE_PRICE.text(each)}"
            content["layer"].append(upright(each, words, LIQUIDATION, align=align, row=place))
        yield Figure(
            title=f"{name}: change of equity over price",
            chart=finished(content, height=320),
            alt=f"Change of equity over the price of {name}, now and at the first expiry, with "
            "liquidation prices.",
            note="Volatilities stand still; forwards move with the price. Liquidation as under the "
            "preset that asks most.",
        )


def _ends(result: OptionsResult, market: str, spot: float) -> list[float]:
    """Liquidation prices within the picture."""
    found = result.now[result.strictest].liquidation[market]
    return [e for e in (found.below, found.above) if e is not None and 0.5 <= e / spot <= 1.6]


def hedge_figures(result: OptionsResult) -> Iterator[Figure]:
    """Of each market with options: initial margin over the size of its perpetual."""
    for market in dict.fromkeys(each.market for each in result.hedges):
        own = [each for each in result.hedges if each.market == market]
        yield Figure(
            title=f"{market}: margin over the hedge",
            chart=_hedge_chart(own, result.now[result.strictest].rule.name),
            alt=f"Initial margin over the size of the {market} perpetual under every preset.",
            note="Marked under the preset that asks most: the perpetual as held, and the size with "
            "the least margin.",
        )


def _hedge_chart(own: Sequence[Hedge], strictest: str) -> Chart:
    presets = list(dict.fromkeys(each.rule.name for each in own))
    rows: list[Row] = []
    for preset in presets:
        curve = [each for each in own if each.rule.name == preset and not each.what]
        curve.sort(key=lambda each: each.perpetual)
        rows += series(
            preset,
            perpetual=[each.perpetual for each in curve],
            margin=[each.margin.initial for each in curve],
        )
    x = quantity("perpetual", axis("perpetual, coins"))
    y = quantity("margin", axis("initial margin, USD", label=MONEY_LABEL))
    content: Chart = {"layer": [named(rows, x, y, presets)]}
    marks = {each.what: each for each in own if each.rule.name == strictest}
    colours = {"as held": INK, "least margin": CHOSEN}
    middle = np.mean([each.perpetual for each in own])
    for place, (what, colour) in enumerate(colours.items()):
        size = marks[what].perpetual
        align = "right" if size > middle else "left"
        text = f"{what}: {kinds.NUMBER.text(round(size, 3))}"
        content["layer"].append(upright(size, text, colour, align=align, row=place))
    return finished(content, height=320)


def surface_figures(result: OptionsResult) -> Iterator[Figure]:
    """Of each market and preset: maintenance margin over equity, by price and volatility."""
    for market in result.held.portfolios:
        if not len(result.held.portfolios[market].options):
            continue
        for now in result.now:
            own = [
                each for each in result.cells
                if each.market == market and each.rule.name == now.rule.name
            ]  # fmt: skip
            yield Figure(
                title=f"{market}: liquidation surface under {now.rule.preset.title}",
                chart=_surface_chart(own),
                alt=f"Maintenance margin over equity by changes of the price of {market} and of "
                "its implied volatilities; liquidated where it is 100 % and more.",
                note="Maintenance margin in percent of equity. A cross: liquidated there.",
            )


def _surface_chart(cells: Sequence[Cell]) -> Chart:
    shown = [each for each in cells if each.price_change in _SHOWN_CHANGES]
    rows = []
    for each in shown:
        ratio = min(each.total.ratio, 2.0)
        is_over = each.total.is_liquidatable
        rows.append(
            {
                "price": kinds.short_percent(each.price_change, signed=True),
                "volatility": kinds.short_percent(each.volatility_change, signed=True),
                "ratio": 100 * ratio,
                "words": "✕" if is_over else kinds.whole(100 * ratio),
                "is_dark": ratio > 0.75,
            }
        )
    across = [kinds.short_percent(each, signed=True) for each in _SHOWN_CHANGES]
    down = list(dict.fromkeys(row["volatility"] for row in rows))[::-1]
    x: Row = {
        "field": "price", "type": "nominal", "sort": across,
        "axis": {"title": "change of the price", "labelAngle": 0, "grid": False},
    }  # fmt: skip
    y: Row = {
        "field": "volatility", "type": "nominal", "sort": down,
        "axis": {"title": "change of volatility", "grid": False},
    }  # fmt: skip
    colour: Row = {
        "field": "ratio", "type": "quantitative",
        "scale": {"domain": [0, 50, 100], "range": ["#d1e5f0", "#f4a582", "#b2182b"],
                  "clamp": True, "interpolate": "rgb"},
        "legend": {"title": "maintenance margin, % of equity", "gradientLength": 240},
    }  # fmt: skip
    text: Row = {
        "condition": {"test": "datum.is_dark", "value": CELL_INK_ON_DARK}, "value": CELL_INK,
    }  # fmt: skip
    cells_: Row = {"type": "rect", "stroke": "white", "strokeWidth": 2}
    words: Row = {"x": x, "y": y, "text": {"field": "words"}, "color": text}
    content: Chart = {
        "data": values(rows),
        "layer": [
            {"mark": cells_, "encoding": {"x": x, "y": y, "color": colour}},
            {"mark": {"type": "text", "fontSize": 12}, "encoding": words},
        ],
    }
    return finished(content, height=_ROW_HEIGHT * len(down) + 60)


def time_figure(result: OptionsResult) -> Figure:
    """Equity and margin under the preset that asks most, until the last expiry."""
    rule = result.now[result.strictest].rule
    own = [each for each in result.over_time if each.rule.name == rule.name]
    days = [each.days for each in own]
    lines = {
        "equity": [each.total.equity for each in own],
        "initial margin": [each.total.initial for each in own],
        "maintenance margin": [each.total.maintenance for each in own],
    }
    rows = [row for name, line in lines.items() for row in series(name, days=days, usd=line)]
    x = quantity("days", axis("days from now"))
    y = quantity("usd", axis("USD", label=MONEY_LABEL))
    return Figure(
        title=f"Equity and margin over time under {rule.preset.title}",
        chart=finished(named(rows, x, y, list(lines)), height=280),
        alt="Equity, initial and maintenance margin over the days until the last expiry.",
        note="Prices, volatilities and funding rates stand still.",
    )
