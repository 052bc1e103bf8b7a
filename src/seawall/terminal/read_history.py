"""What happened to an account of a running venue, and in its markets, as far as it was read.

Implements ``venues.port.History`` for reading. Orders that have ended and transfers are not read.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from seawall.domain.enums import FillFlag, Side
from seawall.domain.instrument import Instrument
from seawall.domain.units import FUNDING_ONE, MICRO
from seawall.terminal.partial_history import PartialHistory
from seawall.venues.gateway_port import LiveFill, VenueState
from seawall.venues.port import (
    Candle,
    Fill,
    FundingRecord,
    LedgerRecord,
)
from seawall.venues.public_stream import PublicCandle, PublicPrices


class ReadHistory(PartialHistory):
    """``state``: what was read last; ``candles``: those of a market by the length of their
    interval; ``prices``: what the venue says of each market."""

    def __init__(
        self,
        instruments: Sequence[Instrument],
        state: Callable[[], VenueState],
        candles: Callable[[str, int], Sequence[PublicCandle]],
        prices: Callable[[], Mapping[str, PublicPrices]],
    ) -> None:
        self._instruments = instruments
        self._rows = {each.name: row for row, each in enumerate(instruments)}
        self._state, self._candles, self._prices = state, candles, prices

    def fills(
        self, account: int, start_ms: int = 0, end_ms: int = 2**62, limit: int = 2000
    ) -> list[Fill]:
        kept = [each for each in self._state().fills if each.market in self._rows]
        newest = sorted(kept, key=lambda each: (each.time_ms, each.trade_id), reverse=True)
        shown = [each for each in newest if start_ms <= each.time_ms <= end_ms]
        return [self._fill(account, each) for each in shown[:limit]]

    def _fill(self, account: int, fill: LiveFill) -> Fill:
        row = self._rows[fill.market]
        of = self._instruments[row]
        price = _units(fill.price, of.price_decimals)
        return Fill(
            sequence=0,
            trade_id=fill.trade_id,
            time_ms=fill.time_ms,
            account=account,
            counterparty=-1,
            market=row,
            order_id=0,
            client_id=0,
            side=int(Side.BUY if fill.is_buy else Side.SELL),
            price=price,
            size=_units(fill.size, of.size_decimals),
            fee=fill.fee,
            closed_profit=fill.closed_profit or 0,
            position_before=0,
            is_taker=fill.is_taker,
            flags=int(FillFlag.TAKER) if fill.is_taker else 0,
            origin="liquidation" if fill.is_liquidation else "order",
            mark_price=price if fill.is_liquidation else 0,
        )

    def trades(self, market: int, limit: int = 100) -> list[Fill]:
        of = self._instruments[market]
        newest = list(self._state().trades.get(of.name, ()))[::-1][:limit]
        return [
            Fill(
                sequence=0,
                trade_id=each.trade_id,
                time_ms=each.time_ms,
                account=-1,
                counterparty=-1,
                market=market,
                order_id=0,
                client_id=0,
                side=int(each.side),
                price=round(each.price * 10**of.price_decimals),
                size=round(each.size * 10**of.size_decimals),
                fee=0,
                closed_profit=0,
                position_before=0,
                is_taker=True,
                flags=int(FillFlag.TAKER),
                origin="order",
            )
            for each in newest
        ]

    def funding(
        self, account: int, start_ms: int = 0, end_ms: int = 2**62, limit: int = 500
    ) -> list[FundingRecord]:
        paid = [each for each in self._state().funding_payments if each.market in self._rows]
        newest = sorted(paid, key=lambda each: each.time_ms, reverse=True)
        found = []
        for each in [each for each in newest if start_ms <= each.time_ms <= end_ms][:limit]:
            row = self._rows[each.market]
            decimals = self._instruments[row].size_decimals
            size = 0 if each.size is None else _units(each.size, decimals)
            rate = 0 if each.rate is None else round(each.rate * FUNDING_ONE)
            found.append(FundingRecord(each.time_ms, account, row, -each.amount, size, rate))
        return found

    def ledger(
        self, account: int, start_ms: int = 0, end_ms: int = 2**62, limit: int = 500
    ) -> list[LedgerRecord]:
        return []

    def candles(
        self, market: int, interval_ms: int, start_ms: int, end_ms: int, limit: int = 5000
    ) -> list[Candle]:
        of = self._instruments[market]
        price_unit, size_unit = 10**of.price_decimals, 10**of.size_decimals
        shown = [
            each
            for each in self._candles(of.name, interval_ms)
            if start_ms - interval_ms < each.opened_ms <= end_ms
        ]
        return [
            Candle(
                each.opened_ms,
                interval_ms,
                round(each.open * price_unit),
                round(each.high * price_unit),
                round(each.low * price_unit),
                round(each.close * price_unit),
                round(each.volume * size_unit),
                each.trades,
            )
            for each in shown[-limit:]
        ]

    def day_volume(self, market: int) -> tuple[int, int, int]:
        """Of the last 24 hours; 0 for what the venue does not say."""
        of = self._instruments[market]
        said = self._prices().get(of.name)
        if said is None:
            return 0, 0, 0
        before = round((said.day_before or 0.0) * 10**of.price_decimals)
        return round((said.day_volume or 0.0) * MICRO), 0, before


def _units(value: Decimal, decimals: int) -> int:
    return round(value.scaleb(decimals))
