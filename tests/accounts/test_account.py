"""An account as the library and the lab use it: its names, changes, liquidation prices, steps."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from seawall.accounts.account import Account
from seawall.accounts.load import AccountOptions, load_account, load_answer
from seawall.accounts.prices import sample_prices
from seawall.accounts.valuation import Valuation
from seawall.domain.errors import InputError, SeawallError
from seawall.domain.units import from_units
from seawall.lab.market.named_scenarios import DEFAULT, load
from seawall.lab.stress.reverse import liquidation_boundary
from tests.lab.commands import seawall
from tests.shared_files import ROOT

HYBRID = ROOT / "examples/account_hybrid.json"
PARENT = ROOT / "examples/account_parent.json"
OURS = ROOT / "examples/rehearse_account.toml"
SHORT = b"""
collateral = 30000
[[position]]
market = "ETH"
side = "short"
notional = 50000
leverage = 10
mode = "isolated"
margin = 6000.5
[[position]]
market = "BTC"
side = "long"
size = 0.5
entry = 110000
leverage = 20
"""


# -- what an account says ------------------------------------------------------------------------


def test_an_account_names_its_markets_and_where_all_of_it_comes_from() -> None:
    account = load_account(OURS, AccountOptions(price={"ETH": 3900}, extra_markets=["DOGE"]))
    assert account.source == f"file {OURS}"
    assert account.market("DOGE") == len(account.markets) - 1
    assert account.price("ETH") == Decimal(3900)
    assert account.collateral == Decimal(from_units(account.holdings.collateral, 6))
    assert account.positions == account.holdings.positions
    assert account.origins["price ETH"] == "--price"
    assert account.origins["price DOGE"] == sample_prices().source
    assert account.origins["rulebook"].startswith("hyperliquid as of 20")
    assert load_account(PARENT).origins["market FISH"] == f"file {PARENT}"


def test_the_usual_prices_are_those_at_which_the_built_in_crash_begins() -> None:
    scenario = load(DEFAULT)
    found = {name: float(text) for name, text in sample_prices().items()}
    assert found == {name: scenario.start_prices[name] for name in found}


def test_a_text_is_read_like_the_file_of_it() -> None:
    assert load_account(OURS.read_bytes()).holdings.positions == load_account(OURS).positions
    answer = load_account(HYBRID.read_bytes())
    assert answer.price_texts == load_account(str(HYBRID)).price_texts
    assert answer.reported is not None


@pytest.mark.parametrize(
    ("market", "message"),
    [
        ("XRP", "market: 'XRP' should be one of the markets: BTC, ETH, SOL, DOGE"),
        ("DOGE", "market: 'DOGE' should be a market with a position: BTC, ETH, SOL"),
    ],
)
def test_a_market_without_a_position_has_no_liquidation_price(market: str, message: str) -> None:
    account = load_account(None, AccountOptions(extra_markets=["DOGE"]))
    for ask in (account.liquidation_price, account.explain):
        with pytest.raises(SeawallError, match=f"the built-in example: {message}"):
            ask(market)


# -- changed accounts ----------------------------------------------------------------------------


def test_other_prices_leave_what_is_held() -> None:
    account = load_account(SHORT)
    moved = account.with_prices({"BTC": "99999.5"})
    assert moved.price("BTC") == Decimal("99999.5")
    assert moved.holdings == account.holdings
    assert moved.price("ETH") == account.price("ETH")
    # Of an isolated position the others' prices do not matter, of a pool with one only its own.
    for market in ("ETH", "BTC"):
        assert moved.liquidation_price(market) == account.liquidation_price(market)
    with pytest.raises(InputError, match=r"price: 'BTC=1\.23': 1\.23 has more than 1 decimals"):
        account.with_prices({"BTC": 1.23})


def test_an_open_entry_is_the_price_at_which_the_account_is_opened() -> None:
    account = load_account(SHORT)
    there = account.opened_at({"ETH": "5000.06", "BTC": "100000"})
    asked = load_account(SHORT, AccountOptions(price={"ETH": "5000", "BTC": "100000"}))
    assert there.price_texts == {"ETH": "5000.06", "BTC": "100000"}
    eth, btc = there.positions
    assert btc == account.positions[1] == asked.positions[1]
    assert eth.signed_size == -99_998  # 50,000 USD in lots of 0.0001 at 5000.06
    assert asked.positions[0].signed_size == -100_000
    assert there.opened_at(account.price_texts).holdings == account.holdings


def test_other_rules_ask_again_what_they_allow() -> None:
    account = load_account(OURS)
    there = account.with_rulebook("dydx")
    assert there.rulebook.name == "dydx"
    assert there.holdings == account.holdings
    assert there.instruments == load_account(OURS, AccountOptions(rulebook="dydx")).instruments
    assert there.with_rulebook(account.rulebook).instruments == account.instruments
    steep = SHORT.replace(b"leverage = 20", b"leverage = 50")
    with pytest.raises(InputError, match=r"position 2 \(BTC\): leverage: 50 is more than BTC"):
        load_account(steep, AccountOptions(rulebook="hyperliquid"))
    under = load_account(steep, AccountOptions(rulebook="dydx"))
    with pytest.raises(InputError, match=r"position 2 \(BTC\): leverage: 50 is more than BTC"):
        under.with_rulebook("hyperliquid")


def test_a_changed_account_is_no_longer_what_the_venue_reported() -> None:
    account = load_account(HYBRID)
    assert account.reported is not None
    assert account.replace(name="other").reported is account.reported
    for changed in (
        account.with_prices({"BTC": 60000}),
        account.with_rulebook("dydx"),
        account.replace(holdings=account.holdings),
        load_account(HYBRID, AccountOptions(price=["BTC=60000"])),
        load_account(HYBRID, AccountOptions(rulebook="dydx")),
    ):
        assert changed.reported is None


# -- liquidation prices --------------------------------------------------------------------------


def explained(folder: Path, *arguments: str) -> dict[str, str | None]:
    result = seawall(folder, "explain", *arguments, "--json")
    assert result.returncode == 0, result.stderr
    positions = json.loads(result.stdout)["positions"]
    return {
        (each.get("coin") or each["market"].split("-")[0]): each["liquidation_price"]
        for each in positions
    }


@pytest.mark.parametrize("file", [HYBRID, PARENT], ids=["pools", "subaccounts"])
def test_liquidation_prices_are_those_that_explain_prints(tmp_path: Path, file: Path) -> None:
    account = load_account(file)
    printed = explained(tmp_path, str(file))
    assert set(printed) == set(account.markets)
    for market, text in printed.items():
        found = account.liquidation_price(market)
        assert found == (None if text is None else Decimal(text)), market
        # The engine that holds the account agrees, to the unit in which the market counts prices.
        placed = account.with_prices({}).liquidation_price(market)
        assert placed is not None
        assert found is not None
        unit = Decimal(1).scaleb(-account.instruments[account.market(market)].price_decimals)
        assert abs(placed - found) <= (unit if file == PARENT else Decimal("1e-10")), market


@pytest.mark.parametrize("rulebook", ["hyperliquid", "dydx"])
@pytest.mark.parametrize("source", [None, OURS, SHORT], ids=["example", "file", "text"])
def test_an_engine_liquidates_there_and_not_a_unit_before(
    source: Path | bytes | None, rulebook: str
) -> None:
    account = load_account(source, AccountOptions(rulebook=rulebook))
    valuation = Valuation(account.holdings, account.rulebook, account.instruments, account.prices)
    for position in account.positions:
        name = account.markets[position.market]
        line = liquidation_boundary(valuation, position.market)
        found = account.liquidation_price(name)
        assert (found is None) == (line.over is None)
        if found is None or line.over is None or line.safe is None:
            continue
        decimals = account.instruments[position.market].price_decimals
        over, safe = (Decimal(from_units(each, decimals)) for each in (line.over, line.safe))
        if rulebook == "dydx":
            assert found == over
        else:
            assert min(over, safe) <= found <= max(over, safe)


def test_liquidation_prices_are_those_with_which_a_rehearsal_begins(tmp_path: Path) -> None:
    result = seawall(tmp_path, "rehearse", "--json")
    begun = json.loads(result.stdout)["positions_at_start"]
    account = load_account()
    assert len(begun) == len(account.positions)
    for each in begun:
        found = account.liquidation_price(each["market"])
        assert found is not None
        assert float(found) == pytest.approx(each["liquidation_price"], abs=1e-6)


def test_an_account_that_no_price_liquidates() -> None:
    account = load_account(SHORT.replace(b"30000", b"300000"))
    assert account.liquidation_price("BTC") is None
    assert "there is no liquidation price" in account.explain("BTC").note
    assert account.with_rulebook("dydx").liquidation_price("BTC") is None


# -- steps ---------------------------------------------------------------------------------------


def named(account: Account, market: str) -> dict[str, str]:
    return {each["name"]: each["value"] for each in account.explain(market).plain()}


def test_the_steps_lead_to_the_liquidation_price() -> None:
    for account in (load_account(), load_account(HYBRID), load_account(SHORT)):
        market = account.markets[0]
        steps = named(account, market)
        price = account.liquidation_price(market)
        assert Decimal(steps["liquidation price"].replace(",", "")) == price
        assert Decimal(steps["mark price"].replace(",", "")) == account.price(market)
        assert {"equity of the bucket", "margin available", "distance"} < set(steps)


def test_the_steps_under_rules_of_blocks_show_both_sides_of_the_price() -> None:
    for account in (load_account(PARENT), load_account(None, AccountOptions(rulebook="dydx"))):
        steps = named(account, "BTC")
        price = account.liquidation_price("BTC")
        assert Decimal(steps["liquidation price"].replace(",", "")) == price
        rows = account.explain("BTC").plain()
        assert any("<" in row["numbers"] for row in rows)
        assert any(">=" in row["numbers"] for row in rows)


def test_the_steps_of_a_reported_account_are_those_that_explain_prints(tmp_path: Path) -> None:
    printed = seawall(tmp_path, "explain", str(HYBRID), "--steps", "BTC").stdout
    for name, value in named(load_account(HYBRID), "BTC").items():
        assert any(line.strip().startswith(name) and value in line for line in printed.splitlines())


# -- a venue's answer that is only explained -------------------------------------------------------


def test_an_answer_may_be_of_an_account_that_no_engine_can_hold() -> None:
    empty = b'{"assetPositions": []}'
    assert load_answer(empty).venue == "hyperliquid"
    with pytest.raises(InputError, match="has no positions and no collateral"):
        load_account(empty)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"venue": "nowhere"}, "--venue: 'nowhere' is unknown; known are hyperliquid, dydx"),
        ({"markets": HYBRID}, "--markets: this venue's account needs none; .* read by --meta"),
        ({"meta": Path("none.json")}, "none.json: No such file or directory"),
    ],
)
def test_options_that_do_not_fit_an_answer(options: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_answer(HYBRID, AccountOptions(**options))  # type: ignore[arg-type]
