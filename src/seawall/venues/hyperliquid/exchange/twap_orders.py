"""Time-weighted orders for a host, without a signed request: what ``twapOrder`` and ``twapCancel``
do, and what became of them."""

from collections.abc import Sequence
from typing import Any

from seawall.domain.enums import Side
from seawall.venues.hyperliquid.directory.twaps import Twap, even_interval_ms
from seawall.venues.hyperliquid.exchange import twap as orders
from seawall.venues.port import Desk, History, Plan, Record
from seawall.venues.twap_port import (
    TwapSchedule,
    TwapState,
    TwapStatus,
    TwapTerms,
    TwapWanted,
)

STATES: dict[str, TwapState] = {
    "waitingForTrigger": "waiting",
    "activated": "running",
    "finished": "finished",
    "terminated": "cancelled",
    "stopped": "stopped",
    "error": "failed",
}


class HyperliquidTwaps:
    """Implements ``twap_port.TwapOrders``."""

    terms = TwapTerms(
        shortest_minutes=orders.SHORTEST_MINUTES,
        longest_minutes=orders.LONGEST_MINUTES,
        minimum_value=orders.MINIMUM_VALUE,
        slippage=orders.SLIPPAGE_PERCENT / 100,
        randomises=False,
    )

    def schedule(self, engine: Any, wanted: TwapWanted) -> TwapSchedule:
        slices = max(1, orders.slices_of(orders.value_of(engine, wanted), wanted.minutes))
        return _schedule(slices, wanted.minutes, wanted.size)

    def worst_price(self, engine: Any, market: int, side: Side) -> int:
        return orders.limit_price(engine, market, side)

    def placing(self, desk: Desk, wanted: TwapWanted, time_ms: int) -> Plan:
        body = orders.new_body(desk.engine, desk.directory, wanted, time_ms)
        return Plan(records=(Record("twap", body),))

    def cancelling(self, desk: Desk, account: int, twap_id: int) -> Plan:
        twap = orders.running(desk.directory, account, twap_id)
        return Plan(records=(orders.ended(desk.history, twap),))

    def of_account(self, desk: Desk, account: int, limit: int) -> Sequence[TwapStatus]:
        found = desk.directory.twaps_of(desk.directory.address_of(account))
        found.sort(key=lambda twap: (twap.ended_ms > 0, -twap.twap_id))
        return [_status(desk.history, twap) for twap in found[:limit]]


def _schedule(slices: int, minutes: int, size: int) -> TwapSchedule:
    return TwapSchedule(slices, even_interval_ms(minutes, slices), max(1, size // slices))


def _status(history: History, twap: Twap) -> TwapStatus:
    size, notional = orders.executed(history, twap)
    return TwapStatus(
        twap_id=twap.twap_id,
        market=twap.market,
        side=Side(twap.side),
        size=twap.size,
        minutes=twap.minutes,
        schedule=_schedule(twap.slices, twap.minutes, twap.size),
        slices_sent=twap.slices_sent,
        executed_size=size,
        executed_notional=notional,
        reduce_only=twap.reduce_only,
        randomise=twap.randomize,
        state=STATES[twap.status],
        created_ms=twap.created_ms,
        started_ms=twap.started_ms,
        ended_ms=twap.ended_ms,
    )
