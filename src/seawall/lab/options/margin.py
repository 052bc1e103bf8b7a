"""The scenario engine: a portfolio's profit in every scenario of a preset, and its requirement.

Each scenario moves the spot price and with it every forward, and the implied volatilities. Futures
earn size x price x move; options are revalued with Black-76. What counts of an expiry's value, the
weights of far moves, and what is added to the worst scenario are the preset's (``preset.py``).
"""

import numpy as np
from msgspec import Struct

from seawall.domain.option import DAYS_PER_YEAR
from seawall.lab.arrays import Floats
from seawall.lab.options.portfolio import Options, Portfolio
from seawall.lab.options.preset import (
    Contingency,
    Discount,
    MarketShock,
    ScenarioPreset,
    Skew,
    Volatility,
)

DAYS = 30.0
"""The time to expiry at which a shock of volatility is stated."""
BASIS, LINEAR, ABSOLUTE = "basis", "linear skew", "absolute skew"


class ScenarioProfit(Struct, frozen=True, kw_only=True):
    """One scenario. ``move``: of the spot price, a fraction. ``profit``: weighted, in cash.

    ``volatility``: up, same or down, or the name of a scenario of volatilities or forwards alone.
    """

    move: float
    volatility: str
    weight: float
    profit: float


class Margin(Struct, frozen=True, kw_only=True):
    """What a preset asks of a portfolio, in its cash. ``scan``: the loss of the worst scenario.

    ``minimum``: what the deltas ask at least. ``roll``: for forwards that move against the price.
    ``initial_contingency``, ``maintenance_contingency``: beside scan and roll. ``initial``,
    ``maintenance``: the whole requirements.
    """

    equity: float
    scan: float
    minimum: float
    roll: float
    initial_contingency: float
    maintenance_contingency: float
    initial: float
    maintenance: float
    worst: ScenarioProfit
    scenarios: tuple[ScenarioProfit, ...]


def margin(portfolio: Portfolio, preset: ScenarioPreset, market: MarketShock) -> Margin:
    """The requirement of a portfolio in one underlying, whose shocks ``market`` holds."""
    found = scenario_profits(portfolio, preset, market)
    worst = min(found, key=lambda each: each.profit)
    scan = -worst.profit
    asked = preset.contingency
    least, roll = minimum(portfolio, asked), _roll(portfolio, market)
    base = max(scan, least) + roll
    maintenance_more, initial_more = _contingencies(portfolio, asked)
    gap = max(0.0, asked.peg_threshold - portfolio.stable_price)
    initial = (preset.factors.initial + asked.peg_factor * gap) * base
    return Margin(
        equity=portfolio.equity,
        scan=scan,
        minimum=least,
        roll=roll,
        initial_contingency=initial_more,
        maintenance_contingency=maintenance_more,
        initial=initial + initial_more + portfolio.provision + portfolio.reserved,
        maintenance=preset.factors.maintenance * base + maintenance_more + portfolio.provision,
        worst=worst,
        scenarios=found,
    )


def scenario_profits(
    portfolio: Portfolio, preset: ScenarioPreset, market: MarketShock
) -> tuple[ScenarioProfit, ...]:
    """The weighted profit in every scenario, standard ones first."""
    options = portfolio.options
    standard = [
        (times * market.price_range, direction, 1.0) for times, direction in preset.grid.standard
    ]
    tails = [(move, "up", weight) for move, weight in preset.grid.tails]
    moves = np.array([move for move, _, _ in standard + tails])
    shocked = {
        "same": options.volatility,
        "up": _raised(options, preset.volatility, market.volatility_up),
        "down": _lowered(options, preset.volatility, market.volatility_down),
    }
    volatilities = np.array([shocked[direction] for _, direction, _ in standard + tails])
    profits = _profits(portfolio, preset.discount, moves, volatilities)
    weights = np.array([weight for _, _, weight in standard + tails])
    if preset.grid.tail_rule == "price_range":
        far = slice(len(standard), None)
        profits[far] = _within_range(portfolio, market, moves[far], profits[far])
    profits *= weights
    found = [
        ScenarioProfit(move=move, volatility=direction, weight=weight, profit=float(profit))
        for (move, direction, weight), profit in zip(standard + tails, profits, strict=True)
    ]
    if preset.skew is not None:
        found += _skewed(portfolio, preset.discount, preset.skew)
    if preset.basis is not None:
        still = ScenarioProfit(
            move=0.0, volatility=BASIS, weight=1.0, profit=_basis(options, preset)
        )
        found.append(still)
    return tuple(found)


def _term(options: Options, rule: Volatility) -> Floats:
    """How much of a 30-day shock reaches each expiry; (n,)."""
    days = options.years * DAYS_PER_YEAR
    power = np.where(days <= DAYS, rule.short_power, rule.long_power)
    found: Floats = (DAYS / np.maximum(days, rule.least_days)) ** power
    return found


def _raised(options: Options, rule: Volatility, by: float) -> Floats:
    return np.maximum(rule.least, options.volatility * (1.0 + by * _term(options, rule)))


def _lowered(options: Options, rule: Volatility, by: float) -> Floats:
    return options.volatility * np.maximum(0.0, 1.0 - by * _term(options, rule))


def _expiries(options: Options) -> tuple[Floats, Floats]:
    """(years of each expiry (e,); which option is of which expiry (n, e) of 0 and 1)."""
    years, places = np.unique(options.years, return_inverse=True)
    return years, np.eye(len(years))[places]


def _profits(
    portfolio: Portfolio, discount: Discount | None, moves: Floats, volatilities: Floats
) -> Floats:
    """Profit (s,) of futures, options and collateral that moves along.

    ``moves``: (s,); ``volatilities``: (s, n).
    """
    options = portfolio.options
    forwards = options.forward * (1.0 + moves[:, None] * options.moving)
    _, members = _expiries(options)
    now = options.values @ members
    then = options.values_at(forwards, volatilities) @ members
    counted = then if discount is None else then * _counted(options, discount, then)
    if portfolio.is_inverse:
        coins = sum(each.size for each in portfolio.futures)
        held = (counted / (1.0 + moves[:, None]) - now).sum(axis=1) / portfolio.spot
        inverse: Floats = coins * moves / (1.0 + moves) + held
        return inverse
    exposure = sum(each.size * each.price for each in portfolio.futures)
    exposure += sum(
        each.amount * each.price / portfolio.stable_price
        for each in portfolio.collaterals
        if each.cancels_risk
    )
    linear: Floats = exposure * moves + (counted - now).sum(axis=1)
    return linear


def _counted(options: Options, rule: Discount, values: Floats) -> Floats:
    """What counts of the value of each expiry in each scenario; (s, e)."""
    years, members = _expiries(options)
    # All options of an expiry share its rate.
    rate = (options.interest @ members) / members.sum(axis=0)
    for_longs = rule.long_base * np.exp(-years * (rate * rule.long_rate + rule.long_spread))
    for_shorts = np.minimum(
        np.exp(rate * years),
        rule.short_base * np.exp(years * (rate * rule.short_rate + rule.short_spread)),
    )
    # What has expired is cash.
    for_longs, for_shorts = (np.where(years > 0, each, 1.0) for each in (for_longs, for_shorts))
    return np.where(values >= 0, for_longs, for_shorts)


def _within_range(
    portfolio: Portfolio, market: MarketShock, moves: Floats, profits: Floats
) -> Floats:
    """Profits of extended moves, scaled down to the price range; losses less the dampener."""
    reach = np.where(moves > 0, market.price_range, -market.price_range)
    scaled = profits * market.price_range / np.abs(moves)
    if portfolio.is_inverse:
        scaled *= (1.0 + moves) / (1.0 + reach)
    usd = (np.abs(moves) / market.price_range - 1.0) * market.dampener
    spared = usd / portfolio.spot if portfolio.is_inverse else usd
    dampened: Floats = np.where(scaled < 0, np.minimum(0.0, scaled + spared), scaled)
    return dampened


def _skewed(portfolio: Portfolio, discount: Discount | None, rule: Skew) -> list[ScenarioProfit]:
    """The two scenarios of volatilities alone: each expiry's change counts as a loss."""
    options = portfolio.options
    root = np.sqrt(options.years)
    with np.errstate(divide="ignore"):
        distance = np.log(options.strike / options.forward)
    width = np.maximum(
        rule.least_width, root * rule.width * (rule.width_volatility + root * rule.width_slope)
    )
    found = []
    _, members = _expiries(options)
    for name, weight, k, cap in (
        (LINEAR, rule.linear_weight, distance, rule.linear_cap + rule.linear_slope * root),
        (ABSOLUTE, rule.absolute_weight, np.abs(distance),
         rule.absolute_cap + rule.absolute_slope * root),
    ):  # fmt: skip
        # Beyond the width the cap counts; a negative cap bends the other way, and without end.
        bent = np.sign(k) * np.minimum(cap, np.abs(k) * cap / width)
        times = np.maximum(0.0, 1.0 + bent)
        then = options.values_at(options.forward, options.volatility * times) @ members
        counted = then if discount is None else then * _counted(options, discount, then)
        lost = -np.abs(counted - options.values @ members).sum()
        found.append(
            ScenarioProfit(move=0.0, volatility=name, weight=weight, profit=weight * float(lost))
        )
    return found


def _basis(options: Options, preset: ScenarioPreset) -> float:
    """What forwards that move alone lose."""
    rule = preset.basis
    assert rule is not None
    years, members = _expiries(options)
    now = options.values @ members
    moved = [
        options.values_at(options.forward * (1.0 + each * options.moving), options.volatility)
        @ members
        - now
        for each in (rule.up, rule.down)
    ]
    lost = np.minimum(0.0, np.minimum(*moved))
    return float((lost * (rule.addition + rule.per_year * years)).sum())


def minimum(portfolio: Portfolio, rule: Contingency) -> float:
    """What net and hedged deltas ask at least."""
    deltas: list[float] = portfolio.options.deltas.tolist()
    deltas += [each.size for each in portfolio.futures]
    net, gross = abs(sum(deltas)), sum(map(abs, deltas))
    return (rule.least_net * net + rule.least_hedged * (gross - net) / 2) * portfolio.spot


def _roll(portfolio: Portfolio, rule: MarketShock) -> float:
    """For every expiry's delta: how far its forward may move against the price."""
    if not rule.roll and not rule.least_roll:
        return 0.0
    by_expiry: dict[float | None, float] = {}
    for each in portfolio.futures:
        by_expiry[each.years] = by_expiry.get(each.years, 0.0) + each.size
    options = portfolio.options
    for years, delta in zip(options.years.tolist(), options.deltas.tolist(), strict=True):
        by_expiry[years] = by_expiry.get(years, 0.0) + delta
    unit = 1.0 if portfolio.is_inverse else portfolio.spot
    found: float = unit * sum(
        max(rule.least_roll, float(np.expm1(rule.roll * (years or 0.0)))) * abs(delta)
        for years, delta in by_expiry.items()
    )
    return found


def _contingencies(portfolio: Portfolio, rule: Contingency) -> tuple[float, float]:
    """(of maintenance, of initial margin, which has those of maintenance too)."""
    perpetual = abs(portfolio.futures_size) * portfolio.spot
    naked = naked_shorts(portfolio.options) * portfolio.spot
    worth = [each.amount * each.price / portfolio.stable_price for each in portfolio.collaterals]
    haircuts = list(zip(worth, portfolio.collaterals, strict=True))
    maintenance = (
        perpetual * rule.perpetual_maintenance
        + naked * rule.short_option_maintenance
        + sum(usd * each.maintenance_haircut for usd, each in haircuts)
    )
    initial = (
        perpetual * rule.perpetual_initial
        + naked * rule.short_option_initial
        + sum(usd * each.initial_haircut for usd, each in haircuts)
    )
    return maintenance, maintenance + initial + _doubt(portfolio, rule)


def naked_shorts(options: Options) -> float:
    """Coins sold and not bought at the same strike and expiry, calls and puts together."""
    net: dict[tuple[float, float], float] = {}
    for years, strike, size in zip(
        options.years.tolist(), options.strike.tolist(), options.size.tolist(), strict=True
    ):
        net[years, strike] = net.get((years, strike), 0.0) + size
    return sum(max(0.0, -size) for size in net.values())


def _doubt(portfolio: Portfolio, rule: Contingency) -> float:
    """What prices ask for that their feeds are not sure of."""

    def asked(confidence: float, usd: float) -> float:
        is_low = confidence < rule.confidence_threshold
        return (1.0 - confidence) * rule.confidence_scale * usd if is_low else 0.0

    spot, options = portfolio.spot, portfolio.options
    confidence, size = portfolio.confidence, abs(portfolio.futures_size)
    of_futures = min(confidence, portfolio.perpetual_confidence) if size else confidence
    of_options = zip(options.confidence.tolist(), np.abs(options.size).tolist(), strict=True)
    return (
        asked(of_futures, size * spot)
        + sum(asked(min(of_futures, each), coins * spot) for each, coins in of_options)
        + sum(
            asked(min(confidence, each.confidence), each.amount * each.price)
            / portfolio.stable_price
            for each in portfolio.collaterals
        )
    )
