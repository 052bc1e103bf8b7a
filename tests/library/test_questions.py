"""Every question from Python: it works on the built-in account, and its answer takes every form."""

import json
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import seawall as sw
from seawall.domain.instrument import Instrument, MarginTier
from seawall.engine.codec import encode_commands
from seawall.engine.journal import JournalWriter, describe_rules
from seawall.engine.layout import Limits
from seawall.report.findings import Answer
from seawall.venues.rulebook_file import load_rulebook
from tests.lab.test_compare_rules import trade

HYBRID = "examples/account_hybrid.json"
BTC = Instrument(name="BTC", size_decimals=5, tiers=(MarginTier(0, 40),))
LIMITS = Limits(accounts=16, positions=64, orders=64, levels=64, nodes=64)


@cache
def account() -> sw.Account:
    return sw.load_account()


def compared() -> Answer:
    """Two rulebooks on a journal of a few commands."""
    from tempfile import TemporaryDirectory

    with TemporaryDirectory(prefix="seawall-") as folder:
        path = Path(folder) / "commands.journal"
        rules = describe_rules(rulebook=load_rulebook(), instruments=[BTC], limits=LIMITS)
        with JournalWriter(path, rules) as writer:
            writer.append(encode_commands(trade()))
        return sw.compare_rules(path, "hyperliquid", "dydx")


QUESTIONS: dict[str, Callable[[], Answer]] = {
    "stress": lambda: sw.stress(account(), shocks=["-10%", "-20%"]),
    "rehearse": lambda: sw.rehearse(account(), path="flash_crash"),
    "size": lambda: sw.size(account(), "BTC", stop="3%"),
    "carry": lambda: sw.carry(account(), "BTC", notional=10_000, days=3),
    "carry_account": lambda: sw.carry_account(account(), days=3),
    "options": lambda: sw.options(sw.load_account("examples/account_short_call.toml")),
    "cascade": lambda: sw.cascade(account(), minutes=32, accounts=200, backstop=0),
    "deleveraging": lambda: sw.deleveraging(seed=3),
    "vet": lambda: sw.vet(seconds=10, shock_seconds=2),
    "compare_rules": compared,
    "paths": lambda: sw.paths(account(), paths=400, hours=6, seed=1, leverages=[5], workers=1),
    "crises": lambda: sw.crises(
        account(), modes="cross", depths=0.25, rulebooks="dydx", population=0, workers=1
    ),
    "oracle": lambda: sw.oracle(
        account(), oracles="dydx", crisis="flash_crash", population=0, workers=1
    ),
    "keepers": lambda: sw.keepers(account(), mechanisms="dydx_like", trials=2, gas="none"),
    "frontrun": lambda: sw.frontrun(account(), oracles="pyth_like", crisis="flash_crash"),
    "ladder": lambda: sw.ladder(
        account(), ladders="stop 100% at -5%", paths=200, hours=6, workers=1
    ),
    "compare": lambda: sw.compare(account(), paths=200, hours=6, scenarios=[], workers=1),
}
OTHERS = {"Account", "SeawallError", "check_policy", "load_account", "sandbox"}
answer = cache(lambda name: QUESTIONS[name]())


def test_every_question_is_asked_here() -> None:
    assert set(QUESTIONS) | OTHERS == set(sw.__all__)


@pytest.mark.parametrize("name", QUESTIONS)
def test_an_answer_takes_every_form(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = answer(name)
    assert found.sheets
    for sheet in found.sheets:
        assert found.sheet(sheet.name).name == sheet.name
        table = sheet.to_arrow()
        assert table.num_rows == len(sheet.rows)
        assert sheet.to_polars().columns == table.column_names
        assert list(sheet.to_pandas().columns) == table.column_names
    json.dumps(found.to_dict(), allow_nan=False)
    found.show()
    assert capsys.readouterr().out.strip()
    html = found._repr_html_()
    assert "<table" in html
    assert "<table" in found.sheets[0]._repr_html_()
    found.save_report(tmp_path / "report.html")
    assert "</html>" in (tmp_path / "report.html").read_text()
    with pytest.raises(KeyError, match="no sheet 'none'; there are:"):
        found.sheet("none")


def shocks(**given: Any) -> list[dict[str, Any]]:
    return sw.stress(account(), **given).sheet("shocks").numbers()


def test_quantities_are_texts_numbers_or_fractions() -> None:
    wanted = shocks(shocks=["-10%", "-20%"])
    assert shocks(shocks=[-0.1, Fraction(-1, 5)]) == wanted
    assert shocks(shocks=["-10", Decimal("-0.2")]) == wanted
    assert shocks(shocks="-10,-20") == wanted
    assert {each["price_change"] for each in shocks(shocks=-0.1)} == {-10}
    betas = [{"ETH": 1.5}, {"ETH": "1.5"}, {"ETH": Fraction(3, 2)}, ["ETH=1.5"], "ETH=1.5"]
    first, *others = [shocks(shocks="-10%", betas=each) for each in betas]
    assert all(each == first for each in others)
    assert first != shocks(shocks="-10%")
    deep = [5_000_000, "5000000", ["5000000"], dict.fromkeys(account().markets, 5_000_000)]
    first, *others = [shocks(shocks="-20%", depth=each) for each in deep]
    assert all(each == first for each in others)
    for survive in (["-20%"], "-20%", -0.2, [Fraction(-1, 5)]):
        (row,) = sw.stress(account(), shocks="5", survive=survive).sheet("survive").numbers()
        assert row["price_change"] == -20


BAD: dict[str, tuple[Callable[[], Any], str]] = {
    "shocks": (lambda: sw.stress(account(), shocks=["five"]), "shocks: 'five' should be percent"),
    "betas": (lambda: sw.stress(account(), betas={"ETH": 21}), "betas: ETH: 21 should be a number"),
    "survive": (lambda: sw.stress(account(), survive=["much"]), "survive: 'much' should be"),
    "scenarios": (lambda: sw.stress(account(), scenarios=["x"]), "x: is no .toml file"),
    "depth": (lambda: sw.stress(account(), depth=-1), "depth: -1 should be 1 to"),
    "stop": (lambda: sw.size(account(), stop="no"), "stop: 'no' should be"),
    "side": (lambda: sw.size(account(), side="up"), "side: 'up' should be long or short"),
    "leverage": (lambda: sw.carry(account(), leverage="x"), "leverage: 'x' should be a whole"),
    "step": (lambda: sw.rehearse(account(), step=3), "step: 3 should be left out: a scenario"),
    "to": (
        lambda: sw.rehearse(account(), path="x.csv", from_="2026-02-01", to="2026-01-01"),
        "to: '2026-01-01' should be after '2026-02-01'",
    ),
    "days": (lambda: sw.carry_account(account(), days=0), "days: 0 should be days above 0"),
    "only": (lambda: sw.deleveraging(only="x"), "only: 'x' should be one of the waves"),
    "seconds": (lambda: sw.vet(seconds=1), "seconds: 1 should be whole seconds"),
    "sizes": (lambda: sw.vet(sizes=[1]), "sizes: 1 should be USD from 100"),
    "leverages": (lambda: sw.paths(account(), leverages="no"), "leverages: 'no' should be"),
    "paths": (lambda: sw.paths(account(), paths=0), "paths: 0 should be 1 to"),
    "survival": (lambda: sw.compare(account(), survival="2"), "survival: '2' should be"),
    "interest": (lambda: sw.cascade(account(), interest={"X": 1e6}), "interest: 'X' should be one"),
    "coupling": (lambda: sw.cascade(account(), coupling=2), "coupling: 2 should be 0% to 100%"),
    "modes": (lambda: sw.crises(account(), modes="both"), "modes: 'both' should be cross or"),
    "oracles": (lambda: sw.oracle(account(), oracles="x"), "oracle: 'x' should be a .toml file or"),
    "published": (
        lambda: sw.oracle(account(), published="BTC=1"),
        "published: 'BTC=1' should be MARKET=",
    ),
    "mechanisms": (lambda: sw.keepers(account(), mechanisms="x"), "mechanism: 'x' should be a"),
    "margin": (lambda: sw.keepers(account(), margin=2), "margin: 2 should be 0% to 100%"),
    "pools": (lambda: sw.frontrun(account(), pools="x"), "pool: 'x' should be a .toml file or"),
    "distance": (lambda: sw.frontrun(account(), stop="60%"), "stop: '60%' should be above 0%"),
    "left": (lambda: sw.compare_rules("x", "none", "dydx"), "left: none: cannot be read"),
    "market": (lambda: account().liquidation_price("X"), "market: 'X' should be one of"),
    "source": (lambda: sw.load_account("none.toml"), "none.toml: no such file"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_names_the_field(name: str) -> None:
    ask, message = BAD[name]
    with pytest.raises(sw.SeawallError) as caught:
        ask()
    assert message in str(caught.value)


def test_a_probability_has_its_interval() -> None:
    found = sw.paths(account(), paths=400, days="0.25", seed=1, leverages=(), workers=1)
    low, high = found.liquidated.interval
    assert 0 <= low <= found.liquidated.value <= high <= 1


def test_an_account() -> None:
    found = sw.load_account(HYBRID)
    price = found.liquidation_price("BTC")
    assert isinstance(price, Decimal)
    steps = found.explain("BTC")
    assert steps.rows
    assert "<table" in steps._repr_html_()
    assert sw.load_account(HYBRID, prices={"BTC": 117_000}).price("BTC") == 117_000
    assert sw.load_account(rulebook="dydx").rulebook.name == "dydx"
    assert "DOGE" in sw.load_account(extra_markets=["DOGE"]).markets


def test_an_account_in_a_sandbox() -> None:
    with sw.sandbox("BTC=60000", seed=7, speed=0) as venue:
        mine = sw.load_account(venue.users[0].address, at=venue.url, extra_markets=["BTC"])
        assert mine.collateral > 0
        assert float(mine.price("BTC")) == pytest.approx(60_000, rel=0.01)
        venue.shock("BTC", "-10%")
        venue.advance(33)
        moved = sw.load_account(venue.users[0].address, at=venue.url, extra_markets=["BTC"])
        assert float(moved.price("BTC")) == pytest.approx(54_000, rel=0.02)
