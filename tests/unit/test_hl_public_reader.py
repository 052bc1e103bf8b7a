"""Reading the venue's public streams: its documented messages, over a real socket.

The other side is a script: what it answers and sends has the shapes of the venue's documentation
and of its recorded answers.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import WSMsgType, web

from seawall.domain.enums import Side
from seawall.venues.hyperliquid.stream import public_reader
from seawall.venues.hyperliquid.stream.public_reader import CHANNELS, StreamReader
from seawall.venues.public_api import PublicApiError
from seawall.venues.public_stream import (
    PublicBook,
    PublicPrices,
    PublicTrade,
    PublicTrades,
    PublicUpdate,
)
from seawall.venues.raw_json import VenueDataError
from seawall.venues.registry import followed_names
from seawall.venues.registry import public_reader as reader_of

CONTEXT = {
    "funding": "0.0000125", "openInterest": "29015.54", "prevDayPx": "112104.0",
    "dayNtlVlm": "3529031742.5", "premium": "-0.0002", "oraclePx": "113401.0",
    "markPx": "113377.0", "midPx": "113377.5", "impactPxs": ["113377.0", "113378.0"],
    "dayBaseVlm": "31024.1",
}  # fmt: skip
FUNDING = 0.0000125
OF_DAY = (29015.54, 3529031742.5, 112104.0)
"""Open interest, volume and the price before."""
META = {
    "universe": [
        {"szDecimals": 5, "name": "BTC", "maxLeverage": 40, "marginTableId": 40},
        {"szDecimals": 1, "name": "OLD", "maxLeverage": 3, "marginTableId": 3, "isDelisted": True},
        {"szDecimals": 0, "name": "NEW", "maxLeverage": 5, "marginTableId": 5},
    ],
    "marginTables": [],
    "collateralToken": 0,
}
LEVELS = [
    [{"px": "113377.0", "sz": "7.6", "n": 17}, {"px": "113376.0", "sz": "4.1", "n": 8}],
    [{"px": "113378.0", "sz": "0.2", "n": 3}],
]


def trade(tid: int, time: int, side: str = "B", size: str = "0.5") -> dict[str, Any]:
    return {
        "coin": "BTC", "side": side, "px": "113377.0", "sz": size, "time": time,
        "hash": "0x0", "tid": tid, "users": ["0x1", "0x2"],
    }  # fmt: skip


class Script:
    """The other side: answers of ``info`` by type, then what it sends on the stream."""

    def __init__(self, *sends: Any) -> None:
        self.answers: dict[str, Any] = {
            "metaAndAssetCtxs": [META, [CONTEXT, CONTEXT, {**CONTEXT, "midPx": None}]],
            "recentTrades": [],
            "l2Book": {"coin": "BTC", "time": 1, "levels": LEVELS},
            "allMids": {},
        }
        self.sends = sends
        self.heard: list[Any] = []
        self.paths: list[str] = []
        self.url = ""

    async def info(self, request: web.Request) -> web.Response:
        self.paths.append(request.path)
        return web.json_response(self.answers[(await request.json())["type"]])

    async def stream(self, request: web.Request) -> web.WebSocketResponse:
        self.paths.append(request.path)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_str("Websocket connection established.")
        while len(self.heard) < len(CHANNELS):
            self.heard.append(json.loads((await socket.receive()).data))
        for each in self.sends:
            await socket.send_str(each if isinstance(each, str) else json.dumps(each))
        await socket.close()
        return socket

    async def play(self, act: Callable[[StreamReader], Awaitable[Any]]) -> Any:
        app = web.Application()
        app.router.add_post("/info", self.info)
        app.router.add_get("/ws", self.stream)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            return await act(StreamReader(self.url))
        finally:
            await runner.cleanup()


def heard(script: Script, error: str = "closed by the other side") -> list[PublicUpdate]:
    """What a reader makes of the script, until the connection ends as it must."""

    async def act(reader: StreamReader) -> list[PublicUpdate]:
        updates: list[PublicUpdate] = []
        with pytest.raises(VenueDataError, match=error):
            await reader.follow(["BTC"], updates.append)
        return updates

    found: list[PublicUpdate] = asyncio.run(script.play(act))
    return found


def test_messages_become_updates_and_only_subscriptions_are_sent() -> None:
    script = Script(
        {"channel": "subscriptionResponse", "data": {"method": "subscribe", "subscription": {}}},
        context(),
        {"channel": "activeAssetCtx", "data": {"coin": "BTC", "ctx": {**CONTEXT, "midPx": None}}},
        {"channel": "l2Book", "data": {"coin": "BTC", "time": 1754450974231, "levels": LEVELS}},
        {"channel": "trades", "data": [trade(1, 10, "A", "0.25")]},
        {"channel": "pong"},
        {"channel": "somethingNew", "data": [1]},
    )
    assert heard(script) == [
        PublicPrices("BTC", 113401.0, 113377.0, 113377.5, FUNDING, *OF_DAY),
        PublicPrices("BTC", 113401.0, 113377.0, None, FUNDING, *OF_DAY),
        PublicBook(
            "BTC",
            [(113377.0, 7.6), (113376.0, 4.1)],
            [(113378.0, 0.2)],
            time_ms=1754450974231,
        ),
        PublicTrades("BTC", [PublicTrade(Side.SELL, 113377.0, 0.25, 10, 1)]),
    ]
    assert script.heard == [
        {"method": "subscribe", "subscription": {"type": channel, "coin": "BTC"}}
        for channel in CHANNELS
    ]
    assert set(script.paths) == {"/info", "/ws"}


def test_trades_from_before_are_no_news_and_none_comes_twice() -> None:
    """The snapshot of a subscription holds what was traded before, newest first."""
    script = Script(
        {"channel": "trades", "data": [trade(4, 21), trade(3, 20), trade(2, 20), trade(1, 10)]},
        {"channel": "trades", "data": [trade(4, 21), trade(5, 21)]},
        {"channel": "trades", "data": [trade(6, 22)]},
    )
    script.answers["recentTrades"] = [trade(2, 20), trade(1, 10)]
    times = [
        [each.time_ms for each in update.trades]
        for update in heard(script)
        if isinstance(update, PublicTrades)
    ]
    assert times == [[20, 21], [21], [22]]


def context(**changes: str) -> Any:
    return {"channel": "activeAssetCtx", "data": {"coin": "BTC", "ctx": {**CONTEXT, **changes}}}


@pytest.mark.parametrize(
    ("message", "error"),
    [
        (
            {"channel": "activeAssetCtx", "data": {"coin": "BTC", "ctx": {"oraclePx": "1"}}},
            "BTC.markPx: missing",
        ),
        (context(markPx="0"), "BTC.markPx: '0' must be above 0"),
        (context(oraclePx="NaN"), "BTC.oraclePx"),
        ({"channel": "l2Book", "data": {"coin": "BTC", "levels": [LEVELS[0]]}}, "bids and asks"),
        ({"channel": "trades", "data": [trade(1, 1, "C")]}, "must be A"),
        ({"channel": "error", "data": "Invalid subscription"}, "Invalid subscription"),
        ("{", "not JSON"),
    ],
)
def test_a_message_that_cannot_be_used_ends_the_connection(message: Any, error: str) -> None:
    assert heard(Script(message), error) == []


def test_markets_that_trade_with_their_prices_and_terms() -> None:
    async def act(reader: StreamReader) -> Any:
        return await reader.markets(["BTC"]), await reader.book("BTC")

    markets, book = asyncio.run(Script().play(act))
    assert list(markets.prices) == list(markets.instruments) == ["BTC", "NEW"]
    assert markets.prices["NEW"] == PublicPrices("NEW", 113401.0, 113377.0, None, FUNDING, *OF_DAY)
    assert markets.instruments["NEW"].maximum_leverage == 5
    assert (book.bids[0], book.asks[0], book.reaches_far) == (
        (113377.0, 7.6),
        (113378.0, 0.2),
        True,
    )


def test_a_quiet_market_is_asked_about(monkeypatch: pytest.MonkeyPatch) -> None:
    """A price that does not change is not sent again; its venue still answers."""
    monkeypatch.setattr(public_reader, "QUIET_S", 0.02)
    script = Script()
    script.stream = forever  # type: ignore[method-assign]

    async def act(reader: StreamReader) -> set[str]:
        kinds: set[str] = set()
        both = asyncio.Event()

        def hear(update: PublicUpdate) -> None:
            kinds.add(type(update).__name__)
            if len(kinds) == 2:
                both.set()

        following = asyncio.create_task(reader.follow(["BTC"], hear))
        await both.wait()
        following.cancel()
        return kinds

    assert asyncio.run(script.play(act)) == {"PublicPrices", "PublicBook"}


async def forever(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        assert message.type == WSMsgType.TEXT
    return socket


def test_what_was_answered_is_not_asked_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Questions weigh: a market that is quiet is asked about once while it counts as fresh."""
    monkeypatch.setattr(public_reader, "FAR_S", 0.0)
    script, passes, asked = Script(), asyncio.Event(), []
    script.stream = forever  # type: ignore[method-assign]
    info = script.info

    async def counting(request: web.Request) -> web.Response:
        body = await request.json()
        asked.append("far" if "nSigFigs" in body else body["type"])
        if asked.count("far") >= 4 * 3:
            passes.set()
        return await info(request)

    script.info = counting  # type: ignore[method-assign]

    async def act(reader: StreamReader) -> None:
        standing = StreamReader(reader.url, lambda: 100.0, quiet_s=0.01)
        following = asyncio.create_task(standing.follow(["BTC"], lambda update: None))
        await passes.wait()
        following.cancel()

    asyncio.run(script.play(act))
    assert asked.count("metaAndAssetCtxs") == 1


def test_a_market_that_is_refused_is_left_out_and_the_others_go_on() -> None:
    """As one that was delisted: neither its tape nor its subscription may end the connection."""
    refusal = 'Invalid subscription {\\"type\\":\\"l2Book\\",\\"coin\\":\\"NEW\\"}'
    error = '{"channel":"error","data":"' + refusal + '"}'
    script = Script(error, error.replace("l2Book", "trades"), context())
    info = script.info

    async def refusing(request: web.Request) -> web.Response:
        if "OLD" in await request.text():
            return web.Response(status=422, text="Failed to deserialize")
        return await info(request)

    script.info = refusing  # type: ignore[method-assign]
    updates: list[PublicUpdate] = []

    async def act(reader: StreamReader) -> dict[str, str]:
        with pytest.raises(VenueDataError, match="closed by the other side"):
            await reader.follow(["OLD", "BTC", "NEW"], updates.append)
        return reader.refused

    refused = asyncio.run(script.play(act))
    assert updates == [PublicPrices("BTC", 113401.0, 113377.0, 113377.5, FUNDING, *OF_DAY)]
    assert "422" in refused["OLD"]
    assert "Invalid subscription" in refused["NEW"]
    assert not any(each["subscription"]["coin"] == "OLD" for each in script.heard)


def test_venues_are_named_or_given_by_a_url() -> None:
    assert followed_names() == ["hyperliquid", "hyperliquid-testnet"]
    named = reader_of("hyperliquid-testnet")
    assert named is not None
    assert named.url == "https://api.hyperliquid-testnet.xyz"
    for text in ("http://127.0.0.1:3001", "ws://127.0.0.1:3001/ws", "http://127.0.0.1:3001/"):
        found = reader_of(text)
        assert found is not None
        assert found.url == "http://127.0.0.1:3001"
    assert reader_of("candles.csv") is None
    with pytest.raises(PublicApiError, match="should be a URL such as"):
        reader_of("ftp://somewhere")


def test_a_venue_that_does_not_answer() -> None:
    async def act() -> None:
        await StreamReader("http://127.0.0.1:1").follow(["BTC"], print)

    with pytest.raises(PublicApiError, match="cannot be reached"):
        asyncio.run(act())
