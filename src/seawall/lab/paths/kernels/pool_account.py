"""An account in portfolio margin for the path kernel: one pool of perpetuals, options and coins.

Its rule is one of scenarios, which revalue what is held in each market, or a ratio of what is
required and what collateral brings. The numbers mean what ``lab/options/preset.py`` says of them.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from msgspec import Struct

from seawall.lab.arrays import Floats, Integers

SAME, UP, DOWN = 0.0, 1.0, 2.0
"""How volatility moves in a scenario."""
DAYS_OF_A_SHOCK = 30.0
"""The time to expiry at which a shock of volatility is stated."""


class PoolOptions(NamedTuple):
    """n European options, by market and in it by expiry; every field an array of n.

    ``market``: its number. ``is_call``: 1 or 0. ``strike``, ``forward``: USD. ``years``: to expiry.
    ``volatility``: a fraction a year. ``size``: coins, negative for what is sold.
    """

    market: Integers
    is_call: Floats
    strike: Floats
    forward: Floats
    years: Floats
    volatility: Floats
    size: Floats


class Scenarios(NamedTuple):
    """A rule of scenarios. m markets, s moves of the price; what a rule has not is empty.

    ``move``: (m, s) of the price, ``direction``: (s,) of volatility, ``weight``: (s,) of the
    profit. ``is_far``: (s,) 1 where the profit is scaled down to the price range. ``reach``,
    ``up``, ``down``, ``dampener``, ``roll``, ``least_roll``: (m,) of ``MarketShock``;
    ``volatility``, ``skew``, ``discount``, ``basis``: the numbers of these sections in their order.
    ``maintenance``: the factor of the scan. ``perpetual``, ``short_option``, ``least_net``,
    ``least_hedged``: of the price for a coin. ``provision``: (m,) of the value of a perpetual, what
    funding may ask.
    """

    move: Floats
    direction: Floats
    weight: Floats
    is_far: Floats
    reach: Floats
    up: Floats
    down: Floats
    dampener: Floats
    roll: Floats
    least_roll: Floats
    volatility: Floats
    skew: Floats
    discount: Floats
    basis: Floats
    maintenance: float
    perpetual: float
    short_option: float
    least_net: float
    least_hedged: float
    provision: Floats


class CoinRatio(NamedTuple):
    """A rule of a ratio. m markets, t tiers at most.

    ``share``: (m,) of a coin's price that counts, of at most ``supply_cap`` coins and up to
    ``borrow_cap`` USD. ``tiers``: (3, m, t) of the perpetuals, as ``PathAccount`` has them.
    ``limit``: the ratio above which the account is liquidated; ``borrow_offset``: USD that count as
    required once something is owed.
    """

    share: Floats
    supply_cap: Floats
    borrow_cap: Floats
    tiers: Floats
    limit: float
    borrow_offset: float


class PoolAccount(Struct, frozen=True, kw_only=True):
    """All that is margined together. m markets; money in USD.

    ``price``: (m,) now; ``futures``, ``coins``: (m,) coins of perpetuals and of spot. ``money``:
    the equity less the values of all three at the prices now; ``equity_now``: that equity.
    ``volatility_beta``: how far implied volatilities move, in parts of themselves, when the price
    of their market moves by a part of itself: volatility x (price / price now) ^ beta. ``cost``: of
    the price, for each coin that a liquidation closes. ``is_kept``: nothing is liquidated, and what
    the equity lacks of maintenance margin is recorded instead. ``apart``: what the same owner has
    in the same markets and margins for itself; neither pays for the other.
    """

    markets: Sequence[str]
    price: Floats
    futures: Floats
    coins: Floats
    money: float
    equity_now: float
    options: PoolOptions
    rule: Scenarios | CoinRatio
    cost: float
    volatility_beta: float = 0.0
    is_kept: bool = False
    name: str = "pool"
    apart: "PoolAccount | None" = None
    orders: tuple[()] = ()

    @property
    def parts(self) -> "tuple[PoolAccount, ...]":
        """This one, and what is apart."""
        return (self,) if self.apart is None else (self, *self.apart.parts)

    @property
    def buckets(self) -> tuple[str, ...]:
        """Names of the parts."""
        return tuple(each.name for each in self.parts)

    @property
    def equity(self) -> Floats:
        """(b,) USD of the parts now."""
        return np.array([each.equity_now for each in self.parts])


def no_scenarios(markets: int) -> Scenarios:
    """Of an account whose rule is a ratio."""
    none, of_markets = np.zeros(0), np.zeros(markets)
    return Scenarios(
        move=np.zeros((markets, 0)), direction=none, weight=none, is_far=none, reach=of_markets,
        up=of_markets, down=of_markets, dampener=of_markets, roll=of_markets,
        least_roll=of_markets, volatility=np.zeros(4), skew=none, discount=none, basis=none,
        maintenance=0.0, perpetual=0.0, short_option=0.0, least_net=0.0, least_hedged=0.0,
        provision=of_markets,
    )  # fmt: skip


def no_ratio(markets: int) -> CoinRatio:
    """Of an account whose rule is one of scenarios."""
    none = np.zeros(markets)
    return CoinRatio(none, none, none, np.zeros((3, markets, 1)), 1.0, 0.0)
