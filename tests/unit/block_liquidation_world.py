"""A small world under rules of blocks that tests of liquidation arrange by hand.

A size unit is worth 1 USD at the oracle price, which is 10,000 ticks. Initial margin is 10 % and
maintenance 5 % of notional.
"""

from typing import Any

import numpy as np

from seawall.domain.enums import EventKind, FillFlag, OrderState, Side
from seawall.domain.instrument import BlockTerms, Instrument, MarginFractions, MarginTier
from seawall.domain.system_accounts import FIRST_USER
from seawall.engine.layout import Limits, build_state, tables_of
from seawall.engine.rows import PlainRows, PlainState
from seawall.engine.tables import event_dtype
from seawall.engine.transitions.blocks.liquidation import liquidate_block
from seawall.engine.transitions.shared.accounts import open_account
from seawall.engine.transitions.shared.book import enqueue
from seawall.engine.transitions.shared.orders import reserve_order_id, take_order
from seawall.engine.transitions.shared.outbox import open_outbox
from seawall.engine.transitions.shared.positions import position_of
from tests.conformance.dydx_vectors.rules import block_rules

USD = 10**6
ORACLE = 100
VISITS = 1_000


class World:
    """Accounts with cash and positions, and orders in the book."""

    def __init__(self, markets: int = 1, own_pool: bool = False, **liquidation: int) -> None:
        terms = BlockTerms(
            fractions=MarginFractions(initial_ppm=100_000, maintenance_fraction_ppm=500_000),
            value_exponent=4,
            quote_exponent=2,
            own_pool=own_pool,
        )
        instruments = [
            Instrument(
                name=f"M{number}", size_decimals=0, tiers=(MarginTier(0, 10),), block_terms=terms
            )
            for number in range(markets)
        ]
        limits = Limits(accounts=64, positions=128, orders=128, levels=128, nodes=128)
        buffer, _ = build_state(block_rules(liquidation=liquidation), instruments, limits, [])
        self.tables = tables_of(buffer)
        self.state = PlainState(self.tables)
        self.events = np.zeros(4096, event_dtype)
        open_outbox(self.state, PlainRows(self.events))
        self.tables["markets"]["oracle_price"] = ORACLE
        self.tables["markets"]["mark_price"] = ORACLE
        self.rules["must_look"] = 1
        self.rules["height"] = 7

    @property
    def rules(self) -> Any:
        return self.tables["block_rules"][0]

    def account(self, cash: int, size: int = 0, market: int = 0) -> int:
        """A user whose money lies in the pool of what it holds, long or short."""
        number = int(self.tables["control"]["accounts_used"][0])
        self.tables["control"]["accounts_used"] = number + 1
        open_account(self.state, number, -1, 0)
        self.tables["accounts"]["cash"][number] = cash
        pool = self.tables["block_markets"] if self._has_own_pool(market) and size else None
        if pool is None:
            self.rules["cross_pool_cash"] += cash
        else:
            pool["pool_cash"][market] += cash
        if size:
            self.hold(number, size, market)
        return number

    def _has_own_pool(self, market: int) -> bool:
        return bool(self.tables["block_markets"]["own_pool"][market])

    def hold(self, account: int, size: int, market: int = 0) -> int:
        row = int(position_of(self.state, account, market))
        self.tables["positions"]["signed_size"][row] = size
        self.tables["positions"]["entry_notional"][row] = size * USD
        self.tables["markets"]["open_interest"][market] += max(0, size)
        return row

    def rest(self, account: int, side: Side, ticks: int, size: int, market: int = 0) -> None:
        """An order in the book, without asking anybody."""
        row = position_of(self.state, account, market)
        order_id = reserve_order_id(self.state)
        slot = take_order(self.state, order_id, row, int(side), 0, 0, ticks, size, 0)
        self.tables["orders"]["state"][slot] = OrderState.RESTING
        enqueue(self.state, slot)

    def block(self) -> None:
        """What follows the commit of one block."""
        self.rules["height"] += 1
        self.tables["control"]["visits_left"] = VISITS
        self.tables["control"]["outbox_used"] = 0
        liquidate_block(self.state)

    def told(self, kind: EventKind) -> list[Any]:
        used = int(self.tables["control"]["outbox_used"][0])
        return [row for row in self.events[:used] if row["kind"] == kind]

    def liquidated_fills(self) -> list[tuple[int, int, int]]:
        """(account, ticks, size) of the fills of liquidated accounts."""
        return [
            (int(row["account"]), int(row["price"]), int(row["order_size"]))
            for row in self.told(EventKind.ORDER_FILLED)
            if row["flags"] & FillFlag.LIQUIDATED
        ]

    def cash(self, account: int) -> int:
        return int(self.tables["accounts"]["cash"][account])

    def size(self, account: int, market: int = 0) -> int:
        row = position_of(self.state, account, market)
        return int(self.tables["positions"]["signed_size"][row])

    def net(self, account: int) -> int:
        return self.cash(account) + self.size(account) * USD

    def money(self) -> int:
        """All cash there is: none may appear or go, whoever it belongs to."""
        own_funds = int(self.tables["block_markets"]["insurance_cash"].sum())
        return int(self.tables["accounts"]["cash"].sum()) + own_funds

    def pools(self) -> int:
        own_pools = int(self.tables["block_markets"]["pool_cash"].sum())
        return int(self.rules["cross_pool_cash"]) + own_pools

    def pools_hold_the_cash_of_users(self) -> bool:
        used = int(self.tables["control"]["accounts_used"][0])
        return self.pools() == int(self.tables["accounts"]["cash"][FIRST_USER:used].sum())
