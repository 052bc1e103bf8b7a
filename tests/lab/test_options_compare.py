"""`seawall compare` of an account in portfolio margin: in one pool, legs apart and by market."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from msgspec import structs

from seawall.accounts.account import Account
from seawall.accounts.load import load_account
from seawall.domain.errors import InputError
from seawall.lab.compare import CompareResult, compare
from seawall.lab.compare.choice import choose
from seawall.lab.market.scenario_file import parse_scenario
from seawall.lab.options import options
from seawall.lab.options.compare import (
    LACKS_MARGIN,
    SPLITS_A_HEDGE,
    PooledComparison,
    capital_of,
    pooled_comparison,
)
from seawall.lab.options.compare_words import recommendation
from seawall.lab.options.held import moved
from seawall.lab.options.legs import closing_cost, equity_of
from seawall.lab.options.scenario import scenario_prices, through
from seawall.lab.options.simulation import PooledSimulation, simulation_of
from seawall.lab.options.ways import APART, BY_MARKET, POOLED, Part, Way, ways_of
from seawall.lab.paths.kernels.pool_step import PoolRun
from seawall.lab.paths.kernels.simulate import simulate_chunk
from seawall.lab.paths.kernels.task import Outcomes
from seawall.report import kinds
from tests.command_line import seawall
from tests.lab.pool_advice import Advice, advice, random_account
from tests.lab.pool_books import PRESETS
from tests.shared_files import ROOT

# The first run on a machine compiles the kernels.
pytestmark = pytest.mark.timeout(660)

MACRO = ROOT / "examples" / "account_macro_book.toml"
FILE = ROOT / "examples" / "account_short_call.toml"
COINS = ROOT / "examples" / "account_coins.toml"
QUICK = {"paths": 512, "days": 7, "step_seconds": 3600, "workers": 1}
TWO = b"""
name = "two markets"
time = "2026-02-01T08:00:00Z"
collateral = 60000
[[position]]
market = "BTC"
side = "long"
size = 1
entry = 100000
leverage = 10
[[option]]
market = "BTC"
kind = "call"
side = "short"
size = 1
strike = 105000
expiry = "2026-02-06T08:00:00Z"
volatility = "50%"
[[position]]
market = "ETH"
side = "long"
size = 20
entry = 3000
leverage = 10
[[option]]
market = "ETH"
kind = "put"
side = "short"
size = 20
strike = 2800
expiry = "2026-02-27T08:00:00Z"
volatility = "65%"
"""
FALL = """
name = "a fall"
about = "straight down"
source = "made up"
start = "2026-02-01T08:00:00Z"
step_seconds = 60
seed = 1
[[market]]
name = "BTC"
price = 100000
waypoints = [[0, 100], [120, {percent}]]
"""


def of_file(money: int = 25_000) -> Account:
    return load_account(FILE.read_text().replace("25000", str(money)).encode())


def simulated(account: Account, preset: str = "derive-pm2", **given: object) -> PooledSimulation:
    quick = {"paths": 256, "days": 7, "step_seconds": 3600}
    return simulation_of(account, preset, **(quick | given))  # type: ignore[arg-type]


def with_money(way: Way, more: float) -> Way:
    """The same with more equity, divided as the money is."""
    parts = [structs.replace(each, cash=each.cash + each.share * more) for each in way.parts]
    return structs.replace(way, parts=tuple(parts))


def outcomes(simulation: PooledSimulation, way: Way, *, is_kept: bool = False) -> Outcomes:
    (task,) = simulation.tasks([way], is_kept=is_kept)
    return simulate_chunk(task, 0)


@pytest.mark.parametrize("preset", PRESETS)
def test_the_capital_of_a_path_is_what_it_takes(preset: str) -> None:
    """Exactly the paths that need more than there is are liquidated, with any money."""
    simulation = simulated(load_account(TWO), preset)
    ways = list(ways_of(simulation.pool))
    assert [each.held for each in ways] == [POOLED, APART, BY_MARKET]
    for way in ways:
        kept = outcomes(simulation, way, is_kept=True)
        assert not kept.first.any()
        needed = capital_of(way, simulation.pool.held.equity, kept.lacking)
        for share in (0.05, 0.5, 0.95):
            money = float(np.quantile(needed, share))
            more = money - simulation.pool.held.equity
            found = outcomes(simulation, with_money(way, more))
            hit = (found.first > 0).any(axis=1)
            near = np.abs(needed - money) < 1e-6
            assert np.array_equal(hit[~near], (needed > money)[~near])
            assert 0 < hit.sum() < 256


def test_the_capital_of_coins_counts_debt_and_money() -> None:
    """With a debt, and with enough money that there is none."""
    account = load_account(COINS, prices={"HYPE": 50})
    simulation = simulated(account, "hyperliquid", days=30)
    (way,) = ways_of(simulation.pool)
    needed = capital_of(way, 250.0, outcomes(simulation, way, is_kept=True).lacking)
    money = simulation.pool.held.cash
    assert money < 0
    seen = set()
    for more in (-60.0, 0.0, 40.0, -money + 1.0, -money + 40.0):
        found = outcomes(simulation, with_money(way, more))
        hit = found.first[:, 0] > 0
        assert np.array_equal(hit, needed > 250.0 + more)
        seen.add(int(hit.sum()))
    assert len(seen) > 3


@pytest.mark.parametrize("preset", PRESETS)
def test_the_bound_records_the_same_lack_as_a_scan_in_every_step(preset: str) -> None:
    simulation = simulated(load_account(TWO), preset)
    for way in ways_of(simulation.pool):
        (task,) = simulation.tasks([way], is_kept=True)
        bounded, always = PoolRun(task, 0), PoolRun(task, 0)
        for part in always.parts:
            for numbers in (part.bound.rise, part.bound.fall, part.bound.slope):
                numbers[:] = np.inf
        for run in (bounded, always):
            run.advance(task.steps)
        for own, other in zip(bounded.parts, always.parts, strict=True):
            assert np.array_equal(own.block.lacking, other.block.lacking)
            assert own.block.scans[0] < 0.5 * other.block.scans[0]


def test_more_parts_than_two_are_one_account() -> None:
    """The course is that of all parts together, and none pays for another."""
    simulation = simulated(load_account(MACRO), "hyperliquid", days=28)
    way = list(ways_of(simulation.pool))[1]
    assert way.held == BY_MARKET
    assert [each.name for each in way.parts] == ["BTC", "ETH", "SOL"]
    assert sum(each.share for each in way.parts) == pytest.approx(1)
    whole = outcomes(simulation, way)
    alone = [outcomes(simulation, structs.replace(way, parts=(each,))) for each in way.parts]
    for place, each in enumerate(alone):
        assert np.array_equal(whole.equity[:, place], each.equity[:, 0])
        assert np.array_equal(whole.first[:, place], each.first[:, 0])
    assert (whole.lowest <= np.minimum(whole.equity.sum(axis=1), 300_000) + 1e-6).all()
    assert (whole.lowest >= sum(each.lowest for each in alone) - 1e-6).all()
    # The course ends where all of them do.
    steps = simulation.setup.steps
    run = PoolRun(simulation.tasks([way])[0], 0)
    run.advance(steps)
    row = (steps - 1) % len(run.block.track)
    assert run.block.track[row] == pytest.approx(run.equity.sum(axis=0))


def test_a_covered_call_stays_in_one_pool() -> None:
    """With little money its legs cannot even be opened apart; with much they hedge each other."""
    for money, out in ((25_000, LACKS_MARGIN), (60_000, SPLITS_A_HEDGE)):
        found = compare(of_file(money), presets="derive-pm2", scenarios=(), **QUICK)
        assert isinstance(found, PooledComparison)
        (under,) = found.presets
        pooled, apart = under.results
        assert (pooled.out, apart.out, under.choice.mode) == ("", out, POOLED)
        # By the worst 5 % alone it would be apart: both legs are gone before they can lose.
        judged = [each.judged for each in under.results]
        if out == LACKS_MARGIN:
            assert choose(judged).mode == APART
            assert apart.statistics.liquidated.value == 1
            own = options(of_file(money), presets="derive-pm2").pooled[0]
            asked = own.perpetuals.initial + own.options.initial
            assert apart.initial == pytest.approx(asked)
            assert asked > money
        said = " ".join(each.text for each in recommendation(found))
        assert "pooled (as given)" in said
        assert ("cannot be opened" in said) == (out == LACKS_MARGIN)
        assert ("hedge each other" in said) == (out == SPLITS_A_HEDGE)


def test_capital_is_at_least_the_initial_margin() -> None:
    found = pooled_comparison(of_file(), presets="derive-pm2", survival="1%", scenarios=(), **QUICK)
    pooled = found.presets[0].results[0]
    total = found.pool.rules[0].total(found.pool.held.portfolios, found.pool.held.cash)
    assert pooled.is_limit
    assert pooled.capital == pytest.approx(total.initial)
    wide = pooled_comparison(of_file(), presets="derive-pm2", survival="99%", scenarios=(), **QUICK)
    own = wide.presets[0].results[0]
    assert own.capital > pooled.capital
    assert not own.is_limit


def test_horizons_and_contagion() -> None:
    account = load_account(TWO)
    found = pooled_comparison(account, presets="paradex-scan", scenarios=(), **QUICK)
    (under,) = found.presets
    assert [each.hours for each in under.horizons] == [24, 672]
    hits = [
        outcomes(structs.replace(found.simulation, setup=found.setup), way).first > 0
        for way in ways_of(found.pool)
    ]
    for number, (held, contagion) in enumerate(under.contagion):
        way, part = divmod(number, 2)
        assert held == (APART, BY_MARKET)[way]
        alone = hits[1 + way][:, part]
        assert contagion.alone.value == pytest.approx(alone.mean())
        assert contagion.carried.value == pytest.approx((alone & ~hits[0][:, 0]).mean())
        assert contagion.taken_along.value == pytest.approx((~alone & hits[0][:, 0]).mean())


def test_a_scenario_ends_where_its_prices_do() -> None:
    """Without a liquidation it is one move and the time that passes; volatilities follow."""
    simulation = simulated(of_file(90_000))
    simulation = structs.replace(simulation, volatility_beta=-1.0, volatility_change=0.1)
    scenario = parse_scenario(FALL.format(percent=80), "fall.toml")
    run = through(
        simulation, next(ways_of(simulation.pool)), scenario, scenario_prices(simulation, scenario)
    )
    there = moved(simulation.pool.held.portfolios["BTC"], -0.2, 1.1 / 0.8 - 1.0, 2 / 24 / 365)
    assert run.liquidated == {}
    assert run.end == pytest.approx(equity_of({"BTC": there}, simulation.pool.held.cash), abs=0.01)
    assert run.lost == pytest.approx(90_000 - run.end)
    assert run.lowest <= run.end


def test_a_scenario_liquidates_where_stress_says() -> None:
    """The same fall without time is a shock of `stress`."""
    account = of_file()
    simulation = simulated(account)
    scenario = parse_scenario(FALL.format(percent=60), "fall.toml")
    path = scenario_prices(simulation, scenario)
    run = through(simulation, next(ways_of(simulation.pool)), scenario, path)
    limit = options(account, presets="derive-pm2").now[0].liquidation["BTC"].below
    assert limit is not None
    hours = run.liquidated["pool"]
    prices = dict(zip(((path.times_ms - path.times_ms[0]) / 3.6e6).tolist(), path.oracle["BTC"],
                      strict=True))  # fmt: skip
    assert prices[hours] == pytest.approx(limit, rel=0.005)
    there = {"BTC": moved(simulation.pool.held.portfolios["BTC"], prices[hours] / 1e5 - 1.0)}
    left = equity_of(there, simulation.pool.held.cash) - closing_cost(there, 0.005)
    assert run.end == pytest.approx(left, abs=5)
    # What was closed stays where it was.
    assert run.lowest == pytest.approx(run.end)


def test_one_process_and_two_give_the_same() -> None:
    account = load_account(TWO)
    given = {"paths": 9000, "hours": 6, "step_seconds": 600, "scenarios": ()}
    one, two = (
        pooled_comparison(account, presets="derive-pm2", workers=n, **given) for n in (1, 2)
    )
    for own, other in zip(one.presets[0].results, two.presets[0].results, strict=True):
        assert own.capital == other.capital
        assert own.statistics == other.statistics


def test_an_account_without_options_has_its_own_modes() -> None:
    mine = load_account(FILE.read_text().split("[[option]]")[0].encode())
    quick = {"paths": 64, "hours": 6, "step_seconds": 600, "workers": 1, "scenarios": ()}
    assert isinstance(compare(mine, **quick), CompareResult)
    found = compare(mine, presets="derive-pm2", **quick)
    assert isinstance(found, PooledComparison)
    assert [each.way.held for each in found.presets[0].results] == [POOLED]
    said = " ".join(each.text for each in recommendation(found))
    assert "there is nothing to divide" in said


def test_too_much_leverage_is_said_first() -> None:
    """No way mends what is lost in all of them; the first sentence says so, and what it takes."""
    found = pooled_comparison(
        of_file(), presets="derive-pm2", scenarios=(), risk_capital="10%", **QUICK
    )
    (under,) = found.presets
    assert under.is_over_leveraged
    assert under.results[0].statistics.ruin.value > 0.05
    first = next(each.text for each in recommendation(found) if "margins no" not in each.text)
    assert first.startswith("Over-leveraged under Derive PM2, however it is held: ")
    assert "take at least $" in first


def test_the_recommended_way_is_the_best_on_fresh_paths() -> None:
    given: list[Advice] = [
        advice(number, paths=1_024, days=7, step_seconds=3_600) for number in range(8)
    ]
    for each in given:
        for judged in each.judgements if not each.is_contradiction else ():
            assert not judged.is_clearly_worse, (each.account, judged)
    assert {each.mode for each in given} > {POOLED}
    assert random_account(3).holdings == random_account(3).holdings


@pytest.mark.parametrize(
    ("field", "given", "message"),
    [
        ("survival", "100%", "survival: '100%' should be above 0% and below 100%"),
        ("volatility_beta", 21, "volatility_beta: 21 should be -20 to 20"),
        ("scenarios", "none-such", "none-such"),
        ("presets", "unknown", "unknown"),
    ],
)
def test_bad_input_is_named(field: str, given: object, message: str) -> None:
    with pytest.raises((InputError, ValueError), match=re.escape(message)):
        pooled_comparison(of_file(), **{field: given})  # type: ignore[arg-type]


def test_the_command(tmp_path: Path) -> None:
    account = tmp_path / "two.toml"
    account.write_bytes(TWO)
    quick = ("--paths", "256", "--days", "2", "--step", "3600", "--workers", "1")
    found = seawall(
        "compare", str(account), "--preset", "derive-pm2", "--preset", "paradex-scan", *quick,
        "--report", "two.html", "--parquet", "tables", "--volatility-beta", "-1", folder=tmp_path,
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    said = " ".join(found.stdout.split())
    for words in (
        "Pooled or apart, 256 paths over 2 days: two markets in portfolio margin",
        "Recommended under",
        "By market: each market on a part of its own",
        "the crash of 2025-10-10",
        "volatility x (price / price now) ^ -1",
    ):
        assert words in said
    assert "Derive PM2" in (tmp_path / "two.html").read_text()
    assert (tmp_path / "tables" / "modes.parquet").exists()


def test_the_numbers_are_those_that_programs_get(tmp_path: Path) -> None:
    quick = ("--paths", "64", "--hours", "6", "--step", "600", "--workers", "1", "--json")
    found = seawall("compare", str(FILE), *quick, folder=tmp_path)
    plain = seawall("compare", *quick, folder=tmp_path)
    own, other = json.loads(found.stdout), json.loads(plain.stdout)
    for name in ("modes", "horizons", "contagion", "recommendation"):
        # The same figures under the same names, and before them of which preset.
        assert next(iter(own[name][0])) == "preset"
        shared = set(own[name][0]) & set(other[name][0] if name != "recommendation" else
                                         other[name])  # fmt: skip
        assert len(shared) >= 4, name
    assert own["modes"][0]["mode"] == "pooled"
    assert {each["out"] for each in own["modes"]} >= {""}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--route", "dydx"), "--route: 'dydx' should be left out in portfolio margin"),
        (("--depth", "5000000"), "depth"),
        (("--survival", "0%"), "survival"),
        (("--preset", "none-such"), "none-such"),
    ],
)
def test_the_command_says_what_has_no_meaning(
    tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    found = seawall("compare", str(FILE), *arguments, folder=tmp_path)
    assert (found.returncode, found.stdout) == (2, "")
    assert message in found.stderr


def test_the_figures_of_the_page() -> None:
    """What docs/commands/options.md says of the capital and of the advice, to the digit."""
    page = " ".join((ROOT / "docs" / "commands" / "options.md").read_text().split())
    for money, out in ((25_000, LACKS_MARGIN), (40_000, SPLITS_A_HEDGE)):
        found = compare(of_file(money), presets=(), scenarios=())
        assert isinstance(found, PooledComparison)
        for under in found.presets:
            pooled, apart = under.results
            assert (under.choice.mode, apart.out) == (POOLED, out)
            row = [kinds.usd(each.capital) for each in (pooled, apart)]
            assert f"| `{under.rule.name}` | {' | '.join(row)} |" in page


def test_a_part_without_margin_is_no_part() -> None:
    """What asks nothing cannot be given a share of the money."""
    simulation = simulated(of_file())
    assert [each.held for each in ways_of(simulation.pool)] == [POOLED, APART]
    way = next(ways_of(simulation.pool))
    assert way.parts == (way.parts[0],)
    assert isinstance(way.parts[0], Part)
