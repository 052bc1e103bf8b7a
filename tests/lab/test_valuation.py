"""Exact valuation: the machine's own figures at any price, and nothing remembered in between."""

import random

import pytest
from msgspec import structs

from seawall.accounts.prices import exact_prices
from seawall.accounts.valuation import Valuation, ValuationError
from seawall.domain.errors import InputError
from seawall.domain.events import CROSS_POOL
from seawall.domain.units import MAX_PRICE
from tests.lab.stress_worlds import (
    RULEBOOKS,
    bucket_position,
    one_position,
    random_world,
)

# The first account in this process compiles the machine.
pytestmark = pytest.mark.timeout(600)


@pytest.mark.parametrize("rulebook", RULEBOOKS)
@pytest.mark.parametrize("seed", range(10))
def test_jumping_to_prices_is_starting_there(seed: int, rulebook: str) -> None:
    """A machine whose prices were written values like one that was built at them."""
    world = random_world(seed, rulebook)
    valuation = world.valuation()
    chance = random.Random(seed)
    for _ in range(20):
        prices = tuple(
            max(1, min(MAX_PRICE, round(price * chance.uniform(0.3, 2.5))))
            for price in world.prices
        )
        fresh = Valuation(world.plan, world.book, world.instruments, prices)
        assert valuation.at(prices) == fresh.at(prices)


@pytest.mark.parametrize("seed", range(10))
def test_equity_and_maintenance_without_the_machine(seed: int) -> None:
    world = random_world(seed, "hyperliquid")
    values = world.valuation().at(world.prices)
    for position in world.plan.positions:
        by_hand = bucket_position(world, position.market)
        value = values[position.market if position.isolated_margin else CROSS_POOL]
        assert value.equity == by_hand.equity
        own = value.maintenance_margin - by_hand.others_maintenance
        assert 0 < own <= by_hand.notional


def test_requirements_of_rules_of_blocks_by_hand() -> None:
    """BTC asks 1.2 % of the notional at the oracle price; equality still stands."""
    world = one_position("long", "10000", "dydx")
    valuation = world.valuation()
    (value,) = valuation.at((950_000,)).values()
    assert (value.equity, value.maintenance_margin) == (5_000 * 10**6, 1_140 * 10**6)
    assert not value.is_liquidatable
    assert value.ratio == pytest.approx(0.228)


def test_equal_to_maintenance_margin_is_not_liquidatable() -> None:
    """1,250 of equity for 100,000 USD at 40x: exactly what is needed; a micro-USD less is not."""
    world = one_position("long", "1250")
    (value,) = world.valuation().at(world.prices).values()
    assert (value.equity, value.maintenance_margin) == (1_250 * 10**6, 1_250 * 10**6)
    assert not value.is_liquidatable
    less = structs.replace(world.plan, collateral=world.plan.collateral - 1)
    valuation = Valuation(less, world.book, world.instruments, world.prices)
    (value,) = valuation.at(world.prices).values()
    assert value.is_liquidatable


def test_buckets_and_owners() -> None:
    for rulebook in RULEBOOKS:
        world = random_world(0, rulebook)
        valuation = world.valuation()
        isolated = {each.market for each in world.plan.positions if each.isolated_margin}
        assert set(valuation.buckets) == {CROSS_POOL, *isolated}
        for each in world.plan.positions:
            bucket = valuation.bucket_of(each.market)
            assert bucket == (each.market if each.market in isolated else CROSS_POOL)
            assert each.market in valuation.buckets[bucket]
        owners = {valuation.owner_of(bucket) for bucket in valuation.buckets}
        assert len(owners) == (len(valuation.buckets) if rulebook == "dydx" else 1)


def test_what_no_machine_can_hold_is_named() -> None:
    world = one_position("long", "10000")
    with pytest.raises(ValuationError, match=r"the price of BTC: .*INVALID_PRICE"):
        Valuation(world.plan, world.book, world.instruments, (MAX_PRICE + 1,))
    with pytest.raises(InputError, match=r"--price: 'BTC=0.01': 0\.01 has more than 1 decimals"):
        exact_prices({"BTC": "0.01"}, world.instruments)
    position = structs.replace(world.plan.positions[0], leverage=100)
    plan = structs.replace(world.plan, positions=(position,))
    with pytest.raises(ValuationError, match=r"the position in BTC: .*INVALID_LEVERAGE"):
        Valuation(plan, world.book, world.instruments, world.prices)
