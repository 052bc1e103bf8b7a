"""An account: what it holds, by which rules and at which prices, and where each came from."""

from collections.abc import Mapping
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any

from msgspec import Struct, structs

from seawall.accounts.answer import VenueAnswer
from seawall.accounts.file import AccountText
from seawall.accounts.holdings import check_allowed, holdings_of, one_pool
from seawall.accounts.markets import markets_under
from seawall.accounts.prices import Price, exact_prices, nearest_price
from seawall.domain.errors import InputError
from seawall.domain.holdings import Holdings, OpenOrder, Position
from seawall.domain.instrument import Instrument
from seawall.domain.margin_groups import margin_groups
from seawall.domain.option import OptionPosition
from seawall.domain.rulebook import AnyRulebook, BlockRulebook
from seawall.domain.units import MONEY_DECIMALS, from_units
from seawall.venues.registry import VENUES
from seawall.venues.rulebook_file import load_rulebook

if TYPE_CHECKING:
    from seawall.accounts.liquidation import LiquidationPrices
    from seawall.report.sheet import Sheet
    from seawall.venues.explanation import Explanation

_STATE = ("rulebook", "instruments", "prices", "holdings")
"""Fields without which neither the venue's answer nor the file describes the account any more."""


class Account(Struct, frozen=True, kw_only=True, dict=True):
    """An account ready to be computed with; markets are counted in the order of ``instruments``.

    ``instruments``: its markets, then extra ones, under the rulebook. ``listed``: the same markets
    as their venue lists them, whose leverage says how liquid they are. ``prices``: price units by
    market. ``funding``: the fraction of notional that longs pay an hour, by market name; empty
    where the source says none.
    """

    name: str
    source: str
    """Where it comes from, such as ``file mine.toml``."""
    venue: str
    rulebook: AnyRulebook
    instruments: tuple[Instrument, ...]
    listed: Mapping[str, Instrument]
    prices: tuple[int, ...]
    holdings: Holdings
    funding: Mapping[str, float] = {}
    reported: VenueAnswer | None = None
    """The venue's own answer, as long as nothing of it has been changed."""
    origins: Mapping[str, str] = {}
    """Where the rulebook, each market and each price came from, such as ``price BTC``.

    ``collateral`` is there where the account has assets that are none, and names them.
    """
    time_ms: int | None = None
    """The moment of the prices, since 1970, UTC; None where the source does not say it."""
    surface: str | None = None
    """A file of option quotes, as the source names it."""
    written: AccountText | None = None
    """As the source says it: an entry that it leaves open is the price now."""

    @property
    def collateral(self) -> Decimal:
        """USD that were deposited, isolated margins included.

        Over all margin groups with the collateral of the first market.
        """
        tokens = list(margin_groups(self.rulebook, self.instruments).values())
        others = self.holdings.other_collateral.items()
        more = sum(amount for group, amount in others if tokens[group] == tokens[0])
        return Decimal(from_units(self.holdings.collateral + more, MONEY_DECIMALS))

    @property
    def positions(self) -> tuple[Position, ...]:
        return self.holdings.positions

    @property
    def orders(self) -> tuple[OpenOrder, ...]:
        return self.holdings.orders

    @property
    def options(self) -> tuple[OptionPosition, ...]:
        return self.holdings.options

    @property
    def markets(self) -> tuple[str, ...]:
        """The names of its markets, in order."""
        return tuple(each.name for each in self.instruments)

    @property
    def price_texts(self) -> dict[str, str]:
        """Prices in USD as exact decimal text, by market name."""
        return {
            each.name: from_units(price, each.price_decimals)
            for each, price in zip(self.instruments, self.prices, strict=True)
        }

    def market(self, name: str) -> int:
        """The number of a market. Raises InputError for one that is not among its markets."""
        if name not in self.markets:
            known = ", ".join(self.markets)
            raise InputError.of(self.source, "market", name, f"one of the markets: {known}")
        return self.markets.index(name)

    def price(self, market: str) -> Decimal:
        """The price of a market in USD."""
        index = self.market(market)
        return Decimal(from_units(self.prices[index], self.instruments[index].price_decimals))

    def stated_price(self, market: str) -> str | None:
        """The price or else the entry that the source itself says, unrounded; None for neither."""
        return None if self.written is None else self.written.start_price(market)

    def with_prices(self, prices: Mapping[str, Price]) -> "Account":
        """The same holdings at other prices, USD by market name. Raises InputError."""
        moved = exact_prices(prices, self.instruments, "price")
        units = zip(self.instruments, self.prices, strict=True)
        return self.replace(
            prices=tuple(moved.get(each.name, price) for each, price in units),
            origins={**self.origins, **{f"price {name}": "with_prices" for name in moved}},
        )

    def opened_at(self, prices: Mapping[str, str]) -> "Account":
        """The account as its source says it where these are the prices now, USD by market name.

        A position whose entry the source leaves open is entered at them. Raises InputError.
        """
        texts = {**self.price_texts, **prices}
        units = tuple(
            nearest_price(f"{self.source}: price of {each.name}", texts[each.name], each)
            for each in self.instruments
        )
        holdings = self.holdings
        if self.written is not None:
            holdings = holdings_of(self.written, self.instruments, texts, self.rulebook)
        return self.replace(prices=units, holdings=holdings, written=self.written)

    def with_rulebook(self, rulebook: str | AnyRulebook) -> "Account":
        """The same account under other rules: a shipped rulebook or a file by name, or a rulebook.

        Raises InputError for a market or a position that the rules do not allow.
        """
        found = load_rulebook(rulebook) if isinstance(rulebook, str) else rulebook
        instruments = tuple(markets_under(found, self.instruments, self.listed))
        for number, each in enumerate(self.positions, start=1):
            instrument = instruments[each.market]
            where = f"{self.source}: position {number} ({instrument.name})"
            check_allowed(where, each, instrument)
        keeps = self.reported is not None and isinstance(found, VENUES[self.reported.venue].rules)
        return self.replace(
            rulebook=found,
            instruments=instruments,
            holdings=one_pool(self.holdings) if isinstance(found, BlockRulebook) else self.holdings,
            reported=self.reported if keeps else None,
            written=self.written,
            origins={**self.origins, "rulebook": f"{found.name} as of {found.as_of}"},
        )

    def replace(self, **changes: Any) -> "Account":
        """The account with other fields; what no longer describes it is dropped."""
        if any(name in changes for name in _STATE):
            changes = {"reported": None, "written": None, **changes}
        return structs.replace(self, **changes)

    def liquidation_price(self, market: str) -> Decimal | None:
        """The price in USD at which the position of a market is liquidated, others standing still.

        None where no price liquidates it. As the venue's own answer gives it where the account is
        one, else from an engine that holds the account. Raises InputError without a position.
        """
        index = self._held(market)
        if self._explained is not None:
            return self._explained.liquidation_price(market)
        return self._computed.price(index)

    def explain(self, market: str) -> "Sheet":
        """How the liquidation price of a market comes about: name, formula and value of each step.

        Raises InputError without a position.
        """
        index = self._held(market)
        if self._explained is None:
            return self._computed.explain(index)
        return self._explained.steps(market)[0]

    def _held(self, market: str) -> int:
        index = self.market(market)
        held = [self.instruments[each.market].name for each in self.positions]
        if market not in held:
            expected = f"a market with a position: {', '.join(held) or 'there is none'}"
            raise InputError.of(self.source, "market", market, expected)
        return index

    @cached_property
    def _explained(self) -> "Explanation | None":
        return None if self.reported is None else self.reported.explain(self.rulebook)

    @cached_property
    def _computed(self) -> "LiquidationPrices":
        from seawall.accounts.liquidation import LiquidationPrices

        return LiquidationPrices(self)
