"""What a pooled account of perpetuals and options does: hedges, surfaces, deleveraging, time."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from msgspec import Struct

from seawall.domain.option import DAYS_PER_YEAR
from seawall.lab.options.held import moved, with_future
from seawall.lab.options.pool import (
    AnyRule,
    Boundaries,
    Portfolios,
    Total,
    boundaries,
    options_of,
    perpetuals_of,
)
from seawall.lab.options.portfolio import Portfolio

SHARES_CLOSED = (0.0, 0.25, 0.5, 0.75, 1.0)
PRICE_CHANGES = tuple(round(-0.5 + 0.05 * step, 2) for step in range(25))
VOLATILITY_CHANGES = (-0.5, -0.25, 0.0, 0.25, 0.5, 1.0, 1.5)
VOLATILITY_STEPS = (-0.25, 0.5, 1.0)
HEDGES = 61
"""Sizes of the perpetual on the curve of margin over the hedge."""
_REFINED = 60


class UnderPreset(Struct, frozen=True, kw_only=True):
    """The account under a preset. ``liquidation``: by market."""

    rule: AnyRule
    total: Total
    liquidation: Mapping[str, Boundaries]


class Pooling(Struct, frozen=True, kw_only=True):
    """Margins of the two legs for themselves and together; USD."""

    rule: AnyRule
    perpetuals: Total
    options: Total
    together: Total

    @property
    def saved(self) -> float:
        """USD of initial margin that pooling saves."""
        return self.perpetuals.initial + self.options.initial - self.together.initial

    @property
    def saved_against_larger(self) -> float:
        """USD that the pool asks less than the larger leg alone."""
        return max(self.perpetuals.initial, self.options.initial) - self.together.initial


class Hedge(Struct, frozen=True, kw_only=True):
    """Margin of a market with another size of its perpetual. ``perpetual``: coins, signed.

    ``of_delta``: the share of the options' delta that it takes away, None for options without one.
    ``what``: how the size was chosen, empty for one of the curve.
    """

    rule: AnyRule
    market: str
    perpetual: float
    of_delta: float | None
    margin: Total
    what: str = ""


class ByVolatility(Struct, frozen=True, kw_only=True):
    """The liquidation prices of a market where all its volatilities have changed by a fraction."""

    rule: AnyRule
    market: str
    volatility_change: float
    liquidation: Boundaries


class Cell(Struct, frozen=True, kw_only=True):
    """The account where a price and all volatilities have changed by these fractions."""

    rule: AnyRule
    market: str
    price_change: float
    volatility_change: float
    total: Total


class Deleveraged(Struct, frozen=True, kw_only=True):
    """A part of a market's perpetual was closed by deleveraging after a move in its favour.

    ``share``: of the perpetual that is closed; ``perpetual``, ``delta``: coins that are left.
    """

    rule: AnyRule
    market: str
    move: float
    share: float
    perpetual: float
    delta: float
    total: Total
    liquidation: Boundaries


class Moment(Struct, frozen=True, kw_only=True):
    """The account some days on, prices and volatilities as now. USD.

    ``funding``: paid so far; ``options``: what the options are worth that are left, ``expired``:
    those that are gone.
    """

    rule: AnyRule
    days: float
    funding: float
    options: float
    expired: int
    total: Total
    liquidation: Mapping[str, Boundaries]


def under_preset(rule: AnyRule, portfolios: Portfolios, cash: float) -> UnderPreset:
    """The account now."""
    return UnderPreset(
        rule=rule,
        total=rule.total(portfolios, cash),
        liquidation={name: boundaries(rule, portfolios, cash, name, moved) for name in portfolios},
    )


def pooling(rule: AnyRule, portfolios: Portfolios, cash: float) -> Pooling:
    """Each leg margined for itself beside the pool."""
    return Pooling(
        rule=rule,
        perpetuals=rule.total(_each(portfolios, perpetuals_of), cash),
        options=rule.total(_each(portfolios, options_of), cash),
        together=rule.total(portfolios, cash),
    )


def _each(portfolios: Portfolios, part: Callable[[Portfolio], Portfolio]) -> dict[str, Portfolio]:
    return {name: part(each) for name, each in portfolios.items()}


def hedges(rule: AnyRule, market: str, portfolio: Portfolio) -> list[Hedge]:
    """Margin over the size of the perpetual: named sizes first, then an even curve.

    The named ones: none, as held, as many coins as the options' delta, the least initial margin.
    """
    delta = float(portfolio.options.deltas.sum())
    held = portfolio.futures_size
    coins = float(np.abs(portfolio.options.size).sum())
    reach = 1.25 * max(abs(held), abs(delta), coins)
    # From the other side of none to beyond the largest hedge.
    side = -1.0 if delta > 0 else 1.0
    curve = np.linspace(-0.25 * reach, reach, HEDGES) * side

    def at(size: float, what: str = "") -> Hedge:
        size = float(size)
        total = rule.total({market: with_future(portfolio, size)}, 0.0)
        share = -size / delta if abs(delta) > 1e-12 else None
        return Hedge(
            rule=rule, market=market, perpetual=size, of_delta=share, margin=total, what=what
        )

    found = [at(size) for size in curve.tolist()]
    best = min(range(HEDGES), key=lambda place: found[place].margin.initial)
    around = [curve[max(0, best - 1)], curve[min(HEDGES - 1, best + 1)]]
    low, high = min(around), max(around)
    for _ in range(_REFINED):
        one, other = low + (high - low) / 3, high - (high - low) / 3
        if at(one).margin.initial <= at(other).margin.initial:
            high = other
        else:
            low = one
    named = [
        at(0.0, "none"), at(held, "as held"), at(-delta, "delta-neutral"),
        at((low + high) / 2, "least margin"),
    ]  # fmt: skip
    return named + found


def cells(rule: AnyRule, portfolios: Portfolios, cash: float, market: str) -> list[Cell]:
    """The account over moves of one price and of its volatilities."""
    others = {name: each for name, each in portfolios.items() if name != market}
    return [
        Cell(
            rule=rule,
            market=market,
            price_change=change,
            volatility_change=volatility,
            total=rule.total(
                {**others, market: moved(portfolios[market], change, volatility)}, cash
            ),
        )
        for volatility in VOLATILITY_CHANGES
        for change in PRICE_CHANGES
    ]


def by_volatility(
    rule: AnyRule, portfolios: Portfolios, cash: float, market: str
) -> list[ByVolatility]:
    """Liquidation prices of a market at other volatilities."""
    found = []
    for change in VOLATILITY_STEPS:

        def both(portfolio: Portfolio, move: float, change: float = change) -> Portfolio:
            return moved(portfolio, move, change)

        found.append(
            ByVolatility(
                rule=rule,
                market=market,
                volatility_change=change,
                liquidation=boundaries(rule, portfolios, cash, market, both),
            )
        )
    return found


def deleveraged(
    rule: AnyRule, portfolios: Portfolios, cash: float, market: str, move: float
) -> list[Deleveraged]:
    """Parts of a market's perpetual closed at its price, after ``move`` in its favour."""
    size = portfolios[market].futures_size
    then = moved(portfolios[market], move if size > 0 else -move)
    found = []
    for share in SHARES_CLOSED:
        left = size * (1.0 - share)
        rest = with_future(then, left)
        all_of_it = {**portfolios, market: rest}
        found.append(
            Deleveraged(
                rule=rule,
                market=market,
                move=move if size > 0 else -move,
                share=share,
                perpetual=left,
                delta=left + float(rest.options.deltas.sum()),
                total=rule.total(all_of_it, cash),
                liquidation=boundaries(rule, all_of_it, cash, market, moved),
            )
        )
    return found


def over_time(
    rule: AnyRule, portfolios: Portfolios, cash: float, days: Sequence[float]
) -> list[Moment]:
    """The account after these days, paying funding at the rule's rates."""
    an_hour = sum(
        future.size * future.price * rule.funding.get(name, 0.0)
        for name, each in portfolios.items()
        for future in each.futures
    )
    found = []
    for day in days:
        later = {name: moved(each, years=day / DAYS_PER_YEAR) for name, each in portfolios.items()}
        paid = an_hour * 24 * day
        found.append(
            Moment(
                rule=rule,
                days=day,
                funding=paid,
                options=sum(float(each.options.values.sum()) for each in later.values()),
                expired=sum(
                    len(portfolios[name].options) - len(each.options)
                    for name, each in later.items()
                ),
                total=rule.total(later, cash - paid),
                liquidation={
                    name: boundaries(rule, later, cash - paid, name, moved) for name in later
                },
            )
        )
    return found


def moments(portfolios: Portfolios, days: float | None) -> list[float]:
    """Days at which the account is looked at: even steps to the last expiry, and every expiry."""
    expiries = [
        DAYS_PER_YEAR * years for each in portfolios.values() for years in each.options.years
    ]
    last = days if days is not None else max(expiries, default=30.0)
    even = np.linspace(0.0, last, 5).tolist()
    found = sorted({round(each, 6) for each in [*even, *expiries] if each <= last + 1e-9})
    return found[:1] + [each for each in found[1:] if each > 0]
