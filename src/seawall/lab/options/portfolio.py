"""What one portfolio margin account holds in one underlying, as arrays for a scenario engine."""

from typing import Self

import numpy as np
from msgspec import Struct, structs

from seawall.domain.option import YEAR_MS
from seawall.lab.arrays import Floats, Integers, Mask
from seawall.lab.options.black76 import Greeks, greeks, price

SETTLEMENT_YEARS = 1_800_000 / YEAR_MS
"""Over its last half hour an option settles at the average price: what has passed is fixed."""


class Options(Struct, frozen=True, kw_only=True, eq=False):
    """Positions in European options; every field an array of n, one for each.

    ``size``: coins, negative for what is sold. ``strike``, ``forward``: USD. ``years``: to expiry.
    ``volatility``, ``rate``: fractions a year. ``confidence``: of the feeds of its expiry, 0 to 1.
    """

    is_call: Mask
    strike: Floats
    years: Floats
    volatility: Floats
    forward: Floats
    size: Floats
    rate: Floats
    confidence: Floats

    @classmethod
    def of(cls, rows: "list[tuple[bool, float, float, float, float, float]]") -> Self:
        """Of (is_call, strike, years, volatility, forward, size), without rate and doubt."""
        table = np.array(rows, np.float64).reshape(len(rows), 6)
        return cls(
            is_call=table[:, 0] > 0,
            strike=table[:, 1],
            years=table[:, 2],
            volatility=table[:, 3],
            forward=table[:, 4],
            size=table[:, 5],
            rate=np.zeros(len(rows)),
            confidence=np.ones(len(rows)),
        )

    def __len__(self) -> int:
        return len(self.strike)

    @property
    def moving(self) -> Floats:
        """The share of each forward that still moves with the spot price; (n,)."""
        found: Floats = np.minimum(1.0, self.years / SETTLEMENT_YEARS)
        return found

    @property
    def interest(self) -> Floats:
        """The rate that discounts; one below zero counts as none."""
        found: Floats = np.maximum(0.0, self.rate)
        return found

    @property
    def values(self) -> Floats:
        """USD of every position, negative for what is sold; (n,)."""
        return self.values_at(self.forward, self.volatility)

    def values_at(self, forward: Floats, volatility: Floats) -> Floats:
        """The same at other forwards and volatilities, which broadcast against (n,)."""
        worth = price(self.is_call, forward, self.strike, volatility, self.years, self.interest)
        return self.size * worth

    @property
    def greeks(self) -> Greeks:
        """Of one coin of every option; (n,)."""
        return greeks(
            self.is_call, self.forward, self.strike, self.volatility, self.years, self.interest
        )

    @property
    def deltas(self) -> Floats:
        """Coins of the underlying that every position moves like; (n,)."""
        found: Floats = self.size * self.greeks.delta
        return found

    def only(self, chosen: Integers) -> "Options":
        """The positions of these numbers."""
        found = {each.name: getattr(self, each.name)[chosen] for each in structs.fields(self)}
        return Options(**found)


NO_OPTIONS = Options.of([])


class Future(Struct, frozen=True, kw_only=True):
    """A perpetual, or a dated future. ``size``: coins; ``price``: USD; ``years``: None for none."""

    size: float
    price: float
    years: float | None = None


class Collateral(Struct, frozen=True, kw_only=True):
    """Coins held beside cash. ``price``: USD; haircuts: fractions of their value.

    ``cancels_risk``: moves like the underlying, and counts as such in scenarios.
    """

    amount: float
    price: float
    initial_haircut: float = 0.0
    maintenance_haircut: float = 0.0
    confidence: float = 1.0
    cancels_risk: bool = False


class Portfolio(Struct, frozen=True, kw_only=True, eq=False):
    """All that is margined together. Money in USD, or in coins where ``is_inverse``.

    ``cash``: with all profit that is settled or due. ``stable_price``: USD of one unit of the cash.
    ``confidence``: of the spot price, and ``perpetual_confidence`` of the perpetual's, 0 to 1.
    ``provision``: what funding and fees ask, added to both requirements; ``reserved``: what open
    orders and market maker protection ask, added to the initial one. ``is_inverse``: settled in
    the coin itself; sizes of futures are coins at the price now.
    """

    spot: float
    options: Options = NO_OPTIONS
    futures: tuple[Future, ...] = ()
    collaterals: tuple[Collateral, ...] = ()
    cash: float = 0.0
    stable_price: float = 1.0
    confidence: float = 1.0
    perpetual_confidence: float = 1.0
    provision: float = 0.0
    reserved: float = 0.0
    is_inverse: bool = False

    @property
    def futures_size(self) -> float:
        """Coins of all futures, longs less shorts."""
        return sum(each.size for each in self.futures)

    @property
    def collateral_value(self) -> float:
        """Units of the cash that the collaterals are worth."""
        return sum(each.amount * each.price for each in self.collaterals) / self.stable_price

    @property
    def equity(self) -> float:
        """Cash, collaterals and the value of all options."""
        options = float(self.options.values.sum()) / (self.spot if self.is_inverse else 1.0)
        return self.cash + self.collateral_value + options
