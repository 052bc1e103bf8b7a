"""Where the prices of a simulation come from: the price model, or blocks of recorded candles."""

from collections.abc import Sequence

from msgspec import Struct

from seawall.accounts.account import Account
from seawall.domain.errors import InputError
from seawall.domain.quantities import number
from seawall.lab.market.market_path import POINTS_PER_CANDLE
from seawall.lab.market.price_candles import (
    close_returns,
    read_joint,
    recorded_steps,
)
from seawall.lab.market.price_fit import fit, fit_funding
from seawall.lab.market.price_models import ModelOptions, PriceModel, price_model
from seawall.lab.paths.kernels.task import Bootstrap, Diffusion, FundingRate

DEFAULT_BLOCK_HOURS = 24
LONGEST_BLOCK_HOURS = 10**6


class PriceSource(Struct, frozen=True, kw_only=True):
    """How prices and funding move. ``model``: None where blocks of recorded candles are drawn.

    ``step_seconds``: of recorded candles; None where any step is possible. ``block_hours`` and
    ``candles``: of blocks. ``notes``: each a sentence.
    """

    moves: Diffusion | Bootstrap
    funding: FundingRate
    model: PriceModel | None = None
    step_seconds: float | None = None
    block_hours: float = 0.0
    candles: int = 0
    notes: Sequence[str] = ()


def price_source(account: Account, markets: Sequence[str], options: ModelOptions) -> PriceSource:
    """The source of the prices of ``markets``. Raises InputError."""
    leverages = {name: account.listed[name].maximum_leverage for name in markets}
    if options.bootstrap:
        _check_recorded(options)
        model = price_model(leverages, options, rates_now=account.funding)
        return _blocks(markets, options, model.funding)
    if options.block_hours is not None:
        raise InputError.of("", "block", options.block_hours, "left out without bootstrap")
    fitted = rates = None
    notes: list[str] = []
    if options.candles:
        joint = read_joint(options.candles, markets)
        fitted = fit(close_returns(joint))
        rates = fit_funding(joint.rates) if joint.rates else None
        left = [name for name in markets if name not in joint.markets]
        if left:
            notes.append(f"no candles of {', '.join(left)}: shipped figures")
    model = price_model(leverages, options, fitted, rates, account.funding)
    return PriceSource(
        moves=model.diffusion, funding=model.funding, model=model, notes=[*notes, *model.notes]
    )


def _blocks(markets: Sequence[str], options: ModelOptions, funding: FundingRate) -> PriceSource:
    recorded = recorded_steps(read_joint(options.bootstrap, markets), markets)
    step, count = recorded.step_seconds, len(recorded.returns)
    given = DEFAULT_BLOCK_HOURS if options.block_hours is None else options.block_hours
    expected = (
        f"hours, at least a candle ({POINTS_PER_CANDLE * step / 3600:g}) and at most what was "
        f"recorded ({count * step / 3600:g})"
    )
    hours = float(number("block", given, least=0, most=LONGEST_BLOCK_HOURS, expected=expected))
    whole = POINTS_PER_CANDLE * round(hours * 3600 / step / POINTS_PER_CANDLE)
    if not POINTS_PER_CANDLE <= whole <= count:
        raise InputError.of("", "block", given, expected)
    blocks = Bootstrap(
        returns=recorded.returns,
        block_steps=whole,
        funding=None if options.funding else recorded.funding,
    )
    return PriceSource(
        moves=blocks, funding=funding, step_seconds=step, block_hours=hours,
        candles=count // POINTS_PER_CANDLE,
    )  # fmt: skip


def _check_recorded(options: ModelOptions) -> None:
    """Raises InputError for what only a model has."""
    usual = ModelOptions()
    for name in ("volatility", "drift", "correlation", "candles", "jumps", "volatility_moves"):
        value = getattr(options, name)
        if value != getattr(usual, name):
            raise InputError.of("", name, value, "left out with bootstrap: prices are recorded")
