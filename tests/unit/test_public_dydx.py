"""Accounts and books read by address from an indexer's answers, served on loopback."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from seawall.accounts.account import Account
from seawall.accounts.load import AccountOptions, load_account
from seawall.domain.errors import InputError
from seawall.lab.market.book_source import read_book
from seawall.venues.dydx.account.public import parse_address
from seawall.venues.dydx.wire.bech32 import encode
from seawall.venues.raw_json import VenueDataError
from tests.shared_files import shared_file
from tests.unit.public_server import Reply, serving
from tests.unit.subaccount_answers import BTC, ETH, MARKETS, example, subaccount

OWNER = encode("dydx", bytes(range(20)))
ACCOUNT = f"/v4/addresses/{OWNER}/parentSubaccountNumber/0"
PERPETUALS = "/v4/perpetualMarkets"


def loaded(account: str, **options: Any) -> Account:
    return load_account(account, AccountOptions(**options))


def parent(*children: dict[str, Any], number: int = 0) -> dict[str, Any]:
    return {
        "subaccount": {
            "address": OWNER,
            "parentSubaccountNumber": number,
            "equity": "0",
            "freeCollateral": "0",
            "childSubaccounts": list(children),
        }
    }


ANSWERS: dict[str, Any] = {
    ACCOUNT: parent(
        subaccount("5000", {"BTC-USD": "0.5"}), subaccount("4000", {"ETH-USD": "-1"}, 128)
    ),
    PERPETUALS: {
        "markets": {
            **MARKETS,
            "BTC-USD": BTC | {"nextFundingRate": "0.00000254545454545455"},
            "ETH-USD": ETH | {"nextFundingRate": "-0.00000125"},
        }
    },
}


def test_the_account_of_every_command_names_what_is_not_counted() -> None:
    child = subaccount("0", {}, 128)
    child["assetPositions"]["TUSD"] = {"symbol": "TUSD", "side": "LONG", "size": "150.5"}
    document = parent(subaccount("5000", {"BTC-USD": "0.5"}), child) | {"markets": MARKETS}
    account = load_account(json.dumps(document).encode())
    assert account.collateral == 30_000
    assert account.origins["collateral"].endswith(
        "subaccount 128: 150.5 TUSD is not counted: only USDC is collateral"
    )
    del child["assetPositions"]["TUSD"]
    assert "collateral" not in load_account(json.dumps(document).encode()).origins


def test_cash_of_a_child_without_a_position_is_no_margin_of_the_others() -> None:
    """Subaccounts are liquidated alone, so idle cash beside them moves no liquidation price."""
    main, idle = subaccount("-45000", {"BTC-USD": "1"}), subaccount("4000.5", {}, 128)
    found = [
        load_account(json.dumps(parent(*children) | {"markets": MARKETS}).encode())
        for children in ((main,), (main, idle))
    ]
    assert found[1].holdings == found[0].holdings
    assert (
        "subaccount 128: 4000.5 USDC without a position is not counted"
        in (found[1].origins["collateral"])
    )
    moved = [each.with_prices({"BTC": "49000"}) for each in found]
    assert moved[1].liquidation_price("BTC") == moved[0].liquidation_price("BTC")
    # Asked about alone, a child is the account.
    raw = json.dumps(parent(idle) | {"markets": MARKETS}).encode()
    alone = load_account(raw, extra_markets=["BTC"])
    assert alone.collateral == Decimal("4000.5")


# -- addresses -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (OWNER, f"{OWNER}/0"),
        (f"{OWNER}/0", f"{OWNER}/0"),
        (f"{OWNER}/128", f"{OWNER}/128"),
        (OWNER.upper(), f"{OWNER}/0"),
        ("mine.toml", None),
        ("0x" + "a1" * 20, None),
        ("dydx/account.json", None),
    ],
)
def test_addresses(text: str, address: str | None) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (OWNER[:-1] + ("q" if OWNER[-1] != "q" else "p"), "wrong checksum"),
        (OWNER[:-1], "wrong checksum"),
        ("dydx1", "must have 8 to"),
        (OWNER + "/", "number after / should be that of a subaccount, 0 to 128000"),
        (OWNER + "/-1", "number after /"),
        (OWNER + "/128001", "number after /"),
        (OWNER + "/1000000000000", "number after /"),
        (OWNER + "/main", "number after /"),
        (encode("dydx1", b"abc"), "is no address of an account"),
    ],
)
def test_what_is_nearly_an_address(text: str, message: str) -> None:
    with pytest.raises(VenueDataError, match=message):
        parse_address(text)
    with pytest.raises(InputError, match="ACCOUNT: .*" + message):
        loaded(text)


# -- accounts ------------------------------------------------------------------------------------


def test_a_parent_with_its_children() -> None:
    with serving(ANSWERS) as server:
        found = loaded(OWNER, at=server.url)
    assert server.asked == [ACCOUNT, PERPETUALS]
    assert (found.venue, found.rulebook.name) == ("dydx", "dydx")
    assert found.price_texts == {"BTC": "50000", "ETH": "2500"}
    assert found.funding == {"BTC": 0.00000254545454545455, "ETH": -0.00000125}
    # 5,000 USDC and 0.5 BTC of 50,000; 4,000 USDC less 1 ETH of 2,500.
    assert found.holdings.collateral == (5_000 + 25_000 + 4_000 - 2_500) * 1_000_000
    assert [each.isolated_margin for each in found.holdings.positions] == [0, 1_500_000_000]
    assert found.source == f"{OWNER}/0 at {server.url}"


def test_a_child_by_its_number() -> None:
    path = f"/v4/addresses/{OWNER}/subaccountNumber/128"
    child = {"subaccount": subaccount("4000", {"ETH-USD": "-1"}, 128)}
    with serving(ANSWERS | {path: child}) as server:
        found = loaded(f"{OWNER}/128", at=server.url)
    assert server.asked[0] == path
    assert [each.isolated_margin for each in found.holdings.positions] == [1_500_000_000]


def test_the_same_answers_in_files_make_the_same_account(tmp_path: Path) -> None:
    account, markets = tmp_path / "account.json", tmp_path / "markets.json"
    account.write_text(json.dumps(ANSWERS[ACCOUNT]))
    markets.write_text(json.dumps(ANSWERS[PERPETUALS]))
    saved = loaded(str(account), markets=markets, extra_markets=["FISH"])
    with serving(ANSWERS) as server:
        found = loaded(OWNER, at=server.url, extra_markets=["FISH"])
    for field in ("instruments", "prices", "holdings", "listed", "funding"):
        assert getattr(found, field) == getattr(saved, field)
    fish = found.instruments[-1]
    assert (fish.name, found.price_texts["FISH"]) == ("FISH", "0.85")
    # The market's own margin fractions, not those of the tier that its coin is taken to be in.
    assert fish.block_terms is not None
    assert fish.block_terms.fractions.initial_ppm == 50_000


def test_the_real_list_of_markets_is_read() -> None:
    path = shared_file("data/l2_small_samples/dydx_http_get_perpetual_markets.json")
    markets = json.loads(path.read_text())["result"]
    account = parent(subaccount("50000", {"BTC-USD": "0.5", "ETH-USD": "-1"}))
    with serving({ACCOUNT: account, PERPETUALS: markets}) as server:
        found = loaded(OWNER, at=server.url)
    assert found.price_texts == {"BTC": "89919.2", "ETH": "3103.01"}
    assert found.funding == {"BTC": 0.00000254545454545455, "ETH": 0.00000125}


def test_the_parent_that_ships_is_read_by_address() -> None:
    document = example("account_parent.json")
    account = {"subaccount": document["subaccount"]}
    with serving({ACCOUNT: account, PERPETUALS: {"markets": document["markets"]}}) as server:
        found = loaded(OWNER, at=server.url)
    saved = loaded("examples/account_parent.json")
    assert (found.holdings, found.price_texts) == (saved.holdings, saved.price_texts)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({ACCOUNT: Reply({"errors": [{"msg": "none"}]}, 404)}, "0 at .*: has no positions"),
        ({ACCOUNT: parent()}, "has no positions and no collateral"),
        ({ACCOUNT: Reply("blocked", 403)}, 'status 403 Forbidden: "blocked"'),
        ({ACCOUNT: {"x": 1}}, "no account: expected a subaccount"),
        ({ACCOUNT: parent(subaccount("5000", {"NONE-USD": "1"}))}, "'NONE-USD' is not among"),
        ({ACCOUNT: parent(subaccount("5000", {"BTC-USD": "x"}))}, "size: 'x' is not a decimal"),
        ({PERPETUALS: {}}, "markets: missing"),
        ({PERPETUALS: Reply("down", 502)}, "status 502 Bad Gateway"),
        ({PERPETUALS: {"markets": {"BTC-USD": BTC | {"oraclePrice": "0"}}}}, "no price above zero"),
        (
            {PERPETUALS: {"markets": MARKETS | {"BTC-USD": BTC | {"nextFundingRate": "x"}}}},
            "BTC-USD.nextFundingRate: 'x' is not a decimal",
        ),
        (
            {PERPETUALS: {"markets": {"ETH-USD": {"oraclePrice": 1}}}},
            "markets.*oraclePrice: expected text",
        ),
    ],
)
def test_wrong_answers_name_the_source(changes: dict[str, Any], message: str) -> None:
    with serving(ANSWERS | changes) as server:
        with pytest.raises(InputError, match=message) as caught:
            loaded(OWNER, at=server.url)
        assert server.url in str(caught.value)


# -- books ---------------------------------------------------------------------------------------

BOOK = "/v4/orderbooks/perpetualMarket/BTC-USD"


def levels(*pairs: tuple[str, str]) -> list[dict[str, str]]:
    return [{"price": price, "size": size} for price, size in pairs]


@pytest.mark.parametrize("market", ["BTC", "BTC-USD"])
def test_a_live_book(market: str) -> None:
    answer = {"bids": levels(("100", "1"), ("99", "2")), "asks": levels(("101.5", "0.25"))}
    with serving({BOOK: answer}) as server:
        book = read_book(server.url, market, venue="dydx")
    assert server.asked == [BOOK]
    assert book.market == market
    assert (book.bids.tolist(), book.asks.tolist()) == ([[100, 1], [99, 2]], [[101.5, 0.25]])


def test_orders_that_cross_for_a_moment_are_taken_to_meet() -> None:
    answer = {
        "bids": levels(("102", "1"), ("101", "2"), ("100", "3")),
        "asks": levels(("101", "1.5"), ("101.5", "0.5"), ("103", "4")),
    }
    with serving({BOOK: answer}) as server:
        book = read_book(server.url, "BTC", venue="dydx")
    # 1 of the bid at 102 and 0.5 of that at 101 take the ask at 101.
    assert (book.bids.tolist()) == [[101, 1.5], [100, 3]]
    assert (book.asks.tolist()) == [[101.5, 0.5], [103, 4]]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (Reply({}, 404), "the venue has no market 'BTC-USD'"),
        (Reply("down", 500), "status 500"),
        ({"bids": [], "asks": []}, "bids: none"),
        ({"bids": levels(("1", "1"))}, "asks: missing"),
        ({"bids": levels(("1", "-1")), "asks": levels(("2", "1"))}, "must not be negative"),
        ({"bids": levels(("1", "1"), ("2", "1")), "asks": levels(("3", "1"))}, "should be falling"),
    ],
)
def test_wrong_answers_about_a_book(answer: Any, message: str) -> None:
    with serving({BOOK: answer}) as server:
        with pytest.raises(InputError, match=message) as caught:
            read_book(server.url, "BTC", venue="dydx")
        assert server.url in str(caught.value)
