"""An account with orders and top-ups in shocks, crises and modes: they act on the way."""

from fractions import Fraction
from pathlib import Path

import pytest

from seawall.accounts.account import Account
from seawall.accounts.load import AccountOptions, load_account
from seawall.domain.errors import InputError
from seawall.domain.events import CROSS_POOL
from seawall.domain.units import MICRO
from seawall.lab.crises import crises
from seawall.lab.crises.tiles import tiles
from seawall.lab.crises.trial import Outcome
from seawall.lab.paths.runner import Runner
from seawall.lab.paths.setup import path_setup
from seawall.lab.paths.statistics import path_statistics
from seawall.lab.paths.variants import as_cross, as_isolated
from seawall.lab.stress.result import StressResult, stress
from seawall.report.findings import Status
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
    found = result.findings()
    assert "none of these moves liquidates it" in found.verdict[0].text
    assert found.status == Status("No single move liquidates, its orders acting", "good")


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


def test_a_stop_beyond_the_liquidation_saves_from_no_move_that_ends_before(tmp_path: Path) -> None:
    """Without orders a fall by 8.86 % liquidates; the stop lies at 9.1 %.

    A mark at 9.25 % fires the stop before it is looked at, so that a bisection from far away finds
    no liquidation at all, or a later one.
    """
    account = account_of(tmp_path, STOP.replace("95000", "90900"))
    result = shocked(account, "-9.25%")
    assert result.cells[0].liquidated == ()
    assert result.boundaries[0].size == pytest.approx(-0.0886, abs=1e-4)
    assert result.with_orders[0].over == Fraction(-36, 400)
    assert shocked(account, "-9%").cells[0].liquidated == (CROSS_POOL,)


def test_orders_that_add_liquidate_what_no_price_would(tmp_path: Path) -> None:
    """20,000 USD of BTC on 30,000; a bid for five more at 90,000 makes it 17 times leveraged."""
    bid = '[[order]]\nmarket = "BTC"\nside = "buy"\nsize = 5\nprice = 90000\n'
    file = tmp_path / "account.toml"
    file.write_text("collateral = 30000\n" + position("BTC", "long", 20_000, 40) + bid)
    result = shocked(load_account(file, AccountOptions(price=["BTC=100000"])), "-5%")
    assert result.boundaries[0].size is None
    over = result.with_orders[0].over
    assert over is not None
    assert Fraction(-18, 100) < over < Fraction(-10, 100)


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


@pytest.mark.parametrize("rulebook", ["hyperliquid", "dydx"])
def test_orders_and_money_act_in_a_crisis(tmp_path: Path, rulebook: str) -> None:
    def outcome(*more: str) -> Outcome:
        answer = crises(
            account_of(tmp_path, *more), crises="crash_2025_10_10", rulebooks=rulebook,
            modes="cross", depths="calm", population=0, workers=1,
        )  # fmt: skip
        (found,) = answer.outcomes
        return found

    bare, stopped, filled = outcome(), outcome(STOP), outcome(TOP_UP)
    assert bare.liquidated
    assert not stopped.liquidated
    # Red is a liquidation, not the least of what is left.
    assert [tiles([each])[1].style for each in (bare, stopped)] == ["bad", ""]
    # Sold on the way down at about 95,000 of 100,000, and not exposed to what comes after.
    assert 4_500 * MICRO < stopped.lost < 7_000 * MICRO
    assert stopped.end < bare.start
    assert (bare.added, filled.added) == (0, 10_000 * MICRO)
    assert filled.lost == filled.start + filled.added - filled.end


def test_orders_act_in_every_mode_that_is_compared(tmp_path: Path) -> None:
    def liquidated(*more: str) -> list[float]:
        held = (position("ETH", "long", 30_000, 10), *more)
        setup = path_setup(account_of(tmp_path, *held), paths=1_000, hours=48, step_seconds=300)
        runner = Runner(workers=1)
        prices = setup.account.price_texts
        holdings = setup.account.holdings
        modes = (as_cross(holdings), as_isolated(holdings, setup.account.instruments, prices))
        tasks = [setup.task(each) for each in modes]
        found = zip(tasks, runner.all_outcomes(tasks, ""), strict=True)
        return [path_statistics(*each, setup.limits).liquidated.value for each in found]

    for without, with_stop in zip(liquidated(), liquidated(STOP), strict=True):
        assert with_stop < without
