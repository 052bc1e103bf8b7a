"""What all simulations of one question share, so that only what is compared differs between them.

Prices come from the price model, or from blocks of recorded candles. Every task of a setup has the
same paths: the same prices, steps and seed, and the account's markets in the same order. Results
then differ by the account alone (common random numbers).
"""

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import TypedDict, Unpack

import numpy as np
from msgspec import Struct, structs

from seawall.accounts.account import Account
from seawall.domain.errors import InputError
from seawall.domain.holdings import Holdings
from seawall.domain.quantities import Amount, number
from seawall.lab.market.assumption_sheets import (
    BOOK,
    FUNDING,
    FUNDING_MOVES,
    FUNDING_RETURNS,
    JUMPS,
    PRICES,
    VOLATILITY_MOVES,
    Used,
)
from seawall.lab.market.assumptions import (
    Assume,
    Assumptions,
    assumptions_of,
    leverages_of,
)
from seawall.lab.market.liquidity import Depth, depths, with_depth
from seawall.lab.market.market_path import POINTS_PER_CANDLE
from seawall.lab.market.price_candles import close_returns, read_joint, recorded_steps
from seawall.lab.market.price_fit import fit, fit_funding
from seawall.lab.market.price_models import ModelOptions, PriceModel, price_model
from seawall.lab.paths.kernels.account import IMPACT, path_account
from seawall.lab.paths.kernels.account_orders import FundingClose
from seawall.lab.paths.kernels.pool_account import PoolAccount
from seawall.lab.paths.kernels.task import (
    BelowZero,
    Bootstrap,
    Diffusion,
    FundingRate,
    PathAccount,
    PathTask,
    StageRules,
)
from seawall.lab.paths.limits import MAX_DRAWDOWN, RISK_CAPITAL, RiskLimits, read_limits

DEFAULT_PATHS = 10_000
DEFAULT_DAYS = 7
LONGEST_DAYS = 3660
MOST_PATHS = 50_000_000
MOST_STEPS = 10_000_000
LONGEST_STEP = 86_400
HIGHEST_SEED = 2**63 - 1
STEPS_OF_A_HORIZON = 10_080
"""A week of minutes."""
STEP_SECONDS = (3, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
LONGEST_MARK_SECONDS = 5.0
"""Venues mark every few seconds: a step up to this long is as good as theirs."""
DEFAULT_BLOCK_HOURS = 24
LONGEST_BLOCK_HOURS = 10**6


class PathOptions(TypedDict, total=False):
    """How many paths, how long and how fine, and how prices move.

    ``days`` or ``hours``: the horizon, a week if neither is given. ``step_seconds``: between two
    prices; by the horizon if not given, 60 for a week. ``antithetic``: mirror every second path.
    ``depth``: USD within 50 bp per side of the book, by market, or texts (``BTC=5000000``, or
    ``5000000`` for all). ``impact``: slippage of an order as large as that depth, a fraction.
    ``assume``: a file that changes the assumptions.
    ``risk_capital``: what the account may lose, USD or a share of its equity such as ``50%``.
    ``max_drawdown``: how far it may fall from its highest equity, a share of that.
    """

    paths: int
    days: Amount | None
    hours: Amount | None
    step_seconds: Amount | None
    seed: int
    antithetic: bool
    model: ModelOptions
    depth: Mapping[str, Amount] | Sequence[str]
    impact: Amount
    assume: Assume
    risk_capital: Amount
    max_drawdown: Amount


class PriceSource(Struct, frozen=True, kw_only=True):
    """How prices and funding move. ``model``: None where blocks of recorded candles are drawn.

    ``assumptions``: with what candles and options say.

    ``step_seconds``: of recorded candles; None where any step is possible. ``block_hours`` and
    ``candles``: of blocks. ``notes``: each a sentence.
    """

    moves: Diffusion | Bootstrap
    funding: FundingRate
    assumptions: Assumptions
    model: PriceModel | None = None
    step_seconds: float | None = None
    block_hours: float = 0.0
    candles: int = 0
    notes: Sequence[str] = ()


class PathSetup(Struct, frozen=True, kw_only=True):
    """An account's markets and how they move."""

    account: Account
    depths: Mapping[str, Depth]
    impact: float
    source: PriceSource
    steps: int
    step_seconds: float
    paths: int
    seed: int
    antithetic: bool
    used: Used
    limits: RiskLimits

    def path_account(
        self, holdings: Holdings | None = None, closes: Sequence[FundingClose] = ()
    ) -> PathAccount:
        """The account, or other holdings in its markets, for the kernel. Raises InputError.

        ``closes``: parts that are closed before funding.

        The mark before is the one of the step before. Rules that close a bucket below zero at that
        price mean a mark of seconds ago; after a longer step it would hand the bucket back what it
        lost in between, so it ends with nothing instead.
        """
        account = self.account
        made = path_account(
            account.holdings if holdings is None else holdings, account.rulebook,
            account.instruments, account.price_texts, self.depths, self.impact, closes,
        )  # fmt: skip
        is_long = self.step_seconds > LONGEST_MARK_SECONDS
        rules = made.rules
        if (
            is_long
            and isinstance(rules, StageRules)
            and rules.below_zero == BelowZero.CLOSED_AT_PREVIOUS
        ):
            rules = rules._replace(below_zero=int(BelowZero.CLOSED_AT_ZERO))
            made = structs.replace(made, rules=rules)
        return made

    def task(
        self, holdings: Holdings | None = None, closes: Sequence[FundingClose] = ()
    ) -> PathTask:
        """The simulation of the account, or of other holdings in its markets. Raises InputError."""
        return self.task_of(self.path_account(holdings, closes))

    def task_of(self, account: PathAccount | PoolAccount) -> PathTask:
        """The simulation of an account in the same markets."""
        return PathTask(
            account=account,
            model=self.source.moves,
            funding=self.source.funding,
            steps=self.steps,
            step_seconds=self.step_seconds,
            paths=self.paths,
            seed=self.seed,
            antithetic=self.antithetic,
        )

    def over(self, hours: float) -> "PathSetup":
        """The same over another horizon, with as many steps where any step is possible."""
        step = self.step_seconds
        if self.source.step_seconds is None:
            step *= max(1, round(hours / self.hours))
        steps = steps_of(3600 * hours, step)
        return structs.replace(self, steps=steps, step_seconds=step)

    def with_paths(self, paths: int) -> "PathSetup":
        """The same with its first so many paths."""
        return structs.replace(self, paths=min(paths, self.paths))

    @property
    def hours(self) -> float:
        """The horizon."""
        return self.steps * self.step_seconds / 3600.0


def path_setup(account: Account, **options: Unpack[PathOptions]) -> PathSetup:
    """The setup of ``PathOptions``. Raises InputError."""
    held = {each.market for each in account.holdings.positions}
    if not held:
        raise InputError(f"{account.source}: has no positions")
    names = [each.name for place, each in enumerate(account.instruments) if place in held]
    return setup_of(account, names, None, **options)


def setup_of(
    account: Account,
    names: Sequence[str],
    equity: float | None,
    *,
    paths: int = DEFAULT_PATHS,
    days: Amount | None = None,
    hours: Amount | None = None,
    step_seconds: Amount | None = None,
    seed: int = 1,
    antithetic: bool = False,
    model: ModelOptions = ModelOptions(),  # noqa: B008 (frozen)
    depth: Mapping[str, Amount] | Sequence[str] = (),
    impact: Amount = IMPACT,
    assume: Assume = None,
    risk_capital: Amount = RISK_CAPITAL,
    max_drawdown: Amount = MAX_DRAWDOWN,
) -> PathSetup:
    """The setup of paths of the markets ``names``. Raises InputError.

    ``equity``: USD of the account now, where it stands in portfolio margin and no order meets a
    book; None for what its buckets hold.
    """
    assumed = with_depth(assumptions_of(assume), account.markets, depth)
    account = assumed.account(account)
    number("paths", paths, least=1, most=MOST_PATHS, expected=f"1 to {MOST_PATHS:,}")
    if antithetic and paths % 2:
        raise InputError.of("", "paths", paths, "even where they are antithetic")
    number("seed", seed, least=0, most=HIGHEST_SEED, expected=f"0 to {HIGHEST_SEED}")
    horizon = _horizon(days, hours)
    slippage = float(number("impact", impact, least=0, most=1, expected="0 to 1, such as 0.005"))
    listed = [account.listed[each.name] for each in account.instruments]
    source = price_source(account, names, model, assumed)
    if source.step_seconds is not None:
        if antithetic or step_seconds is not None:
            field, value = ("antithetic", True) if antithetic else ("step", step_seconds)
            raise InputError.of("", field, value, "left out with bootstrap: steps are recorded")
        step = source.step_seconds
    else:
        step = _step(step_seconds, horizon)
    steps = steps_of(horizon, step)
    if steps > MOST_STEPS:
        expected = f"longer: it makes {steps:,} steps; at most {MOST_STEPS:,}"
        raise InputError.of("", "step", step, expected)
    depths_of = depths(listed, assume=assumed)
    has_book = equity is None
    if equity is None:
        now = path_account(
            account.holdings, account.rulebook, account.instruments, account.price_texts, depths_of
        )
        equity = float(now.equity.sum())
    return PathSetup(
        account=account, depths=depths_of, impact=slippage, source=source,
        steps=steps, step_seconds=step, paths=paths, seed=seed, antithetic=antithetic,
        used=_used(account, names, source, has_book=has_book),
        limits=read_limits(risk_capital, max_drawdown, equity),
    )  # fmt: skip


def _used(account: Account, markets: Sequence[str], source: PriceSource, *, has_book: bool) -> Used:
    """What a simulation reads of the assumptions: prices of a model only where there is one."""
    moves = source.moves
    prices: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()
    rates: tuple[str, ...] = (*FUNDING, *FUNDING_MOVES)
    if isinstance(moves, Diffusion):
        prices, shared = PRICES, JUMPS
        shared += VOLATILITY_MOVES if moves.volatility_of_volatility > 0 else ()
    elif moves.funding is not None:
        # Recorded with the prices.
        rates = ()
    return Used(
        assumptions=source.assumptions,
        leverages=leverages_of(account.listed[name] for name in markets),
        fields=(*prices, *rates, *(BOOK if has_book else ())),
        shared=(*shared, *(FUNDING_RETURNS if rates else ())),
        has_correlations=isinstance(moves, Diffusion),
        books=(account.rulebook,) if has_book else (),
        rates_now=account.funding,
    )


def price_source(
    account: Account, markets: Sequence[str], options: ModelOptions, assumed: Assumptions
) -> PriceSource:
    """The source of the prices of ``markets``. Raises InputError."""
    leverages = {name: account.listed[name].maximum_leverage for name in markets}
    if options.bootstrap:
        _check_recorded(options)
        model = price_model(leverages, options, rates_now=account.funding, assumptions=assumed)
        return _blocks(markets, options, model)
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
            notes.append(f"no candles of {', '.join(left)}: the assumptions")
    model = price_model(leverages, options, fitted, rates, account.funding, assumed)
    return PriceSource(
        moves=model.diffusion, funding=model.funding, assumptions=model.assumptions, model=model,
        notes=[*notes, *model.notes],
    )  # fmt: skip


def _blocks(markets: Sequence[str], options: ModelOptions, model: PriceModel) -> PriceSource:
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
        moves=blocks, funding=model.funding, assumptions=model.assumptions, step_seconds=step,
        block_hours=hours, candles=count // POINTS_PER_CANDLE,
    )  # fmt: skip


def _check_recorded(options: ModelOptions) -> None:
    """Raises InputError for what only a model has."""
    usual = ModelOptions()
    for name in ("volatility", "drift", "correlation", "candles", "jumps", "volatility_moves"):
        value = getattr(options, name)
        if value != getattr(usual, name):
            raise InputError.of("", name, value, "left out with bootstrap: prices are recorded")


def _horizon(days: Amount | None, hours: Amount | None) -> float:
    """Seconds."""
    if days is not None and hours is not None:
        raise InputError.of("", "hours", hours, "left out where days are given")
    unit, of_day, such, given = "hours", 24, 12, hours
    if given is None:
        unit, of_day, such, given = "days", 1, 7, DEFAULT_DAYS if days is None else days
    most = of_day * LONGEST_DAYS
    expected = f"{unit} from a minute to {most:,}, such as {such}"
    least = Fraction(of_day, 1440)
    found = number(unit, given, least=least, most=most, expected=expected)
    return float(86_400 * found / of_day)


def _step(given: Amount | None, horizon: float) -> float:
    if given is None:
        return float(usual_step(horizon))
    expected = f"seconds from 0.1 to {LONGEST_STEP:,}, in whole milliseconds"
    least = Fraction(1, 10)
    found = number("step", given, least=least, most=LONGEST_STEP, expected=expected)
    if (1000 * found).denominator != 1:
        raise InputError.of("", "step", given, expected)
    return float(found)


def under_maintenance(account: PathAccount) -> list[str]:
    """The buckets that are under maintenance margin before any step, by name."""
    needed = np.bincount(account.bucket, account.needed, minlength=len(account.cash))
    return [
        name
        for name, has, needs in zip(account.buckets, account.equity, needed, strict=True)
        if needs > 0 and has < needs
    ]


def usual_step(horizon_seconds: float) -> int:
    """The finest round step that takes no more than ``STEPS_OF_A_HORIZON`` steps."""
    least = horizon_seconds / STEPS_OF_A_HORIZON
    return next((step for step in STEP_SECONDS if step >= least), STEP_SECONDS[-1])


def steps_of(horizon_seconds: float, step_seconds: float) -> int:
    """Whole steps that reach the horizon."""
    return max(1, math.ceil(horizon_seconds / step_seconds - 1e-9))
