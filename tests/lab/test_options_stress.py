"""Shocks of an account in portfolio margin, beside what `seawall options` says of it."""

from pathlib import Path

import pytest

import seawall as sw
from seawall.accounts.load import load_account
from seawall.domain.errors import InputError
from seawall.lab.options import OptionsResult, options
from seawall.lab.options.held import moved
from seawall.lab.options.legs import closing_cost
from seawall.lab.options.stress import PooledStress
from seawall.lab.stress import StressResult, stress
from tests.command_line import seawall
from tests.shared_files import ROOT

FILE = ROOT / "examples" / "account_short_call.toml"
COINS = ROOT / "examples" / "account_coins.toml"
CHAIN = ROOT / "examples" / "account_chain.toml"
PRESETS = ("derive-pm2", "deribit-spm", "paradex-scan")


@pytest.fixture(scope="module")
def looked_at() -> OptionsResult:
    return options(load_account(FILE), presets=PRESETS)


@pytest.fixture(scope="module")
def shocked() -> PooledStress:
    return stress(load_account(FILE), presets=PRESETS)


def test_margin_and_liquidation_prices_are_those_of_options(
    shocked: PooledStress, looked_at: OptionsResult
) -> None:
    for own, other in zip(shocked.now, looked_at.now, strict=True):
        assert own.total == other.total
        assert own.liquidation == other.liquidation


@pytest.mark.parametrize("change", [-0.5, 0.5, 1.0])
def test_every_shock_is_a_cell_of_options(looked_at: OptionsResult, change: float) -> None:
    cells = {
        (each.rule.name, each.price_change): each.total
        for each in looked_at.cells
        if each.volatility_change == change
    }
    found = stress(
        load_account(FILE), presets=PRESETS, shocks=["5,10,20,30"], volatility_change=change
    )
    assert len(found.shocks) == 24
    for each in found.shocks:
        assert each.total == cells[each.rule.name, each.size]
    limits = {
        (each.rule.name, each.volatility_change): each.liquidation
        for each in looked_at.by_volatility
    }
    for now in found.now:
        if change > 0:
            assert now.liquidation["BTC"] == limits[now.rule.name, change]


def test_a_liquidation_on_the_way_ends_at_the_liquidation_price(shocked: PooledStress) -> None:
    """And leaves the equity there less the cost, of one coin of each leg."""
    limits = {each.rule.name: each.liquidation["BTC"].below for each in shocked.now}
    fell = [each for each in shocked.shocks if each.size == -0.3]
    assert len(fell) == 3
    for each in fell:
        assert each.liquidated_at is not None
        price = 100_000 * (1 - 0.3 * each.liquidated_at)
        assert price == pytest.approx(limits[each.rule.name], rel=1e-9)
        there = {"BTC": moved(shocked.held.portfolios["BTC"], price / 100_000 - 1)}
        cost = closing_cost(there, 0.005)
        assert cost == pytest.approx(0.005 * price * 2)
        assert each.left == pytest.approx(shocked.held.cash + there["BTC"].equity - cost)
        assert each.lost == pytest.approx(25_000 - each.left)
        assert each.first == "BTC perpetual"


def test_a_naked_call_is_closed_first_from_above() -> None:
    text = FILE.read_text().replace("size = 1\nentry", "size = 0.01\nentry")
    found = stress(load_account(text.encode()), presets="derive-pm2", shocks="+30")
    (up,) = found.shocks
    assert up.liquidated_at is not None
    assert up.first == "BTC call 110,000, 30.0 days"


def test_the_deposit_is_enough_and_a_dollar_less_is_not(shocked: PooledStress) -> None:
    (row,) = (
        each for each in shocked.shocks if each.size == -0.2 and each.rule.name == "derive-pm2"
    )
    for more, stands in ((1.0, True), (-1.0, False)):
        text = FILE.read_text().replace("25000", f"{25_000 + row.deposit + more:.6f}")
        (again,) = stress(load_account(text.encode()), presets="derive-pm2", shocks="-20").shocks
        assert (again.liquidated_at is None) is stands


def test_what_a_liquidation_lacks_others_bear() -> None:
    text = FILE.read_text().replace("25000", "16500")
    found = stress(
        load_account(text.encode()), presets="derive-pm2", shocks="-20", liquidation_cost="20%"
    )
    (row,) = found.shocks
    assert (row.left, row.lost) == (0.0, 16_500)
    assert row.missing > 0


def test_coins_are_shocked_under_the_rule_that_takes_them() -> None:
    account = load_account(COINS, prices={"HYPE": 50})
    found = stress(account, presets=(), shocks="-20,-40")
    own = options(account, presets="hyperliquid")
    assert [each.rule.name for each in found.now] == ["hyperliquid"]
    assert found.now[0].liquidation == own.now[0].liquidation
    stands, falls = (each for each in found.shocks if each.move.name == "HYPE")
    assert stands.liquidated_at is None
    assert falls.first == "HYPE coins"
    assert falls.liquidated_at == pytest.approx(
        (1 - own.now[0].liquidation["HYPE"].below / 50) / 0.4  # type: ignore[operator]
    )


def test_several_markets_move_together_and_by_their_betas() -> None:
    text = FILE.read_text() + (
        '[[position]]\nmarket = "ETH"\nside = "short"\nsize = 5\nentry = 4000\nleverage = 5\n'
    )
    found = stress(load_account(text.encode()), presets="derive-pm2", betas={"ETH": 1.5})
    assert [each.move.name for each in found.smallest] == ["all together", "BTC and betas"]
    names = {each.move.name for each in found.shocks}
    assert names == {"BTC", "ETH", "all together", "BTC and betas"}
    (row,) = (e for e in found.shocks if e.move.name == "BTC and betas" and e.size == -0.1)
    assert row.prices == pytest.approx({"BTC": 90_000, "ETH": 4_000 * 0.85})


def test_an_account_without_options_is_stressed_on_the_engine() -> None:
    text = FILE.read_text().split("[[option]]")[0]
    mine = load_account(text.encode())
    assert isinstance(stress(mine, shocks="10"), StressResult)
    # In portfolio margin only where a preset is named.
    assert isinstance(stress(mine, presets="derive-pm2", shocks="10"), PooledStress)


def test_the_command_takes_options_and_says_what_has_no_meaning(tmp_path: Path) -> None:
    found = seawall(
        "stress", str(FILE), "--preset", "derive-pm2", "--shock", "-20", folder=tmp_path
    )
    assert found.returncode == 0
    assert "Derive PM2 liquidates it when BTC falls 12.19 % to 87,805 USD" in found.stdout
    for arguments, message in (
        (
            (str(FILE), "--survive", "10"),
            "--survive: ['10'] should be left out in portfolio",
        ),
        (("--volatility-change", "10%"), "--volatility-change: '10%' should be left out without"),
        ((str(FILE), "--volatility-change", "-200%"), "should be -99% to 900%, such as"),
        ((str(FILE), "--preset", "hyperliquid"), "none can margin the account: hyperliquid"),
        ((str(FILE), "--liquidation-cost", "90%"), "should be 0% to 50% of the price"),
    ):
        found = seawall("stress", *arguments, folder=tmp_path)
        assert (found.returncode, found.stdout) == (2, "")
        assert message in found.stderr.splitlines()[-1]


def test_the_library_asks_for_presets() -> None:
    with pytest.raises(InputError, match="from Python, with presets"):
        sw.stress(load_account(FILE))
