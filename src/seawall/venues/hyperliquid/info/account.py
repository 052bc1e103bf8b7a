"""An account as clients see it: margin summary, positions, spot balance, what it may trade."""

from typing import Any, NamedTuple

from seawall.domain.enums import MarginMode, MarketMargin
from seawall.domain.events import CROSS_POOL
from seawall.domain.instrument import MarginTier
from seawall.engine.account_view import Margins, account_margins
from seawall.engine.formulas.continuous.liquidation_price import (
    BucketPosition,
    liquidation_price,
    maintenance_tiers,
)
from seawall.engine.market_view import account_free_margin
from seawall.venues.hyperliquid.account.explain import decimal_text as rounded_text
from seawall.venues.hyperliquid.info.base import (
    BadRequest,
    DeskView,
    Request,
    check_dex,
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

USDC = "USDC"


class Holding(NamedTuple):
    """One open position: its row in the machine, its margins, its mark in price units."""

    row: int
    market: int
    signed_size: int
    entry_notional: int
    isolated_cash: int
    leverage: int
    schedule: int
    mode: int
    mark: int
    margins: Margins

    @property
    def value(self) -> int:
        """Signed notional at mark, micro-USD."""
        return self.signed_size * self.mark

    @property
    def is_cross(self) -> bool:
        return self.mode == MarginMode.CROSS


def position_row(venue: DeskView, account: int, market: int) -> int:
    """The row of an account's position in a market, open or not; -1 where it never was."""
    positions = venue.tables["positions"]
    row = int(venue.tables["accounts"]["first_position"][account])
    while row >= 0 and int(positions["market"][row]) != market:
        row = int(positions["next_of_account"][row])
    return row


def holdings(venue: DeskView, account: int, margins: dict[int, Margins]) -> list[Holding]:
    """The open positions of an account, by market."""
    positions, marks = venue.tables["positions"], venue.tables["markets"]["mark_price"]
    found = []
    row = int(venue.tables["accounts"]["first_position"][account])
    while row >= 0:
        held = positions[row]
        size = int(held["signed_size"])
        if size:
            market = int(held["market"])
            found.append(
                Holding(
                    row=row,
                    market=market,
                    signed_size=size,
                    entry_notional=int(held["entry_notional"]),
                    isolated_cash=int(held["isolated_cash"]),
                    leverage=int(held["leverage"]),
                    schedule=int(held["schedule"]),
                    mode=int(held["mode"]),
                    mark=int(marks[market]),
                    margins=margins[market],
                )
            )
        row = int(held["next_of_account"])
    return sorted(found, key=lambda holding: holding.market)


def _tiers(venue: DeskView, schedule: int) -> tuple[MarginTier, ...]:
    return tuple(venue.engine.schedules[schedule])


def _liquidation_text(venue: DeskView, held: Holding, pool: Margins) -> str | None:
    """As ``seawall explain`` computes it from the message."""
    own = held.margins
    decimals = venue.instruments[held.market].price_decimals
    bucket = BucketPosition(
        signed_size=held.signed_size,
        notional=abs(held.value),
        equity=pool.equity if held.is_cross else own.equity,
        others_maintenance=pool.maintenance_margin - own.maintenance_margin if held.is_cross else 0,
        tiers=maintenance_tiers(_tiers(venue, held.schedule)),
        price_decimals=decimals,
    )
    if not bucket.notional:
        return None
    price = liquidation_price(bucket)
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
        "maxLeverage": _tiers(venue, held.schedule)[0].maximum_leverage,
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


def account_state(venue: DeskView, address: str) -> dict[str, Any]:
    """The ``clearinghouseState`` of an address; empty for an unknown one."""
    account = venue.row_of(address)
    if account < 0:
        return _empty_state(venue)
    margins = account_margins(venue.engine, account)
    pool = margins[CROSS_POOL]
    cash = int(venue.tables["accounts"]["cash"][account])
    held = holdings(venue, account, margins)
    isolated = [holding for holding in held if not holding.is_cross]
    notional = sum(abs(holding.value) for holding in held)
    buckets = sum(holding.margins.equity for holding in isolated)
    bucket_cash = sum(holding.isolated_cash for holding in isolated)
    cross_notional = notional - sum(abs(holding.value) for holding in isolated)
    return {
        "marginSummary": _summary(
            pool.equity + buckets, notional, cash + bucket_cash, pool.initial_margin + buckets
        ),
        "crossMarginSummary": _summary(pool.equity, cross_notional, cash, pool.initial_margin),
        "crossMaintenanceMarginUsed": figure_text(pool.maintenance_margin),
        "withdrawable": figure_text(pool.free),
        "assetPositions": [
            {"type": "oneWay", "position": _position(venue, holding, pool)} for holding in held
        ],
        "time": venue.now_ms(),
    }


def account_value(venue: DeskView, address: str) -> int:
    """Equity of the pool and of every bucket, micro-USD; 0 for an unknown address."""
    account = venue.row_of(address)
    if account < 0:
        return 0
    margins = account_margins(venue.engine, account)
    return sum(row.equity for row in margins.values())


def spot_state(venue: DeskView, address: str) -> dict[str, Any]:
    """The ``spotClearinghouseState`` of an address: its USDC, if it ever had any."""
    if venue.directory.spot_row_of(address) < 0:
        return {"balances": []}
    total = venue.directory.spot_balance(venue.engine, address)
    balance = {
        "coin": USDC,
        "token": 0,
        "total": money_text(total),
        "hold": money_text(0),
        "entryNtl": money_text(0),
    }
    return {"balances": [balance]}


def _default_mode(venue: DeskView, market: int) -> tuple[int, int]:
    """(mode, leverage) of a market that the account never touched."""
    instrument = venue.instruments[market]
    most = int(venue.tables["rules"]["default_leverage"][0])
    any_mode = instrument.margin == MarketMargin.ANY_MODE
    mode = MarginMode.CROSS if any_mode else MarginMode.ISOLATED
    return int(mode), min(most, instrument.maximum_leverage)


def active_asset(venue: DeskView, address: str, market: int) -> dict[str, Any]:
    """Leverage of an address in a market, and how much it could buy and sell there now."""
    account = venue.row_of(address)
    mode, leverage = _default_mode(venue, market)
    free, credit, size, bucket_cash = 0, 0, 0, 0
    if account >= 0:
        free = max(0, account_free_margin(venue.engine, account))
        row = position_row(venue, account, market)
        if row >= 0:
            held = venue.tables["positions"][row]
            mode, leverage = int(held["mode"]), int(held["leverage"])
            size, bucket_cash = int(held["signed_size"]), int(held["isolated_cash"])
        if size:
            own = account_margins(venue.engine, account)[market]
            is_cross = mode == MarginMode.CROSS
            credit = 2 * own.initial_margin if is_cross else own.initial_margin + own.equity
    # The closing side frees the position's margin, which then also carries the other way.
    amounts = [free + max(0, credit) * (size < 0), free + max(0, credit) * (size > 0)]
    mark = int(venue.tables["markets"]["mark_price"][market])
    decimals = venue.size_decimals(market)
    shown: dict[str, Any] = {"type": "cross", "value": leverage}
    if mode == MarginMode.ISOLATED:
        shown = {"type": "isolated", "value": leverage, "rawUsd": figure_text(bucket_cash)}
    sizes = [amount * leverage // mark if mark > 0 else 0 for amount in amounts]
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
    check_dex(request)
    return account_state(venue, user_of(request))


def spot_clearinghouse_state(venue: DeskView, request: Request) -> dict[str, Any]:
    return spot_state(venue, user_of(request))


def active_asset_data(venue: DeskView, request: Request) -> dict[str, Any]:
    market = venue.market_of.get(text_of(request, "coin"))
    if market is None:
        raise BadRequest("coin is unknown")
    return active_asset(venue, user_of(request), market)
