"""The price model of an account's markets: assumptions, figures from candles, and options.

What is assumed of a market is in ``assumptions``; how the figures were computed is in
``price_fit``. What the options give (volatility, drift, correlation ...) comes last and overrides
the rest.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
from msgspec import Struct

from seawall.domain.quantities import Amount, PerMarket, assignments, for_markets, number
from seawall.lab.arrays import Floats
from seawall.lab.market.assumptions import FUNDING_OPTION, Assumptions, assumptions_of
from seawall.lab.market.price_fit import FundingFit, PriceFit, positive_definite
from seawall.lab.paths.kernels.task import Diffusion, FundingRate
from seawall.report.kinds import typed_percent

CANDLES = "your candles"


class ModelOptions(Struct, frozen=True, kw_only=True):
    """How prices and funding move, where the assumptions are not wanted.

    ``volatility``, ``drift``: fractions a year. ``funding``: a fraction of notional an hour that
    longs pay, now and on average. ``correlation``: of every pair of markets. ``jumps``: whether
    prices jump. ``volatility_moves``: whether volatility itself moves. ``candles``: files to
    compute the model from. ``bootstrap``: files to draw blocks of ``block_hours`` from, instead of
    a model.
    """

    volatility: PerMarket = ()
    drift: PerMarket = ()
    funding: PerMarket = ()
    correlation: Amount | None = None
    jumps: bool = True
    volatility_moves: bool = True
    candles: Sequence[Path] = ()
    bootstrap: Sequence[Path] = ()
    block_hours: Amount | None = None


class PriceModel(Struct, frozen=True, kw_only=True):
    """``assumptions``: with what candles and options say. ``origin``: by market, where its
    volatility comes from. ``drift``: by market, a year."""

    markets: Sequence[str]
    assumptions: Assumptions
    diffusion: Diffusion
    funding: FundingRate
    origin: Sequence[str]
    drift: Floats
    notes: Sequence[str]


def _shares(
    field: str, values: PerMarket, markets: Sequence[str], least: float, most: float
) -> dict[str, float]:
    """The fraction of each market that is given one, bounds included. Raises InputError."""
    such = typed_percent(most / 40)
    expected = (
        f"{typed_percent(least)} to {typed_percent(most)}, such as {such} or {markets[0]}={such}"
    )

    def read(name: str, value: Amount) -> float:
        return float(number(name, value, least=least, most=most, expected=expected))

    return for_markets(field, assignments(field, values, read), markets)


def price_model(
    leverages: Mapping[str, int],
    options: ModelOptions = ModelOptions(),  # noqa: B008 (frozen)
    fitted: PriceFit | None = None,
    funding: FundingFit | None = None,
    rates_now: Mapping[str, float] | None = None,
    assumptions: Assumptions | None = None,
) -> PriceModel:
    """The model of markets, given with the greatest leverage that their venue grants, in order.

    ``fitted`` and ``funding``: from candles, instead of the assumptions of their markets.
    ``rates_now``: funding rates of this hour, where they are known. ``assumptions``: the shipped
    ones if None. Raises InputError.
    """
    names = list(leverages)
    assumed = _with_candles(assumptions_of(assumptions), fitted, funding, names)
    assumed = assumed.given(
        "volatility", _shares("volatility", options.volatility, names, 0.0, 20.0), "--volatility"
    )
    steady = _shares("funding", options.funding, names, -0.04, 0.04)
    assumed = assumed.given("funding", steady, FUNDING_OPTION)
    assumed = assumed.given("funding_deviation", dict.fromkeys(steady, 0.0), FUNDING_OPTION)
    assumed = _with_correlations(assumed, fitted, options.correlation, names)
    correlation, notes = _correlations(assumed, leverages)
    beta = np.array(list(assumed.values("jump_beta", leverages).values()))
    jumps = assumed.shared("jump_rate") if options.jumps else 0.0
    mean, deviation = assumed.shared("jump_mean"), assumed.shared("jump_std")
    trends = _shares("drift", options.drift, names, -20.0, 20.0)
    drift = np.array([trends.get(name, 0.0) for name in names])
    diffusion = Diffusion(
        # Jumps fall more than they rise: without this, no drift would be a falling market.
        drift=drift - jumps * (np.exp(beta * mean + (beta * deviation) ** 2 / 2) - 1),
        volatility=np.array(list(assumed.values("volatility", leverages).values())),
        correlation=correlation,
        volatility_of_volatility=assumed.shared("volatility_of_volatility")
        if options.volatility_moves
        else 0.0,
        volatility_half_life_days=assumed.shared("volatility_half_life_days"),
        jump_rate=jumps,
        jump_mean=mean if jumps else 0.0,
        jump_std=deviation if jumps else 0.0,
        jump_beta=beta,
    )
    return PriceModel(
        markets=tuple(names),
        assumptions=_as_moved(assumed, options, names, correlation if notes else None),
        diffusion=diffusion,
        funding=_funding(assumed, leverages, steady, rates_now or {}),
        origin=tuple(assumed.of("volatility", *each).origin for each in leverages.items()),
        drift=drift,
        notes=[*(fitted.notes if fitted else ()), *notes],
    )


def _with_candles(
    assumed: Assumptions,
    fitted: PriceFit | None,
    funding: FundingFit | None,
    names: Sequence[str],
) -> Assumptions:
    """The assumptions with what candles say of these markets."""
    if fitted is not None:
        held = [name for name in names if name in fitted.markets]
        for field, values in (("volatility", fitted.volatility), ("jump_beta", fitted.jump_beta)):
            by_market = dict(zip(fitted.markets, values.tolist(), strict=True))
            assumed = assumed.given(field, {name: by_market[name] for name in held}, CANDLES)
        measured: list[str] = []
        # Jumps of the candles only if all shares of them are measured on the same base.
        if len(held) == len(names):
            measured += ["jump_rate", "jump_mean", "jump_std"]
        if fitted.volatility_of_volatility is not None:
            measured += ["volatility_of_volatility", "volatility_half_life_days"]
        shared = {name: getattr(fitted, name) for name in measured}
        assumed = assumed.given_shared(shared, CANDLES)
    if funding is not None:
        for field, rates in (("funding", funding.mean), ("funding_deviation", funding.std)):
            known = {name: rates[name] for name in names if name in rates}
            assumed = assumed.given(field, known, CANDLES)
        if funding.half_life_hours is not None:
            assumed = assumed.given_shared(
                {"funding_half_life_hours": funding.half_life_hours}, CANDLES
            )
    return assumed


def _with_correlations(
    assumed: Assumptions, fitted: PriceFit | None, given: Amount | None, names: Sequence[str]
) -> Assumptions:
    """The assumptions with the correlations of candles, or the one that is given of every pair."""
    if given is not None:
        shared = float(number("correlation", given, least=-1, most=1, expected="-1 to 1"))
        pairs = map(frozenset, combinations(names, 2))
        return assumed.given_correlations(dict.fromkeys(pairs, shared), "--correlation")
    if fitted is None:
        return assumed
    held = [each for each in enumerate(fitted.markets) if each[1] in names]
    return assumed.given_correlations(
        {
            frozenset((name, other)): float(fitted.correlation[row, column])
            for (row, name), (column, other) in combinations(held, 2)
        },
        CANDLES,
    )


def _correlations(assumed: Assumptions, leverages: Mapping[str, int]) -> tuple[Floats, list[str]]:
    """(m, m), the nearest possible one where they contradict one another, and a note of that."""
    names = list(leverages)
    result = np.eye(len(names))
    for row, column in combinations(range(len(names)), 2):
        value = float(assumed.correlation(names[row], names[column], leverages).value)
        result[row, column] = result[column, row] = value
    return positive_definite(result)


def _as_moved(
    assumed: Assumptions, options: ModelOptions, names: Sequence[str], nearest: Floats | None
) -> Assumptions:
    """The assumptions as prices really move. ``nearest``: correlations that replaced others."""
    if nearest is not None:
        pairs = {
            frozenset((names[row], names[column])): float(nearest[row, column])
            for row, column in combinations(range(len(names)), 2)
        }
        assumed = assumed.given_correlations(pairs, "the nearest possible ones")
    return assumed if options.jumps else assumed.given_shared({"jump_rate": 0.0}, "--jumps")


def _funding(
    assumed: Assumptions,
    leverages: Mapping[str, int],
    steady: Mapping[str, float],
    rates_now: Mapping[str, float],
) -> FundingRate:
    mean = assumed.values("funding", leverages)
    # A rate that is given stays; else it starts where the venue says that it is now.
    first = {**mean, **{name: rates_now[name] for name in mean if name in rates_now}, **steady}
    return FundingRate(
        rate=np.array(list(first.values())),
        mean=np.array(list(mean.values())),
        std=np.array(list(assumed.values("funding_deviation", leverages).values())),
        half_life_hours=assumed.shared("funding_half_life_hours"),
    )
