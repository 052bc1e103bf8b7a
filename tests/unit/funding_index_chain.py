"""A state of rules of blocks that tests of the funding index arrange by hand."""

from typing import Any

import numpy as np

from seawall.domain.enums import EventKind, OrderState, Side
from seawall.domain.instrument import BlockTerms, Instrument, MarginFractions, MarginTier
from seawall.engine.layout import Limits, build_state, tables_of
from seawall.engine.rows import PlainRows, PlainState
from seawall.engine.tables import event_dtype
from seawall.engine.transitions.shared.book import enqueue
from seawall.engine.transitions.shared.orders import reserve_order_id, take_order
from seawall.engine.transitions.shared.outbox import open_outbox
from seawall.engine.transitions.shared.positions import position_of
from tests.conformance.dydx_vectors.rules import block_rules

USD = 1_000_000
MINUTE_MS = 60_000
HOUR_MS = 3_600_000
PRICE = 5_000_000_000
"""50,000 USD with five decimals; a size unit of 10^-10 is then worth 5 micro-USD."""

TERMS = BlockTerms(
    fractions=MarginFractions(initial_ppm=20_000, maintenance_fraction_ppm=600_000),
    price_step=100_000,
    size_step=1_000_000,
    quote_exponent=-9,
    value_exponent=-9,
)
"""One tick is 1 USD, the price_step of order prices 100,000 subticks."""


class Chain:
    """Markets of the same terms with an oracle price, and rich accounts from row 5 on.

    For the impact notional a bid of 50,100 USD buys a size that is not whole: rounded up, it makes
    the premium 1,999 instead of 2,000 ppm.
    """

    def __init__(self, markets: int = 1, terms: BlockTerms = TERMS, **funding: int) -> None:
        instruments = [
            Instrument(
                name=f"M{number}", size_decimals=0, tiers=(MarginTier(0, 50),),
                impact_notional=10_000 * USD, block_terms=terms,
            )
            for number in range(markets)
        ]  # fmt: skip
        buffer, _ = build_state(block_rules(funding=funding), instruments, Limits(), [])
        self.tables = tables_of(buffer)
        self.state = PlainState(self.tables)
        self.events = np.zeros(4096, event_dtype)
        open_outbox(self.state, PlainRows(self.events))
        self.tables["markets"]["oracle_price"] = PRICE
        for name in ("first_position", "next_dirty", "parent"):
            self.tables["accounts"][name] = -1
        self.tables["accounts"]["cash"][5:] = 10**15
        self.tables["control"]["accounts_used"] = 64

    @property
    def policy(self) -> Any:
        return self.tables["block_rules"][0]

    def hold(self, account: int, market: int, size: int, index: int = 0) -> None:
        """Gives an account a position that was last settled at ``index``."""
        row = position_of(self.state, account, market)
        self.tables["positions"]["signed_size"][row] = size
        self.tables["block_positions"]["funding_index"][row] = index

    def rest(self, account: int, side: Side, ticks: int, size: int, market: int = 0) -> None:
        """Puts an order into the book as it is, without asking anybody."""
        order_id = reserve_order_id(self.state)
        row = position_of(self.state, account, market)
        slot = take_order(self.state, order_id, row, int(side), 0, 0, ticks, size, 0)
        self.tables["orders"]["state"][slot] = OrderState.RESTING
        enqueue(self.state, slot)

    def votes(self, *values: int, market: int = 0) -> None:
        first = market * int(self.policy["votes_capacity"])
        self.tables["votes"]["value"][first : first + len(values)] = values

    def samples(self, *values: int, market: int = 0) -> None:
        first = market * int(self.policy["samples_capacity"])
        self.tables["samples"]["value"][first : first + len(values)] = values

    def told(self, kind: EventKind) -> list[Any]:
        used = int(self.tables["control"]["outbox_used"][0])
        return [row for row in self.events[:used] if row["kind"] == kind]

    def cash(self) -> int:
        return int(self.tables["accounts"]["cash"].sum())
