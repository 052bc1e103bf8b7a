"""A whole account under one preset: its requirement, and the prices at which it is liquidated.

Underlyings are margined each for itself, their requirements add up, and all cash stands behind the
sum.
"""

from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np
from msgspec import Struct, structs

from seawall.lab.options.margin import Margin, margin
from seawall.lab.options.portfolio import NO_OPTIONS, Portfolio
from seawall.lab.options.preset import AnyPreset, ScenarioPreset

LEAST_MOVE, MOST_MOVE = -0.95, 9.0
"""Of a price, where a liquidation is looked for: from a twentieth of it to ten times."""
_STEP = 0.02
_HALVINGS = 50
Portfolios = Mapping[str, Portfolio]
Moved = Callable[[Portfolio, float], Portfolio]


class Total(Struct, frozen=True, kw_only=True):
    """The account under a preset. USD; ``by_market``: each underlying's own requirement."""

    equity: float
    initial: float
    maintenance: float
    by_market: Mapping[str, Margin]

    @property
    def free(self) -> float:
        """What may be lost or withdrawn until the initial margin is short."""
        return self.equity - self.initial

    @property
    def ratio(self) -> float:
        """Maintenance margin over equity; liquidation begins above 1. Infinite without equity."""
        if self.maintenance <= 0:
            return 0.0
        return self.maintenance / self.equity if self.equity > 0 else float("inf")

    @property
    def is_liquidatable(self) -> bool:
        """Whether equity is below the maintenance margin."""
        return self.equity < self.maintenance


class Rule(Struct, frozen=True, kw_only=True):
    """A preset, and the funding rates it provides for: a fraction an hour that longs pay."""

    preset: ScenarioPreset
    funding: Mapping[str, float] = {}

    @property
    def name(self) -> str:
        return self.preset.name

    def refusal(self, portfolios: Portfolios) -> str:
        """Why the preset cannot margin the account; nothing where it can."""
        coins = [name for name, each in portfolios.items() if each.collaterals]
        if coins:
            return f"takes no coins as collateral ({', '.join(coins)})"
        unknown = [name for name in portfolios if name not in self.preset.market]
        return f"has no figures for {', '.join(unknown)}" if unknown else ""

    def margin(self, market: str, portfolio: Portfolio) -> Margin:
        """The requirement of one underlying, expected funding included."""
        hours = self.preset.contingency.funding_hours
        if hours:
            an_hour = sum(each.size * each.price for each in portfolio.futures)
            due = max(0.0, hours * an_hour * self.funding.get(market, 0.0))
            portfolio = structs.replace(portfolio, provision=portfolio.provision + due)
        return margin(portfolio, self.preset, self.preset.market[market])

    def total(self, portfolios: Portfolios, cash: float) -> Total:
        """The requirement of all underlyings, with their own cash and ``cash`` behind it."""
        found = {name: self.margin(name, each) for name, each in portfolios.items()}
        return Total(
            equity=cash + sum(each.equity for each in found.values()),
            initial=sum(each.initial for each in found.values()),
            maintenance=sum(each.maintenance for each in found.values()),
            by_market=found,
        )


class AnyRule(Protocol):
    """A preset as the account is margined under it."""

    @property
    def name(self) -> str: ...

    @property
    def preset(self) -> AnyPreset: ...

    @property
    def funding(self) -> Mapping[str, float]: ...

    def refusal(self, portfolios: Portfolios) -> str: ...

    def total(self, portfolios: Portfolios, cash: float) -> Total: ...


class Boundaries(Struct, frozen=True, kw_only=True):
    """The nearest prices of one market that liquidate, below and above; USD, None for none."""

    below: float | None
    above: float | None

    def nearest(self, spot: float) -> float | None:
        """The one nearer to a price; USD, None for none."""
        found = [each for each in (self.below, self.above) if each is not None]
        return min(found, key=lambda each: abs(each / spot - 1.0), default=None)


def boundaries(
    rule: AnyRule, portfolios: Portfolios, cash: float, market: str, moved: Moved
) -> Boundaries:
    """The nearest liquidation prices of a market, all else standing still.

    ``moved``: a portfolio after a move of its price, a fraction. Both are the price now where the
    account is liquidatable already.
    """
    own = portfolios[market]

    def room(move: float) -> float:
        total = rule.total({**portfolios, market: moved(own, move)}, cash)
        return total.equity - total.maintenance

    if room(0.0) < 0:
        return Boundaries(below=own.spot, above=own.spot)
    down, up = (_first(room, own.spot, way) for way in (LEAST_MOVE, MOST_MOVE))
    return Boundaries(below=down, above=up)


def _first(room: Callable[[float], float], spot: float, end: float) -> float | None:
    """The price of the first move towards ``end`` without room, or None; steps of two percent.

    A gap narrower than a step in which an account would be liquidated is not seen.
    """
    count = int(np.ceil(abs(np.log1p(end)) / _STEP))
    safe = 0.0
    factors: list[float] = np.geomspace(1.0, 1.0 + end, count + 1)[1:].tolist()
    for factor in factors:
        over = factor - 1.0
        if room(over) < 0:
            for _ in range(_HALVINGS):
                middle = (safe + over) / 2
                safe, over = (safe, middle) if room(middle) < 0 else (middle, over)
            return spot * (1.0 + over)
        safe = over
    return None


def perpetuals_of(portfolio: Portfolio) -> Portfolio:
    """The perpetual alone."""
    return structs.replace(portfolio, options=NO_OPTIONS)


def options_of(portfolio: Portfolio) -> Portfolio:
    """The options alone."""
    return structs.replace(portfolio, futures=())
