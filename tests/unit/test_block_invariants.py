"""What the engine's own check of a state under block rules says of money in the wrong pool."""

from collections.abc import Callable
from typing import Any

import pytest

from seawall.domain.commands import (
    AdoptPosition,
    Command,
    CreateAccount,
    Deposit,
    SetOraclePrice,
)
from seawall.domain.enums import Side
from seawall.domain.events import CommandRejected
from seawall.domain.instrument import BlockTerms, Instrument, MarginFractions, MarginTier
from seawall.domain.system_accounts import FIRST_USER, OUTSIDE_ACCOUNT, ROUNDING_ACCOUNT
from seawall.engine.block_invariants import broken_block_invariant
from seawall.engine.engine import Engine
from tests.conformance.dydx_vectors.rules import block_rules

USD = 10**6
CROSS, ALONE, APART = range(3)
"""The markets; the last two have pools of their own."""
HOLDER, OTHER, BYSTANDER = range(FIRST_USER, FIRST_USER + 3)


def market(name: str, own_pool: bool) -> Instrument:
    terms = BlockTerms(
        fractions=MarginFractions(initial_ppm=100_000, maintenance_fraction_ppm=500_000),
        value_exponent=4,
        quote_exponent=2,
        own_pool=own_pool,
    )
    return Instrument(name=name, size_decimals=0, tiers=(MarginTier(0, 10),), block_terms=terms)


def engine() -> Engine:
    """Two accounts that each hold a market with its own pool, and one that holds nothing."""
    markets = [market("CROSS", False), market("ALONE", True), market("APART", True)]
    made = Engine.create(block_rules(), markets)
    commands: list[Command] = [SetOraclePrice(0, row, 100) for row in range(len(markets))]
    for account in (HOLDER, OTHER, BYSTANDER):
        commands += [CreateAccount(0), Deposit(0, account, 1_000 * USD)]
    commands += [
        AdoptPosition(0, HOLDER, ALONE, Side.BUY, 50, 50 * USD, leverage=1),
        AdoptPosition(0, OTHER, APART, Side.SELL, 20, 20 * USD, leverage=1),
    ]
    for command in commands:
        assert not [e for e in made.apply(command) if isinstance(e, CommandRejected)]
    return made


def test_opening_moves_all_collateral_to_the_pool_of_the_market() -> None:
    made = engine()
    rows = made.tables["block_markets"]
    cash = made.tables["accounts"]["cash"]
    assert cash[HOLDER : BYSTANDER + 1].tolist() == [950 * USD, 1_020 * USD, 1_000 * USD]
    # The balance before the trade; what the account outside received or paid is no holder's.
    assert rows["pool_cash"].tolist() == [0, 1_000 * USD, 1_000 * USD]
    assert rows["pool_other_cash"].tolist() == [0, 50 * USD, -20 * USD]
    assert made.tables["block_rules"]["cross_pool_cash"][0] == 1_000 * USD
    assert broken_block_invariant(made.state) == 0


def between_own_pools(tables: dict[str, Any]) -> None:
    tables["block_markets"]["pool_cash"][[ALONE, APART]] += (1, -1)


def from_the_cross_pool(tables: dict[str, Any]) -> None:
    tables["block_markets"]["pool_cash"][ALONE] += 1
    tables["block_rules"]["cross_pool_cash"] -= 1


def what_no_holder_owns(tables: dict[str, Any]) -> None:
    tables["block_markets"]["pool_other_cash"][APART] += 1


def into_a_market_without_a_pool(tables: dict[str, Any]) -> None:
    tables["block_markets"]["pool_cash"][CROSS] += 1
    tables["block_rules"]["cross_pool_cash"] -= 1


def between_holders_of_different_pools(tables: dict[str, Any]) -> None:
    tables["accounts"]["cash"][[HOLDER, OTHER]] += (1, -1)


def to_an_account_outside(tables: dict[str, Any]) -> None:
    tables["accounts"]["cash"][[HOLDER, OUTSIDE_ACCOUNT]] += (-1, 1)


def to_the_rounding_account(tables: dict[str, Any]) -> None:
    tables["accounts"]["cash"][[OTHER, ROUNDING_ACCOUNT]] += (-1, 1)


@pytest.mark.parametrize(
    "move",
    [
        between_own_pools,
        from_the_cross_pool,
        what_no_holder_owns,
        into_a_market_without_a_pool,
        between_holders_of_different_pools,
        to_an_account_outside,
        to_the_rounding_account,
    ],
    ids=lambda move: move.__name__,
)
def test_one_unit_in_the_wrong_pool_is_found(move: Callable[[dict[str, Any]], None]) -> None:
    """Every sum over all pools stays right; each pool is an equality of its own."""
    made = engine()
    move(made.tables)
    assert broken_block_invariant(made.state) == 18
