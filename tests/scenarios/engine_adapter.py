"""The fast engine behind the small interface that scenarios and comparisons use."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from seawall.domain.enums import (
    EventKind,
    MarginMode,
    MarketMargin,
    OrderState,
    Reason,
    Side,
)
from seawall.domain.instrument import Instrument
from seawall.domain.rulebook import Rulebook
from seawall.engine.engine import Engine
from seawall.engine.tables import command_dtype
from tests.naive.machine import PositionNumbers
from tests.naive.state import Event


def to_row(fields: Mapping[str, Any]) -> np.ndarray:
    """One row of ``command_dtype``, shape (1,), from named fields; what is missing is 0."""
    row = np.zeros(1, dtype=command_dtype)
    for name, value in fields.items():
        row[name] = value
    return row


class EngineMachine:
    """Reads everything back from the tables, never from the engine's own views."""

    def __init__(self, rulebook: Rulebook, instruments: list[Instrument]) -> None:
        self.rulebook = rulebook
        self.instruments = instruments
        self.engine = Engine.create(rulebook, instruments, limits=None)

    def apply(self, row: Mapping[str, Any]) -> list[Event]:
        return self.apply_row(to_row(row))

    def apply_row(self, rows: np.ndarray) -> list[Event]:
        _, events = self.engine.apply_rows(rows)
        return [
            Event(
                EventKind(int(event["kind"])),
                Reason(int(event["reason"])),
                int(event["account"]),
                int(event["market"]),
                int(event["order_id"]),
                int(event["price"]),
                int(event["order_size"]),
                int(event["money"]),
                int(event["flags"]),
            )
            for event in events
        ]

    def accounts(self) -> int:
        return int(self.engine.tables["control"]["accounts_used"][0])

    def cash(self, account: int, group: int = 0) -> int:
        if group == 0:
            return int(self.engine.tables["accounts"]["cash"][account])
        others = len(self.engine.tables["margin_groups"]) - 1
        return int(self.engine.tables["group_cash"]["cash"][account * others + group - 1])

    def grouping(self, account: int) -> int:
        return int(self.engine.tables["accounts"]["grouping"][account])

    def market_number(self, market: int, name: str) -> int:
        return int(self.engine.tables["markets"][name][market])

    def mark(self, market: int) -> int:
        return self.market_number(market, "mark_price")

    def oracle(self, market: int) -> int:
        return self.market_number(market, "oracle_price")

    def open_interest(self, market: int) -> int:
        return self.market_number(market, "open_interest")

    def position_rows(self) -> np.ndarray:
        used = int(self.engine.tables["control"]["positions_used"][0])
        return self.engine.tables["positions"][:used]

    def position_numbers(self, account: int, market: int) -> PositionNumbers:
        rows = self.position_rows()
        found = rows[(rows["account"] == account) & (rows["market"] == market)]
        if not len(found):
            return self.untouched(account, market)
        row = found[0]
        return PositionNumbers(
            int(row["signed_size"]),
            int(row["entry_notional"]),
            int(row["isolated_cash"]),
            int(row["buy_hold"]),
            int(row["sell_hold"]),
            int(row["leverage"]),
            int(row["mode"]),
        )

    def untouched(self, account: int, market: int) -> PositionNumbers:
        instrument = self.instruments[market]
        leverage = min(self.rulebook.margin.default_leverage, instrument.maximum_leverage)
        cross = instrument.margin == MarketMargin.ANY_MODE or account < 5
        mode = MarginMode.CROSS if cross else MarginMode.ISOLATED
        return PositionNumbers(leverage=leverage, mode=mode)

    def position(self, account: int, market: int) -> int:
        return self.position_numbers(account, market).size

    def order_rows(self) -> np.ndarray:
        """All open orders."""
        used = int(self.engine.tables["control"]["orders_used"][0])
        rows = self.engine.tables["orders"][:used]
        return rows[rows["state"] != OrderState.FREE]

    def open_orders(self, account: int) -> list[int]:
        rows = self.order_rows()
        return sorted(int(order_id) for order_id in rows["order_id"][rows["account"] == account])

    def levels(self, market: int, side: int) -> dict[int, int]:
        rows = self.order_rows()
        resting = rows[
            (rows["market"] == market)
            & (rows["side"] == side)
            & (rows["state"] == OrderState.RESTING)
        ]
        totals: dict[int, int] = {}
        for row in np.sort(resting, order="price")[:: -1 if side == Side.BUY else 1]:
            price = int(row["price"])
            totals[price] = totals.get(price, 0) + int(row["remaining_size"])
        return totals
