"""The question of ``seawall cascade``: which path, which population, how selling moves prices."""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import numpy as np
from msgspec import structs

from seawall.accounts.account import Account
from seawall.domain.errors import InputError
from seawall.domain.quantities import Amount, PerMarket, assignments, for_markets, number, several
from seawall.lab.cascade.policies import JudgedWaves, judge_waves
from seawall.lab.cascade.setup import MarketSetup, grid_by_second, scaled
from seawall.lab.cascade.simulate import CascadeRun, SeedOutcome, rehearse_market
from seawall.lab.crises.crisis import Facts, facts_of
from seawall.lab.market.assumption_sheets import Used
from seawall.lab.market.assumptions import (
    DEPTH,
    INTEREST,
    Assume,
    Assumptions,
    assumptions_of,
    leverages_of,
)
from seawall.lab.market.liquidity import depths, with_depth
from seawall.lab.market.market_path import MarketPath, read_market_path
from seawall.lab.market.named_scenarios import DEFAULT, load, starting_path
from seawall.lab.market.price_paths import PricePath, price_paths
from seawall.lab.simulation.assumptions import TradingAssumptions
from seawall.lab.simulation.population import Distribution, read_leverages
from seawall.lab.simulation.trials import check_workers
from seawall.report.findings import Answer, Findings
from seawall.report.kinds import typed_percent
from seawall.report.progress import Progress, silent

ACCOUNTS, MOST_ACCOUNTS = 5_000, 2_000_000
CROWD, ISOLATED = 0.5, 0.3
"""The share of all positions, by notional, that the population holds; that of its accounts whose
positions are isolated."""
MOST_SEEDS = 10_000
HIGHEST_SEED = 2**32 - 1
MOST_INTEREST = 10**12
"""USD."""


class CascadeAnswer(Answer, frozen=True, kw_only=True, eq=False):
    """A market with liquidations and without. ``seeds``: one outcome each, empty for a single one.

    ``policies``: each deleveraging policy on the waves of the run. ``source``: of the account.
    ``price_paths``: where the news comes from.
    """

    source: str
    price_paths: tuple[PricePath, ...]
    run: CascadeRun
    without: CascadeRun
    seeds: tuple[SeedOutcome, ...]
    policies: JudgedWaves

    @property
    def deepest(self) -> int:
        """The market in which liquidations added most to the fall."""
        return int(np.argmax(np.subtract(self.run.drops, self.without.drops)))

    @property
    def is_conserved(self) -> bool:
        runs_are = self.run.is_conserved and self.without.is_conserved
        return runs_are and all(each.is_conserved for each in self.seeds)

    def findings(self) -> Findings:
        from seawall.lab.cascade.sheets import findings

        return findings(self)


def cascade(
    account: Account,
    *,
    scenario: str | Path | None = None,
    path: str | Path | Iterable[str | Path] = (),
    minutes: Amount | None = None,
    strength: Amount = 1,
    accounts: int = ACCOUNTS,
    population: str | Path | None = None,
    leverage: Amount | None = None,
    longs: Amount | None = None,
    crowd: Amount = CROWD,
    isolated: Amount = ISOLATED,
    interest: PerMarket = (),
    depth: PerMarket = (),
    coupling: Amount = 0.5,
    lag: Amount = 3,
    permanent: Amount = 0.3,
    half_life: Amount = 120,
    noise: Amount = 1,
    trend: Amount = 1,
    arbitrage: Amount = 1,
    backstop: Amount | None = None,
    fast_forward: bool = True,
    assume: Assume = None,
    seed: int = 1,
    seeds: int = 1,
    workers: int | None = None,
    cluster: str | None = None,
    progress: Progress = silent,
) -> CascadeAnswer:
    """Rehearse a crash in which liquidations move the price and liquidate others.

    ``scenario``: shipped, by name, or a file; the crash of 2025-10-10 if neither it nor ``path``,
    files of candles, is given. ``minutes``: only the first ones; ``strength``: share of every move
    of the path that is news. ``accounts`` with ``leverage``, the median at 10,000 USD, or with
    those of the file ``population``; ``crowd``: their share of all positions, ``longs`` of that.
    What is not given of the population and the backstop is that of the day of the scenario.
    ``interest``: open interest in USD, ``depth``: USD within 50 bp per side of the book, such as
    ``BTC=2e9`` or by market. ``lag``, ``half_life``: seconds. ``noise``, ``trend``, ``arbitrage``:
    multiples of the usual strength. ``backstop``: capital as a share of the open interest.
    ``assume``: a file that changes the assumptions. Shares are fractions, or as text percent.
    ``workers``: processes, or ``cluster``: a Dask scheduler, for ``seeds`` seeds from ``seed``.
    Raises SeawallError for input that cannot be used.
    """
    _check_seeds(seeds, workers, cluster)
    facts, day, account = _day(account, scenario, path, interest, backstop, assume)
    assumptions = TradingAssumptions(
        seed=_whole("seed", seed, 0, HIGHEST_SEED),
        coupling=_share("coupling", coupling),
        lag_seconds=_number("lag", lag, 0, 3_600),
        permanent_share=_share("permanent", permanent),
        half_life_seconds=_number("half_life", half_life, 1, 86_400),
        noise=_number("noise", noise, 0, 100),
        trend=_number("trend", trend, 0, 100),
        arbitrage=_number("arbitrage", arbitrage, 0, 100),
        backstop_share=day.shared("backstop_share"),
        fast_forward=fast_forward,
    )
    drawn = _distribution(facts, accounts, population, leverage, longs, crowd, isolated)
    news = _path(account, scenario, path)
    part = _share("strength", strength, most=5)
    setup = _setup(account, news, minutes, part, depth, drawn, assumptions, day)
    run, without, outcomes = rehearse_market(
        setup, seeds=seeds, workers=workers, cluster=cluster, progress=progress
    )  # fmt: skip
    return CascadeAnswer(
        source=account.source, price_paths=_played(news, setup), run=run, without=without,
        seeds=outcomes, policies=_policies(run),
    )  # fmt: skip


def usual_market(
    account: Account, scenario: str | Path, *, seed: int = 1, assume: Assume = None
) -> MarketSetup:
    """The market of ``cascade(account, scenario=scenario, fast_forward=False)``, not begun.

    Raises SeawallError.
    """
    facts, day, account = _day(account, scenario, (), (), None, assume)
    assumptions = TradingAssumptions(
        seed=_whole("seed", seed, 0, HIGHEST_SEED),
        backstop_share=day.shared("backstop_share"),
        fast_forward=False,
    )
    drawn = _distribution(facts, ACCOUNTS, None, None, None, CROWD, ISOLATED)
    news = _path(account, scenario, ())
    return _setup(account, news, None, 1.0, (), drawn, assumptions, day)


def _played(news: MarketPath, setup: MarketSetup) -> tuple[PricePath, ...]:
    """Where each market's news comes from, with the levels that were played: as strong and as long
    as asked for."""
    levels = setup.grid.oracle / setup.grid.oracle[0] - 1.0
    return tuple(
        structs.replace(each, lowest=float(own.min()), highest=float(own.max()))
        for each, own in zip(price_paths(news), levels.T, strict=True)
    )


def _check_seeds(seeds: int, workers: int | None, cluster: str | None) -> None:
    _whole("seeds", seeds, 1, MOST_SEEDS)
    check_workers(workers, cluster)
    if cluster is not None and seeds == 1:
        expected = "absent with one seed; it computes further ones"
        raise InputError.of("", "cluster", cluster, expected)


def _policies(run: CascadeRun) -> JudgedWaves:
    """Haircuts by the mark when each wave was over."""
    series = run.series
    ends = np.searchsorted(series.times_ms, [wave.end_ms for wave in run.waves])
    marks = [float(series.mark[at, wave.market]) for at, wave in zip(ends, run.waves, strict=True)]
    return judge_waves(run.waves, run.setup.markets, marks, (run.account, *run.children))


def _path(
    account: Account, scenario: str | Path | None, path: str | Path | Iterable[str | Path]
) -> MarketPath:
    candles = [Path(each) for each in several(path)]
    if not candles:
        chosen = load(DEFAULT if scenario is None else scenario)
        return starting_path(chosen, account.holdings, account.instruments, account.price_texts)
    if scenario is not None:
        expected = "absent where a path of candles is given; one of the two"
        raise InputError.of("", "scenario", str(scenario), expected)
    return read_market_path(candles, account.markets)


def _setup(
    account: Account,
    path: MarketPath,
    minutes: Amount | None,
    strength: float,
    depth: PerMarket,
    distribution: Distribution,
    assumptions: TradingAssumptions,
    day: Assumptions,
) -> MarketSetup:
    """The market that the run begins with, at the account's own prices."""
    names = account.markets
    listed = [account.listed[name] for name in names]
    leverages = leverages_of(listed)
    day = with_depth(day, names, depth)
    calm, open_interest = depths(listed, assume=day), day.values(INTEREST, leverages)
    length = None if minutes is None else _number("minutes", minutes, Fraction(1, 10), 10_000)
    grid = grid_by_second(path, account.instruments, length)
    return MarketSetup(
        name=path.name,
        rulebook=account.rulebook,
        instruments=account.instruments,
        grid=scaled(grid, [float(account.price_texts[name]) for name in names], strength),
        plan=account.holdings,
        depths=tuple(calm[name] for name in names),
        open_interest=tuple(open_interest[name] for name in names),
        distribution=distribution,
        assumptions=assumptions,
        used=Used(
            assumptions=day, leverages=leverages, fields=(INTEREST, DEPTH, "spread_bp"),
            has_backstop=True, books=(account.rulebook,),
        ),
    )  # fmt: skip


def _day(
    account: Account,
    scenario: str | Path | None,
    path: str | Path | Iterable[str | Path],
    interest: PerMarket,
    backstop: Amount | None,
    assume: Assume,
) -> tuple[Facts, Assumptions, Account]:
    """The population of a scenario's day, the assumptions of the day with the open interest and the
    backstop that are given, and the account with its fees."""
    facts = _facts(scenario, path)
    stated = assignments("interest", interest, _open_interest)
    given = for_markets("interest", stated, account.markets)
    leverages = leverages_of(account.listed[name] for name in account.markets)
    day = facts.assumptions(assumptions_of(assume), leverages, given)
    if backstop is not None:
        share = _share("backstop", backstop, most=10)
        day = day.given_shared({"backstop_share": share}, "--backstop")
    return facts, day, day.account(account)


def _facts(scenario: str | Path | None, path: str | Path | Iterable[str | Path]) -> Facts:
    """The population of a scenario's day; the usual one for candles."""
    if several(path):
        return Facts()
    return facts_of(str(DEFAULT if scenario is None else scenario).replace("-", "_"))


def _distribution(
    facts: Facts,
    accounts: int,
    population: str | Path | None,
    leverage: Amount | None,
    longs: Amount | None,
    crowd: Amount,
    isolated: Amount,
) -> Distribution:
    if leverage is not None and population is not None:
        expected = "absent where the leverages are those of a population; one of the two"
        raise InputError.of("", "leverage", leverage, expected)
    return Distribution(
        accounts=_whole("accounts", accounts, 0, MOST_ACCOUNTS),
        long_share=facts.long_share if longs is None else _share("longs", longs),
        crowd_share=_share("crowd", crowd),
        isolated_share=_share("isolated", isolated),
        leverage_sigma=facts.spread,
        leverage_median=facts.leverage
        if leverage is None
        else _number("leverage", leverage, 1, 100),
        leverages=() if population is None else read_leverages(Path(population)),
    )


def _share(field: str, value: Amount, *, most: float = 1) -> float:
    """The fraction; a text is in percent, with or without ``%``, and a number is the fraction."""
    bare = value.strip().removesuffix("%") + "%" if isinstance(value, str) else value
    expected = f"0% to {typed_percent(most)}"
    try:
        return float(number(field, bare, least=0, most=most, expected=expected))
    except InputError:
        raise InputError.of("", field, value, expected) from None


def _number(field: str, value: Amount, least: Fraction | int, most: int) -> float:
    expected = f"{float(least):,g} to {most:,}"
    return float(number(field, value, least=least, most=most, expected=expected, percent=False))


def _whole(field: str, value: int, least: int, most: int) -> int:
    if not least <= value <= most:
        raise InputError.of("", field, value, f"{least:,} to {most:,}")
    return value


def _open_interest(field: str, value: Amount) -> float:
    expected = f"USD from 1 to {MOST_INTEREST:,}, such as BTC=2e9"
    return float(
        number(field, value, least=1, most=MOST_INTEREST, expected=expected, percent=False)
    )
