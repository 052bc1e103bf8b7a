"""Shocks of an account with orders: they act on the way, as the engine says."""

from fractions import Fraction
from pathlib import Path

import pytest

from seawall.accounts.account import Account
from seawall.accounts.load import AccountOptions, load_account
from seawall.domain.errors import InputError
from seawall.domain.events import CROSS_POOL
from seawall.domain.units import MICRO
from seawall.lab.stress.result import StressResult, stress
from tests.lab.path_setups import PRICES, position

pytestmark = pytest.mark.timeout(600)

STOP = '[[order]]\nmarket = "BTC"\nside = "sell"\nsize = 1\nstop = 95000\n'
TOP_UP = '[[top_up]]\nmarket = "BTC"\nprice = 97000\namount = 10000\n'


def account_of(folder: Path, *more: str, mode: str = "cross") -> Account:
    file = folder / "account.toml"
    file.write_text(
        "collateral = 10000\n" + position("BTC", "long", 100_000, 10, mode) + "".join(more)
    )
    prices = [each for each in PRICES if f'"{each.split("=")[0]}"' in file.read_text()]
    return load_account(file, AccountOptions(price=prices))


def shocked(account: Account, size: str, *, instant: bool = False) -> StressResult:
    return stress(account, shocks=[size], instant=instant, depth=["BTC=50000000"])


def test_a_stop_closes_the_position_before_it_is_liquidated(tmp_path: Path) -> None:
    (without,) = shocked(account_of(tmp_path), "-20%").cells
    result = shocked(account_of(tmp_path, STOP), "-20%")
    (cell,) = result.cells
    assert without.liquidated == (CROSS_POOL,)
    assert cell.liquidated == ()
    assert cell.aftermath is not None
    assert cell.aftermath.positions == {}
    # Sold below the mark at which it is triggered, at most a step of 1 % below its level.
    assert 5_000 * MICRO < cell.lost < 6_200 * MICRO
    assert cell.ordered is not None
    assert 93_900 * MICRO < cell.ordered < 95_000 * MICRO
    assert result.with_orders[0].over is None
    assert "none of these moves liquidates it" in result.findings().verdict[0].text


def test_a_jump_beyond_the_worst_price_of_a_stop_liquidates(tmp_path: Path) -> None:
    account = account_of(tmp_path, STOP.replace("95000", "99000"))
    assert shocked(account, "-8%", instant=True).cells[0].liquidated == ()
    (cell,) = shocked(account, "-13%", instant=True).cells
    assert cell.liquidated == (CROSS_POOL,)
    assert cell.ordered == 0


@pytest.mark.parametrize("mode", ["cross", "isolated"])
def test_money_that_is_added_moves_the_liquidation_away(tmp_path: Path, mode: str) -> None:
    account = account_of(tmp_path, TOP_UP, mode=mode)
    result = shocked(account, "-12%")
    (cell,) = result.cells
    assert cell.liquidated == ()
    assert cell.lost == 12_000 * MICRO
    assert cell.left == 8_000 * MICRO
    boundary = result.boundaries[0].size
    over = result.with_orders[0].over
    assert boundary is not None
    assert over is not None
    # 10,000 USD more carry 10 % of the notional further.
    assert Fraction(-21, 100) < over < boundary - Fraction(9, 100)


def test_a_stop_that_is_passed_already_is_refused(tmp_path: Path) -> None:
    account = account_of(tmp_path, STOP.replace("95000", "105000"))
    with pytest.raises(InputError, match="INVALID_TRIGGER_PRICE"):
        shocked(account, "-5%")


def test_money_for_a_market_without_a_position_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"top_up 1 \(ETH\): market: has no position"):
        account_of(
            tmp_path,
            TOP_UP.replace("BTC", "ETH"),
            '[[order]]\nmarket = "ETH"\nside = "buy"\nsize = 1\nprice = 3000\n',
        )
