"""The fast engine under rules of blocks, behind the interface of scenarios and comparisons."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from seawall.domain.enums import CommandKind, EventKind, MarginMode, Reason
from seawall.engine.account_view import account_margins
from tests.naive.machine import PositionNumbers
from tests.naive_blocks.state import Event
from tests.scenarios.engine_adapter import EngineMachine, to_row

SLOT_BITS = 22
"""An order id carries its number, which counts placements, above the bits of its slot."""


def number_of(order_id: int) -> int:
    """The number of an order: which placement it was, 0 for none."""
    return order_id >> SLOT_BITS


class BlockEngineMachine(EngineMachine):
    """Order ids are the numbers of the orders, so that they are those of the twin."""

    def apply(self, row: Mapping[str, Any]) -> list[Event]:  # type: ignore[override]
        return self.apply_row(to_row(row))

    def apply_row(self, rows: np.ndarray) -> list[Event]:  # type: ignore[override]
        rows = rows.copy()
        if int(rows["kind"][0]) == CommandKind.CANCEL_ORDER:
            rows["order_id"] = self.engine_id(int(rows["order_id"][0]))
        _, events = self.engine.apply_rows(rows)
        return [
            Event(
                EventKind(int(event["kind"])),
                Reason(int(event["reason"])),
                int(event["account"]),
                int(event["market"]),
                number_of(int(event["order_id"])),
                int(event["price"]),
                int(event["order_size"]),
                int(event["money"]),
                int(event["flags"]),
                int(event["closed_profit"]),
                int(event["position_size"]),
                int(event["counterparty"]),
            )
            for event in events
        ]

    def engine_id(self, number: int) -> int:
        """The id of the open order with this number; an unknown one stays as it is."""
        for order_id in self.order_rows()["order_id"].tolist():
            if number_of(order_id) == number:
                return int(order_id)
        return number

    def open_orders(self, account: int) -> list[int]:
        return sorted(number_of(order_id) for order_id in super().open_orders(account))

    def untouched(self, account: int, market: int) -> PositionNumbers:
        return PositionNumbers(leverage=1, mode=MarginMode.CROSS)

    def table(self, name: str) -> np.ndarray:
        return self.engine.tables[name]

    def rules_number(self, name: str) -> int:
        return int(self.table("block_rules")[name][0])

    def block_number(self, market: int, name: str) -> int:
        return int(self.table("block_markets")[name][market])

    def pool(self, market: int) -> int:
        if market < 0:
            return self.rules_number("cross_pool_cash")
        return self.block_number(market, "pool_cash")

    def insurance(self, market: int) -> int:
        if market >= 0 and self.block_number(market, "own_pool"):
            return self.block_number(market, "insurance_cash")
        return self.cash(0)

    def funding_index(self, market: int) -> int:
        return self.block_number(market, "funding_index")

    def height(self) -> int:
        return self.rules_number("height")

    def margins(self, account: int) -> tuple[int, int, int]:
        """Net collateral, initial and maintenance requirement, as the machine's view tells them."""
        pool = account_margins(self.engine, account)[-1]
        return pool.equity, pool.initial_margin, pool.maintenance_margin
