"""An account in the machine's integers: sizes in lots, prices in ticks, money in micro-USD."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

from msgspec import structs

from seawall.accounts.file import (
    AccountText,
    OptionText,
    OrderText,
    PositionText,
    SpotText,
    TopUpText,
)
from seawall.domain.enums import MarginGrouping, MarginMode, MarketMargin
from seawall.domain.errors import InputError
from seawall.domain.holdings import Holdings, OpenOrder, Position, SpotCoins, TopUp
from seawall.domain.instrument import MAIN_COLLATERAL, MAIN_GROUP, Instrument
from seawall.domain.margin_groups import account_groups, margin_groups
from seawall.domain.option import OptionPosition
from seawall.domain.rulebook import AnyRulebook, BlockRulebook
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
from seawall.report.kinds import TIME

_Row = TypeVar("_Row", PositionText, OrderText, TopUpText, OptionText, SpotText)


def holdings_of(
    written: AccountText,
    instruments: Sequence[Instrument],
    prices: Mapping[str, str],
    rulebook: AnyRulebook,
) -> Holdings:
    """The holdings of an account in integers; ``prices``: the price now of each market, USD.

    Money in margin groups without any of these markets is left out. Raises InputError naming
    position or order, field, value and what is allowed.
    """
    index = {instrument.name: i for i, instrument in enumerate(instruments)}
    for market in written.markets:
        if market not in index:
            raise InputError(
                f"{written.source}: market: {market!r} is not known; known: {_some(list(index))}"
            )
    money = _collateral(written, instruments, rulebook)

    def placed(name: str, rows: Sequence[_Row]) -> Iterator[tuple[str, _Row, Instrument, int]]:
        """Where each row stands, for errors, and its market."""
        for number, each in enumerate(rows, start=1):
            market = index[each.market]
            where = f"{written.source}: {name} {number} ({each.market})"
            yield where, each, instruments[market], market

    positions = tuple(
        _position(*row, prices[row[1].market]) for row in placed("position", written.positions)
    )
    orders = tuple(_order(*row, prices[row[1].market]) for row in placed("order", written.orders))
    top_ups = tuple(_top_up(*row, positions) for row in placed("top_up", written.top_ups))
    options = tuple(_option(*row, written.time_ms) for row in placed("option", written.options))
    coins = tuple(_coins(*row) for row in placed("spot", written.spot))
    borrowed = 0
    if written.borrowed is not None:
        borrowed = _units(written.source, "borrowed", written.borrowed, MONEY_DECIMALS, MAX_MONEY)
    groups = account_groups(rulebook, instruments, written.grouping)
    for group, amount in money.items():
        buckets = sum(p.isolated_margin for p in positions if groups[p.market] == group)
        if buckets > amount:
            raise InputError(
                f"{written.source}: collateral: {money_text(amount)} is less than the isolated "
                f"margins, which add up to {money_text(buckets)}"
            )
    return Holdings(
        name=written.name,
        collateral=money.pop(0),
        positions=positions,
        orders=orders,
        top_ups=top_ups,
        grouping=written.grouping,
        other_collateral=money,
        options=options,
        coins=coins,
        borrowed=borrowed,
    )


def one_pool(holdings: Holdings) -> Holdings:
    """The same with all money in one cross pool, as under rules that know one."""
    return structs.replace(
        holdings,
        collateral=holdings.collateral + sum(holdings.other_collateral.values()),
        grouping=MarginGrouping.SEPARATE,
        other_collateral={},
    )


def _collateral(
    written: AccountText, instruments: Sequence[Instrument], rulebook: AnyRulebook
) -> dict[int, int]:
    """Micro-USD by margin group of the engine. Raises InputError."""
    is_shared = written.grouping == MarginGrouping.SHARED
    texts = {MAIN_COLLATERAL if is_shared else MAIN_GROUP: written.collateral}
    texts |= written.other_collateral
    money = {
        name: _units(written.source, "collateral", text, MONEY_DECIMALS, MAX_MONEY)
        for name, text in texts.items()
    }
    if isinstance(rulebook, BlockRulebook):
        tokens = {each.collateral for each in instruments}
        if len(tokens) > 1:
            raise InputError(
                f"{written.source}: collateral: {', '.join(sorted(tokens))}; the rules of "
                f"{rulebook.name} know one"
            )
        return {0: sum(money.values())}
    found: dict[int, int] = {}
    for number, (name, token) in enumerate(margin_groups(rulebook, instruments).items()):
        key = token if is_shared else name
        if key in money:
            found[number] = money.pop(key)
    return {0: 0} | found


def _position(
    where: str, written: PositionText, instrument: Instrument, market: int, first_price: str
) -> Position:
    entry_text = written.entry or first_price
    size, notional = _size_and_notional(where, written, instrument, entry_text, "entry")
    if written.entry_notional is not None:
        notional = _units(
            where, "entry notional", written.entry_notional, MONEY_DECIMALS, MAX_NOTIONAL
        )
    margin = 0
    if written.is_isolated:
        margin = notional // written.leverage
        if written.margin is not None:
            margin = _units(where, "margin", written.margin, MONEY_DECIMALS, MAX_MONEY)
    position = Position(
        market=market,
        signed_size=size if written.is_long else -size,
        entry_notional=notional,
        mode=MarginMode.ISOLATED if written.is_isolated else MarginMode.CROSS,
        leverage=written.leverage,
        isolated_margin=margin,
    )
    check_allowed(where, position, instrument)
    return position


def check_allowed(where: str, position: Position, instrument: Instrument) -> None:
    """Whether the market allows the position's leverage and mode. Raises InputError."""
    # Under block rules leverage is no setting: only the margin of a child account follows it.
    is_setting = position.is_isolated or instrument.block_terms is None
    if is_setting and position.leverage > instrument.maximum_leverage:
        raise InputError(
            f"{where}: leverage: {position.leverage} is more than {instrument.name} allows "
            f"(1 to {instrument.maximum_leverage})"
        )
    if not position.is_isolated and instrument.margin != MarketMargin.ANY_MODE:
        raise InputError(f'{where}: mode: {instrument.name} allows mode = "isolated" only')


def _order(
    where: str, written: OrderText, instrument: Instrument, market: int, first_price: str
) -> OpenOrder:
    decimals = instrument.price_decimals
    names = ("price", "stop", "take_profit")
    name = next(name for name in names if getattr(written, name) is not None)
    text = getattr(written, name)
    price = _units(where, name, text, decimals, MAX_PRICE)
    size, _ = _size_and_notional(where, written, instrument, text, name)
    if name == "price":
        return OpenOrder(
            market=market, side=written.side, size=size, price=price, trigger_price=0,
            take_profit=False, reduce_only=written.reduce_only,
        )  # fmt: skip
    if not written.reduce_only:
        raise InputError(f"{where}: reduce_only: false; a {name} order can only reduce")
    return OpenOrder(
        market=market, side=written.side, size=size, price=0, trigger_price=price,
        take_profit=name == "take_profit", reduce_only=True,
    )  # fmt: skip


def _top_up(
    where: str,
    written: TopUpText,
    instrument: Instrument,
    market: int,
    positions: Sequence[Position],
) -> TopUp:
    if market not in {each.market for each in positions}:
        raise InputError(f"{where}: market: has no position that money could be added to")
    return TopUp(
        market=market,
        trigger_price=_units(where, "price", written.price, instrument.price_decimals, MAX_PRICE),
        amount=_units(where, "amount", written.amount, MONEY_DECIMALS, MAX_MONEY),
    )


def _coins(where: str, written: SpotText, instrument: Instrument, market: int) -> SpotCoins:
    return SpotCoins(market=market, size=_size(where, written.size, instrument))


def _size(where: str, text: str, instrument: Instrument) -> int:
    size = _units(where, "size", text, instrument.size_decimals, MAX_SIZE)
    if not size:
        smallest = from_units(1, instrument.size_decimals)
        raise InputError(f"{where}: size: {text} should be at least {smallest}")
    return size


def _option(
    where: str, written: OptionText, instrument: Instrument, market: int, time_ms: int | None
) -> OptionPosition:
    if time_ms is not None and written.expiry_ms <= time_ms:
        expiry, now = TIME.text(written.expiry_ms), TIME.text(time_ms)
        raise InputError(
            f"{where}: expiry: {expiry} should be after the time of the account, {now}"
        )
    size = _size(where, written.size, instrument)
    for name in ("strike", "forward", "entry"):
        text = getattr(written, name)
        if text is not None:
            _price_fraction(where, name, text, instrument)
    return OptionPosition(
        market=market,
        kind=written.kind,
        strike=written.strike,
        expiry_ms=written.expiry_ms,
        signed_size=size if written.is_long else -size,
        volatility=written.volatility,
        forward=written.forward,
        entry=written.entry,
    )


def _size_and_notional(
    where: str,
    written: PositionText | OrderText,
    instrument: Instrument,
    price_text: str,
    price_name: str,
) -> tuple[int, int]:
    """Size in the market's units and micro-USD at the price; a notional is cut to whole lots."""
    price = _price_fraction(where, price_name, price_text, instrument)
    if written.size is not None:
        name, text = "size", written.size
        size = _units(where, name, text, instrument.size_decimals, MAX_SIZE)
    else:
        assert written.notional is not None
        name, text = "notional", written.notional
        micro = _units(where, name, text, MONEY_DECIMALS, MAX_NOTIONAL)
        size = micro * price[1] // price[0]
    if not size:
        smallest = from_units(1, instrument.size_decimals)
        raise InputError(
            f"{where}: {name}: {text} is less than the smallest size, {smallest} {instrument.name}"
        )
    notional = size * price[0] // price[1]
    if size > MAX_SIZE or notional > MAX_NOTIONAL:
        raise InputError(
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
        raise InputError(
            f"{where}: {name}: {text} is too large; the limit of {instrument.name} is "
            f"{from_units(MAX_PRICE, instrument.price_decimals)}"
        )
    return units, 10 ** (_ENTRY_DECIMALS - instrument.price_decimals)


def _units(where: str, name: str, text: str, decimals: int, limit: int) -> int:
    try:
        return to_units(text, decimals, limit)
    except UnitError as error:
        raise InputError(f"{where}: {name}: {error}") from None


def _some(names: Sequence[str], limit: int = 12) -> str:
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more
