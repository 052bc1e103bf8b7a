"""Positions with their past: opened, grown, closed, as the fills of an account tell it."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from msgspec import Struct

from seawall.domain.enums import Side
from seawall.domain.units import MICRO
from seawall.venues.dydx.directory.directory import Subaccount
from seawall.venues.dydx.indexer.ids import text_id
from seawall.venues.dydx.indexer.view import View, decimal
from seawall.venues.dydx.pairs import Pair
from seawall.venues.dydx.wire.moments import iso
from seawall.venues.port import Fill

MOST_FILLS = 20_000
OPEN, CLOSED, LIQUIDATED = "OPEN", "CLOSED", "LIQUIDATED"


class PastPosition(Struct):
    """One position from its first fill on. Sizes in coins, prices USD."""

    pair: Pair
    is_long: bool
    opened_ms: int
    closed_ms: int = 0
    size: Fraction = Fraction(0)
    largest: Fraction = Fraction(0)
    opened: Fraction = Fraction(0)
    closed: Fraction = Fraction(0)
    paid: Fraction = Fraction(0)
    received: Fraction = Fraction(0)
    is_liquidated: bool = False

    @property
    def entry(self) -> Fraction:
        return self.paid / self.opened if self.opened else Fraction(0)

    @property
    def exit(self) -> Fraction | None:
        return self.received / self.closed if self.closed else None

    @property
    def profit(self) -> Fraction:
        """Of what was closed, USD, without funding."""
        sign = 1 if self.is_long else -1
        return sign * (self.received - self.entry * self.closed)

    def grow(self, coins: Fraction, price: Fraction) -> None:
        self.size += coins
        self.opened += coins
        self.paid += coins * price
        self.largest = max(self.largest, self.size)

    def shrink(self, coins: Fraction, price: Fraction) -> None:
        self.size -= coins
        self.closed += coins
        self.received += coins * price


def past_positions(view: View, row: int) -> list[PastPosition]:
    """Every position that the fills of an account tell of, newest first."""
    fills = view.history.fills(row, limit=MOST_FILLS)
    open_: dict[int, PastPosition] = {}
    found: list[PastPosition] = []
    for fill in reversed(fills):
        pair = view.pairs.by_row[fill.market]
        _take(view, pair, fill, open_, found)
    return found[::-1]


def _take(
    view: View, pair: Pair, fill: Fill, open_: dict[int, PastPosition], found: list[PastPosition]
) -> None:
    """One fill: it closes what it can of the position, and the rest opens or grows one."""
    price = view.fill_price(fill)
    buys = fill.side == Side.BUY
    sign = 1 if buys else -1
    closing = min(abs(fill.position_before), fill.size) if fill.position_before * sign < 0 else 0
    position = open_.get(fill.market)
    if closing and position is not None:
        position.shrink(view.coins(pair, closing), price)
        if closing == abs(fill.position_before):
            position.closed_ms = fill.time_ms
            position.is_liquidated = fill.origin == "liquidation" and fill.is_taker
            del open_[fill.market]
    growing = fill.size - closing
    if growing:
        position = open_.get(fill.market)
        if position is None:
            position = open_[fill.market] = PastPosition(pair, buys, fill.time_ms)
            found.append(position)
        position.grow(view.coins(pair, growing), price)


def position_object(view: View, account: Subaccount, position: PastPosition) -> dict[str, Any]:
    """A position as the indexer shows it."""
    closed_ms = position.closed_ms
    funding = Fraction(
        sum(
            each.amount
            for each in view.history.funding(
                account.row, position.opened_ms, closed_ms or 2**62, MOST_FILLS
            )
            if each.market == position.pair.row
        ),
        MICRO,
    )
    sign = 1 if position.is_long else -1
    unrealized = sign * position.size * (view.oracle(position.pair) - position.entry)
    status = OPEN if not closed_ms else LIQUIDATED if position.is_liquidated else CLOSED
    left = position.exit
    return {
        "market": position.pair.ticker,
        "status": status,
        "side": "LONG" if position.is_long else "SHORT",
        "size": decimal(sign * position.size),
        "maxSize": decimal(sign * position.largest),
        "entryPrice": decimal(position.entry),
        "exitPrice": None if left is None else decimal(left),
        "realizedPnl": decimal(position.profit + funding),
        "unrealizedPnl": decimal(unrealized if not closed_ms else Fraction(0)),
        "createdAt": iso(position.opened_ms),
        "createdAtHeight": view.height_at(position.opened_ms),
        "closedAt": iso(closed_ms) if closed_ms else None,
        "sumOpen": decimal(position.opened),
        "sumClose": decimal(position.closed),
        "netFunding": decimal(funding),
        "subaccountNumber": account.number,
    }


def positions_of(view: View, account: Subaccount) -> list[dict[str, Any]]:
    """Every position of a subaccount, newest first."""
    return [position_object(view, account, each) for each in past_positions(view, account.row)]


def open_positions(view: View, account: Subaccount) -> dict[str, Any]:
    """The open positions of a subaccount, by ticker."""
    if not view.held(account.row):
        return {}
    return {each["market"]: each for each in positions_of(view, account) if each["status"] == OPEN}


def position_news(view: View, account: Subaccount, markets: Sequence[int]) -> list[dict[str, Any]]:
    """The newest position of each of these market rows, as a stream shows it."""
    found = []
    for each in past_positions(view, account.row):
        if each.pair.row in markets:
            markets = [row for row in markets if row != each.pair.row]
            shown = position_object(view, account, each)
            del shown["createdAt"], shown["createdAtHeight"], shown["closedAt"]
            key = text_id(account.address, account.number, each.pair.number, each.opened_ms)
            found.append({"address": account.address, "positionId": key, **shown})
    return found
