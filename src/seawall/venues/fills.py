"""Fills from events: both sides of every trade, backstop liquidation and deleveraging.

The one place that numbers trades and says where a fill came from, so that the history and the live
streams agree.
"""

from collections.abc import Callable, Sequence

from msgspec import structs

from seawall.domain.block_events import LiquidationFeePaid
from seawall.domain.enums import FillFlag, Side
from seawall.domain.events import (
    BackstopTakenOver,
    Deleveraged,
    Event,
    InsurancePaid,
    LiquidationEnded,
    LiquidationOrderEnded,
    LiquidationStarted,
    OrderFilled,
)
from seawall.venues.port import Applied, Fill

TRADE_BITS = 16
"""A command has fewer than 65,536 trades; their ids stay below 2^53 for 2^37 commands."""


def trade_id(sequence: int, index: int) -> int:
    """Id of the ``index``-th trade (from 0) of command number ``sequence``."""
    return (sequence << TRADE_BITS) | index


def no_client_id(order_id: int) -> int:
    """0: for callers that need no client ids."""
    return 0


def fills_of(
    applied: Applied,
    client_id_of: Callable[[int], int] = no_client_id,
) -> list[Fill]:
    """In the order of the events; the two sides of a trade follow each other.

    ``origin`` is the same on both sides; FillFlag.LIQUIDATED says which side was liquidated. A
    backstop liquidation is a fill at the price at which it leaves the bucket nothing, so that the
    profits of its fills are all that the account lost. What its event does not carry is 0: the
    backstop's position before and what it closes (the history has them).
    """
    fills: list[Fill] = []
    trades = 0
    marks = {
        event.order_id: event.mark_price
        for event in applied.events
        if isinstance(event, LiquidationOrderEnded)
    }
    losses = margins_lost(applied.events)
    in_bucket = False
    for event in applied.events:
        if isinstance(event, OrderFilled):
            is_taker = bool(event.flags & FillFlag.TAKER)
            fills.append(_order_fill(applied, event, trades, client_id_of))
            if is_taker:
                if event.flags & FillFlag.LIQUIDATED and len(fills) > 1:
                    mark = marks.get(event.order_id, 0)
                    for place, fill in ((-2, fills[-2]), (-1, fills[-1])):
                        fills[place] = structs.replace(fill, origin="liquidation", mark_price=mark)
                trades += 1
        elif isinstance(event, Deleveraged):
            is_taken = event.flags & FillFlag.LIQUIDATED
            mark = marks.get(event.order_id, 0) if is_taken else fills[-1].mark_price
            fills.append(_deleveraging_fill(applied, event, trades, mark))
            trades += not is_taken
        elif isinstance(event, LiquidationFeePaid | InsurancePaid) and fills:
            fills[-1] = _with_insurance(fills[-1], event)
        elif isinstance(event, LiquidationStarted):
            in_bucket = event.market >= 0
        elif isinstance(event, BackstopTakenOver):
            loss = losses[event.order_id]
            fills.extend(_backstop_fills(applied, event, trades, in_bucket, loss))
            trades += 1
    return fills


def _with_insurance(fill: Fill, event: LiquidationFeePaid | InsurancePaid) -> Fill:
    """The fill of a liquidated account under block rules with what went to the insurance fund as
    its fee, negative where the fund paid; any other as it is.

    The event follows its fill. Such a fill has no order; those of other rules have one.
    """
    if fill.origin != "liquidation" or fill.order_id or fill.account != event.account:
        return fill
    is_fee = isinstance(event, LiquidationFeePaid)
    return structs.replace(fill, fee=event.amount if is_fee else -event.amount)


def margins_lost(events: Sequence[Event]) -> dict[int, int]:
    """What each position brought the backstop beside its value at the mark, by order id.

    That is the margin of its bucket: a part in proportion to its notional, the last the rest.
    """
    found: dict[int, int] = {}
    bucket: list[BackstopTakenOver] = []
    for event in events:
        if isinstance(event, BackstopTakenOver):
            bucket.append(event)
        elif isinstance(event, LiquidationEnded) and bucket:
            values = [taken.position_size * taken.mark_price for taken in bucket]
            left = sum(values) + sum(taken.cash for taken in bucket)
            whole = sum(map(abs, values))
            for taken, value in zip(bucket, values, strict=True):
                found[taken.order_id] = left * abs(value) // whole
                left -= found[taken.order_id]
                whole -= abs(value)
            bucket = []
    return found


def _order_fill(
    applied: Applied, event: OrderFilled, trades: int, client_id_of: Callable[[int], int]
) -> Fill:
    return Fill(
        sequence=event.sequence,
        trade_id=trade_id(event.sequence, trades),
        time_ms=applied.time_ms,
        account=event.account,
        counterparty=event.counterparty,
        market=event.market,
        order_id=event.order_id,
        client_id=client_id_of(event.order_id) if event.order_id else 0,
        side=int(Side.BUY if event.flags & FillFlag.BUYER else Side.SELL),
        price=event.price,
        size=event.size,
        fee=event.fee,
        closed_profit=event.closed_profit,
        position_before=event.position_before,
        is_taker=bool(event.flags & FillFlag.TAKER),
        flags=int(event.flags),
        origin="order",
    )


def _deleveraging_fill(applied: Applied, event: Deleveraged, trades: int, mark: int) -> Fill:
    return Fill(
        sequence=event.sequence,
        trade_id=trade_id(event.sequence, trades),
        time_ms=applied.time_ms,
        account=event.account,
        counterparty=event.counterparty,
        market=event.market,
        order_id=event.order_id,
        client_id=0,
        side=int(Side.BUY if event.flags & FillFlag.BUYER else Side.SELL),
        price=event.price,
        size=event.size,
        fee=0,
        closed_profit=event.closed_profit,
        position_before=event.position_before,
        is_taker=bool(event.flags & FillFlag.LIQUIDATED),
        flags=int(event.flags),
        origin="deleveraging",
        mark_price=mark,
        quote=event.quote,
    )


def _backstop_fills(
    applied: Applied, event: BackstopTakenOver, trades: int, in_bucket: bool, loss: int
) -> list[Fill]:
    is_long = event.position_size > 0
    size = abs(event.position_size)
    sides = (Side.SELL, Side.BUY) if is_long else (Side.BUY, Side.SELL)
    bucket = FillFlag.ISOLATED_BUCKET if in_bucket else FillFlag.NO_FILL_FLAG
    extra = (FillFlag.LIQUIDATED | FillFlag.TAKER | bucket, FillFlag.NO_FILL_FLAG)
    accounts = (event.account, event.backstop)
    before = (event.position_size, 0)
    profits = (event.closed_profit - loss, loss)
    return [
        Fill(
            sequence=event.sequence,
            trade_id=trade_id(event.sequence, trades),
            time_ms=applied.time_ms,
            account=accounts[index],
            counterparty=accounts[1 - index],
            market=event.market,
            order_id=event.order_id,
            client_id=0,
            side=int(sides[index]),
            price=event.mark_price + (-1 if is_long else 1) * (loss // size),
            size=size,
            fee=0,
            closed_profit=profits[index],
            position_before=before[index],
            is_taker=index == 0,
            flags=int(
                extra[index]
                | (FillFlag.BUYER if sides[index] == Side.BUY else FillFlag.NO_FILL_FLAG)
            ),
            origin="backstop",
            mark_price=event.mark_price,
        )
        for index in (0, 1)
    ]
