"""The price model of an account's markets: shipped figures, figures from candles, and options.

The shipped figures are in ``price_models.toml`` with their source; how they are computed is in
``price_fit``. A market that is not listed takes the figures of its group, by the greatest leverage
that its venue grants. What the options give (volatility, drift, correlation ...) comes last and
overrides the rest.
"""

import tomllib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path

import msgspec
import numpy as np
from msgspec import Struct

from seawall.domain.quantities import Amount, PerMarket, assignments, for_markets, number
from seawall.lab.arrays import Floats
from seawall.lab.market.price_fit import FundingFit, PriceFit, positive_definite
from seawall.lab.paths.kernels.task import Diffusion, FundingRate
from seawall.report.kinds import typed_percent

SHIPPED = "price_models.toml"
SHIPPED_ORIGIN = "shipped"


class Common(Struct, frozen=True, forbid_unknown_fields=True):
    """What all markets share; jumps are log returns of the base market."""

    jump_rate: float
    jump_mean: float
    jump_std: float
    volatility_of_volatility: float
    volatility_half_life_days: float
    funding_half_life_hours: float


class MarketFigures(Struct, frozen=True, forbid_unknown_fields=True):
    """``correlation``: with the markets listed before it, in order."""

    name: str
    volatility: float
    jump_beta: float
    funding_mean: float
    funding_std: float
    correlation: tuple[float, ...]


class Group(Struct, frozen=True, forbid_unknown_fields=True):
    """Assumed for markets that are not listed. ``correlation``: with every other market."""

    least_leverage: int
    volatility: float
    jump_beta: float
    correlation: float
    funding_mean: float
    funding_std: float


class ShippedModels(Struct, frozen=True, forbid_unknown_fields=True):
    as_of: str
    source: str
    method: str
    common: Common
    market: tuple[MarketFigures, ...]
    group: tuple[Group, ...]

    def group_of(self, leverage: int) -> Group:
        return next(each for each in self.group if leverage >= each.least_leverage)

    def figures_of(self, name: str, leverage: int) -> MarketFigures | Group:
        """Those of a market, or of its group where it is not listed."""
        listed = (each for each in self.market if each.name == name)
        return next(listed, None) or self.group_of(leverage)


class ModelOptions(Struct, frozen=True, kw_only=True):
    """How prices and funding move, where the shipped figures are not wanted.

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
    """``origin``: by market, where its volatility comes from. ``drift``: by market, a year."""

    markets: Sequence[str]
    diffusion: Diffusion
    funding: FundingRate
    origin: Sequence[str]
    drift: Floats
    notes: Sequence[str]


def shipped_models() -> ShippedModels:
    """The figures that come with Seawall."""
    text = files("seawall.lab.market").joinpath(SHIPPED).read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), ShippedModels)


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
) -> PriceModel:
    """The model of markets, given with the greatest leverage that their venue grants, in order.

    ``fitted`` and ``funding``: from candles, instead of the shipped figures of their markets.
    ``rates_now``: funding rates of this hour, where they are known. Raises InputError.
    """
    shipped = shipped_models()
    names = list(leverages)
    volatility, beta, origin = _markets(shipped, leverages, fitted)
    for name, value in _shares("volatility", options.volatility, names, 0.0, 20.0).items():
        volatility[names.index(name)], origin[names.index(name)] = value, "as given"
    correlation, notes = _correlations(shipped, leverages, fitted, options.correlation)
    common = _common(shipped.common, fitted, names)
    jumps = common.jump_rate if options.jumps else 0.0
    trends = _shares("drift", options.drift, names, -20.0, 20.0)
    drift = np.array([trends.get(name, 0.0) for name in names])
    diffusion = Diffusion(
        # Jumps fall more than they rise: without this, no drift would be a falling market.
        drift=drift
        - jumps * (np.exp(beta * common.jump_mean + (beta * common.jump_std) ** 2 / 2) - 1),
        volatility=volatility,
        correlation=correlation,
        volatility_of_volatility=common.volatility_of_volatility
        if options.volatility_moves
        else 0.0,
        volatility_half_life_days=common.volatility_half_life_days,
        jump_rate=jumps,
        jump_mean=common.jump_mean if jumps else 0.0,
        jump_std=common.jump_std if jumps else 0.0,
        jump_beta=beta,
    )
    return PriceModel(
        markets=tuple(names),
        diffusion=diffusion,
        funding=_funding(shipped, leverages, options.funding, funding, rates_now or {}),
        origin=tuple(origin),
        drift=drift,
        notes=[*(fitted.notes if fitted else ()), *notes],
    )


def _markets(
    shipped: ShippedModels, leverages: Mapping[str, int], fitted: PriceFit | None
) -> tuple[Floats, Floats, list[str]]:
    """Volatility, share of jumps, and where they come from."""
    volatility, beta, origin = [], [], []
    for name, leverage in leverages.items():
        if fitted and name in fitted.markets:
            place = list(fitted.markets).index(name)
            volatility.append(float(fitted.volatility[place]))
            beta.append(float(fitted.jump_beta[place]))
            origin.append("your candles")
            continue
        figures = shipped.figures_of(name, leverage)
        volatility.append(figures.volatility)
        beta.append(figures.jump_beta)
        origin.append(
            f"assumed: markets of {figures.least_leverage}x and more"
            if isinstance(figures, Group)
            else SHIPPED_ORIGIN
        )
    return np.array(volatility), np.array(beta), origin


def _correlations(
    shipped: ShippedModels,
    leverages: Mapping[str, int],
    fitted: PriceFit | None,
    given: Amount | None,
) -> tuple[Floats, list[str]]:
    names = list(leverages)
    shared = None
    if given is not None:
        shared = float(number("correlation", given, least=-1, most=1, expected="-1 to 1"))
    result = np.eye(len(names))
    for row, name in enumerate(names):
        for column, other in enumerate(names[:row]):
            value = _pair(shipped, leverages, fitted, name, other) if shared is None else shared
            result[row, column] = result[column, row] = value
    return positive_definite(result)


def _pair(
    shipped: ShippedModels,
    leverages: Mapping[str, int],
    fitted: PriceFit | None,
    name: str,
    other: str,
) -> float:
    if fitted and name in fitted.markets and other in fitted.markets:
        places = [list(fitted.markets).index(each) for each in (name, other)]
        return float(fitted.correlation[places[0], places[1]])
    listed = [each.name for each in shipped.market]
    if name in listed and other in listed:
        first, second = sorted((listed.index(name), listed.index(other)))
        return shipped.market[second].correlation[first]
    unlisted = [each for each in (name, other) if each not in listed]
    return min(shipped.group_of(leverages[each]).correlation for each in unlisted)


def _common(common: Common, fitted: PriceFit | None, names: Sequence[str]) -> Common:
    """Jumps of the candles only if all shares of them are measured on the same base."""
    if fitted is None:
        return common
    measured: list[str] = []
    if all(name in fitted.markets for name in names):
        measured += ["jump_rate", "jump_mean", "jump_std"]
    if fitted.volatility_of_volatility is not None:
        measured += ["volatility_of_volatility", "volatility_half_life_days"]
    return msgspec.structs.replace(common, **{name: getattr(fitted, name) for name in measured})


def _funding(
    shipped: ShippedModels,
    leverages: Mapping[str, int],
    options: PerMarket,
    fitted: FundingFit | None,
    rates_now: Mapping[str, float],
) -> FundingRate:
    steady = _shares("funding", options, list(leverages), -0.04, 0.04)
    now, mean, std = [], [], []
    for name, leverage in leverages.items():
        figures = shipped.figures_of(name, leverage)
        usual, spread = figures.funding_mean, figures.funding_std
        if fitted and name in fitted.mean:
            usual, spread = fitted.mean[name], fitted.std[name]
        first = rates_now.get(name, usual)
        if name in steady:
            first, usual, spread = steady[name], steady[name], 0.0
        now.append(first)
        mean.append(usual)
        std.append(spread)
    half_life = shipped.common.funding_half_life_hours
    if fitted and fitted.half_life_hours is not None:
        half_life = fitted.half_life_hours
    return FundingRate(
        rate=np.array(now), mean=np.array(mean), std=np.array(std), half_life_hours=half_life
    )
