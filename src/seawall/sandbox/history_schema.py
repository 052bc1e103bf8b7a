"""The tables of the history, and how their rows become what ``History`` answers.

Money micro-USD, prices and sizes in the market's units, times ms. ``sequence`` is the number of
the command that caused a row. A client id is text: SQLite's integers have 64 bits.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct, structs

from seawall.venues.port import Fill, FundingRate, FundingRecord, LedgerRecord, OrderRecord

VERSION = 4


def columns_of(kind: type[Struct]) -> str:
    """The fields of a row as the columns that hold them, in their order."""
    return ", ".join(kind.__struct_fields__)


def client_text(client_id: int) -> str:
    return f"{client_id:x}" if client_id else ""


def client_number(text: str) -> int:
    return int(text, 16) if text else 0


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
        values = structs.asdict(self)
        del values["sequence"]
        return OrderRecord(**values | {"client_id": client_number(self.client_id)})


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


_CLIENT_ID, _IS_TAKER = map(Fill.__struct_fields__.index, ("client_id", "is_taker"))


def fill_row(fill: Fill) -> Sequence[Any]:
    """The values of ``fills``, in the order of its columns."""
    row = list(structs.astuple(fill))
    row[_CLIENT_ID] = client_text(fill.client_id)
    return row


def fill_of(row: Sequence[Any]) -> Fill:
    values = list(row)
    values[_CLIENT_ID] = client_number(values[_CLIENT_ID])
    values[_IS_TAKER] = bool(values[_IS_TAKER])
    return Fill(*values)


def ledger_of(row: Sequence[Any]) -> LedgerRecord:
    time_ms, account, kind, amount, body = row
    return LedgerRecord(time_ms, account, kind, amount, msgspec.json.decode(body))


COLUMNS = {
    "meta": "name, value",
    "fills": columns_of(Fill).replace("trade_id", "trade"),
    "orders": columns_of(OrderRow),
    "candles": columns_of(CandleRow),
    "funding": f"sequence, {columns_of(FundingRecord)}",
    "funding_rates": columns_of(FundingRate),
    "ledger": f"sequence, {columns_of(LedgerRecord)}",
    "entries": "account, market, signed_size, entry_notional",
}
"""Of each table, in the order in which its rows are written; ``ledger`` has an ``id`` besides."""
_KEYS = {
    "meta": "name",
    "fills": "trade, is_taker",
    "candles": "market, opened_ms",
    "funding": "account, sequence, market",
    "funding_rates": "market, time_ms",
    "entries": "account, market",
}
"""Of tables that are stored in the order of their key."""
_TEXTS = ("name", "value", "client_id", "origin", "status", "kind", "body")
_NUMBERED = {"orders": "order_id", "ledger": "id"}
"""The key of a row that SQLite itself finds by number."""
_INDEXES = """
CREATE INDEX IF NOT EXISTS fills_of_account ON fills (account, trade);
CREATE INDEX IF NOT EXISTS trades_of_market ON fills (market, trade)
    WHERE is_taker = 1 AND origin IN ('order', 'liquidation');
CREATE INDEX IF NOT EXISTS orders_of_account ON orders (account, sequence);
CREATE INDEX IF NOT EXISTS orders_of_client ON orders (account, client_id, sequence)
    WHERE client_id <> '';
CREATE INDEX IF NOT EXISTS ledger_of_account ON ledger (account, id);
"""


def key_of(table: str) -> str:
    """The columns in whose order a table is stored."""
    return _NUMBERED.get(table) or _KEYS[table]


def _table(name: str) -> str:
    number = _NUMBERED.get(name)
    made = [f"{number} INTEGER PRIMARY KEY"] if number else []
    for each in COLUMNS[name].split(", "):
        if each != number:
            made.append(f"{each} {'TEXT' if each in _TEXTS else 'INTEGER'} NOT NULL")
    if number is None:
        made.append(f"PRIMARY KEY ({_KEYS[name]})")
    order = "" if number else " WITHOUT ROWID"
    return f"CREATE TABLE IF NOT EXISTS {name} ({', '.join(made)}){order};"


TABLES = "".join(map(_table, COLUMNS)) + _INDEXES
