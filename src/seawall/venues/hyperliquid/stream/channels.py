"""What can be subscribed to, and what each subscription shows of the venue's state.

A **topic** is one subscription as it means the same to all clients: its type, coin, user and so on.
A state topic is shown again when it may have changed, not too often; an event topic carries what
happened, from ``stream.news``. Data is JSON-ready.
"""

import base64
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from seawall.domain.units import DAY_MS
from seawall.venues.hyperliquid.info import (
    account,
    history,
    ledger,
    market,
    misc,
    orders,
    spot,
    trades,
)
from seawall.venues.hyperliquid.info.base import (
    BadRequest,
    DeskView,
    Request,
    dex_of,
    flag_of,
    text_of,
    user_of,
)


class Topic(NamedTuple):
    """What a subscription asks for, in one spelling. ``market`` -1 and ``user`` "": not part of
    it. ``interval`` of candles; ``dex`` of lists and accounts; ``figures``, ``mantissa`` and
    ``fast`` of books."""

    kind: str
    market: int = -1
    user: str = ""
    interval: str = ""
    dex: str = ""
    figures: int = 0
    mantissa: int = 1
    fast: bool = False
    aggregate: bool = False


Show = Callable[[DeskView, Topic], Any]


class Channel(Struct, frozen=True, kw_only=True):
    """``name`` of its messages. ``of``: the fields a subscription needs. ``first``: what is sent
    at once, None for nothing. ``state``: whether ``first`` is also what is sent later; then
    ``pace`` names how often, and ``on_trades`` limits it to changes by trades."""

    name: str
    of: str = ""
    first: Show | None = None
    state: bool = False
    pace: str = "state"
    on_trades: bool = False


FAST_LEVELS = 5
MOST_CANDLES = 100
"""Sent at once, when the clock advanced far."""
_CANDLE_DAYS = 2


def _mids(venue: DeskView, topic: Topic) -> Any:
    mids = {"mids": market.dex_mids(venue, topic.dex)}
    return {"dex": topic.dex, **mids} if topic.dex else mids


def _book(venue: DeskView, topic: Topic) -> Any:
    depth = FAST_LEVELS if topic.fast else market.BOOK_LEVELS
    shown = market.book(venue, topic.market, topic.figures, topic.mantissa, depth)
    return {**shown, "fast": True} if topic.fast else shown


def _best(venue: DeskView, topic: Topic) -> Any:
    return market.best_bid_and_ask(venue, topic.market)


def _recent_trades(venue: DeskView, topic: Topic) -> Any:
    request = {"coin": venue.coin(topic.market)}
    return trades.recent_trades(venue, request) or None


def candles_since(venue: DeskView, topic: Topic, since: int | None) -> list[dict[str, Any]]:
    """The latest candles, from the one that opened at ``since`` on; without it the last one."""
    now = venue.now_ms()
    length = trades.INTERVALS[topic.interval] or 31 * DAY_MS
    start = max(0, now - length - _CANDLE_DAYS * DAY_MS) if since is None else since
    rows = trades.candles(venue, topic.market, topic.interval, start, now)
    rows = rows[-1:] if since is None else rows[-MOST_CANDLES:]
    return [trades.candle(venue, topic.market, topic.interval, row) for row in rows]


def _candle(venue: DeskView, topic: Topic) -> Any:
    """The latest candle; None where there was no trade for long."""
    rows = candles_since(venue, topic, None)
    return rows[0] if rows else None


def _context(venue: DeskView, topic: Topic) -> Any:
    context = market.asset_context(venue, topic.market)
    return {"coin": venue.coin(topic.market), "ctx": context}


def _all_contexts(venue: DeskView, topic: Topic) -> Any:
    return {"dex": topic.dex, "ctxs": market.asset_contexts(venue, topic.dex)}


def _contexts_of_dexs(venue: DeskView, topic: Topic) -> Any:
    return {"ctxs": [[dex, market.asset_contexts(venue, dex)] for dex in venue.assets.dexes]}


def _fast_contexts(venue: DeskView, topic: Topic) -> Any:
    """Prices alone, as base64 of raw deflate."""
    prices = {}
    for row, instrument in enumerate(venue.instruments):
        context = market.asset_context(venue, row)
        prices[instrument.name] = {"markPx": context["markPx"], "midPx": context["midPx"]}
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    packed = packer.compress(msgspec.json.encode(prices)) + packer.flush()
    return base64.b64encode(packed).decode()


def _spot_contexts(venue: DeskView, topic: Topic) -> Any:
    return spot.spot_contexts()


def _active_asset(venue: DeskView, topic: Topic) -> Any:
    return account.active_asset(venue, topic.user, topic.market)


def _account(venue: DeskView, topic: Topic) -> Any:
    state = account.account_state(venue, topic.user, topic.dex)
    return {"dex": topic.dex, "user": topic.user, "clearinghouseState": state}


def _account_of_dexs(venue: DeskView, topic: Topic) -> Any:
    return {
        "user": topic.user,
        "clearinghouseStates": account.states_by_dex(venue, topic.user),
    }


def _open_orders(venue: DeskView, topic: Topic) -> Any:
    shown = orders.frontend_orders(venue, topic.user, topic.dex)
    return {"dex": topic.dex, "user": topic.user, "orders": shown}


def _twap_states(venue: DeskView, topic: Topic) -> Any:
    states = history.running_twaps(venue, topic.user, topic.dex)
    return {"dex": topic.dex, "user": topic.user, "states": states}


def _spot_state(venue: DeskView, topic: Topic) -> Any:
    return {"user": topic.user, "spotState": account.spot_state(venue, topic.user)}


def _web_data_2(venue: DeskView, topic: Topic) -> Any:
    return misc.web_data(venue, topic.user)


def _web_data_3(venue: DeskView, topic: Topic) -> Any:
    return misc.web_data_3(venue, topic.user)


def _snapshot(topic: Topic, field: str, rows: list[Any]) -> dict[str, Any]:
    return {"user": topic.user, field: rows, "isSnapshot": True}


def _fills(venue: DeskView, topic: Topic) -> Any:
    rows = history.latest_fills(venue, topic.user, topic.aggregate)
    return _snapshot(topic, "fills", rows)


def _fundings(venue: DeskView, topic: Topic) -> Any:
    row = venue.row_of(topic.user)
    paid = venue.history.funding(row)[::-1] if row >= 0 else []
    rows = [history.funding_event(venue, record) for record in paid]
    return _snapshot(topic, "fundings", rows)


def _ledger(venue: DeskView, topic: Topic) -> Any:
    rows = ledger.ledger_of(venue, topic.user)[-ledger.MOST_UPDATES :]
    return _snapshot(topic, "nonFundingLedgerUpdates", rows)


def _slice_fills(venue: DeskView, topic: Topic) -> Any:
    rows = history.latest_slice_fills(venue, topic.user)
    return _snapshot(topic, "twapSliceFills", rows)


def _twap_history(venue: DeskView, topic: Topic) -> Any:
    return _snapshot(topic, "history", history.twap_entries(venue, topic.user))


def _order_history(venue: DeskView, topic: Topic) -> Any:
    rows = orders.order_history(venue, topic.user)
    return _snapshot(topic, "orderHistory", rows)


CHANNELS: dict[str, Channel] = {
    "allMids": Channel(name="allMids", first=_mids, state=True, pace="book"),
    "l2Book": Channel(name="l2Book", of="coin", first=_book, state=True, pace="book"),
    "bbo": Channel(name="bbo", of="coin", first=_best, state=True, pace="now"),
    "trades": Channel(name="trades", of="coin", first=_recent_trades),
    "candle": Channel(
        name="candle", of="coin interval", first=_candle, state=True, pace="book", on_trades=True
    ),
    "activeAssetCtx": Channel(name="activeAssetCtx", of="coin", first=_context, state=True),
    "assetCtxs": Channel(name="assetCtxs", first=_all_contexts, state=True),
    "allDexsAssetCtxs": Channel(name="allDexsAssetCtxs", first=_contexts_of_dexs, state=True),
    "fastAssetCtxs": Channel(name="fastAssetCtxs", first=_fast_contexts, state=True),
    "spotAssetCtxs": Channel(name="spotAssetCtxs", first=_spot_contexts, state=True),
    "activeAssetData": Channel(
        name="activeAssetData", of="coin user", first=_active_asset, state=True
    ),
    "clearinghouseState": Channel(name="clearinghouseState", of="user", first=_account, state=True),
    "allDexsClearinghouseState": Channel(
        name="allDexsClearinghouseState", of="user", first=_account_of_dexs, state=True
    ),
    "openOrders": Channel(
        name="openOrders", of="user", first=_open_orders, state=True, pace="book"
    ),
    "twapStates": Channel(name="twapStates", of="user", first=_twap_states, state=True),
    "spotState": Channel(name="spotState", of="user", first=_spot_state, state=True),
    "webData2": Channel(name="webData2", of="user", first=_web_data_2, state=True),
    "webData3": Channel(name="webData3", of="user", first=_web_data_3, state=True),
    "userEvents": Channel(name="user", of="user"),
    "userFills": Channel(name="userFills", of="user", first=_fills),
    "orderUpdates": Channel(name="orderUpdates", of="user"),
    "userFundings": Channel(name="userFundings", of="user", first=_fundings),
    "userNonFundingLedgerUpdates": Channel(
        name="userNonFundingLedgerUpdates", of="user", first=_ledger
    ),
    "userTwapSliceFills": Channel(name="userTwapSliceFills", of="user", first=_slice_fills),
    "userTwapHistory": Channel(name="userTwapHistory", of="user", first=_twap_history),
    "userHistoricalOrders": Channel(name="userHistoricalOrders", of="user", first=_order_history),
    "notification": Channel(name="notification", of="user"),
    "outcomeMetaUpdates": Channel(name="outcomeMetaUpdates"),
}
"""Every subscription on offer."""

SILENT = ("notification", "outcomeMetaUpdates")
"""Subscriptions that are accepted and never send anything in a sandbox."""


def topic_of(venue: DeskView, subscription: Request) -> Topic:
    """What a subscription asks for. Raises BadRequest."""
    kind = text_of(subscription, "type")
    channel = CHANNELS.get(kind)
    if channel is None:
        raise BadRequest("type is unknown")
    fields: dict[str, Any] = {"kind": kind, "dex": dex_of(venue, subscription)}
    wanted = channel.of.split()
    if "coin" in wanted:
        row = venue.market_of.get(text_of(subscription, "coin"))
        if row is None:
            raise BadRequest("coin is unknown")
        fields["market"] = row
    if "user" in wanted:
        fields["user"] = user_of(subscription)
    if "interval" in wanted:
        fields["interval"] = text_of(subscription, "interval")
        if fields["interval"] not in trades.INTERVALS:
            raise BadRequest("interval is unknown")
    if kind == "l2Book":
        fields["figures"], fields["mantissa"] = market.grouping_of(subscription)
        fields["fast"] = flag_of(subscription, "fast")
    if kind == "userFills":
        fields["aggregate"] = flag_of(subscription, "aggregateByTime")
    return Topic(**fields)


def message(channel: str, data: Any) -> bytes:
    return msgspec.json.encode({"channel": channel, "data": data})


_TIMES = frozenset({"time", "serverTime"})


def without_times(data: Any) -> Any:
    """What of a state decides whether it is news."""
    if isinstance(data, dict):
        return {name: without_times(value) for name, value in data.items() if name not in _TIMES}
    if isinstance(data, list):
        return [without_times(value) for value in data]
    return data
