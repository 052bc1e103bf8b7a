"""Accounts and books read by address from a venue that runs on a socket, and from wrong answers."""

import asyncio
import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seawall.accounts.account import Account
from seawall.accounts.load import AccountOptions, load_account, load_answer
from seawall.domain.enums import MarginGrouping, Side
from seawall.domain.errors import InputError
from seawall.engine.book_view import book_levels
from seawall.lab.market.book_source import read_book
from seawall.venues.hyperliquid.account.explain import account_report
from seawall.venues.hyperliquid.account.public import account_answers, parse_address
from seawall.venues.hyperliquid.account.sheets import explanation
from seawall.venues.hyperliquid.account.user import user_states
from seawall.venues.public_api import PublicApi
from seawall.venues.raw_json import VenueDataError
from seawall.venues.registry import VENUES
from seawall.venues.rulebook_file import load_rulebook
from tests.unit.hl_venue import ALICE, BOB, BTC, ETH, NOBODY, Sandbox, with_server
from tests.unit.public_server import Reply, serving

# The first venue in this process compiles the machine.


def loaded(account: str, **options: Any) -> Account:
    return load_account(account, AccountOptions(**options))


# -- addresses -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "0x52908400098527886E0F7030069857D2E4169EE7",
        "0x8617E340B3D01FA5F11F306F4090FD50E238070D",
        "0xde709f2102306220921060314715629080e2fb77",
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
        "0XFB6916095CA1DF60BB79CE92CE3EA74C37C5D359",
    ],
)
def test_addresses_with_the_checksums_of_eip_55(text: str) -> None:
    assert parse_address(text) == text.lower()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0x", "this has 0 characters after 0x"),
        ("0x" + "a1" * 19, "this has 38 characters after 0x"),
        ("0x" + "a1" * 21, "this has 42 characters after 0x"),
        ("0x" + "g1" * 20, "40 hexadecimal digits"),
        ("0x" + "a1" * 20 + "\n", "40 hexadecimal digits"),
        ("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD", "wrong checksum"),
    ],
)
def test_what_is_nearly_an_address(text: str, message: str) -> None:
    with pytest.raises(VenueDataError, match=message):
        parse_address(text)
    with pytest.raises(InputError, match="ACCOUNT: .*" + message):
        loaded(text)


def test_what_does_not_begin_like_an_address_is_none() -> None:
    assert parse_address("mine.toml") is None
    assert parse_address("dydx1abc") is None


# -- a running venue -----------------------------------------------------------------------------


async def traded(sandbox: Sandbox) -> None:
    await sandbox.trade(ALICE, BOB, BTC, 1_000_000, 50_000)
    await sandbox.trade(BOB, ALICE, ETH, 250_000, 40_000)
    await sandbox.advance(3_000)


def test_an_account_of_a_running_venue_is_the_one_of_its_saved_answers(tmp_path: Path) -> None:
    async def body(sandbox: Sandbox, url: str) -> None:
        await traded(sandbox)
        found = await asyncio.to_thread(loaded, ALICE, at=url, extra_markets=["DOGE"])
        state, meta = tmp_path / "state.json", tmp_path / "meta.json"
        state.write_text(json.dumps(sandbox.ask("clearinghouseState", user=ALICE)))
        meta.write_text(json.dumps(sandbox.ask("meta")))
        saved = loaded(str(state), meta=meta)
        assert found.holdings.positions == saved.holdings.positions
        assert found.holdings.collateral == saved.holdings.collateral
        assert found.instruments[:2] == saved.instruments
        assert {name: found.price_texts[name] for name in saved.price_texts} == saved.price_texts
        sizes = [position.signed_size for position in found.holdings.positions]
        assert sizes == [50_000, -40_000]
        contexts = sandbox.ask("metaAndAssetCtxs")[1]
        assert float(found.price_texts["DOGE"]) == float(contexts[2]["markPx"])
        assert found.funding == {
            name: float(row["funding"])
            for name, row in zip(("BTC", "ETH", "DOGE"), contexts, strict=True)
        }
        assert found.source == f"{ALICE} at {url}"
        assert found.venue == "hyperliquid"

    with_server(body)


def test_an_account_of_a_running_venue_under_other_rules_and_prices() -> None:
    async def body(sandbox: Sandbox, url: str) -> None:
        await traded(sandbox)
        found = await asyncio.to_thread(
            loaded, ALICE.upper().replace("0X", "0x"), at=url, rulebook="dydx", price=["BTC=90000"]
        )
        assert found.price_texts["BTC"] == "90000"
        assert all(instrument.block_terms is not None for instrument in found.instruments)
        assert found.rulebook.name == "dydx"

    with_server(body)


def test_an_address_that_owns_nothing_has_no_positions() -> None:
    async def body(sandbox: Sandbox, url: str) -> None:
        for address in (NOBODY, BOB):
            with pytest.raises(InputError, match=f"{address} at {url}: has no positions"):
                await asyncio.to_thread(loaded, address, at=url)
        idle = await asyncio.to_thread(loaded, BOB, at=url, extra_markets=["ETH"])
        assert (idle.holdings.collateral, idle.holdings.positions) == (100_000_000_000, ())
        assert idle.price_texts == {"ETH": "2500"}

    with_server(body)


# -- wrong answers -------------------------------------------------------------------------------

STATE: dict[str, Any] = {
    "marginSummary": {"accountValue": "1000.0", "totalNtlPos": "5000.0", "totalRawUsd": "-4000.0"},
    "crossMarginSummary": {
        "accountValue": "1000.0", "totalNtlPos": "5000.0", "totalRawUsd": "-4000.0",
    },
    "assetPositions": [
        {
            "type": "oneWay",
            "position": {
                "coin": "BTC", "szi": "0.05", "leverage": {"type": "cross", "value": 10},
                "positionValue": "5000.0", "unrealizedPnl": "0.0", "maxLeverage": 40,
            },
        }
    ],
}  # fmt: skip
META: dict[str, Any] = {"universe": [{"name": "BTC", "szDecimals": 5, "maxLeverage": 40}]}
CONTEXTS: list[Any] = [{"markPx": "100000.0", "funding": "0.0000125"}]
ANSWERS: dict[str, Any] = {
    "/info userAbstraction": "disabled",
    "/info clearinghouseState": STATE,
    "/info metaAndAssetCtxs": [META, CONTEXTS],
}


def test_recorded_answers_make_an_account() -> None:
    with serving(ANSWERS) as server:
        found = loaded(ALICE, at=server.url)
    assert found.price_texts == {"BTC": "100000"}
    assert found.funding == {"BTC": 0.0000125}
    assert found.holdings.collateral == 1_000_000_000
    assert server.asked == [
        f'/info {{"type": "userAbstraction", "user": "{ALICE}"}}',
        '/info {"type": "perpDexs"}',
        f'/info {{"type": "clearinghouseState", "user": "{ALICE}"}}',
        f'/info {{"type": "spotClearinghouseState", "user": "{ALICE}"}}',
        f'/info {{"type": "frontendOpenOrders", "user": "{ALICE}"}}',
        '/info {"type": "metaAndAssetCtxs"}',
    ]


# -- accounts of every mode ----------------------------------------------------------------------

SPOT: dict[str, Any] = {
    "balances": [
        {"coin": "USDC", "token": 0, "total": "1500.125", "hold": "500.0"},
        {"coin": "HYPE", "token": 150, "total": "2.5", "hold": "0.0"},
    ],
    "tokenToAvailableAfterMaintenance": [[0, "1437.625"]],
}
UNIFIED: dict[str, Any] = {
    "/info userAbstraction": "unifiedAccount",
    "/info perpDexs": [None],
    "/info spotClearinghouseState": SPOT,
    "/info frontendOpenOrders": [],
}


def explained(url: str) -> dict[str, Any]:
    answer = load_answer(ALICE, AccountOptions(at=url))
    return answer.explain(load_rulebook(answer.venue)).findings().plain_object()


def test_a_unified_account_is_read_with_its_balances() -> None:
    """Cash of 500 in the perp answer is part of the balance of 1,500.125, not beside it."""
    with serving(ANSWERS | UNIFIED) as server:
        found, shown = loaded(ALICE, at=server.url), explained(server.url)
    assert found.holdings.collateral == 1_500_125_000
    # (5000 - 1500.125) / (0.05 x (1 - 1 / 80))
    assert shown["positions"][0]["liquidation_price"] == "70883.5443037975"
    assert (shown["mode"]["name"], shown["mode"]["basis"]) == ("unified", "stated")
    assert shown["groups"][0]["cross_equity"] == "1500.125"
    assert "2.5 HYPE in spot balances" in shown["not_counted"]
    assert set(shown["moments"]["requests_ms"]) == {
        "userAbstraction", "perpDexs", "clearinghouseState", "spotClearinghouseState",
        "frontendOpenOrders",
    }  # fmt: skip


def test_a_running_venue_explains_itself() -> None:
    async def body(sandbox: Sandbox, url: str) -> None:
        await traded(sandbox)
        shown = await asyncio.to_thread(explained, url)
        assert (shown["mode"]["name"], shown["mode"]["basis"]) == ("standard", "stated")
        assert shown["exact"] is True
        assert [each["coin"] for each in shown["positions"]] == ["BTC", "ETH"]
        btc, eth = shown["positions"]
        assert btc["liquidation_price"] is btc["venue_liquidation_price"] is None
        ours, theirs = float(eth["liquidation_price"]), float(eth["venue_liquidation_price"])
        assert ours == pytest.approx(theirs, rel=1e-8)

    with_server(body)


def test_how_far_apart_the_answers_were_taken() -> None:
    ticks = iter(range(100))
    with serving(ANSWERS | UNIFIED) as server:
        answers = account_answers(PublicApi(server.url), ALICE, lambda: 0.25 * next(ticks))
    (user,) = user_states(answers.account)
    assert user.taken["clearinghouseState"] == 750
    assert user.taken["spotClearinghouseState"] == 1000
    report = account_report(user, load_rulebook())
    assert report.moments.apart_ms == 1000
    assert any("taken within 1 s" in text.text
               for text in explanation([report], load_rulebook()).findings().words)  # fmt: skip


def test_what_an_api_does_not_answer_is_absent_and_named() -> None:
    """Neither 404 nor the 422 of an unknown type is an error, except for state and markets."""
    unknown = {
        "/info perpDexs": Reply(b"Failed to deserialize the JSON body", 422),
        "/info spotClearinghouseState": Reply(b"Failed to deserialize the JSON body", 422),
    }
    with serving(ANSWERS | UNIFIED | unknown) as server:
        shown = explained(server.url)
    assert shown["missing"][0] == "spotClearinghouseState"
    assert "perpDexs (not answered)" in shown["missing"]
    assert shown["exact"] is False
    assert shown["positions"][0]["exact"] is False
    assert any("the spot answer is missing" in each for each in shown["positions"][0]["reasons"])


def test_every_dex_is_asked_and_its_collateral_is_named() -> None:
    other = {
        "marginSummary": {"accountValue": "50.0", "totalNtlPos": "200.0", "totalRawUsd": "-150.0"},
        "crossMarginSummary": {
            "accountValue": "50.0", "totalNtlPos": "200.0", "totalRawUsd": "-150.0",
        },
        "assetPositions": [
            {
                "type": "oneWay",
                "position": {
                    "coin": "hyna:BTC", "szi": "0.002", "positionValue": "200.0",
                    "leverage": {"type": "cross", "value": 5}, "maxLeverage": 40,
                },
            }
        ],
    }  # fmt: skip
    empty = {
        "marginSummary": {"accountValue": "0.0", "totalNtlPos": "0.0", "totalRawUsd": "0.0"},
        "assetPositions": [],
    }
    answers = {
        "/info perpDexs": [None, {"name": "xyz"}, {"name": "hyna"}],
        "/info clearinghouseState xyz": empty,
        "/info clearinghouseState hyna": other,
        "/info frontendOpenOrders hyna": [],
        "/info meta hyna": {
            "universe": [{"name": "hyna:BTC", "szDecimals": 5, "maxLeverage": 40}],
            "collateralToken": 235,
        },
    }
    with serving(ANSWERS | answers) as server:
        shown = explained(server.url)
        account = loaded(ALICE, at=server.url)
    assert account.holdings.grouping == MarginGrouping.SEPARATE
    assert list(account.holdings.other_collateral) == [1]
    btc, hyna = shown["positions"]
    assert (btc["dex"], btc["collateral"], btc["group"]) == ("", "USDC", "main")
    assert (hyna["dex"], hyna["collateral"], hyna["group"]) == ("hyna", "USDE", "hyna")
    assert [each["cross_equity"] for each in shown["groups"]] == ["1000", "50"]
    # 150 / (0.002 x (1 - 1 / 80)), in USDE
    assert hyna["liquidation_price"] == "75949.3670886076"
    assert '/info {"dex": "xyz", "type": "meta"}' not in server.asked


def without(*path: str | int) -> Any:
    state = copy.deepcopy(STATE)
    place: Any = state
    for step in path[:-1]:
        place = place[step]
    del place[path[-1]]
    return state


@pytest.mark.parametrize(
    ("key", "answer", "message"),
    [
        ("userAbstraction", {"mode": 1}, "userAbstraction: expected text"),
        ("clearinghouseState", Reply("down", 500), "status 500 Internal Server Error"),
        ("clearinghouseState", Reply(b"hello"), "'hello', which is not JSON"),
        ("clearinghouseState", None, "expected object, got null"),
        ("perpDexs", {}, "perpDexs: expected array, got object"),
        ("spotClearinghouseState", {}, "spotClearinghouseState.balances: missing"),
        ("spotClearinghouseState", Reply("down", 500), "status 500 Internal Server Error"),
        (
            "spotClearinghouseState",
            {"balances": [{"coin": "USDC", "token": "x", "total": "1"}]},
            r"balances\[0\].token: 'x' must be the number of a token",
        ),
        (
            "spotClearinghouseState",
            {"balances": [{"coin": "USDC", "token": 0, "total": "much"}]},
            r"balances\[0\].total: 'much' is not a decimal number",
        ),
        ("frontendOpenOrders", [{"coin": "BTC"}], r"openOrders\[0\].side: missing"),
        ("clearinghouseState", without("assetPositions"), "assetPositions: missing"),
        (
            "clearinghouseState",
            without("assetPositions", 0, "position", "szi"),
            r"assetPositions\[0\].position.szi: missing",
        ),
        ("clearinghouseState", without("crossMarginSummary") | {"marginSummary": None}, "equity"),
        ("metaAndAssetCtxs", META, "metaAndAssetCtxs: expected array, got object"),
        ("metaAndAssetCtxs", [{}, []], "universe: missing"),
        ("metaAndAssetCtxs", [META, []], "0 contexts for 1 markets"),
        ("metaAndAssetCtxs", [META, [{"markPx": "x"}]], "BTC.markPx: 'x' is not a decimal"),
        ("metaAndAssetCtxs", [META, [{"funding": 1}]], "funding: expected text"),
        (
            "metaAndAssetCtxs",
            [{"universe": [{"name": "ETH", "szDecimals": 4, "maxLeverage": 25}]}, [{}]],
            "'BTC' is not in the universe",
        ),
    ],
)
def test_wrong_answers_name_the_source_and_the_field(key: str, answer: Any, message: str) -> None:
    with serving(ANSWERS | {f"/info {key}": answer}) as server:
        with pytest.raises(InputError, match=message) as caught:
            loaded(ALICE, at=server.url)
        assert server.url in str(caught.value)


# -- books ---------------------------------------------------------------------------------------


def test_the_book_of_a_running_venue_reaches_beyond_one_answer() -> None:
    async def body(sandbox: Sandbox, url: str) -> None:
        for step in range(60):
            distance = 50 * (1 + step) ** 2
            await sandbox.place(ALICE, BTC, Side.BUY, 1_000_000 - distance, 100 + step)
            await sandbox.place(BOB, BTC, Side.SELL, 1_000_000 + distance, 200 + step)
        book = await asyncio.to_thread(read_book, url, "BTC")
        exact = book_levels(sandbox.host.engine, BTC, 100)
        assert book.time_ms == sandbox.clock.now_ms()
        for made, levels in zip((book.bids, book.asks), exact, strict=True):
            truth = np.array([[price / 10, size / 1e5] for price, size, _ in levels])
            np.testing.assert_allclose(made[:20], truth[:20], rtol=1e-12)
            # All that rests is there, and no further away than the coarsest grain rounds it.
            assert made[:, 1].sum() == pytest.approx(truth[:, 1].sum(), rel=1e-9)
            assert len(made) > 20
            for price, held in zip(made[:, 0], np.cumsum(made[:, 1]), strict=True):
                is_in = truth[:, 0] >= price if levels[0][0] < 1_000_000 else truth[:, 0] <= price
                assert truth[is_in, 1].sum() == pytest.approx(held, rel=1e-9)

    with_server(body)


def test_books_that_a_running_venue_does_not_have() -> None:
    async def body(sandbox: Sandbox, url: str) -> None:
        for market, message in (
            ("NONE", "NONE at http.*: coin: the venue has no market 'NONE'"),
            ("BTC", "bids: none; a book should have orders on both sides"),
            (None, "which market"),
        ):
            with pytest.raises(InputError, match=message):
                await asyncio.to_thread(read_book, url, market)

    with_server(body)


def level(price: str, size: str = "1") -> dict[str, str]:
    return {"px": price, "sz": size}


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (Reply("down", 500), "status 500"),
        ({"coin": "BTC"}, "levels: missing"),
        ({"coin": "BTC", "levels": [[level("1")]]}, "1 lists, should be bids and asks"),
        ({"coin": "BTC", "levels": [[level("x")], []]}, r"levels\[0\]\[0\].px: 'x'"),
        ({"coin": "BTC", "levels": [[level("2")], [level("1")]]}, "crossed: the best bid 2"),
        ({"coin": "ETH", "levels": [[level("1")], [level("2")]]}, "book of ETH, not of BTC"),
    ],
)
def test_wrong_answers_about_a_book(answer: Any, message: str) -> None:
    kinds = ("l2Book", "l2Book 5", "l2Book 4", "l2Book 3", "l2Book 2")
    with serving({f"/info {kind}": answer for kind in kinds}) as server:
        with pytest.raises(InputError, match=message) as caught:
            read_book(server.url, "BTC")
        assert server.url in str(caught.value)


def test_a_sandbox_says_what_the_default_api_says() -> None:
    """The address of the venue's own API is used unless another is given."""
    base = VENUES["hyperliquid"].public_base
    assert PublicApi(base).base == base == "https://api.hyperliquid.xyz"
