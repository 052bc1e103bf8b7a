"""Accounts on which the advice of ``seawall compare`` is known: what a professional would answer.

Each has its reason. The paths are few and fixed, and the differences far above their intervals.
"""

from collections.abc import Sequence

import pytest

from seawall.accounts.load import load_account
from seawall.lab.compare.comparison import Comparison, compare_modes
from seawall.lab.compare.recommendation import recommendation
from seawall.lab.paths.runner import Runner
from seawall.lab.paths.setup import PathOptions, path_setup
from tests.lab.mode_accounts import PRICES
from tests.lab.path_setups import position
from tests.shared_files import ROOT

# The first run on a machine compiles the kernels.
pytestmark = pytest.mark.timeout(660)

HERE = Runner(workers=1)
RUN: PathOptions = {"days": 7, "step_seconds": 600, "paths": 4_096}
TARGET = 0.99


def compared(collateral: int, positions: Sequence[str]) -> Comparison:
    text = f"collateral = {collateral}\n" + "".join(positions)
    prices = {name: price for name, price in PRICES.items() if f'"{name}"' in text}
    account = load_account(text.encode(), prices=prices)
    return compare_modes(path_setup(account, **RUN), TARGET, HERE)


def worst(found: Comparison, name: str) -> float:
    return found.result(name).statistics.loss.shortfalls[0.95].value


def test_a_hedge_stays_whole_and_the_alt_apart() -> None:
    """A BTC long, an ETH short that hedges it, HYPE in a bucket of its own.

    As given the account loses least in the worst 5 % and is ruined least often. Putting BTC alone
    into a bucket would take it from its hedge, and pooling HYPE puts all the money behind it.
    """
    account = load_account(ROOT / "examples/account_hybrid.json")
    found = compare_modes(path_setup(account, **RUN), TARGET, HERE)
    assert found.hedges == [("BTC", "ETH")]
    assert found.choice.mode == "as given"
    assert found.recommended.mode.isolated == ("HYPE",)
    assert worst(found, "as given") < min(worst(found, "cross"), worst(found, "isolated"))
    assert not any({"BTC", "ETH"} & set(each.mode.isolated) for each in found.splits)
    words = " ".join(recommendation(found))
    assert "Recommended: as given: BTC and ETH in the cross pool, HYPE in a bucket" in words
    assert "BTC and ETH hedge each other" in words


def test_the_default_account_loses_a_third_less_in_buckets() -> None:
    """Ten times leveraged, and most of it is BTC, of which the ETH short hedges a fifth.

    In a pool the worst 5 % lose nearly all the money; buckets stop with some of it left, and the
    account is ruined less often. That more is liquidated in buckets is said against it.
    """
    found = compare_modes(path_setup(load_account(), **RUN), TARGET, HERE)
    assert found.choice.mode == "isolated"
    assert set(found.choice.reasons) == {"worst 5 %", "ruin"}
    assert worst(found, "isolated") < 0.8 * worst(found, "as given")
    assert worst(found, "as given") < worst(found, "cross")
    assert "liquidation" in found.choice.against
    words = recommendation(found)
    assert words[0].startswith("Over-leveraged in every mode: ")
    assert words[1].startswith(
        "Recommended: isolated: BTC, ETH and SOL in buckets of their own. Money"
    )
    assert "What is liquidated here more often is a bucket, not the account." in " ".join(words)


def test_a_wild_alt_beside_a_calm_core_gets_a_bucket() -> None:
    """150,000 BTC and 30,000 FARTCOIN on 100,000.

    The pool is never liquidated with or without FARTCOIN, so that survival shows no difference;
    but a bucket stops what FARTCOIN can take, and the worst 5 % lose thousands less.
    """
    found = compared(
        100_000,
        [position("BTC", "long", 150_000, 5), position("FARTCOIN", "long", 30_000, 10)],
    )
    assert found.result("cross").statistics.liquidated.value < 0.001
    assert found.choice.mode == "isolated"
    assert "worst 5 %" in found.choice.reasons
    assert worst(found, "cross") - worst(found, "isolated") > 2_000
    assert not found.is_over_leveraged


def test_correlated_longs_protect_nothing() -> None:
    """Three longs that fall together: none gains where the others lose, so none is a protection.

    With the same leverage in each the mode hardly matters, so the account stays as it is; what
    matters is that it is too large for its money.
    """
    found = compared(
        50_000,
        [
            position("BTC", "long", 100_000, 10),
            position("ETH", "long", 60_000, 10),
            position("SOL", "long", 40_000, 10),
        ],
    )
    assert found.hedges == []
    assert all(each.loss.low > 0 for each in found.positions)
    assert found.choice.mode == "cross"
    assert found.given.mode.is_given
    assert found.is_over_leveraged
    words = " ".join(recommendation(found))
    assert "protect" not in words
    assert "hedge" not in words
    assert "Recommended: cross (as given): BTC, ETH and SOL in the cross pool." in words


def test_too_much_leverage_is_said_before_any_mode() -> None:
    """SOL at 19x for a week: four in five paths lose the risk capital, in a pool or in a bucket."""
    found = compared(10_000, [position("SOL", "long", 190_000, 20)])
    assert found.is_over_leveraged
    assert found.choice.mode == "cross"
    assert all(each.statistics.ruin.low > 0.7 for each in found.modes)
    assert found.bearable is not None
    assert found.bearable.leverage is not None
    assert found.bearable.leverage < 5
    words = recommendation(found)
    assert words[0].startswith("Over-leveraged in every mode: ")
    assert "risk capital of 5,000 USD (50 % of its equity)" in words[0]
    assert "Within 5 % it stays up to a leverage of" in words[0]


@pytest.mark.parametrize("side", ["long", "short"])
def test_a_position_that_loses_nothing_is_left_where_it_is(side: str) -> None:
    """Half of the money in a position: no mode makes a difference, so nothing is changed."""
    found = compared(
        100_000, [position("BTC", side, 30_000, 3), position("ETH", side, 20_000, 3, "isolated")]
    )
    assert found.choice.mode == "as given"
    assert found.choice.reasons == ()
    assert not found.is_over_leveraged
