"""A population drawn from a distribution: balanced, funded, repeatable."""

from pathlib import Path

import numpy as np
import pytest
from msgspec import structs

from seawall.accounts.markets import shipped_markets
from seawall.domain.enums import MarginMode
from seawall.lab.cascade.setup import simulation_of
from seawall.lab.simulation.population import (
    Distribution,
    Population,
    PopulationError,
    draw_population,
    largest_leverage,
    read_leverages,
)
from tests.lab.cascade_setups import market

NAMES = ("BTC", "ETH", "SOL")
SHIPPED = shipped_markets()
INSTRUMENTS = [SHIPPED[name] for name in NAMES]
PRICES = np.asarray([1_000_000, 400_000, 2_000_000])
INTEREST = np.asarray([2e9, 1e9, 3e8])
OWN = np.asarray([150_000, -20_000, 0])


def drawn(seed: int = 1, **wishes: object) -> Population:
    distribution = structs.replace(Distribution(accounts=4000), **wishes)
    return draw_population(distribution, INSTRUMENTS, PRICES, INTEREST, OWN.copy(), seed)


def test_longs_equal_shorts_with_the_account_under_study() -> None:
    people = drawn()
    net = np.zeros(3, np.int64)
    np.add.at(net, people.market, people.signed_size)
    np.testing.assert_array_equal(net + OWN, 0)


def test_the_open_interest_is_what_was_asked_for() -> None:
    people = drawn()
    longs = np.maximum(people.signed_size, 0) * PRICES[people.market] / 1e6
    held = np.bincount(people.market, longs) + np.maximum(OWN, 0) * PRICES / 1e6
    np.testing.assert_allclose(held, INTEREST, rtol=1e-6)


def test_the_crowd_is_long_by_its_share() -> None:
    people = drawn(long_share=0.6)
    crowd = ~people.is_hedger[people.owner]
    value = np.abs(people.signed_size[crowd]) * PRICES[people.market[crowd]]
    longs = value[people.signed_size[crowd] > 0].sum() / value.sum()
    assert longs == pytest.approx(0.6, abs=1e-3)


def test_everybody_owns_what_his_leverage_says() -> None:
    people = drawn()
    value = np.abs(people.signed_size) * PRICES[people.market]
    profit = np.sign(people.signed_size) * (value - people.entry_notional)
    equity = people.deposit + np.bincount(people.owner, profit, people.accounts)
    gross = np.bincount(people.owner, value, people.accounts)
    held = gross > 0
    np.testing.assert_allclose(gross[held] / equity[held], people.leverage[held], rtol=1e-6)
    assert (people.deposit >= 0).all()
    assert (people.deposit[held] > 0).all()


def test_nobody_starts_beyond_what_his_market_allows() -> None:
    people = drawn(leverage_median=60.0)
    value = np.abs(people.signed_size) * PRICES[people.market]
    for number, instrument in enumerate(INSTRUMENTS):
        here = people.market == number
        margin = value[here] / 1e6 / largest_leverage(instrument, value[here] / 1e6)
        alone = np.bincount(people.owner, minlength=people.accounts)[people.owner[here]] == 1
        own = people.leverage[people.owner[here]]
        assert (value[here][alone] / 1e6 / own[alone] >= margin[alone]).all()


def test_the_same_seed_draws_the_same_people() -> None:
    first, again, other = drawn(), drawn(), drawn(seed=2)
    np.testing.assert_array_equal(first.signed_size, again.signed_size)
    np.testing.assert_array_equal(first.deposit, again.deposit)
    assert first.deposit.sum() != other.deposit.sum()


def test_larger_accounts_use_less_leverage() -> None:
    people = drawn(leverage_median=3.0)
    crowd = ~people.is_hedger & (people.notional > 0)
    order = np.argsort(people.notional[crowd])
    leverage = people.leverage[crowd][order]
    assert np.median(leverage[: len(leverage) // 10]) > np.median(leverage[-len(leverage) // 10 :])


def test_isolated_positions_have_their_margin_in_the_bucket() -> None:
    people = drawn(isolated_share=1.0)
    crowd = ~people.is_hedger[people.owner]
    assert people.is_isolated[crowd].all()
    buckets = people.by_owner(people.margin * people.is_isolated)
    np.testing.assert_array_equal(buckets[~people.is_hedger], people.deposit[~people.is_hedger])


def test_under_rules_of_blocks_nobody_is_isolated() -> None:
    simulation = simulation_of(market(rulebook="dydx", accounts=200), with_population=True)
    people = simulation.setup.population
    assert people is not None
    assert people.is_isolated.any()
    tables = simulation.engine.tables
    positions = tables["positions"][: int(tables["control"]["positions_used"][0])]
    assert len(positions) >= len(people.owner)
    assert (positions["mode"] == MarginMode.CROSS).all()
    assert not positions["isolated_cash"].any()


def test_leverages_of_a_file_replace_the_distribution(tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text("account,leverage\n" + "\n".join(f"{n},{2 + n % 2}" for n in range(20)) + "\n")
    leverages = read_leverages(file)
    assert set(leverages) == {2.0, 3.0}
    people = drawn(leverages=leverages)
    crowd = ~people.is_hedger & (people.notional > 0)
    assert (people.leverage[crowd] > 1.99).all()
    assert (people.leverage[crowd] < 3.01).all()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("account,size\n1,2\n", "no column leverage"),
        ("leverage\n3\n", "at least 10"),
        ("leverage\n" + "nan\n" * 50, "0 leverages"),
    ],
)
def test_a_file_without_leverages_is_refused(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "people.csv"
    file.write_text(text)
    with pytest.raises(PopulationError, match=words):
        read_leverages(file)
