"""The tables of the history, and how their rows become what ``History`` answers.

Money micro-USD, prices and sizes in the market's units, times ms. ``sequence`` is the number of
the command that caused a row. A client id is text: SQLite's integers have 64 bits.
"""

from typing import Any

import msgspec

from seawall.venues.port import Fill, FundingRate, FundingRecord, LedgerRecord, OrderRecord

VERSION = 1

TABLES = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS fills (
    trade INTEGER NOT NULL, is_taker INTEGER NOT NULL, sequence INTEGER NOT NULL,
    time_ms INTEGER NOT NULL, account INTEGER NOT NULL, counterparty INTEGER NOT NULL,
    market INTEGER NOT NULL, order_id INTEGER NOT NULL, client_id TEXT NOT NULL,
    side INTEGER NOT NULL, price INTEGER NOT NULL, size INTEGER NOT NULL, fee INTEGER NOT NULL,
    closed_profit INTEGER NOT NULL, position_before INTEGER NOT NULL, flags INTEGER NOT NULL,
    origin TEXT NOT NULL, PRIMARY KEY (trade, is_taker)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS fills_of_account ON fills (account, trade);
CREATE INDEX IF NOT EXISTS trades_of_market ON fills (market, trade)
    WHERE is_taker = 1 AND origin IN ('order', 'liquidation');
CREATE TABLE IF NOT EXISTS orders (
    order_id INTEGER PRIMARY KEY, sequence INTEGER NOT NULL, account INTEGER NOT NULL,
    market INTEGER NOT NULL, client_id TEXT NOT NULL, side INTEGER NOT NULL,
    price INTEGER NOT NULL, trigger_price INTEGER NOT NULL, original_size INTEGER NOT NULL,
    remaining_size INTEGER NOT NULL, flags INTEGER NOT NULL, time_in_force INTEGER NOT NULL,
    placed_ms INTEGER NOT NULL, status TEXT NOT NULL, reason INTEGER NOT NULL,
    status_ms INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS orders_of_account ON orders (account, sequence);
CREATE INDEX IF NOT EXISTS orders_of_client ON orders (account, client_id, sequence)
    WHERE client_id <> '';
CREATE TABLE IF NOT EXISTS candles (
    market INTEGER NOT NULL, opened_ms INTEGER NOT NULL, open INTEGER NOT NULL,
    high INTEGER NOT NULL, low INTEGER NOT NULL, close INTEGER NOT NULL, volume INTEGER NOT NULL,
    notional INTEGER NOT NULL, trades INTEGER NOT NULL, PRIMARY KEY (market, opened_ms)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS funding (
    sequence INTEGER NOT NULL, time_ms INTEGER NOT NULL, account INTEGER NOT NULL,
    market INTEGER NOT NULL, amount INTEGER NOT NULL, signed_size INTEGER NOT NULL,
    rate INTEGER NOT NULL, PRIMARY KEY (account, sequence, market)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS funding_rates (
    market INTEGER NOT NULL, time_ms INTEGER NOT NULL, rate INTEGER NOT NULL,
    premium INTEGER NOT NULL, PRIMARY KEY (market, time_ms)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ledger (
    id INTEGER PRIMARY KEY, sequence INTEGER NOT NULL, time_ms INTEGER NOT NULL,
    account INTEGER NOT NULL, kind TEXT NOT NULL, amount INTEGER NOT NULL, body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS ledger_of_account ON ledger (account, id);
CREATE TABLE IF NOT EXISTS entries (
    account INTEGER NOT NULL, market INTEGER NOT NULL, signed_size INTEGER NOT NULL,
    entry_notional INTEGER NOT NULL, PRIMARY KEY (account, market)
) WITHOUT ROWID;
"""

TABLE_NAMES = "meta fills orders candles funding funding_rates ledger entries".split()

FILL_COLUMNS = (
    "trade, is_taker, sequence, time_ms, account, counterparty, market, order_id, client_id, "
    "side, price, size, fee, closed_profit, position_before, flags, origin"
)
ORDER_COLUMNS = (
    "order_id, sequence, account, market, client_id, side, price, trigger_price, original_size, "
    "remaining_size, flags, time_in_force, placed_ms, status, reason, status_ms"
)
CANDLE_COLUMNS = "market, opened_ms, open, high, low, close, volume, notional, trades"


def client_text(client_id: int) -> str:
    return f"{client_id:x}" if client_id else ""


def client_number(text: str) -> int:
    return int(text, 16) if text else 0


def fill_row(fill: Fill) -> tuple[Any, ...]:
    return (
        fill.trade_id, int(fill.is_taker), fill.sequence, fill.time_ms, fill.account,
        fill.counterparty, fill.market, fill.order_id, client_text(fill.client_id), fill.side,
        fill.price, fill.size, fill.fee, fill.closed_profit, fill.position_before, fill.flags,
        fill.origin,
    )  # fmt: skip


def fill_of(row: tuple[Any, ...]) -> Fill:
    (
        trade, is_taker, sequence, time_ms, account, counterparty, market, order_id, client_id,
        side, price, size, fee, closed_profit, position_before, flags, origin,
    ) = row  # fmt: skip
    return Fill(
        sequence, trade, time_ms, account, counterparty, market, order_id,
        client_number(client_id), side, price, size, fee, closed_profit, position_before,
        bool(is_taker), flags, origin,
    )  # fmt: skip


class OrderRow(msgspec.Struct):
    """One row of ``orders``, in the order of its columns, while it is being changed."""

    order_id: int
    sequence: int
    account: int
    market: int
    client_id: str
    side: int
    price: int
    trigger_price: int
    original_size: int
    remaining_size: int
    flags: int
    time_in_force: int
    placed_ms: int
    status: str
    reason: int
    status_ms: int

    def record(self) -> OrderRecord:
        return OrderRecord(
            self.order_id, self.account, self.market, client_number(self.client_id), self.side,
            self.price, self.trigger_price, self.original_size, self.remaining_size, self.flags,
            self.time_in_force, self.placed_ms, self.status, self.reason, self.status_ms,
        )  # fmt: skip


class CandleRow(msgspec.Struct):
    """One row of ``candles``: one minute of one market."""

    market: int
    opened_ms: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    notional: int
    trades: int


def funding_of(row: tuple[Any, ...]) -> FundingRecord:
    return FundingRecord(*row)


def rate_of(row: tuple[Any, ...]) -> FundingRate:
    return FundingRate(*row)


def ledger_of(row: tuple[Any, ...]) -> LedgerRecord:
    time_ms, account, kind, amount, body = row
    return LedgerRecord(time_ms, account, kind, amount, msgspec.json.decode(body))
