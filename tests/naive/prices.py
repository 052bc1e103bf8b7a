"""Section "Prices": the oracle, the decayed averages, the mark."""

from decimal import Decimal, localcontext
from typing import TYPE_CHECKING

from seawall.domain.enums import EventKind, MarkMethod, Reason, Side
from seawall.domain.units import MAX_PRICE

from . import book, liquidation, orders
from .state import Market, State, divide
from .validity import refuse_if

if TYPE_CHECKING:
    from .machine import Command

DIGITS = 60


def set_oracle_price(s: State, c: "Command") -> None:
    refuse_if(not 0 < c.price <= MAX_PRICE, Reason.INVALID_PRICE)
    refuse_if(not 0 <= c.trigger_price <= MAX_PRICE, Reason.INVALID_PRICE)
    market = s.markets[c.market]
    market.oracle, market.outside = c.price, c.trigger_price
    market.previous_mark = market.mark or c.price
    market.mark = with_hint(market, new_mark(s, market))
    s.emit(EventKind.PRICE_UPDATED, market=c.market, price=market.mark)
    orders.fire_triggers(s, c.market)
    liquidation.liquidate(s, liquidation.below_maintenance(s))


def with_hint(market: Market, mark: int) -> int:
    """The other machine's mark, where rounding alone explains the difference."""
    hint, market.mark_hint = market.mark_hint, None
    return hint if hint is not None and abs(hint - mark) <= 1 else mark


def decayed(
    average: tuple[Decimal, Decimal], sample: Decimal, elapsed: int, decay_ms: int
) -> tuple[Decimal, Decimal]:
    """num <- num * e^(-t/tau) + sample * t ; den <- den * e^(-t/tau) + t"""
    with localcontext() as context:
        context.prec = DIGITS
        factor = (Decimal(-elapsed) / Decimal(decay_ms)).exp()
        weight = min(elapsed, 10 * decay_ms)
        numerator, denominator = average
        return numerator * factor + sample * weight, denominator * factor + weight


def book_median(s: State, market: Market) -> int | None:
    """Median of best bid, best ask and last trade, of those that exist."""
    prices = [book.best_price(s, market.number, side) for side in (Side.BUY, Side.SELL)]
    known = [price for price in (*prices, market.last_trade or None) if price is not None]
    return median(known) if known else None


def median(values: list[int]) -> int:
    """Of two: the mean, truncated."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return divide(ordered[middle - 1] + ordered[middle], 2)


def new_mark(s: State, market: Market) -> int:
    if s.rules.mark.method == MarkMethod.ORACLE_ONLY:
        return market.oracle
    in_book = book_median(s, market)
    update_averages(s, market, in_book)
    numerator, denominator = market.premium_average
    premium = numerator / denominator if denominator else Decimal(0)
    inputs = [int(market.oracle + premium)]
    if in_book is not None:
        inputs.append(in_book)
    if market.outside:
        inputs.append(market.outside)
    numerator, denominator = market.mid_average
    if len(inputs) == 2 and denominator:
        inputs.append(int(numerator / denominator))
    return median(inputs)


def update_averages(s: State, market: Market, in_book: int | None) -> None:
    elapsed = 0 if market.mark_updated is None else s.clock - market.mark_updated
    market.mark_updated = s.clock
    bid = book.best_price(s, market.number, Side.BUY)
    ask = book.best_price(s, market.number, Side.SELL)
    policy = s.rules.mark
    if bid is not None and ask is not None:
        sample = Decimal(bid + ask) / 2 - market.oracle
        market.premium_average = decayed(
            market.premium_average, sample, elapsed, policy.premium_decay_ms
        )
    if in_book is not None:
        market.mid_average = decayed(
            market.mid_average, Decimal(in_book), elapsed, policy.mid_decay_ms
        )
