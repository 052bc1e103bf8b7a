"""A raw ``clearinghouseState`` as a neutral structure of exact integers.

The message carries no prices and no size decimals. The mark is positionValue / |szi|; it is exact
in the market's integer price for the right number of size decimals, and any number for which both
are integers describes the same mark, so without the market's own the largest such number is taken.

What the message may lack: every account figure (an isolated position needs none), ``rawUsd`` or
``marginUsed`` of an isolated position (either gives the other), and ``maxLeverage`` when the
markets are known. What is missing and needed is an error that names the field by its path.
Positions of size zero, which the venue lists for a while, are left out and named.
"""

from collections.abc import Mapping

import msgspec
from msgspec import Struct, field

from seawall.domain.enums import MarginMode
from seawall.domain.instrument import Instrument
from seawall.domain.units import (
    MAX_NOTIONAL,
    MAX_PRICE,
    MAX_SIZE,
    MAX_TIME_MS,
    MONEY_DECIMALS,
    UnitError,
    to_units,
)
from seawall.venues.hyperliquid.account.rules import USDC
from seawall.venues.hyperliquid.instruments import MAXIMUM_LEVERAGE
from seawall.venues.numbers import exact_money, optional_money, readable, whole_number
from seawall.venues.raw_json import VenueDataError, decode


class _Leverage(Struct, rename="camel"):
    type: str
    value: int | str
    """Some clients turn every number into text."""
    raw_usd: str | None = None


class _Funding(Struct, rename="camel"):
    since_open: str | None = None


class _Position(Struct, rename="camel"):
    coin: str
    szi: str
    leverage: _Leverage
    position_value: str
    entry_px: str | int | float | None = None
    unrealized_pnl: str | None = None
    liquidation_px: str | None = None
    margin_used: str | None = None
    max_leverage: int | str | None = None
    cum_funding: _Funding | None = None


class _AssetPosition(Struct):
    position: _Position


class _Summary(Struct, rename="camel"):
    account_value: str
    total_ntl_pos: str | None = None
    total_raw_usd: str | None = None
    total_margin_used: str | None = None


class _State(Struct, rename="camel"):
    asset_positions: list[_AssetPosition]
    margin_summary: _Summary | None = None
    cross_margin_summary: _Summary | None = None
    cross_maintenance_margin_used: str | None = None
    withdrawable: str | None = None
    time: int | str | None = None


class _Shape(Struct, rename="camel"):
    asset_positions: list[msgspec.Raw]


class _CoinOnly(Struct):
    coin: str


class _CoinRow(Struct):
    position: _CoinOnly


class _Coins(Struct):
    rows: list[_CoinRow] = field(name="assetPositions")


class PositionState(Struct, frozen=True, kw_only=True):
    """One position. Sizes and the mark in the market's units, money in micro-USD."""

    path: str
    """Where it stands in the message, for errors."""
    coin: str
    dex: str = ""
    """The dex whose market it is; empty for the main one."""
    collateral: str = USDC
    """The token of its margin, profit and prices."""
    size_decimals: int
    signed_size: int
    mark_price: int
    mode: MarginMode
    leverage: int
    maximum_leverage: int
    """The account's own maximum in this market, which may differ from the market's."""
    isolated_cash: int = 0
    entry_price: str | None = None
    """As the venue prints it, an average of fills."""
    unrealized_profit: int | None
    venue_margin_used: int | None
    venue_liquidation_price: str | None
    funding_since_open: int | None = None
    """Micro-USD that the position has paid; negative where it received."""

    @property
    def value(self) -> int:
        """Signed notional at mark."""
        return self.signed_size * self.mark_price

    @property
    def notional(self) -> int:
        return abs(self.value)

    @property
    def price_decimals(self) -> int:
        return MONEY_DECIMALS - self.size_decimals

    @property
    def is_cross(self) -> bool:
        return self.mode == MarginMode.CROSS

    @property
    def bucket_equity(self) -> int:
        """Equity of the isolated bucket: what the venue calls the position's margin used."""
        return self.isolated_cash + self.value


class Summary(Struct, frozen=True, kw_only=True):
    """The venue's totals over some positions, in micro-USD; None where the message lacks them."""

    account_value: int
    notional: int | None
    cash: int | None
    margin_used: int | None


class AccountState(Struct, frozen=True, kw_only=True):
    """What an account has on one dex, as the venue's answer states it."""

    path: str = ""
    """Where the answer stands in a larger text, for errors."""
    dex: str = ""
    collateral: str = USDC
    positions: tuple[PositionState, ...]
    empty: tuple[str, ...] = ()
    """Coins that are listed with a position of size zero."""
    time_ms: int | None = None
    everything: Summary | None
    """Cross pool and isolated buckets together."""
    cross: Summary | None
    cross_maintenance: int | None
    withdrawable: int | None

    def is_partial(self) -> bool:
        """Whether the venue's totals count positions that the message does not list."""
        cross = sum(p.notional for p in self.positions if p.is_cross)
        if self.cross is not None and self.cross.notional is not None:
            return self.cross.notional != cross
        if self.everything is not None and self.everything.notional is not None:
            return self.everything.notional != sum(p.notional for p in self.positions)
        return False

    def cross_equity(self) -> int | None:
        """Equity of the cross pool: from its cash where possible, else the venue's figure.

        None when the message does not say. Without a cross summary it is what the isolated
        buckets leave of the whole account.
        """
        values = sum(p.value for p in self.positions if p.is_cross)
        if self.cross is not None:
            if self.cross.cash is not None and not self.is_partial():
                return self.cross.cash + values
            return self.cross.account_value
        if self.everything is not None and not self.is_partial():
            buckets = sum(p.bucket_equity for p in self.positions if not p.is_cross)
            return self.everything.account_value - buckets
        return None


def is_account(raw: bytes) -> bool:
    """Whether the JSON text has the shape of this venue's account answer."""
    try:
        msgspec.json.decode(raw, type=_Shape)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return True


def account_state(
    raw: bytes,
    instruments: Mapping[str, Instrument] | None = None,
    *,
    dex: str = "",
    collateral: str = USDC,
    path: str = "",
) -> AccountState:
    """Decode a ``clearinghouseState``. ``instruments`` by coin, if the markets are known.

    ``path``: where it stands in a larger text. Raises VenueDataError naming the field, its value
    and what would be right.
    """
    message = decode(_State, raw, path)
    at = f"{path}." if path else ""
    positions: list[PositionState] = []
    empty: list[str] = []
    for index, row in enumerate(message.asset_positions):
        where = f"{at}assetPositions[{index}].position"
        _check_coin(where, row.position.coin)
        if _fine_size(where, row.position.szi) == 0:
            empty.append(row.position.coin)
            continue
        if any(p.coin == row.position.coin for p in positions):
            raise VenueDataError(f"{where}.coin: {row.position.coin!r} is listed twice")
        positions.append(_position(where, row.position, instruments, dex, collateral))
    return AccountState(
        path=path,
        dex=dex,
        collateral=collateral,
        positions=tuple(positions),
        empty=tuple(empty),
        everything=_summary(f"{at}marginSummary", message.margin_summary),
        cross=_summary(f"{at}crossMarginSummary", message.cross_margin_summary),
        cross_maintenance=optional_money(
            f"{at}crossMaintenanceMarginUsed", message.cross_maintenance_margin_used, least=0
        ),
        withdrawable=optional_money(f"{at}withdrawable", message.withdrawable, least=0),
        time_ms=_time(f"{at}time", message.time),
    )


def coins_of(raw: bytes) -> tuple[str, ...]:
    """The coins that a state lists; none where it cannot be read."""
    try:
        return tuple(row.position.coin for row in msgspec.json.decode(raw, type=_Coins).rows)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ()


def _check_coin(path: str, coin: str) -> None:
    if not 0 < len(coin) <= 64 or not coin.isprintable():
        raise VenueDataError(f"{path}.coin: {coin[:64]!r} is no market name")


def _whole(path: str, value: int | str, least: int, most: int) -> int:
    """A whole number that may be written as text. Raises VenueDataError."""
    if isinstance(value, str):
        if not value.strip().isdecimal() or len(value) > 20:
            raise VenueDataError(
                f"{path}: {value[:40]!r} must be a whole number from {least} to {most}"
            )
        value = int(value)
    return whole_number(path, value, least, most)


def _time(path: str, value: int | str | None) -> int | None:
    return None if value is None else _whole(path, value, 0, MAX_TIME_MS)


def _summary(path: str, raw: _Summary | None) -> Summary | None:
    if raw is None:
        return None
    return Summary(
        account_value=exact_money(f"{path}.accountValue", raw.account_value),
        notional=optional_money(f"{path}.totalNtlPos", raw.total_ntl_pos, least=0),
        cash=optional_money(f"{path}.totalRawUsd", raw.total_raw_usd),
        margin_used=optional_money(f"{path}.totalMarginUsed", raw.total_margin_used),
    )


def _position(
    path: str,
    raw: _Position,
    instruments: Mapping[str, Instrument] | None,
    dex: str,
    collateral: str,
) -> PositionState:
    instrument = None
    if instruments is not None:
        instrument = instruments.get(raw.coin)
        if instrument is None:
            raise VenueDataError(
                f"{path}.coin: {raw.coin!r} is not in the universe of the meta file"
            )
    notional = exact_money(f"{path}.positionValue", raw.position_value, least=1)
    if notional > MAX_NOTIONAL:
        raise VenueDataError(
            f"{path}.positionValue: {raw.position_value!r} is above 10 billion USD"
        )
    size_decimals, size, mark = _mark(path, raw, notional, instrument)
    modes = {"cross": MarginMode.CROSS, "isolated": MarginMode.ISOLATED}
    if raw.leverage.type not in modes:
        raise VenueDataError(
            f"{path}.leverage.type: {raw.leverage.type!r} must be 'cross' or 'isolated'"
        )
    mode = modes[raw.leverage.type]
    margin_used = optional_money(f"{path}.marginUsed", raw.margin_used)
    return PositionState(
        path=path,
        coin=raw.coin,
        dex=raw.coin.rpartition(":")[0] or dex,
        collateral=collateral,
        size_decimals=size_decimals,
        signed_size=size,
        mark_price=mark,
        mode=mode,
        leverage=_whole(f"{path}.leverage.value", raw.leverage.value, 1, MAXIMUM_LEVERAGE),
        maximum_leverage=_maximum_leverage(path, raw, instrument),
        isolated_cash=_isolated_cash(path, raw, margin_used, size * mark)
        if mode == MarginMode.ISOLATED
        else 0,
        entry_price=_printed_price(
            f"{path}.entryPx", None if raw.entry_px is None else str(raw.entry_px)
        ),
        unrealized_profit=optional_money(f"{path}.unrealizedPnl", raw.unrealized_pnl),
        funding_since_open=None
        if raw.cum_funding is None
        else readable(exact_money, f"{path}.cumFunding.sinceOpen", raw.cum_funding.since_open),
        venue_margin_used=margin_used,
        venue_liquidation_price=_printed_price(f"{path}.liquidationPx", raw.liquidation_px),
    )


def _isolated_cash(path: str, raw: _Position, margin_used: int | None, value: int) -> int:
    cash = optional_money(f"{path}.leverage.rawUsd", raw.leverage.raw_usd)
    if cash is not None:
        return cash
    if margin_used is None:
        raise VenueDataError(
            f"{path}.leverage.rawUsd: missing; an isolated position needs it or marginUsed"
        )
    return margin_used - value


def _maximum_leverage(path: str, raw: _Position, instrument: Instrument | None) -> int:
    if raw.max_leverage is not None:
        return _whole(f"{path}.maxLeverage", raw.max_leverage, 1, MAXIMUM_LEVERAGE)
    if instrument is None:
        raise VenueDataError(f"{path}.maxLeverage: missing; needed unless the meta file gives it")
    return instrument.maximum_leverage


def _mark(
    path: str, raw: _Position, notional: int, instrument: Instrument | None
) -> tuple[int, int, int]:
    """(size decimals, signed size, mark price) of a position."""
    fine = _fine_size(path, raw.szi)
    candidates = range(MONEY_DECIMALS, -1, -1)
    if instrument is not None:
        candidates = range(instrument.size_decimals, instrument.size_decimals - 1, -1)
    for size_decimals in candidates:
        size, beyond = divmod(abs(fine), 10 ** (MONEY_DECIMALS - size_decimals))
        if beyond or notional % size:
            continue
        mark = notional // size
        if mark <= MAX_PRICE and size <= MAX_SIZE:
            return size_decimals, size if fine > 0 else -size, mark
    decimals = f"{instrument.size_decimals}" if instrument is not None else "0 to 6"
    raise VenueDataError(
        f"{path}.positionValue: {raw.position_value!r} is no whole price times szi {raw.szi!r} "
        f"with {decimals} size decimals"
    )


def _fine_size(path: str, text: str) -> int:
    """A size in millionths of a coin."""
    try:
        return to_units(text, MONEY_DECIMALS, MAX_SIZE * 10**MONEY_DECIMALS)
    except UnitError as error:
        raise VenueDataError(
            f"{path}.szi: {error}; must be a size as finite decimal text"
        ) from None


def _printed_price(path: str, text: str | None) -> str | None:
    """A price of the venue as it prints it, checked to be a number."""
    if text is None:
        return None
    try:
        to_units(text, 18, 10**33)
    except UnitError as error:
        raise VenueDataError(f"{path}: {error}; must be a price as finite decimal text") from None
    return text
