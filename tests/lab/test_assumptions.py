"""What is assumed of markets: one source, its file, and how figures of a file and options win."""

from fractions import Fraction
from pathlib import Path

import pytest

from seawall.domain.errors import InputError
from seawall.lab.market.assumption_sheets import Used, rows_of_days
from seawall.lab.market.assumptions import DEPTH, INTEREST, WITH_JUMPS, assumptions_of
from seawall.lab.market.assumptions_file import COMMON_FIELDS, MARKET_FIELDS
from seawall.lab.market.fees import fee_rates
from seawall.venues.rulebook_file import load_rulebook
from tests.shared_files import ROOT

USD = 1_000_000


def test_every_figure_has_a_source_with_a_date() -> None:
    shipped = assumptions_of()
    assert set(shipped.common) == set(COMMON_FIELDS)
    for market, fields in shipped.markets.items():
        for field, stated in fields.items():
            dated = "as of" in stated.source or (market, field) == ("BTC", "beta")
            assert dated, (market, field, stated.source)
    for group in shipped.groups:
        assert set(group.values) == set(MARKET_FIELDS)
    assert all("as of" in each.source for each in shipped.common.values())


def test_a_market_that_is_not_listed_takes_its_group() -> None:
    found = assumptions_of().of("volatility", "NEVERHEARD", 10)
    assert (float(found.value), found.source) == (1.1, "assumed: markets of 10x and more")
    assert "nothing measured" in assumptions_of().of("beta", "NEVERHEARD", 10).source


def test_depth_and_open_interest_fit_together() -> None:
    shipped = assumptions_of()
    for market in ("BTC", "HYPE", "ARB", "APE", "NEVERHEARD"):
        for leverage in (3, 10, 40):
            share = shipped.value(DEPTH, market, leverage) / shipped.value(
                INTEREST, market, leverage
            )
            assert 0.005 <= share <= 0.05
    # By leverage alone a market of a billion would be as deep as one of ten million.
    assert shipped.value(DEPTH, "HYPE", 10) == 0.005 * shipped.value(INTEREST, "HYPE", 10)
    deep = shipped.given(INTEREST, {"ARB": 1e9})
    assert deep.value(DEPTH, "ARB", 10) == 5e6
    # A depth that is stated is what it is.
    assert deep.given(DEPTH, {"ARB": 7.0}).value(DEPTH, "ARB", 10) == 7.0


def test_volatility_with_jumps_is_that_of_the_model() -> None:
    shipped = assumptions_of()
    jumps = 53.6 * (0.0054**2 + 0.0388**2)
    for market, share in (("BTC", 1.0), ("FARTCOIN", 2.13)):
        between = shipped.value("volatility", market, 10)
        total = (between**2 + jumps * share**2) ** 0.5
        assert shipped.value(WITH_JUMPS, market, 10) == pytest.approx(total, abs=1e-6)


def test_a_file_changes_what_it_names_and_nothing_else() -> None:
    file = ROOT / "examples" / "assumptions.toml"
    own, shipped = assumptions_of(file), assumptions_of()
    assert own.value("volatility", "BTC", 40) == 0.5
    assert own.of("volatility", "BTC", 40).source == f"{file}: our own estimates (as of 2026-11)"
    assert own.of("jump_beta", "BTC", 40) == shipped.of("jump_beta", "BTC", 40)
    assert own.correlation("ETH", "SOL", {}).value == Fraction("0.8")
    assert own.correlation("ETH", "BTC", {}) == shipped.correlation("ETH", "BTC", {})
    assert own.markets["ETH"] == shipped.markets["ETH"]
    assert own.backstop({"SOL": 20}) == 5_000_000 * USD


def test_the_volume_in_the_fee_window_decides_the_fees() -> None:
    file = assumptions_of(ROOT / "examples" / "assumptions.toml")
    for name in ("hyperliquid", "dydx"):
        book = load_rulebook(name)
        reached = fee_rates(book, 6_000_000 * USD)
        rules = file.rules(book)
        assert fee_rates(rules, 0)[:2] == reached[:2] != fee_rates(book, 0)[:2]
        assert fee_rates(rules, 10**15)[:2] == fee_rates(book, 10**15)[:2]
        assert assumptions_of().rules(book) is book


BAD = [
    ("[market.BTC]\ndepth = -5", "market.BTC.depth: -5 should be a number from 1 to 1e+09"),
    ('[market.BTC]\nvolatility = "high"', "market.BTC.volatility: 'high' should be a number"),
    ("[market.BTC]\nbeta = 2", "market.BTC.beta: 2 should be 1: the others follow it"),
    ("[market.BTC]\ndept = 5", "market.BTC: 'dept' should be one of volatility"),
    ("[market.BTC]\ndepth = true", "market.BTC.depth: True should be a number"),
    ("[market.ETH.correlation]\nBTC = 2", "market.ETH.correlation.BTC: 2 should be a number from"),
    ("[common]\njumps = 5", "common: 'jumps' should be one of jump_rate"),
    ("markets = 5", "table: 'markets' should be one of common, market"),
    ("market = 5", "market: 5 should be a table"),
    ("[[group]]\nleast_leverage = 5", "table: 'group' should be one of common, market"),
    ("depth = ", "not valid TOML"),
]


@pytest.mark.parametrize(("text", "message"), BAD, ids=[message for _, message in BAD])
def test_a_file_that_cannot_be_used(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(text)
    with pytest.raises(InputError) as caught:
        assumptions_of(file)
    assert str(caught.value).startswith(f"assume: {file}: ")
    assert message in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"assume: .*none\.toml: No such file"):
        assumptions_of(tmp_path / "none.toml")


def test_days_that_differ_are_named() -> None:
    shipped = assumptions_of()
    days = {
        "one day": shipped.given(INTEREST, {"BTC": 1e9}),
        "another": shipped.given(INTEREST, {"BTC": 2e9}),
    }
    rows = rows_of_days(
        {
            name: Used(assumptions=each, leverages={"BTC": 40}, fields=(INTEREST, "spread_bp"))
            for name, each in days.items()
        }
    )
    assert [(each.words, each.value) for each in rows] == [
        ("open interest of one side, one day", 1e9),
        ("open interest of one side, another", 2e9),
        ("spread", 1.0),
    ]
