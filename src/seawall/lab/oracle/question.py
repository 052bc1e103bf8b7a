"""The question of ``seawall oracle``: an account, an oracle's way to publish, one crisis."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from msgspec import Struct, structs

from seawall.accounts.account import Account
from seawall.accounts.valuation import BucketValue, Valuation, valuation_of
from seawall.domain.errors import InputError
from seawall.domain.quantities import several
from seawall.lab.arrays import Floats
from seawall.lab.crises.crisis import Crisis, even_grid
from seawall.lab.crises.modes import with_allowed_leverage
from seawall.lab.crises.question import (
    CrisesAnswer,
    check_population,
    one_crisis,
    run_task,
)
from seawall.lab.crises.trial import CrisesTask, Outcome, Rules
from seawall.lab.market.assumptions import Assume, assumptions_of, leverages_of
from seawall.lab.market.named_scenarios import DEFAULT
from seawall.lab.oracle.moves import MoveOutcome, Prices, compared_moves
from seawall.lab.oracle.preset import Preset, loaded
from seawall.lab.oracle.publish import Published, publish
from seawall.lab.oracle.reach import Reach, fastest, reach
from seawall.lab.oracle.update import Update, parsed_update
from seawall.lab.paths.variants import sole_pool
from seawall.lab.simulation.setup import Grid
from seawall.lab.stress.betas import GIVEN, Betas, chosen_betas
from seawall.report.findings import Answer, Findings
from seawall.report.progress import Progress, silent

POPULATION = 200
HELD = "as held"
LAGS_MS = (0, 1_000, 3_000, 10_000, 60_000, 600_000, 3_600_000)
ERRORS_PPM = (0, 1_000, 5_000, 20_000)


class CrisisLook(Struct, frozen=True, kw_only=True):
    """One oracle in the crisis. ``published``: minutes until each bucket is liquidated on the
    published price, the account valued alone; ``outcome``: of the simulation with other accounts.

    ``largest_gap``: of published and true price, as a share, by market; ``refused``, ``users``:
    share of the time in which a price is refused for liquidations and for users.
    """

    preset: Preset
    prices: Published
    published: dict[int, float]
    largest_gap: tuple[float, ...]
    refused: float
    users: float
    outcome: Outcome


class Judged(Struct, frozen=True, kw_only=True):
    """An account at published prices given by the user: at the price, less and plus confidence."""

    update: Update
    bucket: int
    at_price: BucketValue
    at_low: BucketValue
    at_high: BucketValue


class OracleAnswer(Answer, frozen=True, kw_only=True):
    """What ``oracle`` found. ``true``: minutes until each bucket is liquidated on the true price of
    the crisis, the account valued alone. ``grid``: its true prices.

    ``lags``: by position, lag (ms) and error of the sources (ppm).
    """

    account: Account
    valuation: Valuation
    presets: tuple[Preset, ...]
    crisis: Crisis
    grid: Grid
    moves: tuple[MoveOutcome, ...]
    reaches: tuple[Reach, ...]
    lags: tuple[tuple[int, int, Reach], ...]
    true: dict[int, float]
    looks: tuple[CrisisLook, ...]
    judged: tuple[Judged, ...]
    population: CrisesAnswer
    seed: int

    @property
    def is_conserved(self) -> bool:
        return self.population.is_conserved

    def findings(self) -> Findings:
        from seawall.lab.oracle.sheets import findings

        return findings(self)


def oracle(
    account: Account,
    *,
    oracles: str | Path | Iterable[str | Path] = (),
    crisis: str | Path = DEFAULT,
    published: str | Iterable[str] = (),
    betas: Betas = (),
    population: int = POPULATION,
    seed: int = 1,
    assume: Assume = None,
    workers: int | None = None,
    progress: Progress = silent,
) -> OracleAnswer:
    """An account on the prices that oracles publish, and on the true ones.

    ``oracles``: presets by name, or files; without any all that ship. They are compared with the
    true price. ``crisis``: a crisis, another scenario by name, or a scenario file. ``published``:
    prices as an oracle shows them, ``MARKET=PRICE,CONFIDENCE,EXPONENT`` and, with one more comma,
    their age in seconds. ``betas``: of the markets to a move of the leading one. ``population``:
    accounts drawn around the account in the crisis, with ``seed``, which also draws the errors of
    sources. ``workers``: processes.

    Raises SeawallError for input that cannot be used.
    """
    check_population(population, seed)
    presets = tuple(loaded(several(oracles)))
    if not account.positions:
        raise InputError(f"{account.source}: position: the account has none")
    sole_pool(account.holdings, account.rulebook, account.instruments)
    updates = [parsed_update(each, account.markets) for each in several(published)]
    own_betas = chosen_betas(betas, account.markets)
    assumed = assumptions_of(assume).given("beta", own_betas, GIVEN)
    leverages = leverages_of([account.listed[each] for each in account.markets])
    found = one_crisis(crisis, account, assumed)
    valuation = valuation_of(account)
    grid = even_grid(found.path, account.instruments)
    true = Prices(valuation).first(grid.oracle)
    positions = list(_positions(account))
    progress("moves")
    moves = compared_moves(valuation, presets, assumed.values("beta", leverages), seed)
    answer = _simulated(
        account, assumed.account(account), found, grid, presets, population, seed, workers, progress
    )
    return OracleAnswer(
        account=account,
        valuation=valuation,
        presets=presets,
        crisis=found,
        grid=grid,
        moves=tuple(moves),
        reaches=tuple(_reaches(positions, grid, presets)),
        lags=tuple(_lags(positions, grid, presets[0])),
        true=_minutes(true, grid),
        looks=tuple(_looks(valuation, grid, presets, seed, answer)),
        judged=tuple(each for update in updates for each in _judged(valuation, update)),
        population=answer,
        seed=seed,
    )


def published_crisis(crisis: Crisis, grid: Grid, preset: Preset, seed: int) -> Crisis:
    """The crisis as an oracle publishes it: its prices and those of perpetuals traded elsewhere.

    The book stays at the true prices.
    """
    oracle = publish(grid.times_ms, grid.oracle, preset, seed).taken
    outside = publish(grid.times_ms, grid.outside, preset, seed).taken
    names = list(crisis.path.markets)

    def columns(prices: Floats) -> dict[str, Floats]:
        return {name: prices[:, number] for number, name in enumerate(names)}

    path = replace(
        crisis.path,
        times_ms=grid.times_ms,
        oracle=columns(oracle),
        outside=columns(outside),
        middle=columns(grid.middle),
        depth=columns(grid.depth),
    )
    return structs.replace(crisis, name=preset.name, title=preset.title, path=path)


def _simulated(
    account: Account, priced: Account, crisis: Crisis, grid: Grid, presets: Sequence[Preset],
    population: int, seed: int, workers: int | None, progress: Progress,
) -> CrisesAnswer:  # fmt: skip
    """The crisis under every preset, in the simulation of ``seawall crises``."""
    rules = Rules(book=priced.rulebook, instruments=priced.instruments)
    task = CrisesTask(
        crises=tuple(published_crisis(crisis, grid, each, seed) for each in presets),
        rules=(rules,),
        modes={HELD: (with_allowed_leverage(account.holdings, [rules.instruments]),)},
        depths={"calm": 1.0},
        accounts=population,
        seed=seed,
    )
    return run_task(task, account.source, workers=workers, progress=progress)


def _minutes(rows: dict[int, int], grid: Grid) -> dict[int, float]:
    return {
        bucket: float(grid.times_ms[row] - grid.times_ms[0]) / 60_000
        for bucket, row in rows.items()
    }


def _looks(
    valuation: Valuation, grid: Grid, presets: Sequence[Preset], seed: int, answer: CrisesAnswer
) -> Iterable[CrisisLook]:
    prices = Prices(valuation)
    for preset, outcome in zip(presets, answer.outcomes, strict=True):
        made = publish(grid.times_ms, grid.oracle, preset, seed)
        gap = np.abs(made.taken / grid.oracle - 1.0).max(axis=0)
        yield CrisisLook(
            preset=preset,
            prices=made,
            published=_minutes(prices.first(made.taken), grid),
            largest_gap=tuple(gap.tolist()),
            refused=float(made.refused.mean()),
            users=float(made.user_refused.mean()),
            outcome=outcome,
        )


class _Liquidated(NamedTuple):
    """A position that some price of its market liquidates. USD; ``side``: 1 long, -1 short."""

    name: str
    side: int
    price: float
    liquidation_price: float


def _positions(account: Account) -> Iterable[tuple[int, _Liquidated]]:
    """Those with a liquidation price, and their market."""
    for each in account.positions:
        name = account.instruments[each.market].name
        liquidation = account.liquidation_price(name)
        if liquidation is not None:
            side = 1 if each.signed_size > 0 else -1
            price = float(account.price(name))
            yield each.market, _Liquidated(name, side, price, float(liquidation))


def _reaches(
    positions: Sequence[tuple[int, _Liquidated]], grid: Grid, presets: Sequence[Preset]
) -> Iterable[Reach]:
    for market, each in positions:
        for preset in presets:
            moves = fastest(grid.times_ms, grid.oracle[:, market], preset.longest_lag_ms)
            yield reach(*each, preset, moves)


def _lags(
    positions: Sequence[tuple[int, _Liquidated]], grid: Grid, direct: Preset
) -> Iterable[tuple[int, int, Reach]]:
    """The same over lags and errors of the sources, with nothing else."""
    for market, each in positions:
        for lag in LAGS_MS:
            moves = fastest(grid.times_ms, grid.oracle[:, market], lag)
            for error in ERRORS_PPM:
                preset = structs.replace(direct, source_error_ppm=error)
                yield lag, error, reach(*each, preset, moves)


def _judged(valuation: Valuation, update: Update) -> Iterable[Judged]:
    """Every bucket with a position at a published price, others at the prices now."""
    market = [each.name for each in valuation.instruments].index(update.market)
    found = []
    for usd in (update.price, update.low, update.high):
        prices = list(valuation.prices)
        prices[market] = update.units(usd, valuation.instruments[market])
        found.append(valuation.at(prices))
    for bucket, markets in valuation.buckets.items():
        if market in markets:
            yield Judged(
                update=update, bucket=bucket, at_price=found[0][bucket],
                at_low=found[1][bucket], at_high=found[2][bucket],
            )  # fmt: skip
