"""Loading accounts: sources, prices now, and what is refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from seawall.accounts.account import Account
from seawall.accounts.load import AccountOptions, load_account
from seawall.domain.enums import MarginMode
from seawall.domain.errors import InputError
from seawall.domain.units import to_units
from seawall.venues.hyperliquid.account.state import account_state
from tests.lab.commands import refused, seawall
from tests.shared_files import ROOT
from tests.unit.subaccount_answers import OWNER, answer, subaccount

HYBRID = str(ROOT / "examples/account_hybrid.json")
PARENT = str(ROOT / "examples/account_parent.json")
CHILDREN = str(ROOT / "examples/account_subaccount.json")
META = {
    "universe": [
        {"name": "FISH", "szDecimals": 1, "maxLeverage": 5},
        {"name": "GONE", "szDecimals": 1, "maxLeverage": 5, "isDelisted": True},
    ]
}
ONE = """
collateral = 1000
[[position]]
market = "BTC"
side = "long"
notional = 5000
leverage = 10
"""


def loaded(account: str | Path | None, **options: Any) -> Account:
    return load_account(account, AccountOptions(**options))


def file(folder: Path, text: str | dict[str, Any], name: str = "mine.toml") -> Path:
    path = folder / name
    path.write_text(text if isinstance(text, str) else json.dumps(text))
    return path


# -- sources and prices --------------------------------------------------------------------------


def test_without_an_account_there_is_the_built_in_one_at_the_prices_of_the_crash() -> None:
    found = loaded(None)
    assert found.source == "the built-in example"
    assert found.price_texts == {"BTC": "116970", "ETH": "4014", "SOL": "207.06"}
    assert [each.name for each in found.instruments] == ["BTC", "ETH", "SOL"]
    assert found.holdings.collateral == 100_000_000_000
    assert (found.venue, found.rulebook.name, found.funding) == ("hyperliquid", "hyperliquid", {})
    assert {name: each.maximum_leverage for name, each in found.listed.items()} == {
        "BTC": 40, "ETH": 25, "SOL": 20,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("entry", "wishes", "price", "entry_notional"),
    [
        ("", [], "116970", 4_999.2978),
        ("entry = 100000", [], "100000", 5_000),
        ("entry = 100000", ["BTC=90000.5"], "90000.5", 5_000),
        ("", ["BTC=90000"], "90000", 4_999.5),
        # The average of fills is finer than a price of the market; the entry stays as it is.
        ("entry = 100000.06", [], "100000.1", 4_999.002_999_4),
        ("entry = 100000.04", ["BTC=9e4"], "90000", 4_999.001_999_6),
    ],
)
def test_the_price_now(
    tmp_path: Path, entry: str, wishes: list[str], price: str, entry_notional: float
) -> None:
    found = loaded(file(tmp_path, ONE + entry), price=wishes)
    assert found.price_texts == {"BTC": price}
    (position,) = found.holdings.positions
    assert position.entry_notional == pytest.approx(entry_notional * 1e6, abs=1)
    assert found.source == f"file {tmp_path / 'mine.toml'}"


def test_a_state_of_the_venue_has_its_own_prices() -> None:
    found = loaded(HYBRID)
    assert found.price_texts == {"BTC": "63250", "ETH": "1925.5", "HYPE": "40.5"}
    modes = [position.mode for position in found.holdings.positions]
    assert set(modes) == {MarginMode.CROSS, MarginMode.ISOLATED}
    moved = loaded(HYBRID, price=["HYPE=30"])
    assert moved.price_texts == found.price_texts | {"HYPE": "30"}
    assert moved.holdings == found.holdings


def test_every_bucket_has_the_equity_that_the_venue_says() -> None:
    found = loaded(HYBRID)
    state = account_state(Path(HYBRID).read_bytes())
    profits = {}
    for position in found.holdings.positions:
        instrument = found.instruments[position.market]
        price = to_units(found.price_texts[instrument.name], instrument.price_decimals)
        side = 1 if position.signed_size > 0 else -1
        profits[instrument.name] = position.signed_size * price - side * position.entry_notional
    told = {each.coin: each for each in state.positions}
    assert set(profits) == set(told)
    cash = found.holdings.collateral - sum(
        each.isolated_margin for each in found.holdings.positions
    )
    assert cash + sum(profits[p.coin] for p in state.positions if p.is_cross) == (
        state.cross_equity()
    )
    for position in found.holdings.positions:
        coin = found.instruments[position.market].name
        if position.mode == MarginMode.ISOLATED:
            assert position.isolated_margin + profits[coin] == told[coin].bucket_equity


def test_an_indexers_answer_brings_markets_prices_and_rules() -> None:
    found = loaded(PARENT)
    assert (found.venue, found.rulebook.name) == ("dydx", "dydx")
    assert found.price_texts == {"BTC": "50000", "ETH": "2500", "FISH": "0.85", "SOL": "150"}
    assert all(each.block_terms is not None for each in found.instruments)
    # How liquid a market is does not follow from the leverage that these rules grant in it.
    assert found.listed["BTC"].maximum_leverage == 40


@pytest.mark.parametrize("account", [None, HYBRID])
def test_either_kind_of_account_under_the_other_rules(account: str | None) -> None:
    here, there = loaded(account), loaded(account, rulebook="dydx")
    assert there.rulebook.name == "dydx"
    assert all(each.block_terms is not None for each in there.instruments)
    assert there.price_texts == here.price_texts
    assert there.listed == here.listed
    back = loaded(PARENT, rulebook="hyperliquid")
    assert back.rulebook.name == "hyperliquid"
    assert back.price_texts == loaded(PARENT).price_texts


def test_wished_markets_come_after_the_accounts_own() -> None:
    found = loaded(None, extra_markets=["XRP", "BTC", "HYPE"], price=["HYPE=45.5"])
    assert [each.name for each in found.instruments] == ["BTC", "ETH", "SOL", "XRP", "HYPE"]
    assert (found.price_texts["XRP"], found.price_texts["HYPE"]) == ("2.6929", "45.5")
    assert list(found.listed) == list(found.price_texts)


def test_an_account_without_positions_can_wish_for_a_market(tmp_path: Path) -> None:
    path = file(tmp_path, "collateral = 500\n")
    found = loaded(path, extra_markets=["BTC"])
    assert (found.holdings.collateral, found.holdings.positions) == (500_000_000, ())


def test_markets_of_the_venues_own_list(tmp_path: Path) -> None:
    meta = file(tmp_path, META, "meta.json")
    account = file(tmp_path, ONE.replace("BTC", "FISH").replace("= 10", "= 5") + "entry = 2")
    found = loaded(account, meta=meta)
    assert found.price_texts == {"FISH": "2"}
    assert found.instruments[0].size_decimals == 1


# -- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("account", "options", "message"),
    [
        (None, {"price": ["BTC"]}, "--price: 'BTC' should be MARKET=USD, such as BTC=100"),
        (None, {"price": ["XRP=2"]}, "--price: 'XRP' is not one of the markets: BTC, ETH, SOL"),
        (None, {"price": ["BTC=x"]}, "--price: 'BTC=x': 'x' is not a decimal number"),
        (None, {"price": ["BTC=nan"]}, "--price: 'BTC=nan': 'nan' is not a decimal number"),
        (None, {"price": ["BTC=0"]}, "--price: 'BTC=0': should be above 0"),
        (None, {"price": ["BTC=-5"]}, "--price: 'BTC=-5': should be above 0"),
        (None, {"price": ["BTC=1.23"]}, "--price: 'BTC=1.23': 1.23 has more than 1 decimals"),
        (None, {"price": ["BTC=1e12"]}, "--price: 'BTC=1e12': 1e12 is too large"),
        (None, {"extra_markets": ["NONE"]}, "market: 'NONE' is not known here; known: BTC, ETH"),
        (None, {"extra_markets": ["HYPE"]}, "price of HYPE now is not known.*--price HYPE=USD"),
        (None, {"rulebook": "none"}, "none: cannot be read"),
        (None, {"meta": Path("none.json")}, "none.json: No such file or directory"),
        (None, {"at": "http://127.0.0.1:1"}, "--at: .*belongs to an account that is given by its"),
        (HYBRID, {"at": "http://127.0.0.1:1"}, "--at: .*belongs to an account that is given by"),
        (HYBRID, {"price": ["SOL=1"]}, "--price: 'SOL' is not one of the markets: BTC, ETH, HYPE"),
        (PARENT, {"markets": Path("none.json")}, "none.json: No such file or directory"),
        ("none.toml", {}, "none.toml: no such file"),
        ("none.xlsx", {}, "none.xlsx: no such file"),
        (".", {}, ".: no file clearinghouseState.json; the folder should hold the answers"),
        ("0x" + "a1" * 20, {"at": "127.0.0.1"}, "--at: '127.0.0.1' should be a URL such as http"),
        ("0x" + "a1" * 20, {"at": "http://127.0.0.1:1"}, "127.0.0.1:1/info: cannot be reached"),
        ("0x" + "a1" * 20, {"meta": Path("m.json")}, "--meta: m.json: belongs to a file; an add"),
        ("0x" + "a1" * 20, {"markets": Path("m")}, "--markets: m: belongs to a file; an address"),
        ("0xabc", {}, "ACCOUNT: '0xabc' is no address: 0x and 40 hexadecimal digits"),
        ("dydx1abcdefg", {}, "ACCOUNT: no address: 'dydx1abcdefg' must not have 'b'"),
    ],
)
def test_wishes_that_cannot_be_met(
    account: str | None, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        loaded(account, **options)


BAD_ENTRY = "entry = 0.00000001"


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        ("collateral = 1", "a.toml", "a.toml: has no positions"),
        ("", "a.toml", "collateral is missing"),
        (ONE.replace("notional = 5000", ""), "a.toml", "give one of size, notional"),
        (ONE.replace("5000", '"much"'), "a.toml", "notional: 'much' should be a decimal number"),
        (ONE.replace("= 10\n", "= true\n"), "a.toml", "leverage: 'True' should be a whole number"),
        (ONE.replace("= 10\n", "= 50\n"), "a.toml", "leverage: 50 is more than BTC allows"),
        (ONE.replace("BTC", "NONE"), "a.toml", "market: 'NONE' is not known here"),
        (ONE.replace("BTC", "HYPE"), "a.toml", "the price of HYPE now is not known: give the"),
        (ONE + BAD_ENTRY, "a.toml", "BTC: entry: 0.00000001 should be 0.1 to 107374182.3 USD"),
        (ONE, "a.txt", "the file's name should end in .toml, .json"),
        ("x", "a.json", "not JSON"),
        ({"assetPositions": []}, "a.json", "has no positions and no collateral"),
        ({"withdrawable": "1"}, "a.json", "assetPositions: missing"),
        (answer(subaccount("0", {})), "a.json", "has no positions and no collateral"),
        (answer(subaccount("100", {})), "a.json", "has no positions"),
        ({"subaccount": subaccount("1", {"BTC-USD": "1"})}, "a.json", "markets: missing"),
        (answer(subaccount("1", {"BTC-USD": "x"})), "a.json", "size: 'x' is not a decimal"),
    ],
)
def test_files_that_hold_no_account(
    tmp_path: Path, text: str | dict[str, Any], name: str, message: str
) -> None:
    path = file(tmp_path, text, name)
    with pytest.raises(InputError, match=message) as caught:
        loaded(path)
    assert str(caught.value).startswith(str(path))
    assert OWNER not in str(caught.value)


def test_a_wrong_list_of_markets_is_named(tmp_path: Path) -> None:
    meta = file(tmp_path, {"universe": [{"name": "BTC"}]}, "meta.json")
    with pytest.raises(InputError, match=r"meta.json: universe\[0\].szDecimals: missing"):
        loaded(None, meta=meta)
    delisted = file(tmp_path, META, "meta.json")
    account = file(tmp_path, ONE.replace("BTC", "GONE"))
    with pytest.raises(InputError, match="'GONE' is not known here; known: FISH"):
        loaded(account, meta=delisted)


def test_a_command_says_it_in_one_line_with_status_2(tmp_path: Path) -> None:
    file(tmp_path, {"assetPositions": []}, "empty.json")
    refused(
        seawall(tmp_path, "rehearse", "empty.json"),
        "rehearse",
        "empty.json: has no positions and no collateral",
    )


# -- words of what is refused --------------------------------------------------------------------


def test_a_list_of_markets_adds_to_those_that_ship(tmp_path: Path) -> None:
    listed = {"universe": [*META["universe"], {"name": "BNB", "szDecimals": 3, "maxLeverage": 5}]}
    meta = file(tmp_path, listed, "meta.json")
    found = loaded(None, meta=meta, extra_markets=("FISH", "BNB"), price={"FISH": 1, "BNB": 600})
    assert [each.name for each in found.instruments] == ["BTC", "ETH", "SOL", "FISH", "BNB"]
    assert found.instruments[-1].maximum_leverage == 5, "the list goes before what ships"
    gone = file(
        tmp_path,
        {"universe": [{"name": "ETH", "szDecimals": 4, "maxLeverage": 25, "isDelisted": True}]},
        "gone.json",
    )
    with pytest.raises(InputError, match="the built-in example: market: 'ETH' is not known here"):
        loaded(None, meta=gone)


@pytest.mark.parametrize(
    ("market", "words"),
    [
        ("FOO", "market: 'FOO' is not known here; known: BTC, ETH"),
        ("AVAX", "the price of AVAX now is not known: give --price AVAX=USD"),
    ],
)
def test_a_market_that_an_option_names_is_not_laid_to_a_file(market: str, words: str) -> None:
    with pytest.raises(InputError) as error:
        loaded(None, extra_markets=(market,))
    assert str(error.value).startswith(words)


def test_a_book_says_the_price_of_its_market(tmp_path: Path) -> None:
    book = file(tmp_path, "side,price,size\nbid,19.9,1000\nask,20.1,1000\n", "book.csv")
    result = seawall(tmp_path, "size", "AVAX", "--book", str(book))
    assert result.returncode == 0, result.stderr
    assert "AVAX at 20 USD" in result.stdout


@pytest.mark.parametrize("command", [("paths", "--candles"), ("rehearse", "--path"), ("vet",)])
def test_a_folder_is_called_a_folder(command: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "candles.d").mkdir()
    result = seawall(tmp_path, *command, "candles.d")
    refused(result, command[0], "candles.d: is a folder; name a file")
