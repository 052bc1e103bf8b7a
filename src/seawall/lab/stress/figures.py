"""Pictures of a stress test: profit over price, where buckets are liquidated, what shocks leave."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from seawall.domain.units import MICRO, RATE_ONE
from seawall.lab.market.fees import fee_rates
from seawall.lab.stress.grid import MoveKind
from seawall.report.chart_kinds import PriceMark, break_even, profit_over_price
from seawall.report.charts import (
    CELL_INK,
    CELL_INK_ON_DARK,
    GAINS_AND_LOSSES,
    PERCENT_LABEL,
    QUIET,
    Chart,
    Row,
    axis,
    coloured,
    finished,
    names_down,
    quantity,
    upright,
    values,
)
from seawall.report.findings import Figure
from seawall.report.kinds import percent, price_of, short_percent
from seawall.report.sheet import Sheet

if TYPE_CHECKING:
    from seawall.lab.stress.result import StressResult

FARTHEST = 100
"""Percent. A move beyond is left out of the ladder: all else would be squeezed together."""
ROW_HEIGHT = 40


def profit_figures(result: "StressResult") -> Iterator[Figure]:
    """Of each position: its profit over the price of its market, with the prices that matter."""
    valuation = result.valuation
    fee = fee_rates(valuation.rulebook, 0).taker / RATE_ONE
    ends = {each.market: each.over for each in result.boundaries}
    for held in valuation.plan.positions:
        instrument = valuation.instruments[held.market]
        price_unit, size_unit = 10.0**-instrument.price_decimals, 10.0**-instrument.size_decimals
        size = held.signed_size * size_unit
        entry = abs(held.entry_notional / held.signed_size) * price_unit
        now = valuation.prices[held.market] * price_unit
        marks = [
            PriceMark("now", now), PriceMark("entry", entry),
            PriceMark("break-even", break_even(entry, size, fee)),
        ]  # fmt: skip
        over = ends.get(held.market)
        if over is not None:
            marks.append(PriceMark("liquidation", over * price_unit))
        for order in valuation.plan.orders:
            if order.market == held.market and order.trigger_price:
                kind = "profit" if order.take_profit else "stop"
                words = "take profit" if order.take_profit else "stop"
                marks.append(PriceMark(kind, order.trigger_price * price_unit, words))
        name = instrument.name
        yield Figure(
            title=f"{name}: profit over price",
            chart=profit_over_price(
                size, entry, now, marks, price_of(instrument.price_decimals).text
            ),
            alt=f"Profit of the {name} position over its price, with entry, break-even, stop and "
            "liquidation marked.",
            note="All other prices stand still. Break-even pays the taker fee of the lowest tier "
            "twice, without funding. Dashed: beyond liquidation.",
        )


def ladder_figure(boundaries: Sheet, bucket_moves: Sheet) -> Iterator[Figure]:
    """One row for every move, one mark for every bucket that it liquidates; none without any."""
    rows = [
        {"move": each["market"], "bucket": each["bucket"], "percent": each["price_change"]}
        for each in boundaries.numbers()
    ]
    for each in bucket_moves.numbers():
        change, move = each["price_change"], f"{each['move']}, {each['direction']}"
        if each["kind"] == MoveKind.AGAINST:
            move, change = each["move"], change and -change
        rows.append({"move": move, "bucket": each["bucket"], "percent": change})
    shown = [
        each | {"words": percent(each["percent"] / 100, 1, signed=True)}
        for each in rows
        if each["percent"] is not None and abs(each["percent"]) <= FARTHEST
    ]
    if shown:
        yield Figure(
            title="Liquidation ladder",
            chart=_ladder(shown),
            alt="For every move, how far prices go until each bucket is liquidated.",
            note="Each mark is the smallest move that liquidates that bucket; moves beyond "
            f"{FARTHEST} % are left out. A move against every position is drawn to the left.",
        )


def _ladder(rows: list[Row]) -> Chart:
    order = list(dict.fromkeys(row["move"] for row in rows))
    names = list(dict.fromkeys(row["bucket"] for row in rows))
    x = quantity("percent", axis("move until liquidation, %", label=PERCENT_LABEL))
    y = names_down("move", order)
    y["axis"]["grid"] = True
    colour = coloured("bucket", names, legend={"title": "bucket"})
    marks: Row = {"type": "point", "filled": True, "size": 130, "opacity": 1}

    def labels(remainder: int, shift: int) -> Chart:
        """Numbers beside every second bucket's marks: those that lie close stay apart."""
        return {
            "data": values([r for r in rows if names.index(r["bucket"]) % 2 == remainder]),
            "mark": {"type": "text", "dy": shift, "fontSize": 11},
            "encoding": {"x": x, "y": y, "text": {"field": "words"}},
        }

    content: Chart = {
        "layer": [
            {"data": values(rows), "mark": marks, "encoding": {"x": x, "y": y, "color": colour}},
            labels(0, -12),
            labels(1, 14),
            upright(0, "now", QUIET),
        ]
    }
    return finished(content, height=ROW_HEIGHT * max(3, len(order)) + 20)


def shock_figure(shocks: Sheet, equity: int) -> Figure:
    """Moves by sizes, coloured by the change of equity; crosses where something is liquidated."""
    rows = []
    found = shocks.numbers()
    sizes = [_shock(each) for each in sorted({each["price_change"] for each in found})]
    for each in found:
        change = -each["lost"] / (equity / MICRO) if equity > 0 else 0.0
        rows.append(
            {
                "move": each["move"],
                "shock": _shock(each["price_change"]),
                "change": max(-1.0, min(1.0, change)),
                "words": ("✕ " if each["liquidated"] else "") + percent(change, 0, signed=True),
                "is_dark": abs(change) > 0.75,
            }
        )
    return Figure(
        title="What every shock leaves",
        chart=_heat(rows, sizes),
        alt="Change of equity for every move and size; crosses mark liquidation.",
        note="Change of the account's equity, after liquidation where there is one (a cross); "
        "the darkest blue is a doubling and more.",
    )


def _shock(percents: float) -> str:
    return short_percent(percents / 100, signed=True)


def _heat(rows: list[Row], sizes: list[str]) -> Chart:
    moves = list(dict.fromkeys(row["move"] for row in rows))
    x: Row = {
        "field": "shock", "type": "nominal", "sort": sizes,
        "axis": {"title": "move of the price", "labelAngle": 0, "grid": False},
    }  # fmt: skip
    y = names_down("move", moves)
    colour: Row = {
        "field": "change", "type": "quantitative",
        "scale": {"domain": [-1, 1], "range": GAINS_AND_LOSSES, "interpolate": "rgb"},
        "legend": {
            "title": "change of equity, %", "gradientLength": 240, "values": [-1, -0.5, 0, 0.5, 1],
            "labelExpr": "format(100 * datum.value, '+d')",
        },
    }  # fmt: skip
    text: Row = {
        "condition": {"test": "datum.is_dark", "value": CELL_INK_ON_DARK},
        "value": CELL_INK,
    }
    cells: Row = {"type": "rect", "stroke": "white", "strokeWidth": 2}
    words: Row = {"x": x, "y": y, "text": {"field": "words"}, "color": text}
    content: Chart = {
        "data": values(rows),
        "layer": [
            {"mark": cells, "encoding": {"x": x, "y": y, "color": colour}},
            {"mark": {"type": "text", "fontSize": 11}, "encoding": words},
        ],
    }
    return finished(content, height=ROW_HEIGHT * max(2, len(moves)) + 20)
