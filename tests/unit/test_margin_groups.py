"""Margin groups in the library's own words, in the sweep, and in the check of invariants."""

import msgspec
import numpy as np
import pytest

from seawall.domain.commands import (
    AdoptPosition,
    CreateAccount,
    Deposit,
    SetMarginGrouping,
    SetOraclePrice,
    Transfer,
    Withdraw,
)
from seawall.domain.enums import MarginGrouping, MarginMode, Side
from seawall.domain.events import (
    CROSS_POOL,
    Deposited,
    LiquidationStarted,
    MarginGroupingSet,
    Transferred,
    Withdrawn,
    group_of_pool,
    is_pool,
    pool_of_group,
)
from seawall.engine.account_view import account_cash, account_margins, pool_cash
from seawall.engine.engine import Engine
from seawall.engine.invariants import broken_invariant
from seawall.engine.layout import LayoutError, Limits
from seawall.engine.market_view import account_free_margin
from tests.naive.comparison import Comparison
from tests.naive.liquidation import below_maintenance
from tests.naive.state import FIRST_USER_ACCOUNT
from tests.rulebooks import BTC, ETH, EURO, GOLD, RULEBOOKS, SILVER, USD
from tests.simulation.generator import Generator

MAIN, METALS, CURRENCIES = range(3)
MARKETS = [BTC, GOLD, EURO]
USER = FIRST_USER_ACCOUNT
Place = tuple[int, int]


def grouped_engine() -> Engine:
    """One account with 1000, 500 and 300 in the three groups, and prices."""
    engine = Engine.create(RULEBOOKS["free"], MARKETS)
    engine.apply(CreateAccount(1))
    for group, dollars in enumerate((1000, 500, 300)):
        engine.apply(Deposit(1, USER, dollars * USD, group=group))
    for market, price in enumerate((1_000_000, 400_000, 11_000)):
        engine.apply(SetOraclePrice(1, market, price))
    return engine


def long_gold(engine: Engine) -> None:
    """Half a unit at 4000, at 20 times leverage."""
    side, mode = Side.BUY, MarginMode.CROSS
    engine.apply(AdoptPosition(1, USER, 1, side, 5_000, 2_000 * USD, 20, mode, 0))


def test_a_group_has_one_collateral() -> None:
    other = msgspec.structs.replace(ETH, group="metals", collateral="USDH")
    with pytest.raises(LayoutError, match=r"ETH: collateral 'USDH'.*'metals' has 'USDC'"):
        Engine.create(RULEBOOKS["free"], [BTC, GOLD, other])


def test_a_cash_row_of_each_account_and_group_has_a_number_of_four_bytes() -> None:
    markets = [msgspec.structs.replace(BTC, name=f"M{n}", group=f"G{n}") for n in range(9)]
    limits = Limits(accounts=1 << 28)
    with pytest.raises(LayoutError, match=r"group_cash: 2147483648 rows; .* fewer than 2147483648"):
        Engine.create(RULEBOOKS["free"], markets, limits)


def test_a_pool_is_named_by_its_group() -> None:
    assert pool_of_group(0) == CROSS_POOL
    for group in range(5):
        assert is_pool(pool_of_group(group))
        assert group_of_pool(pool_of_group(group)) == group
    assert not is_pool(0)


def test_cash_of_each_pool_and_of_all() -> None:
    engine = grouped_engine()
    pools = [pool_of_group(group) for group in (MAIN, METALS, CURRENCIES)]
    assert [pool_cash(engine, USER, pool) for pool in pools] == [1000 * USD, 500 * USD, 300 * USD]
    assert account_cash(engine, USER) == 1800 * USD


def test_commands_and_events_carry_groups() -> None:
    engine = grouped_engine()
    assert engine.apply(Deposit(1, USER, USD, group=METALS)) == [
        Deposited(8, USER, USD, group=METALS)
    ]
    assert engine.apply(Withdraw(1, USER, USD, group=CURRENCIES)) == [
        Withdrawn(9, USER, USD, group=CURRENCIES)
    ]
    moved = engine.apply(Transfer(1, USER, USER, USD, group=MAIN, recipient_group=METALS))
    assert moved == [Transferred(10, USER, USER, USD, group=MAIN, recipient_group=METALS)]
    shared = engine.apply(SetMarginGrouping(1, USER, MarginGrouping.SHARED))
    assert shared == [MarginGroupingSet(11, USER, MarginGrouping.SHARED)]


def test_margins_of_each_pool() -> None:
    engine = grouped_engine()
    long_gold(engine)
    margins = account_margins(engine, USER)
    pools = {group_of_pool(market): each for market, each in margins.items() if is_pool(market)}
    assert [pools[group].equity for group in sorted(pools)] == [1000 * USD, 500 * USD, 300 * USD]
    assert [pools[group].initial_margin for group in sorted(pools)] == [0, 100 * USD, 0]
    # A tenth of the notional stays.
    assert [pools[group].free for group in sorted(pools)] == [1000 * USD, 300 * USD, 300 * USD]
    free = [account_free_margin(engine, USER, group) for group in range(3)]
    assert free == [1000 * USD, 400 * USD, 300 * USD]
    engine.apply(SetMarginGrouping(1, USER, MarginGrouping.SHARED))
    margins = account_margins(engine, USER)
    pools = {group_of_pool(market): each for market, each in margins.items() if is_pool(market)}
    assert {group: pool.equity for group, pool in pools.items()} == {
        MAIN: 1500 * USD,
        CURRENCIES: 300 * USD,
    }


def test_a_liquidation_names_the_pool() -> None:
    engine = grouped_engine()
    long_gold(engine)
    # 500 - 0.5 x 940 = 30, maintenance 38.25
    events = engine.apply(SetOraclePrice(2, 1, 306_000))
    started = [event for event in events if isinstance(event, LiquidationStarted)]
    assert [(event.account, event.market) for event in started] == [(USER, pool_of_group(METALS))]


@pytest.mark.parametrize(
    ("table", "row", "change", "number"),
    [
        ("group_cash", USER * 2 + METALS - 1, 1, 1),
        ("margin_groups", CURRENCIES, -1, 1),
        ("group_cash", CURRENCIES - 1, -1, 8),
        ("group_cash", USER * 2 + CURRENCIES - 1, -301 * USD, 10),
        ("group_cash", USER * 2 + METALS - 1, 1, 21),
    ],
)
def test_broken_groups_are_found(table: str, row: int, change: int, number: int) -> None:
    """The other side of a moved unit is the rounding account, so that only one sentence breaks."""
    engine = grouped_engine()
    assert broken_invariant(engine.state) == 0
    if number == 21:
        engine.apply(SetMarginGrouping(2, USER, MarginGrouping.SHARED))
    engine.tables[table]["money_outside" if table == "margin_groups" else "cash"][row] += change
    if number in (8, 10):
        engine.tables["group_cash"]["cash"][3 * 2 + CURRENCIES - 1] -= change
    if number == 21:
        engine.tables["accounts"]["cash"][3] -= change
    assert broken_invariant(engine.state) == number


def places_below_maintenance(comparison: Comparison) -> tuple[set[Place], set[Place]]:
    """(account, market or pool) of users: what the sweep finds, and what the naive twin does."""
    engine = comparison.engine.engine
    swept, markets = engine.full_sweep(), engine.tables["positions"]["market"]
    places = np.where(swept["position"] < 0, swept["position"], markets[swept["position"]])
    buckets = below_maintenance(comparison.naive.state)
    return (
        set(zip(swept["account"].tolist(), places.tolist(), strict=True)),
        {(each.account, each.told_market) for each in buckets if each.account >= USER},
    )


def test_the_sweep_finds_the_buckets_of_every_group() -> None:
    """Where marks jump behind the engine's back, it finds what the naive twin finds."""
    markets = [BTC, GOLD, SILVER, EURO]
    random = np.random.default_rng(0)
    found: set[Place] = set()
    for seed in (1, 2):
        comparison = Comparison(RULEBOOKS["free"], markets)
        for row in Generator(seed, markets, comparison.naive, wildness=0.0).rows(450):
            comparison.apply(row)
        table = comparison.engine.engine.tables["markets"]
        for _ in range(20):
            for market in comparison.naive.state.markets:
                market.mark = int(market.oracle * random.uniform(0.5, 2.0)) + 1
                table["mark_price"][market.number] = market.mark
            swept, wanted = places_below_maintenance(comparison)
            assert swept == wanted
            found |= wanted
    assert {min(place, 0) for _, place in found} == {0, *map(pool_of_group, range(3))}
