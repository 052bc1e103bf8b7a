"""A ladder on an account: its rungs as orders, top-ups and closes before funding."""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

from msgspec import Struct, structs

from seawall.accounts.account import Account
from seawall.domain.enums import Side
from seawall.domain.errors import InputError
from seawall.domain.holdings import Holdings, OpenOrder, Position, TopUp
from seawall.domain.units import MICRO, from_units
from seawall.lab.ladder.rungs import Action, Ladder, Rung, Unit
from seawall.lab.market.liquidity import Ticks, tick_rules
from seawall.lab.paths.kernels.account_orders import FundingClose

QUARTER = Fraction(1, 4)
LEAST_SPACE = Fraction(1, 1000)
"""Of the price: between two rungs of a ready ladder."""


class Placed(Struct, frozen=True, kw_only=True):
    """An account with a ladder: holdings with its orders and top-ups, and closes before funding."""

    name: str
    holdings: Holdings
    closes: tuple[FundingClose, ...] = ()


def without_exits(account: Account) -> Holdings:
    """The account's positions and money alone."""
    return structs.replace(account.holdings, orders=(), top_ups=())


def placed(account: Account, ladder: Ladder, sigmas: Mapping[str, float]) -> Placed:
    """The account with the ladder instead of its own orders.

    ``sigmas``: standard deviation of a day by market, a fraction. Raises InputError for a market
    without a position, a level that leaves no price or is passed already, and parts that together
    are more than a position.
    """
    orders: list[OpenOrder] = []
    top_ups: list[TopUp] = []
    closes: list[FundingClose] = []
    for action in Action:
        for position in account.positions:
            name = account.instruments[position.market].name
            rungs = [e for e in ladder.rungs if e.action == action and e.market in (None, name)]
            sizes = _sizes(ladder, name, position, rungs)
            for rung, size in zip(rungs, sizes, strict=True):
                market = position.market
                if action == Action.CLOSE:
                    rate = float(rung.rate)
                    closes.append(FundingClose(market=market, size=size, rate=rate))
                    continue
                price = _price(account, ladder, position, rung, sigmas[name])
                if action == Action.ADD:
                    amount = int(rung.amount * MICRO)
                    top_ups.append(TopUp(market=market, trigger_price=price, amount=amount))
                else:
                    orders.append(_order(position, rung, size, price))
    _check_markets(account, ladder)
    holdings = structs.replace(account.holdings, orders=tuple(orders), top_ups=tuple(top_ups))
    return Placed(name=ladder.name, holdings=holdings, closes=tuple(closes))


def _check_markets(account: Account, ladder: Ladder) -> None:
    held = [account.instruments[each.market].name for each in account.positions]
    for rung in ladder.rungs:
        if rung.market is not None and rung.market not in held:
            expected = f"for a market with a position: {', '.join(held)}"
            raise InputError.of("", "ladder", rung.text, expected)


def _sizes(ladder: Ladder, market: str, position: Position, rungs: Sequence[Rung]) -> Iterator[int]:
    """Size units of each rung; the last takes what is left where all are a whole position."""
    total = sum((each.share for each in rungs), Fraction(0))
    if total > 1:
        raise InputError(
            f"ladder {ladder.name}: {rungs[0].action} of {market}: parts are {float(100 * total):g}"
            " % together; at most 100 % of the position"
        )
    size, given = abs(position.signed_size), 0
    for number, each in enumerate(rungs, start=1):
        part = int(each.share * size)
        if number == len(rungs) and total == 1:
            part = size - given
        if not part and each.action != Action.ADD:
            raise InputError.of("", "ladder", each.text, f"at least the smallest size of {market}")
        given += part
        yield part


def _price(account: Account, ladder: Ladder, position: Position, rung: Rung, sigma: float) -> int:
    """Price units of a level, on a tick."""
    instrument, now = account.instruments[position.market], account.prices[position.market]
    if rung.unit == Unit.PRICE:
        price = rung.level * 10**instrument.price_decimals
    else:
        space = {
            Unit.SHARE: Fraction(1),
            Unit.SIGMA: Fraction(sigma),
            Unit.SPACE: _space(account, position, sigma),
        }[rung.unit]
        sign = 1 if position.signed_size > 0 else -1
        price = now * (1 + sign * rung.level * space)
    units = Ticks(account.instruments, *tick_rules(account.rulebook)).one(
        position.market, max(0, round(price))
    )
    _check_ahead(account, ladder, position, rung, units)
    return units


def _check_ahead(
    account: Account, ladder: Ladder, position: Position, rung: Rung, price: int
) -> None:
    instrument, now = account.instruments[position.market], account.prices[position.market]
    where = f"ladder {ladder.name}: {rung.text} ({instrument.name})"
    text = from_units(max(0, price), instrument.price_decimals)
    present = from_units(now, instrument.price_decimals)
    if price < 1:
        raise InputError(f"{where}: leaves no price; levels of a long end above -100 %")
    rises = (position.signed_size > 0) != (rung.action == Action.STOP)
    if rung.action != Action.ADD and (price <= now if rises else price >= now):
        side = "above" if rises else "below"
        raise InputError(f"{where}: {text} should be {side} the price of now, {present}")


def _space(account: Account, position: Position, sigma: float) -> Fraction:
    """A day's standard deviation, or a quarter of the way to liquidation where that is less."""
    name = account.instruments[position.market].name
    space = Fraction(sigma)
    liquidation = account.liquidation_price(name)
    if liquidation is not None:
        away = abs(Fraction(liquidation) / Fraction(account.price(name)) - 1)
        space = min(space, away * QUARTER)
    return max(LEAST_SPACE, space)


def _order(position: Position, rung: Rung, size: int, price: int) -> OpenOrder:
    is_limit = rung.action == Action.LIMIT
    return OpenOrder(
        market=position.market,
        side=Side.SELL if position.signed_size > 0 else Side.BUY,
        size=size,
        price=price if is_limit else 0,
        trigger_price=0 if is_limit else price,
        take_profit=rung.action == Action.TAKE,
        reduce_only=True,
    )


def beyond_liquidation(account: Account, found: Placed) -> Iterator[str]:
    """The stops that lie where the position is liquidated before, as sentences."""
    for position in account.positions:
        instrument = account.instruments[position.market]
        liquidation = account.liquidation_price(instrument.name)
        stops = [
            each.trigger_price
            for each in found.holdings.orders
            if each.market == position.market and each.trigger_price and not each.take_profit
        ]
        if liquidation is None:
            continue
        units = Fraction(liquidation) * 10**instrument.price_decimals
        late = [e for e in stops if (e <= units if position.signed_size > 0 else e >= units)]
        if late:
            prices = ", ".join(from_units(each, instrument.price_decimals) for each in late)
            first = from_units(round(units), instrument.price_decimals)
            yield f"{found.name}: {instrument.name} is liquidated at {first}, before {prices}."
