"""What just happened to an account, in words."""

from collections.abc import Iterator, Sequence
from typing import Any

from seawall.domain import events
from seawall.domain.enums import FillFlag, Reason
from seawall.domain.events import is_pool
from seawall.domain.units import money_text
from seawall.terminal import protocol
from seawall.terminal.past import reason_text
from seawall.terminal.scene import Scene
from seawall.venues.port import Applied

BY_WILL = (Reason.CANCELLED_BY_USER, Reason.REPLACED)


def notices(scene: Scene, batch: Sequence[Applied], account: int) -> Iterator[protocol.Notice]:
    """Of everything in a batch that concerns the account."""
    for applied in batch:
        for event in applied.events:
            if getattr(event, "account", -1) == account:
                found = _notice(scene, event)
                if found is not None:
                    market = getattr(event, "market", -1)
                    name = scene.instruments[market].name if market >= 0 else None
                    yield protocol.Notice(found[0], found[1], applied.time_ms, name)


def _notice(scene: Scene, event: Any) -> tuple[str, str] | None:
    if isinstance(event, events.OrderFilled):
        verb = "bought" if event.flags & FillFlag.BUYER else "sold"
        kind = "liquidated" if event.flags & FillFlag.LIQUIDATED else "filled"
        return kind, f"{verb} {_traded(scene, event)}"
    if isinstance(event, events.OrderTriggered):
        at = scene.price_text(event.market, event.mark_price)
        return "triggered", f"trigger of an order in {_name(scene, event)} reached at {at}"
    if isinstance(event, events.OrderCancelled) and event.reason not in BY_WILL:
        return "cancelled", f"order in {_name(scene, event)} ended: {reason_text(event.reason)}"
    if isinstance(event, events.LiquidationStarted):
        return "liquidated", f"liquidation of {_bucket(scene, event)} began"
    if isinstance(event, events.BackstopTakenOver):
        return "liquidated", f"the backstop took the position in {_name(scene, event)}"
    if isinstance(event, events.LiquidationEnded):
        left = money_text(event.equity)
        return "liquidated", f"liquidation of {_bucket(scene, event)} ended, {left} USD left"
    if isinstance(event, events.Deleveraged):
        return "deleveraged", f"deleveraged {_traded(scene, event)}"
    if isinstance(event, events.FundingPaid):
        verb = "received" if event.amount >= 0 else "paid"
        amount = money_text(abs(event.amount))
        return "funding", f"funding of {_name(scene, event)}: {verb} {amount} USD"
    return None


def _name(scene: Scene, event: Any) -> str:
    return str(scene.instruments[event.market].name)


def _bucket(scene: Scene, event: Any) -> str:
    return "the cross pool" if is_pool(event.market) else _name(scene, event)


def _traded(scene: Scene, event: Any) -> str:
    size = scene.size_text(event.market, event.size)
    return f"{size} {_name(scene, event)} at {scene.price_text(event.market, event.price)}"
