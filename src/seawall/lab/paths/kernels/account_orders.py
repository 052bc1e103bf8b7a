"""The orders of an account for the path kernel, in the order in which they act.

Those that close a position of the account: stops and take-profits at market, and limit orders on
the closing side, each up to what is left of the position. An order that would open one is left out
(``left_out``), and so is what a limit order is larger than the position.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from msgspec import Struct

from seawall.domain.enums import Side
from seawall.domain.errors import InputError
from seawall.domain.holdings import Holdings, OpenOrder, Position
from seawall.domain.instrument import Instrument
from seawall.domain.rulebook import AnyRulebook, BlockRulebook
from seawall.domain.units import MICRO, from_units, to_units
from seawall.engine.placement import worst_trigger_price
from seawall.lab.market.liquidity import Depth, Ticks, tick_rules
from seawall.lab.paths.kernels.task import OrderKind, PathOrder


class FundingClose(Struct, frozen=True, kw_only=True):
    """A part of a position that is closed at market before the first funding above a rate.

    ``market``: the instrument's index. ``size``: size units. ``rate``: a fraction of notional an
    hour that the position would pay; 0: any payment.
    """

    market: int
    size: int
    rate: float = 0.0


def path_orders(
    plan: Holdings,
    rulebook: AnyRulebook,
    instruments: Sequence[Instrument],
    prices: Mapping[str, str],
    depths: Mapping[str, Depth],
    closes: Sequence[FundingClose] = (),
) -> tuple[PathOrder, ...]:
    """What of the account's orders acts on a path. Raises InputError for a trigger already passed.

    ``prices``: USD as decimal text, by market. Markets are counted in the order of the positions'
    instruments, as in ``path_account``.
    """
    held = sorted(plan.positions, key=lambda each: each.market)
    place = {each.market: number for number, each in enumerate(held)}
    ticks = Ticks(instruments, *tick_rules(rulebook))
    found: list[PathOrder] = []
    for number, each in enumerate(plan.orders, start=1):
        if _closes(each, held):
            market = instruments[each.market]
            unit = 10.0**-market.price_decimals
            lots = _lots(rulebook, market, each.size)
            if each.trigger_price:
                _check_ahead(f"{plan.name}: order {number}", each, market, prices)
                worst = worst_trigger_price(each, ticks.one) * unit
                found.append(
                    PathOrder(
                        OrderKind.TRIGGER, place[each.market], each.trigger_price * unit,
                        is_above(each), lots, worst,
                    )
                )  # fmt: skip
            else:
                level = _quoted(each, depths[market.name].spread_bp) * unit
                found.append(
                    PathOrder(
                        OrderKind.LIMIT, place[each.market], level, each.side == Side.SELL, lots,
                        each.price * unit,
                    )
                )  # fmt: skip
    found.sort(key=_turn)
    found += _before_funding(closes, held, place, rulebook, instruments)
    return (*found, *_top_ups(plan, place, instruments, prices))


def left_out(plan: Holdings) -> int:
    """How many of the account's orders do not act on paths, because they would open a position."""
    return sum(not _closes(each, plan.positions) for each in plan.orders)


def is_above(order: OpenOrder) -> bool:
    """Whether a trigger waits for the mark to rise: stop buys and take-profit sells."""
    return (order.side == Side.BUY) != order.take_profit


def _closes(order: OpenOrder, held: Sequence[Position]) -> bool:
    side = Side.SELL if order.side == Side.SELL else Side.BUY
    return any(
        each.market == order.market and (each.signed_size > 0) == (side == Side.SELL)
        for each in held
    )


def _turn(order: PathOrder) -> tuple[int, int, bool, float]:
    """Limit orders first; of triggers those that wait for a fall, the nearest first."""
    return order.kind, order.market, order.rises, order.level if order.rises else -order.level


def _lots(rulebook: AnyRulebook, market: Instrument, size: int) -> int:
    return size // market.size_step(in_blocks=isinstance(rulebook, BlockRulebook))


def _check_ahead(
    where: str, order: OpenOrder, market: Instrument, prices: Mapping[str, str]
) -> None:
    now = to_units(prices[market.name], market.price_decimals)
    level = order.trigger_price
    if level <= now if is_above(order) else level >= now:
        name = "take_profit" if order.take_profit else "stop"
        text = from_units(level, market.price_decimals)
        side = "above" if is_above(order) else "below"
        raise InputError(
            f"{where} ({market.name}): {name}: {text}; to {order.side.name.lower()} it should be "
            f"{side} the price of {prices[market.name]}"
        )


def _quoted(order: OpenOrder, spread_bp: float) -> int:
    """The mark, in price units, at which the best quote of the other side comes to the order."""
    half = spread_bp * 1e-4 / 2.0
    if order.side == Side.SELL:
        return int(np.ceil(order.price / (1.0 - half) - 1e-9))
    return int(np.floor(order.price / (1.0 + half) + 1e-9))


def _before_funding(
    closes: Sequence[FundingClose],
    held: Sequence[Position],
    place: Mapping[int, int],
    rulebook: AnyRulebook,
    instruments: Sequence[Instrument],
) -> Iterator[PathOrder]:
    for each in closes:
        position = next(one for one in held if one.market == each.market)
        lots = _lots(rulebook, instruments[each.market], each.size)
        worst = 0.0 if position.signed_size > 0 else np.inf
        yield PathOrder(
            OrderKind.BEFORE_FUNDING, place[each.market], lots=lots, worst=worst, rate=each.rate
        )


def _top_ups(
    plan: Holdings,
    place: Mapping[int, int],
    instruments: Sequence[Instrument],
    prices: Mapping[str, str],
) -> Iterator[PathOrder]:
    for each in plan.top_ups:
        if each.market in place:
            market = instruments[each.market]
            now = to_units(prices[market.name], market.price_decimals)
            yield PathOrder(
                OrderKind.TOP_UP, place[each.market],
                each.trigger_price * 10.0**-market.price_decimals, each.trigger_price > now,
                amount=each.amount / MICRO, delay_ms=each.delay_ms, cost=each.cost / MICRO,
            )  # fmt: skip
