"""What a subaccount was worth at each full hour, from what the history keeps.

It is reckoned back from now, where cash and positions are known exactly: what fills, transfers and
funding payments brought since a moment is taken off again. A past position is valued at the last
trade before the moment, as past oracle prices are not kept; funding counts when it was settled.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any

from msgspec import Struct, structs

from seawall.domain.enums import Side
from seawall.domain.units import DAY_MS, MICRO
from seawall.venues.dydx.directory.directory import Subaccount
from seawall.venues.dydx.indexer.view import View, decimal
from seawall.venues.dydx.wire.moments import iso

HOUR_MS = 3_600_000
MOST_EVENTS = 1_000_000
MOST_HOURS = 10_000
"""The newest that are shown."""
_TRANSFERS = ("deposit", "withdraw", "transfer_in", "transfer_out")


class Moment(Struct, frozen=True):
    """Worth at a full hour, USD. ``transfers``: all that came less all that went until then;
    ``transfers_before``: the same at the full hour before."""

    time_ms: int
    equity: Fraction
    transfers: Fraction
    transfers_before: Fraction = Fraction(0)

    @property
    def profit(self) -> Fraction:
        return self.equity - self.transfers


class _Change(Struct, frozen=True):
    """What one event brought. ``size``: signed coins of the market; ``cash``: micro-USD."""

    time_ms: int
    cash: int
    market: int = -1
    size: Fraction = Fraction(0)
    is_transfer: bool = False


def fill_cash(view: View, fill: Any) -> int:
    """Micro-USD that a fill brought its account, its fee paid."""
    if not fill.price:
        return int(fill.quote) - int(fill.fee)
    pair = view.pairs.by_row[fill.market]
    value = view.fill_price(fill) * view.coins(pair, fill.size) * MICRO // 1
    return int(value if fill.side == Side.SELL else -value) - int(fill.fee)


def _changes(view: View, row: int) -> list[_Change]:
    """Everything that changed cash or a position, newest first."""
    history = view.history
    found = []
    for fill in history.fills(row, limit=MOST_EVENTS):
        size = view.coins(view.pairs.by_row[fill.market], fill.size)
        signed = size if fill.side == Side.BUY else -size
        found.append(_Change(fill.time_ms, fill_cash(view, fill), fill.market, signed))
    found += [
        _Change(each.time_ms, each.amount, is_transfer=True)
        for each in history.ledger(row, limit=MOST_EVENTS)
        if each.kind in _TRANSFERS
    ]
    paid = history.funding(row, limit=MOST_EVENTS)
    found += [_Change(each.time_ms, each.amount) for each in paid]
    return sorted(found, key=lambda each: -each.time_ms)


def _prices(view: View, market: int) -> Callable[[int], Fraction]:
    """The price of a market at a full hour: of the last trade before it, or the oracle's now."""
    pair = view.pairs.by_row[market]
    candles = view.history.candles(market, HOUR_MS, 0, view.desk.now_ms(), MOST_HOURS)
    ends = [candle.opened_ms + HOUR_MS for candle in candles]

    def price(time_ms: int) -> Fraction:
        place = bisect_right(ends, time_ms)
        if not place:
            return view.oracle(pair)
        return candles[place - 1].close * pair.instrument.price_unit

    return price


def moments_of(view: View, account: Subaccount) -> list[Moment]:
    """A subaccount at each full hour since its beginning, newest first."""
    changes = _changes(view, account.row)
    if not changes:
        return []
    cash = Fraction(int(view.desk.engine.tables["accounts"]["cash"][account.row]), MICRO)
    sizes: defaultdict[int, Fraction] = defaultdict(Fraction)
    for pair, size, _ in view.held(account.row):
        sizes[pair.row] = view.coins(pair, size)
    transfers = Fraction(sum(each.cash for each in changes if each.is_transfer), MICRO)
    prices = {market: _prices(view, market) for market in {*sizes, *_markets(changes)}}
    first_ms = changes[-1].time_ms
    at_ms = view.node.block_ms // HOUR_MS * HOUR_MS
    found: list[Moment] = []
    place = 0
    while at_ms >= first_ms and len(found) < MOST_HOURS:
        while place < len(changes) and changes[place].time_ms > at_ms:
            change = changes[place]
            cash -= Fraction(change.cash, MICRO)
            sizes[change.market] -= change.size
            transfers -= Fraction(change.cash, MICRO) * change.is_transfer
            place += 1
        held = sum((size * prices[row](at_ms) for row, size in sizes.items() if size), Fraction(0))
        found.append(Moment(at_ms, cash + held, transfers))
        at_ms -= HOUR_MS
    return found


def _markets(changes: Sequence[_Change]) -> set[int]:
    return {each.market for each in changes if each.market >= 0}


def summed(view: View, accounts: Sequence[Subaccount]) -> list[Moment]:
    """Subaccounts together, newest first: money between them is no transfer of the whole."""
    found: dict[int, Moment] = {}
    for account in accounts:
        for each in moments_of(view, account):
            before = found.get(each.time_ms, Moment(each.time_ms, Fraction(0), Fraction(0)))
            found[each.time_ms] = Moment(
                each.time_ms, before.equity + each.equity, before.transfers + each.transfers
            )
    newest_first = [found[time_ms] for time_ms in sorted(found, reverse=True)]
    return [
        structs.replace(each, transfers_before=earlier.transfers)
        for each, earlier in pairwise(newest_first)
    ] + newest_first[-1:]


def historical_pnl(view: View, account: str, moments: Sequence[Moment]) -> list[dict[str, Any]]:
    """``account``: the subaccount's id. Transfers of a row are those of its hour."""
    return [
        {
            "id": f"{account}-{each.time_ms}",
            "subaccountId": account,
            "equity": decimal(each.equity),
            "totalPnl": decimal(each.profit),
            "netTransfers": decimal(each.transfers - each.transfers_before),
            "createdAt": iso(each.time_ms),
            "blockHeight": view.height_at(each.time_ms),
            "blockTime": iso(each.time_ms),
        }
        for each in moments
    ]


def pnl(view: View, moments: Sequence[Moment], daily: bool) -> list[dict[str, Any]]:
    """Transfers of a row are all until then. ``daily``: the rows at midnight alone."""
    return [
        {
            "equity": decimal(each.equity),
            "netTransfers": decimal(each.transfers),
            "totalPnl": decimal(each.profit),
            "createdAt": iso(each.time_ms),
            "createdAtHeight": view.height_at(each.time_ms),
        }
        for each in moments
        if not daily or each.time_ms % DAY_MS == 0
    ]
