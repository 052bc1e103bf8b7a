"""What the surfaces are read from: a machine, its history, and the names of its accounts.

A running venue is one, and so is a recording.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple, Protocol

from seawall.domain.enums import MarginGrouping, MarketMargin
from seawall.domain.errors import InputError
from seawall.domain.instrument import Instrument
from seawall.domain.rulebook import Rulebook
from seawall.domain.system_accounts import (
    BACKSTOP_ACCOUNT,
    FEE_ACCOUNT,
    FIRST_USER,
    INSURANCE_FUND,
    OUTSIDE_ACCOUNT,
    ROUNDING_ACCOUNT,
)
from seawall.domain.units import FUNDING_ONE, from_units, money_text
from seawall.engine.engine import Engine
from seawall.engine.market_view import market_view
from seawall.terminal import protocol
from seawall.venues.port import History

SYSTEM_NAMES = {
    INSURANCE_FUND: "insurance fund",
    FEE_ACCOUNT: "fees",
    BACKSTOP_ACCOUNT: "backstop",
    ROUNDING_ACCOUNT: "rounding",
    OUTSIDE_ACCOUNT: "outside",
}


class Name(NamedTuple):
    """What an account is called. ``address``: empty for one of the machine's own."""

    address: str
    label: str
    kind: protocol.AccountKind


class Names(Protocol):
    """The accounts by row."""

    def of(self, row: int) -> Name: ...

    def row(self, address: str) -> int:
        """-1 for one that is not known."""
        ...

    def shown(self) -> Sequence[int]:
        """The rows of the accounts to choose from."""
        ...


class Statistics(NamedTuple):
    """What is known of a market beside its prices, None for what is not. ``funding_rate``: an
    hour's as it would be settled now; ``day_volume``, ``open_interest`` and its cap in micro-USD;
    ``day_before``: price units 24 hours ago."""

    funding_rate: float | None
    day_volume: int | None
    day_before: int | None
    open_interest: int | None
    open_interest_cap: int | None


class Scene:
    """Reads only. ``engine``: called anew each time, a host replaces its machine's state.

    ``is_whole``: whether all accounts of the markets are in it.
    """

    is_whole = True

    def __init__(
        self, engine: Engine, history: History, names: Names, now_ms: Callable[[], int]
    ) -> None:
        self.engine = engine
        self.history = history
        self.names = names
        self.now_ms = now_ms
        book = engine.rulebook
        assert isinstance(book, Rulebook)
        self.rulebook = book
        self.market_rows = {each.name: row for row, each in enumerate(engine.instruments)}

    @property
    def instruments(self) -> Sequence[Instrument]:
        return self.engine.instruments

    @property
    def tables(self) -> dict[str, Any]:
        return self.engine.tables

    def market(self, name: str) -> int:
        """The row of a market. Raises InputError."""
        if name not in self.market_rows:
            known = ", ".join(self.market_rows)
            raise InputError.of("", "market", name, f"a market of this venue: {known}")
        return self.market_rows[name]

    def account(self, address: str) -> int:
        """The row of an account. Raises InputError."""
        row = self.names.row(address)
        if not 0 <= row < int(self.tables["control"]["accounts_used"][0]):
            raise InputError.of("", "account", address, "the address of an account of this venue")
        return row

    def mark(self, market: int) -> int:
        """Price units."""
        return int(self.tables["markets"]["mark_price"][market])

    def best(self, market: int) -> tuple[int, int]:
        """Best bid and best ask, price units; 0 for a side that is empty."""
        row, prices = self.tables["markets"][market], self.tables["levels"]["price"]
        bid, ask = int(row["bid_level"]), int(row["ask_level"])
        return int(prices[bid]) if bid >= 0 else 0, int(prices[ask]) if ask >= 0 else 0

    def middle(self, market: int) -> float:
        """Between best bid and best ask, price units; the mark where a side is empty."""
        bid, ask = self.best(market)
        return (bid + ask) / 2 if bid and ask else float(self.mark(market))

    def statistics(self, market: int) -> Statistics:
        """Of a machine that holds the whole market."""
        row, (volume, _, before) = self.tables["markets"][market], self.history.day_volume(market)
        return Statistics(
            market_view(self.engine, market).funding_rate / FUNDING_ONE,
            volume,
            before or None,
            int(row["open_interest"]) * self.mark(market),
            int(row["open_interest_cap"]) or None,
        )

    def price_text(self, market: int, units: int) -> str:
        return from_units(units, self.instruments[market].price_decimals)

    def size_text(self, market: int, units: int) -> str:
        return from_units(units, self.instruments[market].size_decimals)

    def is_shared(self, account: int) -> bool:
        """Whether the account shares one margin over all markets of a collateral."""
        return bool(self.tables["accounts"]["grouping"][account] == MarginGrouping.SHARED)

    # -- what never changes ----------------------------------------------------------------------

    def market_info(self, row: int) -> protocol.MarketInfo:
        each, order = self.instruments[row], self.rulebook.order
        return protocol.MarketInfo(
            row,
            each.name,
            each.price_decimals,
            each.size_decimals,
            order.maximum_significant_figures,
            each.maximum_leverage,
            each.margin != MarketMargin.ANY_MODE,
            each.collateral,
            money_text(order.minimum_value),
            tuple((money_text(tier.lower_bound), tier.maximum_leverage) for tier in each.tiers),
        )

    def account_info(self, row: int, tradable: Collection[str]) -> protocol.AccountInfo:
        """``tradable``: addresses that the page may act for."""
        name = self.names.of(row)
        return protocol.AccountInfo(
            row, name.address, name.label, name.kind, name.address in tradable
        )


class DirectoryNames:
    """The accounts of a running venue: those that its directory remembers.

    ``directory``: the venue's own; ``tests``: the addresses of its funded accounts; ``agents``:
    those of its market makers, takers and crowds.
    """

    def __init__(self, directory: Any, tests: Collection[str], agents: Collection[str]) -> None:
        self._directory = directory
        self._tests = set(tests)
        self._agents = set(agents)

    def row(self, address: str) -> int:
        return int(self._directory.row_of(address.lower()))

    def of(self, row: int) -> Name:
        if row < FIRST_USER:
            return Name("", SYSTEM_NAMES[row], "system")
        address = str(self._directory.address_of(row))
        holder = self._directory.holder(address)
        label = str(getattr(holder, "label", "")) or address
        if address in self._tests:
            return Name(address, label, "test")
        return Name(address, label, "agent" if address in self._agents else "client")

    def shown(self) -> Sequence[int]:
        """The funded accounts, those of clients, then the agents'."""
        rows = range(FIRST_USER, int(self._directory.next_row))
        found = [row for row in rows if not self._directory.is_spot_row(row)]
        order = {"test": 0, "client": 1, "agent": 2, "system": 3}
        return sorted(found, key=lambda row: (order[self.of(row).kind], row))
