"""The price model of an account's markets: shipped figures, figures from candles, and wishes.

The shipped figures are in ``price_models.toml`` with their source; how they are computed is in
``price_fit``. A market that is not listed takes the figures of its group, by the greatest leverage
that its venue grants. A wish (``--volatility``, ``--correlation``, ``--jumps``, ``--drift``) comes
last and wins.
"""

import tomllib
from collections.abc import Mapping, Sequence
from importlib.resources import files

import msgspec
import numpy as np
from msgspec import Struct, field

from seawall.lab.market.price_fit import FundingFit, PriceFit, positive_definite
from seawall.lab.paths.kernels.task import Diffusion, Floats, FundingRate

SHIPPED = "price_models.toml"


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


class Wishes(Struct, frozen=True, kw_only=True):
    """What somebody wants instead. Volatility and drift: a fraction a year, by market.

    ``funding``: a fraction of notional an hour that longs pay, by market, now and on average.
    """

    volatility: Mapping[str, float] = field(default_factory=dict)
    drift: Mapping[str, float] = field(default_factory=dict)
    funding: Mapping[str, float] = field(default_factory=dict)
    correlation: float | None = None
    jumps: bool = True
    steady_volatility: bool = False


class PriceModel(Struct, frozen=True, kw_only=True):
    """``origin``: by market, in words, where its volatility comes from. ``drift``: as wished."""

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


def price_model(
    leverages: Mapping[str, int],
    wishes: Wishes | None = None,
    fitted: PriceFit | None = None,
    funding: FundingFit | None = None,
    rates_now: Mapping[str, float] | None = None,
) -> PriceModel:
    """The model of markets, given with the greatest leverage that their venue grants, in order.

    ``fitted`` and ``funding``: from candles, instead of the shipped figures of their markets.
    ``rates_now``: funding rates of this hour, where they are known.
    """
    wishes = wishes or Wishes()
    shipped = shipped_models()
    names = list(leverages)
    volatility, beta, origin = _markets(shipped, leverages, fitted)
    for position, name in enumerate(names):
        if name in wishes.volatility:
            volatility[position] = wishes.volatility[name]
            origin[position] = "as asked"
    correlation, notes = _correlations(shipped, leverages, fitted, wishes.correlation)
    common = _common(shipped.common, fitted, names)
    jumps = common.jump_rate if wishes.jumps else 0.0
    drift = np.array([wishes.drift.get(name, 0.0) for name in names])
    diffusion = Diffusion(
        # Jumps fall more than they rise: without this, --drift 0 would be a falling market.
        drift=drift
        - jumps * (np.exp(beta * common.jump_mean + (beta * common.jump_std) ** 2 / 2) - 1),
        volatility=volatility,
        correlation=correlation,
        volatility_of_volatility=0.0
        if wishes.steady_volatility
        else common.volatility_of_volatility,
        volatility_half_life_days=common.volatility_half_life_days,
        jump_rate=jumps,
        jump_mean=common.jump_mean if jumps else 0.0,
        jump_std=common.jump_std if jumps else 0.0,
        jump_beta=beta,
    )
    return PriceModel(
        markets=tuple(names),
        diffusion=diffusion,
        funding=_funding(shipped, leverages, wishes, funding, rates_now or {}),
        origin=tuple(origin),
        drift=drift,
        notes=[*(fitted.notes if fitted else ()), *notes],
    )


def _markets(
    shipped: ShippedModels, leverages: Mapping[str, int], fitted: PriceFit | None
) -> tuple[Floats, Floats, list[str]]:
    """Volatility, share of jumps, and where they come from."""
    listed = {each.name: each for each in shipped.market}
    volatility, beta, origin = [], [], []
    for name, leverage in leverages.items():
        if fitted and name in fitted.markets:
            place = list(fitted.markets).index(name)
            volatility.append(float(fitted.volatility[place]))
            beta.append(float(fitted.jump_beta[place]))
            origin.append("your candles")
        elif name in listed:
            volatility.append(listed[name].volatility)
            beta.append(listed[name].jump_beta)
            origin.append("shipped")
        else:
            group = shipped.group_of(leverage)
            volatility.append(group.volatility)
            beta.append(group.jump_beta)
            origin.append(f"assumed: markets of {group.least_leverage}x and more")
    return np.array(volatility), np.array(beta), origin


def _correlations(
    shipped: ShippedModels,
    leverages: Mapping[str, int],
    fitted: PriceFit | None,
    wished: float | None,
) -> tuple[Floats, list[str]]:
    names = list(leverages)
    result = np.eye(len(names))
    for row, name in enumerate(names):
        for column, other in enumerate(names[:row]):
            value = _pair(shipped, leverages, fitted, name, other) if wished is None else wished
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
    result = common
    if all(name in fitted.markets for name in names):
        result = msgspec.structs.replace(
            result,
            jump_rate=fitted.jump_rate,
            jump_mean=fitted.jump_mean,
            jump_std=fitted.jump_std,
        )
    if fitted.volatility_of_volatility is not None:
        assert fitted.volatility_half_life_days is not None
        result = msgspec.structs.replace(
            result,
            volatility_of_volatility=fitted.volatility_of_volatility,
            volatility_half_life_days=fitted.volatility_half_life_days,
        )
    return result


def _funding(
    shipped: ShippedModels,
    leverages: Mapping[str, int],
    wishes: Wishes,
    fitted: FundingFit | None,
    rates_now: Mapping[str, float],
) -> FundingRate:
    listed = {each.name: each for each in shipped.market}
    now, mean, std = [], [], []
    for name, leverage in leverages.items():
        figures = listed.get(name) or shipped.group_of(leverage)
        usual, spread = figures.funding_mean, figures.funding_std
        if fitted and name in fitted.mean:
            usual, spread = fitted.mean[name], fitted.std[name]
        first = rates_now.get(name, usual)
        if name in wishes.funding:
            first, usual, spread = wishes.funding[name], wishes.funding[name], 0.0
        now.append(first)
        mean.append(usual)
        std.append(spread)
    half_life = shipped.common.funding_half_life_hours
    if fitted and fitted.half_life_hours is not None:
        half_life = fitted.half_life_hours
    return FundingRate(
        rate=np.array(now), mean=np.array(mean), std=np.array(std), half_life_hours=half_life
    )
