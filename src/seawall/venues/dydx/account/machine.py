"""The accounts of an answer rebuilt in a private engine, whose formulas give every figure.

One row of the engine for each subaccount, at the oracle prices and the open interest of the
markets. The rows are written past the commands: the message has no history that commands could
replay, and an account may be one that no command would create (cash below zero).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from seawall.domain.rulebook import BlockRulebook
from seawall.domain.system_accounts import FIRST_USER
from seawall.engine.compile import entry, kernel
from seawall.engine.engine import Engine
from seawall.engine.formulas.blocks.liquidation import (
    bankruptcy_quote,
    fillable_ticks,
    liquidation_size,
)
from seawall.engine.formulas.blocks.margin import (
    account_standing,
    initial_ppm_of,
    position_initial,
    position_maintenance,
)
from seawall.engine.formulas.blocks.standing import is_under_maintenance
from seawall.engine.formulas.blocks.valuation import position_value
from seawall.engine.layout import LayoutError, Limits
from seawall.engine.placement import write_account, write_prices
from seawall.engine.rows import handle_of, make_batch_accessor
from seawall.engine.tables import (
    Batch,
    State,
    account_at,
    block_position_at,
    market_at,
    position_at,
)
from seawall.venues.dydx.account.state import AccountState, all_positions
from seawall.venues.dydx.instruments import ListedMarket
from seawall.venues.raw_json import VenueDataError

_reading_dtype = np.dtype(
    [
        (name, "<i8")
        for name in """market is_liquidatable value open_interest_value initial_ppm
        initial maintenance bankruptcy_quote fillable_ticks first_delta""".split()
    ]
)
_reading_at = make_batch_accessor(_reading_dtype)
NO_UPDATE = -1


class Standing(NamedTuple):
    """Of one account, micro-USD."""

    is_liquidatable: bool
    net_collateral: int
    initial: int
    maintenance: int


class PositionReading(NamedTuple):
    """Of one position. Micro-USD where nothing else is said."""

    value: int
    """Signed notional."""
    open_interest_value: int
    initial_ppm: int
    """Initial fraction, grown with open interest."""
    initial: int
    maintenance: int
    bankruptcy_quote: int
    """Signed, for closing all of it; 0 where the account has no requirement."""
    fillable_ticks: int
    """Limit of a liquidation; 0 where the account has no requirement."""
    first_delta: int
    """Signed base quantums that the first order of a liquidation closes."""


@entry(4)
def read_account(s: State, account: int, found: Batch, capacity: int) -> int:
    """Write the account's standing, then one row for each position. Returns the rows it takes.

    Rows beyond ``capacity`` are counted and not written.
    """
    value, initial, maintenance = account_standing(s, account, NO_UPDATE)
    if capacity > 0:
        row = _reading_at(found, 0)
        row.market = -1
        row.is_liquidatable = 1 if is_under_maintenance(value, maintenance) else 0
        row.value = value
        row.initial = initial
        row.maintenance = maintenance
    used = 1
    index = account_at(s, account).first_position
    while index >= 0:
        if used < capacity:
            _read_position(s, account, index, maintenance, _reading_at(found, used))
        used += 1
        index = position_at(s, index).next_of_account
    return used


@kernel
def _read_position(s: State, account: int, index: int, total: int, row: Any) -> None:
    """Fill a row; ``total``: maintenance requirement of the account."""
    position = position_at(s, index)
    market = position.market
    size = position.signed_size
    open_interest = market_at(s, market).open_interest
    own_ppm = block_position_at(s, index).initial_ppm
    row.market = market
    row.value = position_value(s, market, size)
    row.open_interest_value = position_value(s, market, open_interest)
    row.initial_ppm = initial_ppm_of(s, market, open_interest)
    row.initial = position_initial(s, market, size, open_interest, own_ppm)
    row.maintenance = position_maintenance(s, market, size)
    row.bankruptcy_quote = 0
    row.fillable_ticks = 0
    if total > 0:
        row.bankruptcy_quote = bankruptcy_quote(s, account, index, -size)
        row.fillable_ticks = fillable_ticks(s, account, index)
    row.first_delta = liquidation_size(s, account, index)


class AccountMachine:
    """A machine that holds the subaccounts of an answer, in their order."""

    def __init__(self, state: AccountState, book: BlockRulebook) -> None:
        """Raises VenueDataError for what no machine can hold."""
        held = {p.market.name: p.market for p in all_positions(state)}
        self.markets = list(held.values())
        self._cash = [subaccount.cash for subaccount in state.subaccounts]
        count = sum(len(subaccount.positions) for subaccount in state.subaccounts)
        self._rows = np.zeros(count + 1, _reading_dtype)
        if not self.markets:
            return
        limits = Limits(
            accounts=max(8, FIRST_USER + len(state.subaccounts)),
            positions=max(8, count),
            orders=8,
            levels=8,
            nodes=8,
        )
        try:
            self.engine = Engine.create(book, [m.instrument for m in self.markets], limits)
        except LayoutError as error:
            raise VenueDataError(f"the markets of the account: {error}") from None
        self._write(state)

    def _write(self, state: AccountState) -> None:
        markets = self.engine.tables["markets"]
        for row, market in enumerate(self.markets):
            markets["open_interest"][row] = market.open_interest
        write_prices(self.engine, [market.oracle_price for market in self.markets])
        self._numbers = [
            write_account(
                self.engine,
                subaccount.cash,
                [(self._row_of(each.market), each.signed_size) for each in subaccount.positions],
            )
            for subaccount in state.subaccounts
        ]

    def _row_of(self, market: ListedMarket) -> int:
        return next(row for row, held in enumerate(self.markets) if held.name == market.name)

    @contextmanager
    def at_price(self, market: ListedMarket, price: int) -> Iterator[None]:
        """Everything as it is, but for one oracle price (in the market's price units)."""
        prices = [each.oracle_price for each in self.markets]
        asked = [*prices]
        asked[self._row_of(market)] = price
        write_prices(self.engine, asked)
        try:
            yield
        finally:
            write_prices(self.engine, prices)

    def standing(self, place: int) -> Standing:
        """Net collateral and requirements of the subaccount at this place of the answer."""
        if not self.markets:
            return Standing(False, self._cash[place], 0, 0)
        first = self._read(place, 1)[0]
        return Standing(
            bool(first["is_liquidatable"]),
            int(first["value"]),
            int(first["initial"]),
            int(first["maintenance"]),
        )

    def positions(self, place: int) -> list[PositionReading]:
        """The figures of each position of a subaccount, in order."""
        if not self.markets:
            return []
        fields = PositionReading._fields
        rows = self._read(place, len(self._rows))
        return [PositionReading(*(int(row[name]) for name in fields)) for row in rows[1:]]

    def _read(self, place: int, capacity: int) -> Any:
        handle = handle_of(self._rows)
        used = read_account(self.engine.state, self._numbers[place], handle, capacity)
        return self._rows[: min(int(used), capacity)]
