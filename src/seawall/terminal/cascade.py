"""Liquidations as they happen, who pays for them, and who is deleveraged next."""

from collections import deque
from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from seawall.domain import events
from seawall.domain.enums import FillFlag
from seawall.domain.events import is_pool
from seawall.domain.system_accounts import BACKSTOP_ACCOUNT, INSURANCE_FUND
from seawall.domain.units import RATE_ONE, money_text
from seawall.engine.account_view import account_margins
from seawall.engine.holding_view import holdings
from seawall.engine.queue_view import Queued, deleveraging_queue
from seawall.terminal import protocol
from seawall.terminal.account import CROSS_NAME
from seawall.terminal.market import SIDES
from seawall.terminal.scene import Scene
from seawall.venues.port import Applied

KEPT = 120
SHOWN_QUEUE = 12
KINDS: dict[type[Any], str] = {
    events.LiquidationStarted: "started",
    events.LiquidationOrderEnded: "order",
    events.BackstopTakenOver: "backstop",
    events.InsurancePaid: "insurance",
    events.Deleveraged: "deleveraged",
    events.DeleveragingStalled: "stalled",
    events.LiquidationEnded: "ended",
}


class Happened(Struct):
    """One event of a liquidation. ``bucket``: the one that is liquidated."""

    time_ms: int
    event: Any
    bucket: int


class CascadeLog:
    """The newest events of liquidations, and sums since it began. ``add`` is its one writer."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self.clear()

    def clear(self) -> None:
        """The venue went back in time."""
        self.newest: deque[Happened] = deque(maxlen=KEPT)
        self._begun: dict[int, int] = {}
        """The bucket of each account whose liquidation began last."""
        self.liquidations = self.in_book = self.to_backstop = 0
        self.deleveraged = self.insured = 0

    def add(self, batch: Sequence[Applied]) -> bool:
        """Whether there was anything of a liquidation."""
        found = False
        for applied in batch:
            for event in applied.events:
                if type(event) in KINDS or self._is_order(event):
                    found = True
                    self._count(event)
                    bucket = self._bucket(event)
                    self.newest.appendleft(Happened(applied.time_ms, event, bucket))
        return found

    def _is_order(self, event: Any) -> bool:
        """Under block rules an order of a liquidation leaves its fills and no event of its own."""
        if not self._scene.in_blocks or not isinstance(event, events.OrderFilled):
            return False
        return bool(event.flags & FillFlag.LIQUIDATED and event.flags & FillFlag.TAKER)

    def _bucket(self, event: Any) -> int:
        """An order closes a position of the pool whose liquidation began, or of its own bucket."""
        if isinstance(event, events.LiquidationStarted):
            self._begun[event.account] = event.market
        begun = self._begun.get(event.account, event.market)
        return begun if is_pool(begun) and not is_pool(event.market) else int(event.market)

    def _count(self, event: Any) -> None:
        if isinstance(event, events.LiquidationStarted):
            self.liquidations += 1
        elif isinstance(event, events.LiquidationOrderEnded | events.OrderFilled):
            self.in_book += _worth(self._scene, event)
        elif isinstance(event, events.BackstopTakenOver):
            self.to_backstop += _worth(self._scene, event)
        elif isinstance(event, events.InsurancePaid):
            self.insured += event.amount
        elif isinstance(event, events.Deleveraged) and event.flags & FillFlag.LIQUIDATED:
            self.deleveraged += _worth(self._scene, event)


def _worth(scene: Scene, event: Any) -> int:
    """Micro-USD of what was traded. Under block rules a deleveraging has a total and no price."""
    if isinstance(event, events.Deleveraged) and not event.price:
        return abs(event.quote)
    size, price = _size_and_price(event)
    return scene.value(event.market, abs(size or 0), price or 0)


def cascade(scene: Scene, log: CascadeLog, market: int, account: int) -> protocol.Cascade:
    queue = deleveraging_queue(scene.engine, market) if scene.ranks else []
    fund = sum(each.equity for each in account_margins(scene.engine, INSURANCE_FUND).values())
    if scene.in_blocks:
        # A market with its own pool has its own fund.
        fund += int(scene.tables["block_markets"]["insurance_cash"][market])
    backstop = account_margins(scene.engine, BACKSTOP_ACCOUNT)
    held = holdings(scene.engine, BACKSTOP_ACCOUNT, backstop)
    return protocol.Cascade(
        scene.instruments[market].name,
        tuple(_event(scene, each, account) for each in log.newest),
        log.liquidations,
        money_text(log.in_book),
        money_text(log.to_backstop),
        money_text(log.deleveraged),
        money_text(log.insured),
        money_text(fund),
        money_text(sum(each.equity for each in backstop.values())),
        tuple(
            (scene.instruments[each.market].name, scene.size_text(each.market, each.signed_size))
            for each in held
        ),
        _ranked(scene, market, [each for each in queue if each.signed_size > 0], account),
        _ranked(scene, market, [each for each in queue if each.signed_size < 0], account),
    )


def _event(scene: Scene, happened: Happened, account: int) -> protocol.CascadeEvent:
    event, name = happened.event, scene.names.of(happened.event.account)
    market = None if is_pool(event.market) else event.market
    size, price = _size_and_price(event)
    amount = None
    if isinstance(event, events.InsurancePaid):
        amount = event.amount
    elif isinstance(event, events.LiquidationStarted | events.LiquidationEnded):
        amount = event.equity
    elif price is not None or isinstance(event, events.Deleveraged):
        amount = _worth(scene, event)
    shown = None if market is None else scene.instruments[market].name
    return protocol.CascadeEvent(
        event.sequence,
        happened.time_ms,
        KINDS.get(type(event), "order"),
        name.address,
        name.label,
        CROSS_NAME if is_pool(happened.bucket) else scene.instruments[happened.bucket].name,
        shown,
        _side(event),
        None if market is None or size is None else scene.size_text(market, abs(size)),
        None if market is None or price is None else scene.price_text(market, price),
        None if amount is None else money_text(amount),
        event.account == account,
    )


def _size_and_price(event: Any) -> tuple[int | None, int | None]:
    if isinstance(event, events.LiquidationOrderEnded):
        return event.size - event.remaining_size, event.mark_price
    if isinstance(event, events.BackstopTakenOver):
        return event.position_size, event.mark_price
    if isinstance(event, events.Deleveraged | events.OrderFilled):
        return event.size, event.price or None
    if isinstance(event, events.DeleveragingStalled):
        return event.position_size, None
    return None, None


def _side(event: Any) -> protocol.SideName | None:
    """Of the order that closes the position, so against the position."""
    if isinstance(event, events.LiquidationOrderEnded):
        return SIDES[int(event.side)]
    if isinstance(event, events.BackstopTakenOver | events.DeleveragingStalled):
        return "sell" if event.position_size > 0 else "buy"
    if isinstance(event, events.Deleveraged | events.OrderFilled):
        return "buy" if event.flags & FillFlag.BUYER else "sell"
    return None


def _ranked(
    scene: Scene, market: int, queue: Sequence[Queued], account: int
) -> tuple[protocol.Ranked, ...]:
    """The first of a queue, and the account's own place wherever it is."""
    found = []
    for place, each in enumerate(queue, start=1):
        is_own = each.account == account
        if place > SHOWN_QUEUE and not is_own:
            continue
        name = scene.names.of(each.account)
        found.append(
            protocol.Ranked(
                place,
                name.address,
                name.label,
                scene.size_text(market, each.signed_size),
                money_text(abs(scene.value_at_mark(market, each.signed_size))),
                each.score / RATE_ONE,
                is_own,
            )
        )
    return tuple(found)
