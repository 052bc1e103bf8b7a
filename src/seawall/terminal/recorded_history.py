"""What happened in a recording up to the moment that it stands at, from the machine's own events.

Implements ``venues.port.History`` for reading. Candles are those of the mark price.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seawall.domain.enums import EventKind, FillFlag, Side
from seawall.domain.units import DAY_MS
from seawall.terminal.partial_history import PartialHistory
from seawall.venues.port import (
    Candle,
    Fill,
    FundingRecord,
    LedgerRecord,
)

Rows = NDArray[Any]
FILLS = (EventKind.ORDER_FILLED, EventKind.DELEVERAGED, EventKind.BACKSTOP_TAKEN_OVER)
ORIGINS = {EventKind.DELEVERAGED: "deleveraging", EventKind.BACKSTOP_TAKEN_OVER: "backstop"}


class RecordedHistory(PartialHistory):
    """``events``: all rows of a recording in order; ``times``: when each happened. ``sequence``:
    of the newest command that counts."""

    def __init__(self, events: Rows, times: Rows, sequence: Callable[[], int]) -> None:
        self._sequence = sequence
        self._fills = _of(events, times, FILLS)
        self._funding = _of(events, times, (EventKind.FUNDING_PAID,))
        self._marks = _of(events, times, (EventKind.PRICE_UPDATED,))
        self._deposits = _of(events, times, (EventKind.DEPOSITED,))

    def _until_now(self, table: tuple[Rows, Rows], mask: Rows | None = None) -> tuple[Rows, Rows]:
        rows, times = table
        last = int(np.searchsorted(rows["sequence"], self._sequence(), side="right"))
        rows, times = rows[:last], times[:last]
        return (rows, times) if mask is None else (rows[mask[:last]], times[mask[:last]])

    def fills(
        self, account: int, start_ms: int = 0, end_ms: int = 2**62, limit: int = 2000
    ) -> list[Fill]:
        rows, times = self._until_now(self._fills, self._fills[0]["account"] == account)
        newest = zip(rows[::-1][:limit], times[::-1][:limit], strict=True)
        return [_fill(row, int(at)) for row, at in newest if start_ms <= at <= end_ms]

    def trades(self, market: int, limit: int = 100) -> list[Fill]:
        rows, times = self._traded(market)
        return [
            _fill(row, int(at))
            for row, at in zip(rows[::-1][:limit], times[::-1][:limit], strict=True)
        ]

    def _traded(self, market: int) -> tuple[Rows, Rows]:
        """The takers' sides of the fills of a market."""
        rows = self._fills[0]
        is_taker = (rows["flags"] & FillFlag.TAKER) != 0
        is_fill = rows["kind"] == EventKind.ORDER_FILLED
        return self._until_now(self._fills, (rows["market"] == market) & is_taker & is_fill)

    def funding(
        self, account: int, start_ms: int = 0, end_ms: int = 2**62, limit: int = 500
    ) -> list[FundingRecord]:
        rows, times = self._until_now(self._funding, self._funding[0]["account"] == account)
        return [
            FundingRecord(
                int(at), account, int(row["market"]), int(row["money"]),
                int(row["position_size"]), int(row["closed_profit"]),
            )
            for row, at in zip(rows[::-1][:limit], times[::-1][:limit], strict=True)
        ]  # fmt: skip

    def ledger(
        self, account: int, start_ms: int = 0, end_ms: int = 2**62, limit: int = 500
    ) -> list[LedgerRecord]:
        rows, times = self._until_now(self._deposits, self._deposits[0]["account"] == account)
        return [
            LedgerRecord(int(at), account, "deposit", int(row["money"]), {})
            for row, at in zip(rows[::-1][:limit], times[::-1][:limit], strict=True)
        ]

    def candles(
        self, market: int, interval_ms: int, start_ms: int, end_ms: int, limit: int = 5000
    ) -> list[Candle]:
        marks, times = self._until_now(self._marks, self._marks[0]["market"] == market)
        traded, traded_at = self._traded(market)
        opened = times - times % interval_ms
        kept = (opened > start_ms - interval_ms) & (opened <= end_ms)
        prices = marks["price"][kept]
        begun, first = np.unique(opened[kept], return_index=True)
        parts = zip(
            begun.tolist(),
            np.split(prices, first[1:]),
            np.searchsorted(traded_at, begun).tolist(),
            np.searchsorted(traded_at, begun + interval_ms).tolist(),
            strict=False,  # nothing split is one empty part
        )
        return [
            Candle(
                at, interval_ms, int(each[0]), int(each.max()), int(each.min()), int(each[-1]),
                sum(traded["order_size"][low:high].tolist()), high - low,
            )
            for at, each, low, high in list(parts)[-limit:]
        ]  # fmt: skip

    def day_volume(self, market: int) -> tuple[int, int, int]:
        marks, at = self._until_now(self._marks, self._marks[0]["market"] == market)
        rows, times = self._traded(market)
        if not len(marks):
            return 0, 0, 0
        since = int(at[-1]) - DAY_MS
        day = rows[times >= since]
        notional = sum((day["order_size"] * day["price"]).tolist())
        return notional, sum(day["order_size"].tolist()), int(marks["price"][at >= since][0])


def _of(events: Rows, times: Rows, kinds: tuple[EventKind, ...]) -> tuple[Rows, Rows]:
    mask = np.isin(events["kind"], [int(kind) for kind in kinds])
    return events[mask], times[mask]


def _fill(row: Any, time_ms: int) -> Fill:
    flags, kind = int(row["flags"]), EventKind(int(row["kind"]))
    is_backstop = kind == EventKind.BACKSTOP_TAKEN_OVER
    is_liquidated = is_backstop or bool(flags & FillFlag.LIQUIDATED)
    size = int(row["position_size"]) if is_backstop else int(row["order_size"])
    is_buyer = size < 0 if is_backstop else bool(flags & FillFlag.BUYER)
    return Fill(
        sequence=int(row["sequence"]),
        trade_id=int(row["sequence"]),
        time_ms=time_ms,
        account=int(row["account"]),
        counterparty=int(row["counterparty"]),
        market=int(row["market"]),
        order_id=int(row["order_id"]),
        client_id=0,
        side=int(Side.BUY if is_buyer else Side.SELL),
        price=int(row["price"]),
        size=abs(size),
        fee=int(row["money"]) if kind == EventKind.ORDER_FILLED else 0,
        closed_profit=int(row["closed_profit"]),
        position_before=int(row["position_size"]),
        is_taker=bool(flags & FillFlag.TAKER),
        flags=flags,
        origin=ORIGINS.get(kind, "liquidation" if is_liquidated else "order"),
        mark_price=int(row["price"]) if is_liquidated else 0,
    )
