"""Fills from events: both sides of every trade, backstop liquidation and deleveraging.

The one place that numbers trades and says where a fill came from, so that the history and the live
streams agree.
"""

from collections.abc import Callable

from msgspec import structs

from seawall.domain.enums import FillFlag, Side
from seawall.domain.events import BackstopTakenOver, Deleveraged, LiquidationStarted, OrderFilled
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
    backstop liquidation is a fill at the mark; what its event does not carry is 0: the closed
    profit of both sides and the backstop's position before (the history has them).
    """
    fills: list[Fill] = []
    trades = 0
    in_bucket = False
    for event in applied.events:
        if isinstance(event, OrderFilled):
            is_taker = bool(event.flags & FillFlag.TAKER)
            fills.append(_order_fill(applied, event, trades, client_id_of))
            if is_taker:
                if event.flags & FillFlag.LIQUIDATED and len(fills) > 1:
                    fills[-2] = _with_origin(fills[-2], "liquidation")
                trades += 1
        elif isinstance(event, Deleveraged):
            fills.append(_deleveraging_fill(applied, event, trades))
            trades += not event.flags & FillFlag.LIQUIDATED
        elif isinstance(event, LiquidationStarted):
            in_bucket = event.market >= 0
        elif isinstance(event, BackstopTakenOver):
            fills.extend(_backstop_fills(applied, event, trades, in_bucket))
            trades += 1
    return fills


def _with_origin(fill: Fill, origin: str) -> Fill:
    return structs.replace(fill, origin=origin)


def _order_fill(
    applied: Applied, event: OrderFilled, trades: int, client_id_of: Callable[[int], int]
) -> Fill:
    liquidated = event.flags & FillFlag.LIQUIDATED
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
        origin="liquidation" if liquidated else "order",
    )


def _deleveraging_fill(applied: Applied, event: Deleveraged, trades: int) -> Fill:
    return Fill(
        sequence=event.sequence,
        trade_id=trade_id(event.sequence, trades),
        time_ms=applied.time_ms,
        account=event.account,
        counterparty=event.counterparty,
        market=event.market,
        order_id=0,
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
    )


def _backstop_fills(
    applied: Applied, event: BackstopTakenOver, trades: int, in_bucket: bool
) -> list[Fill]:
    is_long = event.position_size > 0
    sides = (Side.SELL, Side.BUY) if is_long else (Side.BUY, Side.SELL)
    bucket = FillFlag.ISOLATED_BUCKET if in_bucket else FillFlag.NO_FILL_FLAG
    extra = (FillFlag.LIQUIDATED | FillFlag.TAKER | bucket, FillFlag.NO_FILL_FLAG)
    accounts = (event.account, event.backstop)
    before = (event.position_size, 0)
    return [
        Fill(
            sequence=event.sequence,
            trade_id=trade_id(event.sequence, trades),
            time_ms=applied.time_ms,
            account=accounts[index],
            counterparty=accounts[1 - index],
            market=event.market,
            order_id=0,
            client_id=0,
            side=int(sides[index]),
            price=event.mark_price,
            size=abs(event.position_size),
            fee=0,
            closed_profit=0,
            position_before=before[index],
            is_taker=index == 0,
            flags=int(
                extra[index]
                | (FillFlag.BUYER if sides[index] == Side.BUY else FillFlag.NO_FILL_FLAG)
            ),
            origin="backstop",
        )
        for index in (0, 1)
    ]
