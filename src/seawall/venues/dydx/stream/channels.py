"""The channels of the indexer's socket: their versions, ids and first contents."""

from typing import Any, NamedTuple

from seawall.venues.dydx.directory.directory import CHILDREN
from seawall.venues.dydx.indexer.markets import (
    RESOLUTIONS,
    book_object,
    candle_object,
    market_objects,
)
from seawall.venues.dydx.indexer.money import trade_object
from seawall.venues.dydx.indexer.orders import LIVE, shown_orders
from seawall.venues.dydx.indexer.subaccounts import parent_object, subaccount_object
from seawall.venues.dydx.indexer.view import NotFound, View
from seawall.venues.dydx.wire.bech32 import is_address
from seawall.venues.dydx.wire.moments import iso
from seawall.venues.dydx.wire.order_message import HIGHEST_SUBACCOUNT
from seawall.venues.numbers import printed_number

BOOK, TRADES, MARKETS, CANDLES = "v4_orderbook", "v4_trades", "v4_markets", "v4_candles"
SUBACCOUNTS, PARENTS = "v4_subaccounts", "v4_parent_subaccounts"
HEIGHT = "v4_block_height"
VERSIONS = {
    BOOK: "1.0.0", TRADES: "2.1.0", MARKETS: "1.0.0", CANDLES: "1.0.0", SUBACCOUNTS: "3.0.0",
    PARENTS: "3.0.0", HEIGHT: "1.0.0",
}  # fmt: skip
FIRST_TRADES, FIRST_CANDLES = 250, 100


class Topic(NamedTuple):
    """What a client subscribes to. ``name``: empty for channels without an id."""

    channel: str
    name: str


def is_known(view: View, topic: Topic) -> bool:
    """Whether an id is one of its channel."""
    channel, name = topic
    if channel in (MARKETS, HEIGHT):
        return True
    if channel in (BOOK, TRADES):
        return name in view.pairs.by_ticker
    first, _, second = name.partition("/")
    if channel == CANDLES:
        return first in view.pairs.by_ticker and second in RESOLUTIONS
    most = HIGHEST_SUBACCOUNT if channel == SUBACCOUNTS else CHILDREN - 1
    return is_address(first) and printed_number(second, most) >= 0


def first_contents(view: View, topic: Topic) -> Any:
    """What a subscription begins with."""
    channel, name = topic
    if channel == MARKETS:
        return market_objects(view)
    if channel == HEIGHT:
        return {"height": str(view.node.height), "time": iso(view.node.block_ms)}
    if channel == BOOK:
        return book_object(view, view.pair_of(name))
    if channel == TRADES:
        found = view.history.trades(view.pair_of(name).row, FIRST_TRADES)
        return {"trades": [trade_object(view, fill) for fill in found]}
    if channel == CANDLES:
        return _first_candles(view, name)
    try:
        return _first_account(view, topic)
    except NotFound:
        return {}


def _first_candles(view: View, name: str) -> Any:
    ticker, _, resolution = name.partition("/")
    pair = view.pair_of(ticker)
    now = view.desk.now_ms()
    found = view.history.candles(pair.row, RESOLUTIONS[resolution], 0, now, FIRST_CANDLES)
    return {"candles": [candle_object(view, pair, resolution, each) for each in reversed(found)]}


def _first_account(view: View, topic: Topic) -> Any:
    address, _, text = topic.name.partition("/")
    number = int(text)
    if topic.channel == PARENTS:
        subaccount = parent_object(view, address, number)
        accounts = view.children(address, number)
    else:
        accounts = [view.subaccount(address, number)]
        subaccount = subaccount_object(view, accounts[0])
    wanted = (*LIVE, "BEST_EFFORT_CANCELED")
    orders = [
        each for own in accounts for each in shown_orders(view, own) if each["status"] in wanted
    ]
    return {
        "subaccount": subaccount,
        "orders": [each for each in orders if each["type"] != "TWAP"],
        "blockHeight": str(view.node.height),
    }
