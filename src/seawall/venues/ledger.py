"""Ledger records from events: money that came or went without a trade, and what was liquidated.

The one place that makes them, so that the history and the live streams agree.
"""

from collections.abc import Sequence
from typing import Any

from seawall.domain.enums import FillFlag
from seawall.domain.events import (
    BackstopTakenOver,
    Deleveraged,
    Deposited,
    Event,
    InsurancePaid,
    LiquidationEnded,
    LiquidationStarted,
    OrderFilled,
    Transferred,
    Withdrawn,
)
from seawall.venues.port import Applied, LedgerRecord


def ledger_records(applied: Applied) -> list[LedgerRecord]:
    """In the order of the events; ``amount`` is what the account received."""
    records: list[LedgerRecord] = []

    def note(account: int, kind: str, amount: int, **body: Any) -> None:
        records.append(LedgerRecord(applied.time_ms, account, kind, amount, body))

    first = 0
    for place, event in enumerate(applied.events):
        if isinstance(event, Deposited):
            note(event.account, "deposit", event.amount)
        elif isinstance(event, Withdrawn):
            note(event.account, "withdraw", -event.amount)
        elif isinstance(event, Transferred):
            own, other = event.group, event.recipient_group
            note(
                event.account, "transfer_out", -event.amount, counterparty=event.recipient,
                group=own, other_group=other,
            )  # fmt: skip
            note(
                event.recipient, "transfer_in", event.amount, counterparty=event.account,
                group=other, other_group=own,
            )  # fmt: skip
        elif isinstance(event, InsurancePaid):
            body = {"market": event.market, "payer": event.payer}
            note(event.account, "insurance", event.amount, **body)
            note(event.payer, "insurance", -event.amount, **body)
        elif isinstance(event, LiquidationStarted):
            first = place
        elif isinstance(event, LiquidationEnded):
            body = _liquidation(applied.events[first:place], event)
            if body["positions"]:
                note(event.account, "liquidation", 0, **body)
    return records


def _liquidation(events: Sequence[Event], ended: LiquidationEnded) -> dict[str, Any]:
    """What a liquidation took from its bucket. A stalled one took no positions.

    Its money is in the fills, and in the records of insurance, so its amount is 0. ``size`` is
    signed as the position was; ``notional`` is at the prices it went for.
    """
    started: Any = events[0]
    sizes: dict[int, int] = {}
    notional = 0
    for event in events:
        if not isinstance(event, BackstopTakenOver | Deleveraged | OrderFilled):
            continue
        if event.account != ended.account:
            continue
        if isinstance(event, BackstopTakenOver):
            size, price = event.position_size, event.mark_price
        elif event.flags & FillFlag.LIQUIDATED:
            size, price = event.size if event.position_before > 0 else -event.size, event.price
        else:
            continue
        sizes[event.market] = sizes.get(event.market, 0) + size
        notional += abs(size) * price
    return {
        "market": ended.market,
        "equity": started.equity,
        "equity_after": ended.equity,
        "maintenance_margin": started.maintenance_margin,
        "notional": notional,
        "positions": [{"market": market, "size": size} for market, size in sizes.items()],
    }
