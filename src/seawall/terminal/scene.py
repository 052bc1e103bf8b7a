"""What the surfaces are read from: a machine, its history, and the names of its accounts.

A running venue is one, and so is a recording.
"""

from collections.abc import Callable, Collection, Sequence
from fractions import Fraction
from typing import Any, NamedTuple, Protocol, get_args

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
from seawall.domain.units import fraction_text, from_units, money_text
from seawall.engine.engine import Engine
from seawall.engine.holding_view import in_blocks
from seawall.engine.market_view import funding_rate, mark_price, mark_value
from seawall.terminal import protocol
from seawall.venues.port import Directory, History

SYSTEM_NAMES = {
    INSURANCE_FUND: "insurance fund",
    FEE_ACCOUNT: "fees",
    BACKSTOP_ACCOUNT: "backstop",
    ROUNDING_ACCOUNT: "rounding",
    OUTSIDE_ACCOUNT: "outside",
}


Price = int | Fraction
"""In units of a market's order prices; one that no order has may lie between two."""


class Name(NamedTuple):
    """What an account is called. ``address``: empty for one of the machine's own. ``kind``: on a
    running venue the page may act for ``test`` accounts."""

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
        self.rulebook = engine.rulebook
        self.in_blocks = in_blocks(engine)
        self.market_rows = {each.name: row for row, each in enumerate(engine.instruments)}
        self._ticks = [_whole(each.price_unit, each.tick_decimals) for each in engine.instruments]

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

    def mark(self, market: int) -> Price:
        """What positions are valued at, price units."""
        return mark_price(self.engine, market)

    def oracle(self, market: int) -> Price:
        """Price units."""
        of, price = self.instruments[market], int(self.tables["markets"]["oracle_price"][market])
        return price * of.oracle_unit / of.price_unit if self.in_blocks else price

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
            float(funding_rate(self.engine, market)),
            volume,
            before or None,
            mark_value(self.engine, market, int(row["open_interest"])),
            int(row["open_interest_cap"]) or None,
        )

    @property
    def ranks(self) -> bool:
        """Whether deleveraging takes from the first of a queue: block rules have none."""
        return self.is_whole and not self.in_blocks

    # -- amounts in a market's units -------------------------------------------------------------

    def price_text(self, market: int, units: Price) -> str:
        if isinstance(units, Fraction):
            return fraction_text(units * self.instruments[market].price_unit)
        whole, decimals = self._ticks[market]
        return from_units(units * whole, decimals)

    def size_text(self, market: int, units: int) -> str:
        return from_units(units, self.instruments[market].size_decimals)

    def price_number(self, market: int, units: float) -> float:
        """USD, to be drawn."""
        whole, decimals = self._ticks[market]
        return units * whole / 10.0**decimals

    def size_number(self, market: int, units: float) -> float:
        """Coins, to be drawn."""
        return float(units / 10.0 ** self.instruments[market].size_decimals)

    def value(self, market: int, size: int, price: Price) -> int:
        """Micro-USD that a size costs at a price, rounded down."""
        if not self.in_blocks and isinstance(price, int):
            return size * price
        return int(size * price * self.quote_unit(market))

    def value_at_mark(self, market: int, size: int) -> int:
        """Signed micro-USD of a signed size, as the machine values it."""
        return mark_value(self.engine, market, size)

    def average(self, market: int, notional: int, size: int) -> Fraction:
        """Price units of a fill of this size for so many micro-USD."""
        return Fraction(notional, size) / self.quote_unit(market)

    def size_worth(self, market: int, money: Price, price: Price) -> int:
        """Size units that so many micro-USD buy, whole steps."""
        step = self.size_step(market)
        return int(money / (price * self.quote_unit(market) * step)) * step if price else 0

    def size_step(self, market: int) -> int:
        """The smallest step of an order's size, size units."""
        return self.instruments[market].size_step(in_blocks=self.in_blocks)

    def quote_unit(self, market: int) -> Fraction:
        """Micro-USD of one size unit at one price unit."""
        return self.instruments[market].quote_unit if self.in_blocks else Fraction(1)

    def is_shared(self, account: int) -> bool:
        """Whether the account shares one margin over all markets of a collateral."""
        return bool(self.tables["accounts"]["grouping"][account] == MarginGrouping.SHARED)

    # -- what never changes ----------------------------------------------------------------------

    def market_info(self, row: int) -> protocol.MarketInfo:
        each = self.instruments[row]
        minimum = self.rulebook.order.minimum_value if isinstance(self.rulebook, Rulebook) else 0
        return protocol.MarketInfo(
            row,
            each.name,
            each.tick_decimals,
            each.step_decimals,
            self.significant_figures,
            each.maximum_leverage,
            each.margin != MarketMargin.ANY_MODE,
            each.collateral,
            money_text(minimum),
            tuple((money_text(tier.lower_bound), tier.maximum_leverage) for tier in each.tiers),
        )

    @property
    def significant_figures(self) -> int:
        """Of an order's price; 0 for any."""
        if isinstance(self.rulebook, Rulebook):
            return self.rulebook.order.maximum_significant_figures
        return 0

    def offered(self) -> protocol.Offered:
        kinds: tuple[protocol.OrderKind, ...] = get_args(protocol.OrderKind)
        if not self.in_blocks:
            return protocol.Offered(kinds, ("cross", "isolated"), True)
        # An isolated position is a subaccount of its own.
        taken = tuple(each for each in kinds if each != "fill_or_kill")
        return protocol.Offered(taken, ("cross",), False)

    def account_info(self, row: int, *, may_trade: bool) -> protocol.AccountInfo:
        name = self.names.of(row)
        return protocol.AccountInfo(row, name.address, name.label, name.kind, may_trade)


def _whole(unit: Fraction, decimals: int) -> tuple[int, int]:
    """A price unit as a whole number of its last decimal, and how many decimals that are."""
    return int(unit * 10**decimals), decimals


class DirectoryNames:
    """The accounts of a running venue: those that its directory remembers.

    ``directory``: the venue's own; ``tests``: the addresses of its test keys; ``agents``: those of
    its market makers, takers and crowds.
    """

    def __init__(
        self, directory: Directory, tests: Collection[str], agents: Collection[str]
    ) -> None:
        self._directory = directory
        self._tests = set(tests)
        self._agents = set(agents)

    def row(self, address: str) -> int:
        return self._directory.row_of(address)

    def of(self, row: int) -> Name:
        if row < FIRST_USER:
            return Name("", SYSTEM_NAMES[row], "system")
        named = self._directory.named(row)
        label = named.label or named.address
        if named.owner in self._tests:
            return Name(named.address, label, "test")
        return Name(named.address, label, "agent" if named.address in self._agents else "client")

    def shown(self) -> Sequence[int]:
        """The funded accounts, those of clients, then the agents'."""
        order = {"test": 0, "client": 1, "agent": 2, "system": 3}
        rows = self._directory.trading_rows()
        return sorted(rows, key=lambda row: (order[self.of(row).kind], row))
