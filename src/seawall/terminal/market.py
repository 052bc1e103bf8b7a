"""The market in view: list of markets, book, trades, candles."""

from fractions import Fraction
from itertools import accumulate
from math import floor
from typing import Any, NamedTuple

from seawall.domain.enums import MarketStatus, OrderState, Side
from seawall.domain.units import from_units, money_text
from seawall.engine.book_view import Level, book_levels
from seawall.engine.holding_view import position_row, position_rows
from seawall.engine.market_view import next_funding_ms
from seawall.terminal import protocol
from seawall.terminal.scene import Scene
from seawall.venues.port import Fill

SHOWN_LEVELS = 150
"""Of a side of the book."""
WHOLE_BOOK = 2_000
"""Levels of a side that depth is added up over."""
DRAWN_POINTS = 240
SHOWN_TRADES = 60
SHOWN_CANDLES = 500
SIDES: dict[int, protocol.SideName] = {int(Side.BUY): "buy", int(Side.SELL): "sell"}


def markets(scene: Scene) -> protocol.Markets:
    return protocol.Markets(tuple(_row(scene, row) for row in range(len(scene.instruments))))


def _row(scene: Scene, row: int) -> protocol.MarketRow:
    table = scene.tables["markets"][row]
    mark, known = scene.mark(row), scene.statistics(row)
    bid, ask = scene.best(row)
    middle = scene.price_text(row, Fraction(bid + ask, 2))
    return protocol.MarketRow(
        scene.instruments[row].name,
        scene.price_text(row, mark),
        scene.price_text(row, scene.oracle(row)),
        scene.price_text(row, bid) if bid else None,
        scene.price_text(row, ask) if ask else None,
        middle if bid and ask else None,
        float(mark / known.day_before - 1) if known.day_before else None,
        _money(known.day_volume),
        known.funding_rate,
        next_funding_ms(scene.engine),
        _money(known.open_interest),
        _money(known.open_interest_cap),
        MarketStatus(int(table["status"])).name.lower(),
    )


def _money(amount: int | None) -> str | None:
    return None if amount is None else money_text(amount)


# -- the book ------------------------------------------------------------------------------------


def book(scene: Scene, market: int, account: int) -> protocol.Book:
    """``account``: whose own orders are marked."""
    bids, asks = book_levels(scene.engine, market, WHOLE_BOOK)
    own = _own_sizes(scene, market, account)
    bid, ask = scene.best(market)
    bought, sold = (sum(size for _, size, _ in each[:SHOWN_LEVELS]) for each in (bids, asks))
    return protocol.Book(
        scene.instruments[market].name,
        tuple(_levels(scene, market, bids, own[Side.BUY])),
        tuple(_levels(scene, market, asks, own[Side.SELL])),
        scene.price_text(market, ask - bid) if bid and ask else None,
        (ask - bid) / ((ask + bid) / 2) if bid and ask else None,
        (bought - sold) / (bought + sold) if bought + sold else None,
        _depth(scene, market, bids),
        _depth(scene, market, asks),
    )


def _own_sizes(scene: Scene, market: int, account: int) -> dict[Side, dict[int, int]]:
    """Size of the account's resting orders by side and price."""
    found: dict[Side, dict[int, int]] = {Side.BUY: {}, Side.SELL: {}}
    for order in orders_of(scene, account, market):
        if order["state"] == OrderState.RESTING:
            at = found[Side(int(order["side"]))]
            price = int(order["price"])
            at[price] = at.get(price, 0) + int(order["remaining_size"])
    return found


def orders_of(scene: Scene, account: int, market: int) -> list[Any]:
    """The rows of an account's open orders in a market."""
    row = position_row(scene.engine, account, market)
    return _orders_at(scene, row) if row >= 0 else []


def open_orders(scene: Scene, account: int) -> list[Any]:
    """The rows of an account's open orders in all markets."""
    rows = position_rows(scene.engine, account)
    return [order for row in rows for order in _orders_at(scene, row)]


def _orders_at(scene: Scene, position: int) -> list[Any]:
    index = int(scene.tables["positions"]["first_order"][position])
    found = []
    while index >= 0:
        order = scene.tables["orders"][index]
        if order["state"] != OrderState.FREE:
            found.append(order)
        index = int(order["next_of_position"])
    return found


def _levels(
    scene: Scene, market: int, levels: list[Level], own: dict[int, int]
) -> list[protocol.Level]:
    shown = levels[:SHOWN_LEVELS]
    totals = accumulate(size for _, size, _ in shown)
    return [
        protocol.Level(
            scene.price_text(market, price),
            scene.size_text(market, size),
            scene.size_text(market, total),
            count,
            scene.size_text(market, own.get(price, 0)),
        )
        for (price, size, count), total in zip(shown, totals, strict=True)
    ]


def _depth(scene: Scene, market: int, levels: list[Level]) -> tuple[tuple[float, float], ...]:
    """To be drawn: at most ``DRAWN_POINTS`` of the levels, the last one always."""
    totals = list(accumulate(size for _, size, _ in levels))
    step = -(-len(levels) // DRAWN_POINTS) or 1
    places = sorted({*range(0, len(levels), step), *([len(levels) - 1] if levels else [])})
    return tuple(
        (scene.price_number(market, levels[n][0]), scene.size_number(market, totals[n]))
        for n in places
    )


class Eaten(NamedTuple):
    """What an order would take from the book. ``notional`` micro-USD, ``worst`` price units."""

    filled: int
    notional: int
    worst: int
    levels: int
    depth: int
    """Size units of the whole side."""


def eaten(scene: Scene, market: int, side: Side, size: int) -> Eaten:
    """What ``size`` units of an order of ``side`` at any price would take now."""
    bids, asks = book_levels(scene.engine, market, WHOLE_BOOK)
    against = asks if side == Side.BUY else bids
    filled = notional = worst = used = 0
    for price, available, _ in against:
        if filled == size:
            break
        part = min(available, size - filled)
        notional += scene.value(market, part, price)
        filled, worst, used = filled + part, price, used + 1
    return Eaten(filled, notional, worst, used, sum(each[1] for each in against))


def average_text(scene: Scene, market: int, notional: int, size: int) -> str | None:
    """An average price, to the market's decimals and one more; None of nothing."""
    if not size:
        return None
    of = scene.instruments[market]
    decimals = of.tick_decimals + 1
    exact = scene.average(market, notional, size) * of.price_unit * 10**decimals
    return from_units(floor(exact + Fraction(1, 2)), decimals)


def slippage(scene: Scene, market: int, side: Side, notional: int, size: int) -> float | None:
    """Of an average price from the middle of the book, a share; positive is worse."""
    middle = scene.middle(market)
    if not size or not middle:
        return None
    share = float(scene.average(market, notional, size)) / middle - 1
    return share if side == Side.BUY else -share


def closing(scene: Scene, market: int, signed_size: int) -> protocol.Closing:
    """What closing a position in the book now would do."""
    side = Side.SELL if signed_size > 0 else Side.BUY
    found = eaten(scene, market, side, abs(signed_size))
    return protocol.Closing(
        average_text(scene, market, found.notional, found.filled),
        scene.price_text(market, found.worst) if found.filled else None,
        slippage(scene, market, side, found.notional, found.filled),
        scene.size_text(market, abs(signed_size) - found.filled),
    )


# -- what was traded -----------------------------------------------------------------------------


def trades(scene: Scene, market: int) -> protocol.Trades:
    found = scene.history.trades(market, SHOWN_TRADES)
    shown = tuple(_trade(scene, each) for each in found)
    return protocol.Trades(scene.instruments[market].name, shown)


def _trade(scene: Scene, fill: Fill) -> protocol.Trade:
    return protocol.Trade(
        fill.trade_id,
        fill.time_ms,
        SIDES[fill.side],
        scene.price_text(fill.market, fill.price),
        scene.size_text(fill.market, fill.size),
        fill.origin,
    )


def candles(
    scene: Scene, market: int, interval: protocol.Interval, since_ms: int | None
) -> protocol.Candles:
    """``since_ms``: of the oldest candle that may have changed; None for all there are to show."""
    interval_ms, now = protocol.INTERVALS[interval], scene.now_ms()
    start = now - SHOWN_CANDLES * interval_ms if since_ms is None else since_ms
    found = scene.history.candles(market, interval_ms, start, now, SHOWN_CANDLES + 1)
    name = scene.instruments[market].name
    return protocol.Candles(
        name,
        interval,
        since_ms is None,
        tuple(
            protocol.CandlePart(
                each.opened_ms,
                scene.price_number(market, each.open),
                scene.price_number(market, each.high),
                scene.price_number(market, each.low),
                scene.price_number(market, each.close),
                scene.size_number(market, each.volume),
            )
            for each in found
        ),
    )
