"""The positions of a pooled account one by one: what closing them brings, costs and frees."""

from collections.abc import Iterator

import numpy as np
from msgspec import Struct, structs

from seawall.domain.option import DAYS_PER_YEAR
from seawall.lab.options.held import with_future
from seawall.lab.options.pool import AnyRule, Portfolios
from seawall.lab.options.portfolio import Portfolio
from seawall.report import kinds

LIQUIDATION_COST = 0.005
"""Of the price, for each coin that a liquidation closes, in perpetuals and options alike."""


class Leg(Struct, frozen=True, kw_only=True, eq=False):
    """One position. ``without``: the portfolio of its market once it is closed at its value."""

    market: str
    name: str
    without: Portfolio


def legs(market: str, portfolio: Portfolio) -> Iterator[Leg]:
    """Perpetual, options and coins of a market."""
    if portfolio.futures:
        yield Leg(market=market, name=f"{market} perpetual", without=with_future(portfolio, 0.0))
    options, values = portfolio.options, portfolio.options.values.tolist()
    for place, worth in enumerate(values):
        kind = "call" if options.is_call[place] else "put"
        strike = kinds.AVERAGE_PRICE.text(float(options.strike[place]))
        days = kinds.three_figures(float(options.years[place]) * DAYS_PER_YEAR)
        yield Leg(
            market=market,
            name=f"{market} {kind} {strike}, {days} days",
            without=structs.replace(
                portfolio,
                options=options.only(np.delete(np.arange(len(options)), place)),
                cash=portfolio.cash + worth,
            ),
        )
    if portfolio.collaterals:
        yield Leg(
            market=market,
            name=f"{market} coins",
            without=structs.replace(
                portfolio, collaterals=(), cash=portfolio.cash + portfolio.collateral_value
            ),
        )


def frees_most(rule: AnyRule, portfolios: Portfolios, cash: float) -> Leg:
    """The position that alone, closed at its value, leaves most room above maintenance margin."""

    def room(leg: Leg) -> float:
        total = rule.total({**portfolios, leg.market: leg.without}, cash)
        return total.equity - total.maintenance

    return max((leg for name, each in portfolios.items() for leg in legs(name, each)), key=room)


def equity_of(portfolios: Portfolios, cash: float) -> float:
    """USD of all that is held, coins at their whole value."""
    return cash + sum(each.equity for each in portfolios.values())


def closing_cost(portfolios: Portfolios, cost: float) -> float:
    """USD that closing all of it costs; ``cost``: of the price, for each coin."""
    return cost * sum(
        each.spot
        * (
            abs(each.futures_size)
            + float(np.abs(each.options.size).sum())
            + sum(held.amount for held in each.collaterals)
        )
        for each in portfolios.values()
    )
