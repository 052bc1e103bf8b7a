"""An account and its guard through a scenario in the engine."""

from pathlib import Path

import pytest
from msgspec import structs

from benchmarks.guard_policies import crisis_rows, jobs, path_rows, played
from seawall.domain.units import MICRO
from seawall.guard.policy import Policy
from seawall.lab.cascade.question import cascade
from seawall.lab.crises.question import crises
from seawall.lab.guard_test.crashes import CrashNames, Rehearsed, crashes
from seawall.lab.guard_test.crisis import CrisisLine, through
from seawall.lab.guard_test.played import Protection
from seawall.lab.market.named_scenarios import run_scenario
from seawall.lab.market.scenario_file import parse_scenario
from seawall.lab.paths.setup import PathSetup
from seawall.lab.transfers.route import Route, load_route
from tests.lab.path_setups import STEADY, position, setup_of
from tests.lab.test_guard_test import outside, policy
from tests.lab.test_transfers import JUMP

FALL_TEXT = """
name = "fall"
start = "2026-01-01T12:00"
step_seconds = 10
[[market]]
name = "longs"
waypoints = [[0, 100.0], [2, 100.0], [12, 88.0], [20, 88.0]]
[[market]]
name = "shorts"
waypoints = [[0, 100.0], [20, 101.0]]
[[crowd]]
market = "BTC"
side = "long"
accounts = 20
notional = 50000
leverage = [10, 40]
"""
FALL = parse_scenario(FALL_TEXT, "fall.toml")
OUT = """
[[step]]
name = "out"
action = "flatten"
trigger = "40%"
rearm = "20%"
"""
TOP_UP = """
[[step]]
name = "add"
action = "top_up"
trigger = "40%"
rearm = "20%"
on = "isolated"
amount = 1000
max_count = 1
max_total = 1000
min_move = "0.1%"
"""
FROM_WALLET = TOP_UP.replace('on = "isolated"', 'on = "cross"\nsource = "wallet"')
STOP = """
[[stop]]
name = "stop"
distance = "4%"
"""


BOTH_RULES = pytest.mark.parametrize("rulebook", [None, "dydx"])


def pooled(folder: Path, rulebook: str | None = None) -> PathSetup:
    positions = [position("BTC", "long", 60_000, 20), position("ETH", "short", 20_000, 20)]
    return setup_of(folder, 6000, positions, STEADY, rulebook=rulebook, paths=1)


def apart(folder: Path, rulebook: str | None = None) -> PathSetup:
    """Under block rules the position is in a child account."""
    positions = [position("BTC", "long", 20_000, 10, "isolated")]
    return setup_of(folder, 6000, positions, STEADY, rulebook=rulebook, paths=1)


def fall(
    setup: PathSetup, made: Policy | None, wallet: int = 0, route: Route | None = None,
    **plan: bool,
) -> CrisisLine:  # fmt: skip
    protection = Protection(name="x", policy=made, **plan)
    crash = Rehearsed(scenario=FALL, account=setup.account, depths=setup.depths)
    return through(crash, protection, outside(wallet, route))


@BOTH_RULES
def test_without_protection_it_is_a_rehearsal(tmp_path: Path, rulebook: str | None) -> None:
    setup = pooled(tmp_path, rulebook)
    account = setup.account
    rehearsed = run_scenario(
        FALL, account.holdings, account.rulebook, account.instruments, account.price_texts,
        setup.depths,
    )  # fmt: skip
    line = fall(setup, None)
    assert line.liquidated == ("cross",)
    assert line.lost == (rehearsed.start.equity - rehearsed.end.equity) / MICRO
    assert line.lowest == pytest.approx(min(rehearsed.series.total_equity) / MICRO)


def scenario_file(folder: Path) -> str:
    file = folder / "fall.toml"
    file.write_text(FALL_TEXT)
    return str(file)


@BOTH_RULES
def test_without_protection_it_is_the_crisis_of_that_command(
    tmp_path: Path, rulebook: str | None
) -> None:
    setup, file = pooled(tmp_path, rulebook), scenario_file(tmp_path)
    (crash,) = crashes(setup.account, setup.depths, CrashNames(crises=(file,)), seed=3)
    line = through(crash, Protection(name="x"), outside(0))
    (outcome,) = crises(
        setup.account, crises=file, rulebooks=setup.account.rulebook, modes="cross",
        depths="calm", seed=3, workers=1,
    ).outcomes  # fmt: skip
    assert line.market == "crises"
    assert (line.lost, line.lowest) == (outcome.lost / MICRO, outcome.lowest / MICRO)
    assert bool(outcome.liquidated) == line.is_liquidated


@BOTH_RULES
def test_without_protection_it_is_the_cascade_of_that_command(
    tmp_path: Path, rulebook: str | None
) -> None:
    setup, file = apart(tmp_path, rulebook), scenario_file(tmp_path)
    (crash,) = crashes(setup.account, setup.depths, CrashNames(cascades=(file,)), seed=3)
    line = through(crash, Protection(name="x"), outside(0))
    run = cascade(setup.account, scenario=file, fast_forward=False, seed=3).run
    assert line.market == "cascade"
    assert line.lost == run.own_loss
    assert line.lowest == pytest.approx(run.series.own_equity.min())
    assert line.liquidated == ("BTC",)


@BOTH_RULES
def test_a_guard_acts_in_each_market(tmp_path: Path, rulebook: str | None) -> None:
    """The same policy and account in the three markets: closed before liquidation in each."""
    setup, file = apart(tmp_path, rulebook), scenario_file(tmp_path)
    found = crashes(
        setup.account,
        setup.depths,
        CrashNames(scenarios=(file,), crises=(file,), cascades=(file,)),
        seed=3,
    )
    lines = [through(each, Protection(name="x", policy=policy(OUT)), outside(0)) for each in found]
    assert [each.market for each in lines] == ["rehearse", "crises", "cascade"]
    assert [each.liquidated for each in lines] == [()] * 3
    assert all(each.actions and each.cost > 0 for each in lines)


@BOTH_RULES
def test_the_ladder_closes_before_liquidation(tmp_path: Path, rulebook: str | None) -> None:
    line = fall(pooled(tmp_path, rulebook), policy(OUT))
    assert line.liquidated == ()
    assert line.actions == 2
    # Taker fees of both positions, 0.045 or 0.05 % of 56,000 and 20,000 USD, and what the books
    # take.
    assert 30 < line.cost < 150
    assert line.lost < fall(pooled(tmp_path, rulebook), None).lost


@BOTH_RULES
def test_a_stop_rests_in_the_engine_and_a_short_has_one_of_its_own(
    tmp_path: Path, rulebook: str | None
) -> None:
    """The long is sold at its stop, 4 % below its entry; the short, up 1 %, is left alone."""
    line = fall(pooled(tmp_path, rulebook), policy(STOP))
    assert line.liquidated == ()
    assert line.actions == 1
    assert line.lost == pytest.approx(0.04 * 60_000 + 0.01 * 20_000 + line.cost, rel=0.05)


@BOTH_RULES
def test_a_top_up_comes_from_the_pool_within_its_limits(
    tmp_path: Path, rulebook: str | None
) -> None:
    line = fall(apart(tmp_path, rulebook), policy(TOP_UP))
    assert line.actions == 1
    assert line.added == 0
    assert line.liquidated == ()
    assert fall(apart(tmp_path, rulebook), None).liquidated == ("BTC",)


@BOTH_RULES
def test_the_wallet_pays_until_it_is_empty(tmp_path: Path, rulebook: str | None) -> None:
    poor, rich = (
        fall(pooled(tmp_path, rulebook), None, wallet=each * MICRO, replenishes=True)
        for each in (100, 100_000)
    )
    assert poor.liquidated == ("cross",)
    assert poor.added == 100
    assert rich.liquidated == ()
    assert rich.added > 100


def with_fees(seconds: int) -> Route:
    """7 USD from the wallet to the pool, 2 USD from there to a bucket; each takes so long."""
    delay = seconds * 1000
    return structs.replace(
        load_route("none"), outside_micro_usd=7 * MICRO, inside_micro_usd=2 * MICRO,
        outside_ms=delay, outside_full_ms=delay, inside_ms=delay,
    )  # fmt: skip


@BOTH_RULES
def test_money_from_the_wallet_is_late_and_costs_its_fees(
    tmp_path: Path, rulebook: str | None
) -> None:
    """5,000 USD by hand: half a minute is in time, three minutes are not."""
    setup, made = pooled(tmp_path, rulebook), policy(FROM_WALLET.replace("1000", "5000"))
    wallet = 6000 * MICRO
    routes = [None, with_fees(0), with_fees(30), with_fees(180)]
    lines = [fall(setup, made, wallet, each) for each in routes]
    assert [each.added for each in lines] == [5000.0] * 4
    assert [each.cost for each in lines] == [0.0, 7.0, 7.0, 7.0]
    assert [each.wallet + each.cost for each in lines] == [1000.0] * 4
    assert [each.liquidated for each in lines] == [(), (), (), ("cross",)]
    for each in lines[1:3]:
        assert each.lost == pytest.approx(lines[0].lost + 7.0, abs=1e-6)
    # A wallet with less pays the fees first; one that cannot pay them sends nothing.
    for usd, added, cost in ((507, 500.0, 7.0), (6, 0.0, 0.0)):
        line = fall(setup, made, usd * MICRO, with_fees(0))
        assert (line.added, line.cost, line.wallet) == (added, cost, usd - added - cost)


@BOTH_RULES
def test_money_from_the_pool_is_late_and_its_fees_are_the_wallets(
    tmp_path: Path, rulebook: str | None
) -> None:
    setup, made, wallet = apart(tmp_path, rulebook), policy(TOP_UP), 9 * MICRO
    routes = [None, with_fees(0), with_fees(30), with_fees(180)]
    lines = [fall(setup, made, wallet, each) for each in routes]
    assert [each.added for each in lines] == [0.0] * 4
    assert [each.cost for each in lines] == [0.0, 2.0, 2.0, 2.0]
    assert [each.wallet for each in lines] == [9.0, 7.0, 7.0, 7.0]
    assert [each.liquidated for each in lines] == [(), (), (), ("BTC",)]
    for each in lines[1:3]:
        assert each.lost == pytest.approx(lines[0].lost + 2.0, abs=1e-6)
    assert fall(setup, made, 2 * MICRO - 1, with_fees(0)).liquidated == ("BTC",)


@pytest.mark.parametrize(("rulebook", "refused", "added"), [("dydx", 1, 0.0), (None, 0, 300.0)])
def test_a_guard_goes_on_while_transfers_are_blocked(
    tmp_path: Path, rulebook: str | None, refused: int, added: float
) -> None:
    """An account below zero closes the gate of all: the wallet keeps the money, and it is said."""
    held = [position("BTC", "long", 40_000, 20, "isolated"), position("ETH", "long", 10_000, 20)]
    setup = setup_of(tmp_path, 2600, held, STEADY, rulebook=rulebook, paths=1)
    made = policy(
        FROM_WALLET.replace("40%", "25%").replace("20%", "15%").replace("1000", "300")
    )  # fmt: skip
    scenario = parse_scenario(JUMP, "jump.toml")
    crash = Rehearsed(scenario=scenario, account=setup.account, depths=setup.depths)
    line = through(crash, Protection(name="x", policy=made), outside(1000 * MICRO))
    assert line.liquidated == ("BTC",)
    assert (line.refused, line.added, line.wallet) == (refused, added, 1000.0 - added)


def test_the_tables_of_the_ready_policies() -> None:
    """The command behind docs/commands/guard_policies.md, in its smallest form."""
    work = jobs(["small"], None, 8, 0.02, CrashNames(scenarios=("oracle_lag",)))
    found = [(job, played(work, number)) for number, job in enumerate(work)]
    paths, crashed = list(path_rows(found)), list(crisis_rows(found))
    assert [row.split(" | ")[:2] for row in paths[2:]] == [
        ["| small", "jumps"], ["| small", "diffusion"],
    ]  # fmt: skip
    assert crashed[0] == "| scenario | market | small |"
    assert crashed[2].startswith("| oracle lag | rehearse | 208 / ")
