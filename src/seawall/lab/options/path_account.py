"""An account in portfolio margin as the path kernel takes it, whole or one of its legs."""

from collections.abc import Mapping, Sequence

import numpy as np
from msgspec import structs

from seawall.domain.errors import InputError
from seawall.lab.arrays import Floats
from seawall.lab.options.legs import equity_of
from seawall.lab.options.pool import AnyRule, Portfolios, Rule
from seawall.lab.options.preset import MarketShock, ScenarioPreset
from seawall.lab.options.ratio import RatioRule
from seawall.lab.paths.kernels.pool_account import (
    DOWN,
    SAME,
    UP,
    CoinRatio,
    PoolAccount,
    PoolOptions,
    Scenarios,
)

_DIRECTIONS = {"same": SAME, "up": UP, "down": DOWN}


def pool_account(
    rule: AnyRule,
    portfolios: Portfolios,
    cash: float,
    tiers: Floats,
    *,
    cost: float,
    name: str = "pool",
    volatility_change: float = 0.0,
    volatility_beta: float = 0.0,
    is_kept: bool = False,
) -> PoolAccount:
    """What stands in ``portfolios``, with ``cash`` in USD behind it, under a rule.

    ``volatility_change``: of all implied volatilities before prices move, a fraction; the equity at
    the start is the one before it. ``tiers``: of the markets, as ``CoinRatio`` has them. The rest
    is as ``PoolAccount`` says.
    """
    names = list(portfolios)
    held = list(portfolios.values())
    futures = np.array([each.futures_size for each in held])
    coins = np.array([sum(c.amount for c in each.collaterals) for each in held])
    price = np.array([each.spot for each in held])
    equity = equity_of(portfolios, cash)
    options = float(sum(each.options.values.sum() for each in held))
    return PoolAccount(
        markets=tuple(names),
        price=price,
        futures=futures,
        coins=coins,
        money=equity - options - float(((futures + coins) * price).sum()),
        equity_now=equity,
        name=name,
        options=_options(portfolios, volatility_change),
        rule=_terms(rule, names, tiers),
        cost=cost,
        volatility_beta=volatility_beta,
        is_kept=is_kept,
    )


def _options(portfolios: Portfolios, change: float) -> PoolOptions:
    parts = []
    for market, each in enumerate(portfolios.values()):
        own = each.options.only(np.argsort(each.options.years, kind="stable"))
        parts.append(
            (
                np.full(len(own), market), own.is_call.astype(np.float64), own.strike, own.forward,
                own.years, own.volatility * (1.0 + change), own.size,
            )
        )  # fmt: skip
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    return PoolOptions(columns[0].astype(np.int64), *columns[1:])


def _terms(rule: AnyRule, names: Sequence[str], tiers: Floats) -> Scenarios | CoinRatio:
    if isinstance(rule, RatioRule):
        return _ratio(rule, names, tiers)
    if not isinstance(rule, Rule):
        raise InputError.of("", "preset", rule.name, "a rule of scenarios or of a ratio")
    return _scenarios(rule.preset, names, rule.funding)


def _scenarios(
    preset: ScenarioPreset, names: Sequence[str], funding: Mapping[str, float]
) -> Scenarios:
    markets, grid, asked = [preset.market[name] for name in names], preset.grid, preset.contingency
    far = [1.0 if grid.tail_rule == "price_range" else 0.0] * len(grid.tails)

    def of(field: str) -> Floats:
        return np.array([getattr(each, field) for each in markets], np.float64)

    def moves(shock: MarketShock) -> list[float]:
        standard = [times * shock.price_range for times, _ in grid.standard]
        return standard + [move for move, _ in grid.tails]

    def section(values: object) -> Floats:
        return np.array([] if values is None else structs.astuple(values), np.float64)  # type: ignore[arg-type]

    return Scenarios(
        move=np.array([moves(each) for each in markets], np.float64),
        direction=np.array(
            [_DIRECTIONS[each] for _, each in grid.standard] + [UP] * len(grid.tails)
        ),
        weight=np.array([1.0] * len(grid.standard) + [weight for _, weight in grid.tails]),
        is_far=np.array([0.0] * len(grid.standard) + far),
        reach=of("price_range"),
        up=of("volatility_up"),
        down=of("volatility_down"),
        dampener=of("dampener"),
        roll=of("roll"),
        least_roll=of("least_roll"),
        volatility=section(preset.volatility),
        skew=section(preset.skew),
        discount=section(preset.discount),
        basis=section(preset.basis),
        maintenance=preset.factors.maintenance,
        perpetual=asked.perpetual_maintenance,
        short_option=asked.short_option_maintenance,
        least_net=asked.least_net,
        least_hedged=asked.least_hedged,
        provision=np.array([asked.funding_hours * funding.get(name, 0.0) for name in names]),
    )


def _ratio(rule: RatioRule, names: Sequence[str], tiers: Floats) -> CoinRatio:
    terms, ratio = [rule.preset.market.get(name) for name in names], rule.preset.ratio
    share = [
        0.0 if each is None
        else each.loan_to_value + ratio.threshold * (1.0 - each.loan_to_value) for each in terms
    ]  # fmt: skip
    return CoinRatio(
        share=np.array(share),
        supply_cap=np.array([0.0 if each is None else each.supply_cap for each in terms]),
        borrow_cap=np.array([0.0 if each is None else each.borrow_cap for each in terms]),
        tiers=tiers,
        limit=ratio.limit,
        borrow_offset=ratio.borrow_offset,
    )
