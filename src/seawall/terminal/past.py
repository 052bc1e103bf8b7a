"""What happened to the account in view, and where other accounts are liquidated."""

from collections import defaultdict
from math import log

from seawall.domain.enums import Reason
from seawall.domain.system_accounts import FIRST_USER
from seawall.domain.units import FUNDING_ONE, MICRO, money_text
from seawall.engine.account_view import account_margins, account_pools
from seawall.engine.holding_view import bucket_position, holdings
from seawall.engine.queue_view import deleveraging_queue
from seawall.terminal import protocol
from seawall.terminal.account import order_kind
from seawall.terminal.market import SIDES
from seawall.terminal.scene import Scene
from seawall.venues.port import Fill, FundingRecord, OrderRecord

SHOWN = 100
OPEN = ("open", "waiting")
BIN = 0.0025
"""Width of a bin of the map, a share of the price."""
FARTHEST = 4.0
"""Liquidation prices above so many times the mark, or below that part of it, are left out."""


def history(scene: Scene, account: int) -> protocol.History:
    source = scene.history
    orders = [each for each in source.orders(account, SHOWN) if each.status not in OPEN]
    return protocol.History(
        scene.names.of(account).address,
        tuple(_fill(scene, each) for each in source.fills(account, limit=SHOWN)),
        tuple(_order(scene, each) for each in orders),
        tuple(_funding(scene, each) for each in source.funding(account, limit=SHOWN)),
        tuple(
            protocol.Transfer(each.time_ms, each.kind, money_text(each.amount))
            for each in source.ledger(account, limit=SHOWN)
        ),
    )


def _fill(scene: Scene, fill: Fill) -> protocol.Fill:
    return protocol.Fill(
        fill.trade_id,
        fill.time_ms,
        scene.instruments[fill.market].name,
        SIDES[fill.side],
        scene.price_text(fill.market, fill.price),
        scene.size_text(fill.market, fill.size),
        money_text(fill.fee),
        money_text(fill.closed_profit),
        fill.is_taker,
        fill.origin,
        bool(fill.mark_price),
    )


def _order(scene: Scene, order: OrderRecord) -> protocol.OrderEnd:
    return protocol.OrderEnd(
        str(order.order_id),
        order.status_ms,
        scene.instruments[order.market].name,
        SIDES[order.side],
        order_kind(order.flags, order.time_in_force),
        scene.price_text(order.market, order.price),
        scene.price_text(order.market, order.trigger_price) if order.trigger_price else None,
        scene.size_text(order.market, order.original_size),
        scene.size_text(order.market, order.remaining_size),
        order.status,
        reason_text(Reason(order.reason)),
    )


def reason_text(reason: Reason) -> str:
    """The machine's reason in words; empty for none."""
    return reason.name.lower().replace("_", " ") if reason else ""


def _funding(scene: Scene, paid: FundingRecord) -> protocol.Funding:
    return protocol.Funding(
        paid.time_ms,
        scene.instruments[paid.market].name,
        money_text(paid.amount),
        scene.size_text(paid.market, paid.signed_size),
        paid.rate / FUNDING_ONE,
    )


def liquidation_map(scene: Scene, market: int, account: int) -> protocol.LiquidationMap:
    """Of every account but this one and the machine's own; none where those are not known."""
    mark, engine = float(scene.mark(market)), scene.engine
    bins: dict[int, list[float]] = defaultdict(lambda: [0.0, 0.0, 0])
    for row in {each.account for each in deleveraging_queue(engine, market)} - {account}:
        if row < FIRST_USER:
            continue
        margins = account_margins(engine, row)
        held = next(each for each in holdings(engine, row, margins) if each.market == market)
        pool = margins[account_pools(engine, row)[market]]
        bucket = bucket_position(engine, held, pool, scene.now_ms())
        price = None if bucket is None else bucket.liquidation()
        if price is None or not mark / FARTHEST <= price[0] / price[1] <= mark * FARTHEST:
            continue
        found = bins[int(log(price[0] / price[1]) // log(1 + BIN))]
        found[0 if held.signed_size > 0 else 1] += abs(held.value) / MICRO
        found[2] += 1
    return protocol.LiquidationMap(
        scene.instruments[market].name,
        scene.is_whole,
        tuple(
            protocol.MapBin(
                scene.price_number(market, (1 + BIN) ** place),
                scene.price_number(market, (1 + BIN) ** (place + 1)),
                longs,
                shorts,
                int(n),
            )
            for place, (longs, shorts, n) in sorted(bins.items())
        ),
    )
