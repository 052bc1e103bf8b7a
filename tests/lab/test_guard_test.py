"""A policy on random paths: the guard's own decisions, the kernel's own prices and liquidations."""

from pathlib import Path

import numpy as np
import pytest
from msgspec import structs

from seawall.guard.policy import Policy
from seawall.guard.policy_file import parse_policy
from seawall.lab.guard_test.crisis import CrisisLine
from seawall.lab.guard_test.moment import terms_of
from seawall.lab.guard_test.played import Outside, Played, Protection, play_block
from seawall.lab.guard_test.question import NOTHING, guard_test
from seawall.lab.guard_test.sheets import status
from seawall.lab.market.price_models import ModelOptions
from seawall.lab.paths.estimates import Estimate
from seawall.lab.paths.kernels.philox import LANES
from seawall.lab.paths.kernels.simulate import simulate_chunk
from seawall.lab.paths.kernels.task import Bootstrap, PathTask
from seawall.lab.paths.setup import PathSetup
from seawall.lab.transfers.route import Route, load_route
from tests.lab.path_setups import STEADY, position, setup_of

WILD = ModelOptions(jumps=False, volatility_moves=False, funding="0%", volatility="300%")
USD = 10**6
LADDER = """
[[step]]
name = "half"
action = "close"
share = "50%"
trigger = "40%"
rearm = "20%"
[[step]]
name = "out"
action = "flatten"
trigger = "70%"
rearm = "20%"
"""
NEVER = """
[[step]]
name = "never"
action = "flatten"
trigger = "99.99%"
rearm = "99%"
hold = "1h"
"""
DRAWDOWN = '[drawdown]\nfrom_peak = "8%"\nfrom_day_start = "6%"\nsmoothing = "5m"\n'
STOPS = """
[[stop]]
name = "stop"
distance = "4%"
share = "50%"
[[stop]]
name = "trail"
kind = "trailing"
distance = "5%"
share = "50%"
"""
DAY = '[drawdown]\nfrom_day_start = "6%"\nsmoothing = "1m"\n'
MOVED = """
[[stop]]
name = "stop"
distance = "12%"
clearance = "2%"
"""
LEVERAGE = """max_leverage = 12
over_limit = "reduce"
"""
DISTANCE = """
[[step]]
name = "near"
action = "reduce"
measure = "distance"
trigger = "6%"
rearm = "9%"
target = "9%"
"""


ADD = """
[[step]]
name = "add"
on = "cross"
action = "top_up"
trigger = "40%"
rearm = "20%"
source = "wallet"
amount = 1000
max_count = 2
max_total = 2000
min_move = "0.5%"
verify_after = "30s"
"""


def outside(wallet: int, route: Route | None = None) -> Outside:
    return Outside(wallet=wallet, route=route or load_route("none"))


def policy(text: str) -> Policy:
    return parse_policy(f'name = "test"\n[account]\nrisk_capital = 3000\n{text}')


def cross(folder: Path, model: ModelOptions = WILD, hours: float = 6) -> PathSetup:
    positions = [position("BTC", "long", 60_000, 20), position("ETH", "short", 20_000, 20)]
    return setup_of(folder, 6000, positions, model, paths=LANES, hours=hours, step_seconds=60)


def unlevered(folder: Path) -> PathSetup:
    return setup_of(
        folder, 6000, [position("BTC", "long", 6_000, 5)], STEADY, paths=LANES, hours=60,
        step_seconds=7200,
    )  # fmt: skip


def isolated(folder: Path) -> PathSetup:
    positions = [
        position("BTC", "long", 40_000, 20, "isolated"), position("ETH", "long", 30_000, 20)
    ]  # fmt: skip
    return setup_of(folder, 6000, positions, WILD, paths=LANES, hours=6, step_seconds=60)


def play(setup: PathSetup, made: Policy | None, looks_always: bool = False) -> Played:
    task = setup.task()
    terms = terms_of(setup.account, task.account)
    plan = Protection(name="x", policy=made, looks_always=looks_always)
    return play_block(task, terms, outside(3000 * USD), plan, 0)


@pytest.mark.parametrize("make", [cross, isolated])
def test_nothing_is_what_the_paths_have(tmp_path: Path, make: type) -> None:
    setup = make(tmp_path)
    outcomes = simulate_chunk(setup.task(), 0)
    played = play(setup, None)
    assert (outcomes.first.max(axis=1) > 0).any(), "nothing is liquidated"
    assert np.array_equal(played.equity, outcomes.equity.sum(axis=1))
    assert np.array_equal(played.first > 0, outcomes.first.max(axis=1) > 0)


@pytest.mark.parametrize("make", [cross, isolated])
def test_a_policy_that_cannot_fire_changes_nothing(tmp_path: Path, make: type) -> None:
    setup = make(tmp_path)
    without, played = play(setup, None), play(setup, policy(NEVER))
    assert played.decisions > 0
    for name in ("lost", "equity", "first"):
        assert np.array_equal(getattr(without, name), getattr(played, name)), name
    # Sums of floats in another order.
    assert np.allclose(without.lowest, played.lowest, rtol=1e-12, atol=1e-9)


BOUNDS = {
    "drawdown": (cross, DRAWDOWN, 60),
    "the loss of another day": (unlevered, DAY, 7200),
    "ladder and stops": (cross, LADDER + STOPS, 60),
    "distance": (cross, DISTANCE, 60),
    "isolated": (isolated, LADDER + STOPS, 60),
    "stops that liquidation moves": (cross, MOVED, 300),
    "leverage": (cross, LEVERAGE, 60),
}


@pytest.mark.parametrize("name", BOUNDS)
def test_within_the_bounds_no_decision_is_missed(tmp_path: Path, name: str) -> None:
    """Looking at every step of every path does nothing that looking outside the bounds does not."""
    make, text, seconds = BOUNDS[name]
    setup = structs.replace(make(tmp_path), steps=25, step_seconds=float(seconds))
    made = policy(text)
    quick, every = play(setup, made), play(setup, made, looks_always=True)
    assert quick.acted.any(), "nothing is done"
    assert quick.decisions < every.decisions
    for field in ("equity", "lowest", "reductions", "cost", "first"):
        assert np.array_equal(getattr(quick, field), getattr(every, field)), field


def test_within_the_bounds_of_the_largest_accounts_no_decision_is_missed(tmp_path: Path) -> None:
    """A loss in micro-USD times five minutes in ms, of which smoothing is a share, is past 2^63."""
    positions = [position("BTC", "long", 9 * 10**9, 20)]
    setup = setup_of(tmp_path, 10**9, positions, WILD, paths=LANES, hours=2, step_seconds=300)
    setup = structs.replace(setup, steps=6)
    made = policy(DRAWDOWN)
    capital = structs.replace(made.account, risk_capital=10**9 * USD)
    made = structs.replace(made, account=capital)
    quick, every = play(setup, made), play(setup, made, looks_always=True)
    assert quick.acted.any(), "nothing is done"
    assert quick.decisions < every.decisions
    assert np.array_equal(quick.equity, every.equity)
    assert np.array_equal(quick.reductions, every.reductions)


def test_mirrored_paths_stand_side_by_side(tmp_path: Path) -> None:
    """As in the outcomes of the kernel, whatever protects the account."""
    setup = structs.replace(cross(tmp_path), antithetic=True, steps=60)
    outcomes = simulate_chunk(setup.task(), 0)
    played = play(setup, policy(NEVER))
    assert played.decisions > 0
    assert np.array_equal(played.equity, outcomes.equity.sum(axis=1))


def falling(setup: PathSetup) -> tuple[PathSetup, PathTask]:
    """Every path falls by 0.5 % a minute, ten times."""
    moves = Bootstrap(returns=np.full((10, 1), np.log(0.995)), block_steps=10)
    setup = structs.replace(setup, steps=10, source=structs.replace(setup.source, moves=moves))
    return setup, setup.task()


def test_a_path_computed_by_hand(tmp_path: Path) -> None:
    """A long of 0.6 at 100,000 with 4,000 behind it, sold at the mark that is 2 % from the entry.

    Maintenance margin is 1/80 of notional. After four steps the mark is 98,015.0050 and the equity
    2,809.00, so that the ratio is 735.11 / 2809.00 = 26.2 %; after three it is 738.81 / 3104.49 =
    23.8 %. A step at 25 % so closes everything at the fourth.
    """
    made = setup_of(tmp_path, 4000, [position("BTC", "long", 60_000, 20)], STEADY, paths=LANES,
                    hours=1, step_seconds=60)  # fmt: skip
    setup, task = falling(made)
    step = '[[step]]\nname = "out"\naction = "flatten"\ntrigger = "25%"\nrearm = "10%"\n'
    plan = Protection(name="x", policy=policy(step))
    played = play_block(task, terms_of(setup.account, task.account), outside(0), plan, 0)
    account = task.account
    mark = 100_000 * 0.995**4
    away = account.spread[0] / 2 + account.impact * np.sqrt(0.6 * mark / account.depth[0])
    price = np.floor(mark * (1 - away) / account.tick[0]) * account.tick[0]
    expected = 4000 - 60_000 + 0.6 * price * (1 - account.fee[0])
    assert np.allclose(played.equity, expected, rtol=0, atol=1e-6)
    assert (played.reductions == 1).all()
    assert np.allclose(played.cost, 0.6 * (mark - price) + 0.6 * price * account.fee[0], atol=1e-6)


def test_money_on_its_way_computed_by_hand(tmp_path: Path) -> None:
    """A long of 0.6 at 100,000 with 3,500 behind it, replenished at a ratio of 80 % to 50 %.

    After nine steps of -0.5 % the mark is 95,588.86: equity 853.32, needed 716.92, a ratio of
    84.0 %; 2 * 716.92 - 853.32 = 580.51 are sent. They are there with the next
    step, whose mark would liquidate without them, or too late.
    """
    made = setup_of(tmp_path, 3500, [position("BTC", "long", 60_000, 20)], STEADY, paths=LANES,
                    hours=1, step_seconds=60)  # fmt: skip
    setup, task = falling(made)
    terms, plan = terms_of(setup.account, task.account), Protection(name="x", replenishes=True)
    mark = 100_000 * 0.995**9
    sent = 2 * 0.6 * mark / 80 - (3500 - 60_000 + 0.6 * mark)
    end = 3500 - 60_000 + 0.6 * 100_000 * 0.995**10
    free = load_route("none")
    for seconds, wallet, added, fees in (
        (0, 3000.0, sent, 7.0),
        (30, 3000.0, sent, 7.0),
        (60, 307.0, 300.0, 7.0),
        (61, 3000.0, 0.0, 7.0),
        (0, 7.0, 0.0, 0.0),
    ):
        route = structs.replace(
            free, outside_ms=1000 * seconds, outside_full_ms=1000 * seconds,
            outside_micro_usd=7 * USD,
        )  # fmt: skip
        played = play_block(task, terms, outside(round(wallet * USD), route), plan, 0)
        assert np.allclose(played.added, added, atol=1e-5)
        assert (played.cost == fees).all()
        assert np.allclose(played.lost, 3500 + added + fees - played.equity, atol=1e-5)
        assert (played.first == (0 if added else 10)).all()
        if added:
            assert np.allclose(played.equity, end + added, atol=1e-5)


def test_within_the_bounds_no_arrival_is_missed(tmp_path: Path) -> None:
    """A guard that looks at every step sees what arrives no earlier, and does the same."""
    setup = structs.replace(cross(tmp_path), steps=40)
    task = setup.task()
    terms = terms_of(setup.account, task.account)
    made = policy(ADD)
    delay = 170_000
    route = structs.replace(
        load_route("none"), outside_ms=delay, outside_full_ms=delay, outside_micro_usd=3 * USD
    )
    quick, every = (
        play_block(
            task, terms, outside(3000 * USD, route),
            Protection(name="x", policy=made, looks_always=always), 0,
        )
        for always in (False, True)
    )  # fmt: skip
    assert 0 < (quick.top_ups > 0).mean() < 1
    assert quick.decisions < every.decisions
    for field in ("equity", "lowest", "top_ups", "added", "cost", "first"):
        assert np.array_equal(getattr(quick, field), getattr(every, field)), field
    # Each path paid for what it sent, and no more came than the wallet had beside the fees.
    assert set(np.unique(quick.cost)) <= {0.0, 3.0, 6.0}
    assert (quick.added + quick.cost <= 3000).all()
    assert (quick.cost >= 3 * quick.top_ups).all()


def test_exposure_never_grows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from seawall.lab.guard_test.looks import Guards

    look, seen = Guards.look, 0

    def watched(self: Guards, state: object, path: int, time_ms: int) -> None:
        nonlocal seen
        before = state.size[:, path].copy()  # type: ignore[attr-defined]
        look(self, state, path, time_ms)  # type: ignore[arg-type]
        after = state.size[:, path]  # type: ignore[attr-defined]
        assert (np.abs(after) <= np.abs(before)).all()
        assert (after * before >= 0).all()
        seen += int((after != before).any())

    monkeypatch.setattr(Guards, "look", watched)
    play(structs.replace(cross(tmp_path), steps=60), policy(LADDER + STOPS + DRAWDOWN))
    assert seen > 0


def test_the_answer(tmp_path: Path) -> None:
    """One line for each protection, the first changing nothing; a rule that never acts says so."""
    made = setup_of(tmp_path, 6000, [position("BTC", "long", 60_000, 20)], WILD)
    found = guard_test(
        policy(LADDER.replace("40%", "30%") + NEVER), made.account, paths=64, hours=1, model=WILD
    )
    nothing, guarded, *_ = found.lines
    assert nothing.name == NOTHING
    assert nothing.result.value == nothing.cost.value == nothing.acted.value == 0
    assert guarded.acted.value > 0
    assert {each.rule: each.verdict for each in found.rules}["step never"] == "never acts alone"
    rows = found.sheet("outcomes").numbers()
    assert [row["name"] for row in rows] == ["nothing", "test", "plain stop", "wallet until empty"]
    assert len(found.played[0].lost) == 64


def test_the_status_goes_by_the_interval(tmp_path: Path) -> None:
    made = setup_of(tmp_path, 6000, [position("BTC", "long", 60_000, 20)], WILD)
    found = guard_test(policy(LADDER), made.account, paths=8, hours=1, model=WILD, beside=False)
    bare, guarded = found.lines

    def word(saved: float, lowest: float = 5000.0) -> str:
        line = structs.replace(guarded, saved=Estimate(saved, saved - 1, saved + 1))
        crises = [
            CrisisLine(
                market="rehearse",
                scenario="x", protection=name, start=6000.0, lost=0.0, lowest=at, liquidated=(),
                deleveraged=0.0, cost=0.0, added=0.0, actions=0, refused=0, wallet=0.0,
            )
            for name, at in ((bare.name, 5000.0), (guarded.name, lowest))
        ]  # fmt: skip
        judged = structs.replace(found, lines=[bare, line], crises=crises)
        return status(judged).word.split(":")[0]

    assert word(2.0) == "Protects"
    assert word(0.5) == word(-0.5) == "Shows no effect"
    assert word(-2.0) == "Does harm"
    assert word(2.0, lowest=4000.0) == "Worse in a crisis"
