"""What ``seawall paths`` and ``seawall compare`` share: their options, read and checked."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

from cyclopts import Parameter

from seawall.accounts.account import Account
from seawall.accounts.load import load_account
from seawall.cli.params import SignedTexts, SourceOptions
from seawall.domain.errors import InputError
from seawall.lab.market.liquidity import chosen_depths

if TYPE_CHECKING:
    from seawall.lab.market.price_models import PriceModel, Wishes
    from seawall.lab.paths.kernels.task import Bootstrap, Diffusion, FundingRate
    from seawall.lab.paths.setup import PathSetup

_Files = Annotated[list[Path] | None, Parameter(negative="")]

DEFAULT_DAYS = 7.0
LONGEST_DAYS = 3660.0
DEFAULT_BLOCK_HOURS = 24.0
MOST_PATHS = 50_000_000
MOST_STEPS = 10_000_000
LONGEST_STEP = 86_400.0
HIGHEST_SEED = 2**63 - 1


@Parameter(name="*")
@dataclass(frozen=True)
class ModelWishes:
    """How prices and funding move, and how deep the books are."""

    volatility: SignedTexts = None
    """Volatility a year, of all markets (80%) or of one (BTC=60%); may be given several times."""
    drift: SignedTexts = None
    """Expected change of price a year, of all markets (-20%) or one (BTC=10%); 0 if not given."""
    correlation: float | None = None
    """Correlation of every pair of markets, from -1 to 1."""
    jumps: Literal["on", "off"] = "on"
    """Whether prices jump."""
    volatility_moves: Literal["on", "off"] = "on"
    """Whether volatility itself moves, so that wild days come together."""
    funding: SignedTexts = None
    """Funding rate that longs pay an hour, steady: 0.001%, BTC=0.00001, or 0 for none."""
    candles: _Files = None
    """A file of candles and funding to compute the model from; may be given several times."""
    bootstrap: _Files = None
    """A file of candles to draw blocks from, instead of a model; may be given several times."""
    block: float | None = None
    """Length of a drawn block in hours, 24 if not given."""
    depth: SignedTexts = None
    """USD within 50 bp per side of the book, for all markets (5000000) or one (BTC=5000000)."""
    impact: float | None = None
    """Slippage of an order as large as that depth, as a fraction: 0.005 if not given."""


@Parameter(name="*")
@dataclass(frozen=True)
class RunWishes:
    """How many paths, how long, how fine, and who walks them."""

    paths: int = 10_000
    """Number of paths."""
    days: float | None = None
    """Horizon in days, 7 if not given."""
    hours: float | None = None
    """Horizon in hours, instead of days."""
    step: float | None = None
    """Seconds between two prices; by the horizon if not account, 60 for a week."""
    seed: int = 1
    """The same seed gives the same paths."""
    antithetic: Annotated[bool, Parameter(negative="")] = False
    """Mirror every second path: fewer paths are needed for the same precision."""
    workers: int | None = None
    """Processes; up to one per core if not given. The results are the same."""
    cluster: str | None = None
    """Address of a Dask scheduler to run on, such as tcp://127.0.0.1:8786, instead of processes."""


class Request(NamedTuple):
    """A checked request. ``model``: None where blocks of recorded candles are drawn."""

    account: Account
    setup: "PathSetup"
    model: "PriceModel | None"
    notes: list[str]
    assumptions: list[str]


def read_request(
    named: str | None, wishes: SourceOptions, market: ModelWishes, run: RunWishes
) -> Request:
    """Raises InputError."""
    _check_run(run)
    account = load_account(named, wishes.options())
    from seawall.lab.paths.kernels.account import IMPACT, path_account
    from seawall.lab.paths.setup import PathSetup, steps_of, under_maintenance, usual_step
    from seawall.lab.paths.words import bucket_words

    depths = chosen_depths(account.listed.values(), market.depth or [])
    impact = IMPACT if market.impact is None else _within("--impact", market.impact, 0.0, 1.0)
    start = path_account(
        account.holdings, account.rulebook, account.instruments, account.price_texts, depths, impact
    )
    names = list(start.markets)
    horizon = _horizon(run)
    step = float(usual_step(horizon)) if run.step is None else run.step
    made: _Made
    if market.bootstrap:
        made = _from_blocks(account, names, market, run)
        step = made.step_seconds or step
    else:
        made = _from_model(account, names, market)
    steps = steps_of(horizon, step)
    if steps > MOST_STEPS:
        raise InputError(f"--step: {step:g} s makes {steps:,} steps; at most {MOST_STEPS:,}")
    setup = PathSetup(
        plan=account.holdings, rulebook=account.rulebook, instruments=account.instruments,
        prices=account.price_texts, depths=depths, impact=impact, model=made.moves,
        funding=made.funding, steps=steps, step_seconds=step, paths=run.paths, seed=run.seed,
        antithetic=run.antithetic,
    )  # fmt: skip
    notes = [
        f"{bucket_words(name, account.rulebook)}: under maintenance margin as it stands, so every "
        "path begins with its liquidation."
        for name in under_maintenance(start)
    ]
    return Request(account, setup, made.model, [*notes, *made.notes], made.assumptions)


class _Made(NamedTuple):
    moves: "Diffusion | Bootstrap"
    funding: "FundingRate"
    model: "PriceModel | None"
    step_seconds: float | None
    notes: list[str]
    assumptions: list[str]


def _from_model(account: Account, names: Sequence[str], market: ModelWishes) -> _Made:
    from seawall.lab.market.price_candles import close_returns, read_joint
    from seawall.lab.market.price_fit import fit, fit_funding
    from seawall.lab.market.price_models import price_model, shipped_models

    if market.block is not None:
        raise InputError("--block: belongs to --bootstrap")
    fitted = rates = None
    notes: list[str] = []
    if market.candles:
        joint = read_joint(market.candles, names)
        fitted = fit(close_returns(joint))
        rates = fit_funding(joint.rates) if joint.rates else None
        left = [name for name in names if name not in joint.markets]
        if left:
            notes.append(f"no candles of {', '.join(left)}: shipped figures")
    wished = _model_wishes(market, names)
    model = price_model(_leverages(account, names), wished, fitted, rates, account.funding)
    shipped = shipped_models()
    assumptions = [
        f"Prices: {_model_words(model, market)}",
        f"Shipped figures as of {shipped.as_of}, by moments of hourly candles; source and method "
        "are in docs/commands/paths.md. --candles takes yours.",
    ]
    if all(origin != "shipped" for origin in model.origin):
        assumptions.pop()
    return _Made(model.diffusion, model.funding, model, None, [*notes, *model.notes], assumptions)


def _from_blocks(
    account: Account, names: Sequence[str], market: ModelWishes, run: RunWishes
) -> _Made:
    from seawall.lab.market.price_candles import POINTS_PER_CANDLE, read_joint, recorded_steps
    from seawall.lab.market.price_models import price_model
    from seawall.lab.paths.kernels.task import Bootstrap

    _check_alone(market, run)
    assert market.bootstrap is not None
    recorded = recorded_steps(read_joint(market.bootstrap, names), names)
    hours = DEFAULT_BLOCK_HOURS if market.block is None else market.block
    whole = POINTS_PER_CANDLE * round(hours * 3600 / recorded.step_seconds / POINTS_PER_CANDLE)
    if not POINTS_PER_CANDLE <= whole <= len(recorded.returns):
        least = POINTS_PER_CANDLE * recorded.step_seconds / 3600
        raise InputError(
            f"--block: {hours:g} hours should be at least a candle ({least:g}) and at most what "
            f"was recorded ({len(recorded.returns) * recorded.step_seconds / 3600:g})"
        )
    model = price_model(_leverages(account, names), _model_wishes(market, names), None, None,
                        account.funding)  # fmt: skip
    moves = Bootstrap(
        returns=recorded.returns,
        block_steps=whole,
        funding=None if market.funding else recorded.funding,
    )
    candles = len(recorded.returns) // POINTS_PER_CANDLE
    assumptions = [
        f"Prices: blocks of {hours:g} hours drawn from {candles:,} recorded candles, all markets "
        "together, each candle in four steps through its four prices; the record decides what can "
        "happen, and its own trend is in it."
    ]
    return _Made(moves, model.funding, None, recorded.step_seconds, [], assumptions)


def _check_alone(market: ModelWishes, run: RunWishes) -> None:
    """What only a model knows. Raises InputError."""
    given = {
        "--volatility": market.volatility,
        "--drift": market.drift,
        "--correlation": market.correlation is not None,
        "--candles": market.candles,
        "--jumps": market.jumps == "off",
        "--volatility-moves": market.volatility_moves == "off",
        "--antithetic": run.antithetic,
        "--step": run.step is not None,
    }
    for option, is_given in given.items():
        if is_given:
            raise InputError(
                f"{option}: does not go with --bootstrap, which takes what was recorded"
            )


def _model_wishes(market: ModelWishes, names: Sequence[str]) -> "Wishes":
    from seawall.lab.market.price_models import Wishes

    return Wishes(
        volatility=wished_shares("--volatility", market.volatility, names, 0.0, 20.0),
        drift=wished_shares("--drift", market.drift, names, -20.0, 20.0),
        funding=wished_shares("--funding", market.funding, names, -0.04, 0.04),
        correlation=None
        if market.correlation is None
        else _within("--correlation", market.correlation, -1.0, 1.0),
        jumps=market.jumps == "on",
        steady_volatility=market.volatility_moves == "off",
    )


def _leverages(account: Account, names: Sequence[str]) -> dict[str, int]:
    return {name: account.listed[name].maximum_leverage for name in names}


def _model_words(model: "PriceModel", market: ModelWishes) -> str:
    moves = model.diffusion
    parts = ["correlated diffusion"]
    if moves.volatility_of_volatility > 0:
        parts.append(
            f"one volatility state for all markets (its logarithm varies by "
            f"{moves.volatility_of_volatility:.2f}, half-life "
            f"{moves.volatility_half_life_days:.3g} days)"
        )
    if moves.jump_rate > 0:
        parts.append(
            f"jumps common to all markets ({moves.jump_rate:.3g} a year, mean "
            f"{100 * moves.jump_mean:.2g} %, standard deviation {100 * moves.jump_std:.2g} %)"
        )
    expected = "no trend" if not model.drift.any() else "the trend that was asked for"
    return f"{', '.join(parts)}; {expected}."


def wished_shares(
    option: str, texts: Sequence[str] | None, names: Sequence[str], low: float, high: float
) -> dict[str, float]:
    """Fractions by market from ``80%``, ``0.8`` or ``BTC=60%``, bounds included.

    Raises InputError.
    """
    everywhere: dict[str, float] = {}
    named: dict[str, float] = {}
    for text in texts or ():
        name, equals, amount = text.rpartition("=")
        value = share_of(amount)
        if value is None or not low <= value <= high:
            such = f"{100 * high / 40:g}%"
            raise InputError(
                f"{option}: {text!r} should be percent from {100 * low:g}% to {100 * high:g}%, "
                f"such as {option}={such} or {option}={names[0]}={such}"
            )
        if equals and name not in names:
            raise InputError(f"{option}: {name!r} is not one of the markets: {', '.join(names)}")
        if equals:
            named[name] = value
        else:
            everywhere = dict.fromkeys(names, value)
    return {**everywhere, **named}


def share_of(text: str) -> float | None:
    """The fraction that ``5%``, ``5 %`` or ``0.05`` means; None for anything else."""
    bare = text.strip()
    is_percent = bare.endswith("%")
    try:
        value = float(bare.removesuffix("%"))
    except ValueError:
        return None
    return (value / 100 if is_percent else value) if math.isfinite(value) else None


def _check_run(run: RunWishes) -> None:
    """Raises InputError."""
    if not 1 <= run.paths <= MOST_PATHS:
        raise InputError(f"--paths: {run.paths} should be 1 to {MOST_PATHS:,}")
    if run.antithetic and run.paths % 2:
        raise InputError(f"--paths: {run.paths} should be even with --antithetic")
    if not 0 <= run.seed <= HIGHEST_SEED:
        raise InputError(f"--seed: {run.seed} should be 0 to {HIGHEST_SEED}")
    if run.workers is not None and not 1 <= run.workers <= 1024:
        raise InputError(f"--workers: {run.workers} should be 1 to 1024")
    if run.workers is not None and run.cluster is not None:
        raise InputError("--workers: a cluster has its own; give --workers or --cluster")
    if run.step is not None:
        _within("--step", run.step, 0.1, LONGEST_STEP)
        if round(run.step * 1000) != run.step * 1000:
            raise InputError(f"--step: {run.step:g} should be whole milliseconds")


def _horizon(run: RunWishes) -> float:
    """Seconds. Raises InputError."""
    if run.days is not None and run.hours is not None:
        raise InputError("--hours: give --days or --hours")
    if run.hours is not None:
        return 3600 * _within("--hours", run.hours, 1 / 60, 24 * LONGEST_DAYS)
    days = DEFAULT_DAYS if run.days is None else run.days
    return 86_400 * _within("--days", days, 1 / 1440, LONGEST_DAYS)


def _within(option: str, value: float, low: float, high: float) -> float:
    if not low <= value <= high:
        raise InputError(f"{option}: {value:g} should be {low:g} to {high:g}")
    return value
