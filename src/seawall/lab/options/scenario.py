"""An account in portfolio margin through a named scenario, from the prices of now.

Prices go along the path of the scenario, time passes and volatilities follow prices as in
``simulation``. A part whose equity falls below its maintenance margin is closed at its values
there, less a cost. Other accounts, the book and funding play no part.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from msgspec import Struct

from seawall.domain.option import YEAR_MS
from seawall.lab.market.market_path import MarketPath
from seawall.lab.market.scenario import Scenario, scenario_path
from seawall.lab.options.held import moved
from seawall.lab.options.legs import closing_cost, equity_of
from seawall.lab.options.pool import AnyRule
from seawall.lab.options.portfolio import Portfolio
from seawall.lab.options.simulation import PooledSimulation
from seawall.lab.options.ways import Part, Way


class PooledRun(Struct, frozen=True, kw_only=True, eq=False):
    """One way to hold the account through a scenario. Money in USD.

    ``end``: what is left. ``lowest``: the least equity at any moment. ``liquidated``: the parts
    that were, by name with the hours that it took. ``missing``: what liquidations lacked and others
    bear.
    """

    scenario: Scenario
    start: float
    end: float
    lowest: float
    liquidated: Mapping[str, float]
    missing: float

    @property
    def lost(self) -> float:
        """USD; a gain is below zero."""
        return self.start - self.end


def scenario_prices(simulation: PooledSimulation, scenario: Scenario) -> MarketPath:
    """The scenario from the prices of now. Raises PathError where a market has none there."""
    books = simulation.pool.held.portfolios
    sides = {
        name: 1 if each.futures_size + float(each.options.deltas.sum()) >= 0 else -1
        for name, each in books.items()
    }
    spots = {name: each.spot for name, each in books.items()}
    return scenario_path(scenario, list(books), spots, sides)


def through(
    simulation: PooledSimulation, way: Way, scenario: Scenario, path: MarketPath
) -> PooledRun:
    """The account, held in one way, on the path of a scenario."""
    parts = [_through(simulation, way.rule, part, path) for part in way.parts]
    course = np.sum([equity for equity, _, _ in parts], axis=0)
    hours = (path.times_ms - path.times_ms[0]) / 3_600_000
    return PooledRun(
        scenario=scenario,
        start=simulation.pool.held.equity,
        end=float(course[-1]),
        lowest=float(course.min()),
        liquidated={
            part.name: float(hours[at])
            for part, (_, at, _) in zip(way.parts, parts, strict=True)
            if at is not None
        },
        missing=sum(missing for _, _, missing in parts),
    )


def _through(
    simulation: PooledSimulation, rule: AnyRule, part: Part, path: MarketPath
) -> tuple[Sequence[float], int | None, float]:
    """Equity at every moment, the moment at which it is liquidated, and what that lacked."""
    books, times = dict(part.books), path.times_ms.tolist()
    for name, each in books.items():
        books[name] = moved(each, 0.0, simulation.volatility_change)
    found: list[float] = []
    for moment in range(len(times)):
        if moment:
            years = (times[moment] - times[moment - 1]) / YEAR_MS
            for name, each in books.items():
                price = float(path.oracle[name][moment])
                books[name] = _next(each, price, simulation.volatility_beta, years)
        equity = equity_of(books, part.cash)
        if rule.total(books, part.cash).is_liquidatable:
            rest = equity - closing_cost(books, simulation.cost)
            left = [max(0.0, rest)] * (len(times) - moment)
            return [*found, *left], moment, max(0.0, -rest)
        found.append(equity)
    return found, None, 0.0


def _next(portfolio: Portfolio, price: float, beta: float, years: float) -> Portfolio:
    ratio = price / portfolio.spot
    return moved(portfolio, ratio - 1.0, ratio**beta - 1.0, years)
