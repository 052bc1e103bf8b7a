"""A policy on random paths: the guard's own decisions, the kernel's own prices and liquidations."""

from pathlib import Path

import numpy as np
import pytest
from msgspec import structs

from seawall.guard.policy import Policy
from seawall.guard.policy_file import parse_policy
from seawall.lab.guard_test.moment import terms_of
from seawall.lab.guard_test.played import Played, Protection, play_block
from seawall.lab.market.price_models import ModelOptions
from seawall.lab.paths.kernels.draws import LANES
from seawall.lab.paths.kernels.simulate import simulate_chunk
from seawall.lab.paths.setup import PathSetup
from tests.lab.path_setups import position, setup_of

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
DISTANCE = """
[[step]]
name = "near"
action = "reduce"
measure = "distance"
trigger = "6%"
rearm = "9%"
target = "9%"
"""


def policy(text: str) -> Policy:
    return parse_policy(f'name = "test"\n[account]\nrisk_capital = 3000\n{text}')


def cross(folder: Path, model: ModelOptions = WILD, hours: float = 6) -> PathSetup:
    positions = [position("BTC", "long", 60_000, 20), position("ETH", "short", 20_000, 20)]
    return setup_of(folder, 6000, positions, model, paths=LANES, hours=hours, step_seconds=60)


def isolated(folder: Path) -> PathSetup:
    positions = [
        position("BTC", "long", 40_000, 20, "isolated"), position("ETH", "long", 30_000, 20)
    ]  # fmt: skip
    return setup_of(folder, 6000, positions, WILD, paths=LANES, hours=6, step_seconds=60)


def play(setup: PathSetup, made: Policy | None, looks_always: bool = False) -> Played:
    task = setup.task()
    terms = terms_of(setup.account, task.account)
    plan = Protection(name="x", policy=made, looks_always=looks_always)
    return play_block(task, terms, 3000 * USD, plan, 0)


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
    for name in ("lost", "equity", "lowest", "first"):
        assert np.array_equal(getattr(without, name), getattr(played, name)), name


@pytest.mark.parametrize("text", [DRAWDOWN, LADDER + STOPS, DISTANCE])
@pytest.mark.parametrize("make", [cross])
def test_within_the_bounds_no_decision_is_missed(tmp_path: Path, make: type, text: str) -> None:
    """Looking at every step of every path does nothing that looking outside the bounds does not."""
    setup = structs.replace(make(tmp_path), steps=40)
    made = policy(text)
    quick, every = play(setup, made), play(setup, made, looks_always=True)
    assert quick.acted.any(), "nothing is done"
    assert quick.decisions < every.decisions
    assert np.array_equal(quick.equity, every.equity)
    assert np.array_equal(quick.reductions, every.reductions)
