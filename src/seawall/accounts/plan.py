"""An account in the machine's integers: sizes in lots, prices in ticks, money in micro-USD."""

from collections.abc import Mapping, Sequence

from seawall.accounts.file import AccountError, AccountSketch, OrderSketch, PositionSketch
from seawall.domain.commands import AdoptPosition
from seawall.domain.enums import MarginMode, MarketMargin, Side
from seawall.domain.holdings import Holdings, OpenOrder, Position
from seawall.domain.instrument import Instrument
from seawall.domain.units import (
    MAX_MONEY,
    MAX_NOTIONAL,
    MAX_PRICE,
    MAX_SIZE,
    MONEY_DECIMALS,
    UnitError,
    from_units,
    money_text,
    to_units,
)


def adoption(time_ms: int, account: int, position: Position) -> AdoptPosition:
    """The command that gives the position to an account."""
    return AdoptPosition(
        time_ms=time_ms,
        account=account,
        market=position.market,
        side=Side.BUY if position.signed_size > 0 else Side.SELL,
        size=abs(position.signed_size),
        entry_notional=position.entry_notional,
        leverage=position.leverage,
        mode=position.mode,
        isolated_cash=position.isolated_margin,
    )


def plan_account(
    sketch: AccountSketch,
    instruments: Sequence[Instrument],
    prices: Mapping[str, str],
) -> Holdings:
    """The account in the machine's integers; ``prices``: the first price of each market, USD.

    Raises AccountError naming position or order, field, value and what is allowed.
    """
    index = {instrument.name: i for i, instrument in enumerate(instruments)}
    for market in sketch.markets:
        if market not in index:
            raise AccountError(
                f"{sketch.source}: market: {market!r} is not known; known: {_some(list(index))}"
            )
    collateral = _units(sketch.source, "collateral", sketch.collateral, MONEY_DECIMALS, MAX_MONEY)
    positions = tuple(
        _plan_position(
            f"{sketch.source}: position {number} ({each.market})",
            each,
            instruments[index[each.market]],
            index[each.market],
            prices[each.market],
        )
        for number, each in enumerate(sketch.positions, start=1)
    )
    orders = tuple(
        _plan_order(
            f"{sketch.source}: order {number} ({each.market})",
            each,
            instruments[index[each.market]],
            index[each.market],
            prices[each.market],
        )
        for number, each in enumerate(sketch.orders, start=1)
    )
    buckets = sum(each.isolated_margin for each in positions)
    if buckets > collateral:
        raise AccountError(
            f"{sketch.source}: collateral: {sketch.collateral} is less than the isolated margins, "
            f"which add up to {money_text(buckets)}"
        )
    return Holdings(name=sketch.name, collateral=collateral, positions=positions, orders=orders)


def _plan_position(
    where: str, sketch: PositionSketch, instrument: Instrument, market: int, first_price: str
) -> Position:
    entry_text = sketch.entry or first_price
    size, notional = _size_and_notional(where, sketch, instrument, entry_text, "entry")
    if sketch.entry_notional is not None:
        notional = _units(
            where, "entry notional", sketch.entry_notional, MONEY_DECIMALS, MAX_NOTIONAL
        )
    # Under rules of blocks leverage is no setting: only the margin of a child account follows it.
    is_setting = sketch.is_isolated or instrument.block_terms is None
    if is_setting and sketch.leverage > instrument.maximum_leverage:
        raise AccountError(
            f"{where}: leverage: {sketch.leverage} is more than {sketch.market} allows "
            f"(1 to {instrument.maximum_leverage})"
        )
    if not sketch.is_isolated and instrument.margin != MarketMargin.ANY_MODE:
        raise AccountError(f'{where}: mode: {sketch.market} allows mode = "isolated" only')
    margin = 0
    if sketch.is_isolated:
        margin = notional // sketch.leverage
        if sketch.margin is not None:
            margin = _units(where, "margin", sketch.margin, MONEY_DECIMALS, MAX_MONEY)
    return Position(
        market=market,
        signed_size=size if sketch.is_long else -size,
        entry_notional=notional,
        mode=MarginMode.ISOLATED if sketch.is_isolated else MarginMode.CROSS,
        leverage=sketch.leverage,
        isolated_margin=margin,
    )


def _plan_order(
    where: str, sketch: OrderSketch, instrument: Instrument, market: int, first_price: str
) -> OpenOrder:
    decimals = instrument.price_decimals
    names = ("price", "stop", "take_profit")
    name = next(name for name in names if getattr(sketch, name) is not None)
    text = getattr(sketch, name)
    price = _units(where, name, text, decimals, MAX_PRICE)
    size, _ = _size_and_notional(where, sketch, instrument, text, name)
    if name == "price":
        return OpenOrder(
            market=market, side=sketch.side, size=size, price=price, trigger_price=0,
            take_profit=False, reduce_only=sketch.reduce_only,
        )  # fmt: skip
    if not sketch.reduce_only:
        raise AccountError(f"{where}: reduce_only: false; a {name} order can only reduce")
    return OpenOrder(
        market=market, side=sketch.side, size=size, price=0, trigger_price=price,
        take_profit=name == "take_profit", reduce_only=True,
    )  # fmt: skip


def _size_and_notional(
    where: str,
    sketch: PositionSketch | OrderSketch,
    instrument: Instrument,
    price_text: str,
    price_name: str,
) -> tuple[int, int]:
    """Size in the market's units and micro-USD at the price; a notional is cut to whole lots."""
    price = _price_fraction(where, price_name, price_text, instrument)
    if sketch.size is not None:
        name, text = "size", sketch.size
        size = _units(where, name, text, instrument.size_decimals, MAX_SIZE)
    else:
        assert sketch.notional is not None
        name, text = "notional", sketch.notional
        micro = _units(where, name, text, MONEY_DECIMALS, MAX_NOTIONAL)
        size = micro * price[1] // price[0]
    if not size:
        smallest = from_units(1, instrument.size_decimals)
        raise AccountError(
            f"{where}: {name}: {text} is less than the smallest size, {smallest} {instrument.name}"
        )
    notional = size * price[0] // price[1]
    if size > MAX_SIZE or notional > MAX_NOTIONAL:
        raise AccountError(
            f"{where}: {name}: {text} is {money_text(notional)} USD; at most "
            f"{money_text(MAX_NOTIONAL)} fits"
        )
    return size, notional


_ENTRY_DECIMALS = 12
"""Venues report entries as averages with more decimals than a price may have."""


def _price_fraction(where: str, name: str, text: str, instrument: Instrument) -> tuple[int, int]:
    """Price units per size unit as an exact fraction."""
    units = _units(where, name, text, _ENTRY_DECIMALS, 10**30)
    highest = MAX_PRICE * 10 ** (_ENTRY_DECIMALS - instrument.price_decimals)
    if units > highest:
        raise AccountError(
            f"{where}: {name}: {text} is too large; the limit of {instrument.name} is "
            f"{from_units(MAX_PRICE, instrument.price_decimals)}"
        )
    return units, 10 ** (_ENTRY_DECIMALS - instrument.price_decimals)


def _units(where: str, name: str, text: str, decimals: int, limit: int) -> int:
    try:
        return to_units(text, decimals, limit)
    except UnitError as error:
        raise AccountError(f"{where}: {name}: {error}") from None


def _some(names: Sequence[str], limit: int = 12) -> str:
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more
