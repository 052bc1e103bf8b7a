"""An account as clients see it: margin summary, positions, spot balance, what it may trade."""

from typing import Any

from seawall.domain.enums import MarginMode
from seawall.domain.events import CROSS_POOL, pool_of_group
from seawall.engine.account_view import Margins, account_margins
from seawall.engine.holding_view import (
    Holding,
    bucket_position,
    default_room,
    holdings,
    order_hold,
    trading_room,
)
from seawall.engine.market_view import account_free_margin
from seawall.venues.hyperliquid.account.explain import decimal_text as rounded_text
from seawall.venues.hyperliquid.account.rules import USDC
from seawall.venues.hyperliquid.directory.pools import cash_of, dex_group, shares_margin
from seawall.venues.hyperliquid.info.base import (
    BadRequest,
    DeskView,
    Request,
    dex_of,
    text_of,
    user_of,
)
from seawall.venues.hyperliquid.wire.values import (
    entry_price_text,
    figure_text,
    money_text,
    price_text,
    ratio_text,
    size_text,
)


def _liquidation_text(venue: DeskView, held: Holding, pool: Margins) -> str | None:
    """As ``seawall explain`` computes it from the message."""
    bucket = bucket_position(venue.engine, held, pool, venue.now_ms())
    if bucket is None:
        return None
    price, decimals = bucket.liquidation(), venue.instruments[held.market].price_decimals
    return None if price is None else rounded_text(price, decimals)


def _leverage(held: Holding) -> dict[str, Any]:
    if held.is_cross:
        return {"type": "cross", "value": held.leverage}
    return {"type": "isolated", "value": held.leverage, "rawUsd": figure_text(held.isolated_cash)}


def _position(venue: DeskView, held: Holding, pool: Margins) -> dict[str, Any]:
    decimals = venue.size_decimals(held.market)
    profit = held.value - held.entry_notional
    history = venue.tables["position_histories"][held.row]
    funding = {
        name: money_text(int(history[column]))
        for name, column in (
            ("allTime", "funding_all_time"),
            ("sinceOpen", "funding_since_open"),
            ("sinceChange", "funding_since_change"),
        )
    }
    at_entry = abs(held.entry_notional)
    used = held.margins.initial_margin if held.is_cross else held.margins.equity
    return {
        "coin": venue.coin(held.market),
        "szi": size_text(held.signed_size, decimals),
        "leverage": _leverage(held),
        "entryPx": entry_price_text(held.entry_notional, held.signed_size, decimals),
        "positionValue": figure_text(abs(held.value)),
        "unrealizedPnl": figure_text(profit),
        "returnOnEquity": ratio_text(profit * held.leverage / at_entry if at_entry else 0.0),
        "liquidationPx": _liquidation_text(venue, held, pool),
        "marginUsed": figure_text(used),
        "maxLeverage": venue.engine.schedules[held.schedule][0].maximum_leverage,
        "cumFunding": funding,
    }


def _summary(value: int, notional: int, cash: int, used: int) -> dict[str, str]:
    return {
        "accountValue": figure_text(value),
        "totalNtlPos": figure_text(notional),
        "totalRawUsd": figure_text(cash),
        "totalMarginUsed": figure_text(used),
    }


def _empty_state(venue: DeskView) -> dict[str, Any]:
    return {
        "marginSummary": _summary(0, 0, 0, 0),
        "crossMarginSummary": _summary(0, 0, 0, 0),
        "crossMaintenanceMarginUsed": figure_text(0),
        "withdrawable": figure_text(0),
        "assetPositions": [],
        "time": venue.now_ms(),
    }


def _holds(venue: DeskView, account: int, dex: str, margins: dict[int, Margins]) -> int:
    """Micro-USD that resting orders of a dex hold."""
    positions, found = venue.tables["positions"], 0
    row = int(venue.tables["accounts"]["first_position"][account])
    while row >= 0:
        held = positions[row]
        market = int(held["market"])
        if venue.dex_of(market) == dex:
            found += order_hold(held, margins.get(market))
        row = int(held["next_of_account"])
    return found


def account_state(venue: DeskView, address: str, dex: str = "") -> dict[str, Any]:
    """The ``clearinghouseState`` of an address on a dex; empty for an unknown address.

    Of a unified account the summaries show what positions and orders of the dex need: its money
    is in ``spot_state``.
    """
    account = venue.row_of(address)
    if account < 0:
        return _empty_state(venue)
    margins = account_margins(venue.engine, account)
    shares = shares_margin(venue.engine, account)
    group = 0 if shares else dex_group(venue.engine, dex)
    pool = margins[pool_of_group(group)]
    found = holdings(venue.engine, account, margins)
    held = [each for each in found if venue.dex_of(each.market) == dex]
    cross = [each for each in held if each.is_cross]
    isolated = [each for each in held if not each.is_cross]
    initial = sum(each.margins.initial_margin for each in cross)
    maintenance = sum(each.margins.maintenance_margin for each in cross)
    equity, cash, free = pool.equity, cash_of(venue.engine, account, group), pool.free
    if shares:
        equity, free = initial + _holds(venue, account, dex, margins), 0
        cash = equity - sum(each.value for each in cross)
    cross_notional = sum(abs(each.value) for each in cross)
    notional = cross_notional + sum(abs(each.value) for each in isolated)
    buckets = sum(each.margins.equity for each in isolated)
    bucket_cash = sum(each.isolated_cash for each in isolated)
    return {
        "marginSummary": _summary(
            equity + buckets, notional, cash + bucket_cash, initial + buckets
        ),
        "crossMarginSummary": _summary(equity, cross_notional, cash, initial),
        "crossMaintenanceMarginUsed": figure_text(maintenance),
        "withdrawable": figure_text(free),
        "assetPositions": [
            {"type": "oneWay", "position": _position(venue, each, pool)} for each in held
        ],
        "time": venue.now_ms(),
    }


def states_by_dex(venue: DeskView, address: str) -> list[list[Any]]:
    """The account on every dex, as pairs of name and ``clearinghouseState``."""
    return [[dex, account_state(venue, address, dex)] for dex in venue.assets.dexes]


def account_value(venue: DeskView, address: str) -> int:
    """Equity of the pool and of every bucket, micro-USD; 0 for an unknown address."""
    account = venue.row_of(address)
    if account < 0:
        return 0
    margins = account_margins(venue.engine, account)
    return sum(row.equity for row in margins.values())


def spot_state(venue: DeskView, address: str) -> dict[str, Any]:
    """The ``spotClearinghouseState`` of an address: its USDC, if it ever had any.

    Of a unified account that is its whole collateral: cross equity and isolated buckets.
    """
    account = venue.row_of(address)
    if account >= 0 and shares_margin(venue.engine, account):
        return _unified_state(venue, account)
    if venue.directory.spot_row_of(address) < 0:
        return {"balances": []}
    return {"balances": [_usdc(venue.directory.spot_balance(venue.engine, address), 0)]}


def _unified_state(venue: DeskView, account: int) -> dict[str, Any]:
    margins = account_margins(venue.engine, account)
    pool = margins[CROSS_POOL]
    total = sum(row.equity for row in margins.values())
    free = max(0, account_free_margin(venue.engine, account))
    available = money_text(pool.equity - pool.maintenance_margin)
    return {
        "balances": [_usdc(total, total - free)],
        "tokenToAvailableAfterMaintenance": [[0, available]],
    }


def _usdc(total: int, hold: int) -> dict[str, Any]:
    return {
        "coin": USDC,
        "token": 0,
        "total": money_text(total),
        "hold": money_text(hold),
        "entryNtl": money_text(0),
    }


def active_asset(venue: DeskView, address: str, market: int) -> dict[str, Any]:
    """Leverage of an address in a market, and how much it could buy and sell there now."""
    account = venue.row_of(address)
    room = default_room(venue.engine, market)
    if account >= 0:
        margins = account_margins(venue.engine, account)
        room = trading_room(venue.engine, account, market, margins)
    mark = int(venue.tables["markets"]["mark_price"][market])
    decimals = venue.size_decimals(market)
    shown: dict[str, Any] = {"type": "cross", "value": room.leverage}
    if room.mode == MarginMode.ISOLATED:
        shown = {"type": "isolated", "value": room.leverage}
        shown["rawUsd"] = figure_text(room.isolated_cash)
    amounts = [room.to_buy, room.to_sell]
    sizes = [amount * room.leverage // mark if mark > 0 else 0 for amount in amounts]
    return {
        "user": address,
        "coin": venue.coin(market),
        "leverage": shown,
        "maxTradeSzs": [size_text(most, decimals) for most in sizes],
        "availableToTrade": [figure_text(amount) for amount in amounts],
        "markPx": price_text(mark, decimals),
    }


# -- requests ------------------------------------------------------------------------------------


def clearinghouse_state(venue: DeskView, request: Request) -> dict[str, Any]:
    return account_state(venue, user_of(request), dex_of(venue, request))


def all_clearinghouse_states(venue: DeskView, request: Request) -> dict[str, Any]:
    address = user_of(request)
    return {"user": address, "clearinghouseStates": states_by_dex(venue, address)}


def spot_clearinghouse_state(venue: DeskView, request: Request) -> dict[str, Any]:
    return spot_state(venue, user_of(request))


def active_asset_data(venue: DeskView, request: Request) -> dict[str, Any]:
    market = venue.market_of.get(text_of(request, "coin"))
    if market is None:
        raise BadRequest("coin is unknown")
    return active_asset(venue, user_of(request), market)
