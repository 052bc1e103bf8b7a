"""A taker meets the book: price, then time; every fill is judged for both sides as it happens."""

from typing import NamedTuple

from seawall.domain.enums import (
    EventKind,
    FillFlag,
    OrderFlag,
    OrderState,
    Reason,
    Side,
    UpdateKind,
)

from .arithmetic import fill_quote
from .fees import count_volume, fee_of, fee_ppm
from .state import FEES, SHORT_TERM, TWAP_LEG, Account, Order, State
from .updates import Update, apply_updates, closed_profit, judge, judge_pools

MATCH = UpdateKind.MATCH_UPDATE


class Match(NamedTuple):
    """A fill that is considered; ``delta`` and ``paid`` are the taker's, signed."""

    market: int
    maker: Account
    taker: Account
    price: int
    delta: int
    paid: int
    maker_fee: int
    taker_fee: int

    def updates(self) -> list[Update]:
        return [
            Update(self.maker, {self.market: -self.delta}, self.paid - self.maker_fee, self.paid),
            Update(self.taker, {self.market: self.delta}, -self.paid - self.taker_fee, -self.paid),
        ]


def judge_match(s: State, match: Match) -> tuple[Reason, Reason]:
    """(why the maker cannot, why the taker cannot)."""
    updates = match.updates()
    found = judge(s, MATCH, updates)
    maker, taker = (
        reason or pools for reason, pools in zip(found, judge_pools(s, updates), strict=True)
    )
    return maker, taker


def end_order(s: State, order: Order, reason: Reason) -> None:
    """The order is gone; without a reason it was filled."""
    s.orders.pop(order.order_id, None)
    order.state = OrderState.FREE
    if reason:
        s.emit(
            EventKind.ORDER_CANCELLED,
            reason=reason,
            account=order.account,
            market=order.market,
            order_id=order.order_id,
            price=order.price,
            size=order.remaining,
        )


def fill_event(
    s: State, match: Match, taker_side: bool, order_id: int, before: int, profit: int, flags: int
) -> None:
    mine, other = match.maker, match.taker
    if taker_side:
        mine, other = other, mine
    delta = match.delta if taker_side else -match.delta
    s.emit(
        EventKind.ORDER_FILLED,
        account=mine.number,
        market=match.market,
        order_id=order_id,
        price=match.price,
        size=abs(delta),
        money=match.taker_fee if taker_side else match.maker_fee,
        flags=flags | (FillFlag.BUYER if delta > 0 else 0),
        profit=profit,
        position=before,
        counterparty=other.number,
    )


def book_match(
    s: State, match: Match, maker_id: int, taker_id: int, flags: int, gain: int = 0
) -> None:
    """Both accounts, fees, pools and volumes. ``gain``: of the insurance fund, in place of a fee.

    The fee in the match is what the taker's cash loses; of a liquidation it is the fund's gain.
    """
    market, delta, paid = match.market, match.delta, match.paid
    before = match.maker.size(market), match.taker.size(market)
    profits = (
        closed_profit(match.maker, market, -delta, -paid),
        closed_profit(match.taker, market, delta, paid),
    )
    apply_updates(s, match.updates())
    shown = match._replace(taker_fee=match.taker_fee - gain)
    fees = shown.maker_fee + shown.taker_fee
    s.accounts[FEES].cash += fees
    s.add_to_pool(s.pool_of_trades(market), -fees)
    fill_event(s, shown, False, maker_id, before[0], profits[0], 0)
    fill_event(s, shown, True, taker_id, before[1], profits[1], FillFlag.TAKER | flags)
    s.markets[market].trades.append(match.price)
    count_volume(s, match.maker, False, abs(paid))
    count_volume(s, match.taker, True, abs(paid))


def remember_fill(s: State, order: Order, size: int) -> None:
    memory = s.kept_memory(order.account, order.client)
    if memory is not None:
        memory.filled += size
        until = order.good_til + s.rules.block.short_term_blocks
        memory.filled_until = max(memory.filled_until, until)


def note_fill(s: State, order: Order, size: int) -> None:
    """A fill of an order that has left its remainder to its caller or its parent."""
    if order.kind == SHORT_TERM:
        remember_fill(s, order, size)
    elif order.kind == TWAP_LEG and order.parent_id in s.orders:
        s.orders[order.parent_id].remaining -= size


def fill_maker(s: State, order: Order, size: int) -> None:
    order.remaining -= size
    note_fill(s, order, size)
    if order.remaining < s.markets[order.market].terms.size_step:
        end_order(s, order, Reason.NO_REASON)


def reducible(account: Account, market: int, side: int) -> int:
    """How much an order of a side can reduce the position."""
    size = account.size(market)
    return max(0, -size) if side == Side.BUY else max(0, size)


def crosses(order: Order, price: int) -> bool:
    return order.direction * (order.price - price) >= 0


class Outcome(NamedTuple):
    """Why the taker stopped (NO_REASON: filled, or nothing more within its limit)."""

    why: Reason
    acted: bool
    """Whether anything in the book has changed."""


def meet_makers(s: State, taker: Order) -> Outcome:
    """Match a taker that is not in the book; its remaining size goes down with each fill."""
    account = s.accounts[taker.account]
    step = s.markets[taker.market].terms.size_step
    acted = False
    while taker.remaining >= step:
        makers = s.book(taker.market, 1 - taker.side)
        if not makers or not crosses(taker, makers[0].price):
            break
        maker = makers[0]
        if maker.account == taker.account:
            end_order(s, maker, Reason.SELF_TRADE_CANCELLED)
            acted = True
            continue
        size = min(taker.remaining, maker.remaining)
        if taker.flags & OrderFlag.REDUCE_ONLY:
            size = min(size, reducible(account, taker.market, taker.side))
            if size <= 0:
                return Outcome(Reason.REDUCE_ONLY_CANCELLED, acted)
        match = match_of(s, taker, maker, size)
        maker_reason, taker_reason = judge_match(s, match)
        if maker_reason:
            end_order(s, maker, maker_reason)
            acted = True
        if taker_reason:
            return Outcome(taker_reason, acted)
        if maker_reason:
            continue
        if taker.post_only:
            return Outcome(Reason.POST_ONLY_WOULD_MATCH, acted)
        book_match(s, match, maker.order_id, taker.order_id, 0)
        taker.remaining -= size
        note_fill(s, taker, size)
        fill_maker(s, maker, size)
        acted = True
    return Outcome(Reason.NO_REASON, acted)


def match_of(s: State, taker: Order, maker: Order, size: int) -> Match:
    """At the maker's price, each side with its own rate."""
    quote = fill_quote(s.markets[taker.market], size, maker.price)
    one, other = s.accounts[maker.account], s.accounts[taker.account]
    maker_fee = fee_of(quote, fee_ppm(s, one, taker.market, False))
    taker_fee = fee_of(quote, fee_ppm(s, other, taker.market, True))
    sign = taker.direction
    return Match(
        taker.market, one, other, maker.price, sign * size, sign * quote, maker_fee, taker_fee
    )
