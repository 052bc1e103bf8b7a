"""The server over real sockets: questions, streams, slow and malformed clients."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from hyperliquid.info import Info

from seawall.domain.commands import CancelAll, Deposit, ModifyOrder, SetLeverage, SetOraclePrice
from seawall.domain.enums import MarginMode, Side
from seawall.venues import outbox
from seawall.venues.hyperliquid.stream import connection as ws
from seawall.venues.hyperliquid.stream import hub
from seawall.venues.hyperliquid.stream.channels import CHANNELS, Topic
from seawall.venues.hyperliquid.stream.hub import Hub, Pace, Reader
from seawall.venues.hyperliquid.wire.error_texts import UNPROCESSABLE
from seawall.venues.outbox import Outbox
from tests.unit.hl_venue import ALICE, BOB, BTC, ETH, NOBODY, Sandbox, with_sandbox, with_server
from tests.waiting import PATIENCE_S, until

FAST = Pace(book=0.05, state=0.05)
Body = Callable[[Sandbox, "Client"], Awaitable[None]]


class Client:
    """A websocket client that keeps what it got, by channel."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.got: dict[str, list[Any]] = {}

    async def send(self, body: Any) -> None:
        await self.socket.send_str(body if isinstance(body, str) else json.dumps(body))

    async def read(self) -> tuple[str, Any]:
        """The next message: its channel and data."""
        message = json.loads(await self.socket.receive_str(timeout=PATIENCE_S))
        self.got.setdefault(message["channel"], []).append(message.get("data"))
        return message["channel"], message.get("data")

    async def until(self, channel: str) -> Any:
        """Read on to the next message of a channel; its data."""
        while True:
            found, data = await self.read()
            if found == channel:
                return data

    async def subscribe(self, kind: str, **fields: Any) -> None:
        subscription = {"type": kind, **fields}
        await self.send({"method": "subscribe", "subscription": subscription})
        answer = await self.until("subscriptionResponse")
        assert answer == {"method": "subscribe", "subscription": subscription}


def with_client(test: Body, pace: Pace | None = FAST) -> None:
    async def body(s: Sandbox, url: str) -> None:
        async with aiohttp.ClientSession() as session, session.ws_connect(url + "/ws") as socket:
            assert await socket.receive_str(timeout=PATIENCE_S) == ws.GREETING
            await test(s, Client(socket))

    with_server(body, pace)


# -- HTTP ----------------------------------------------------------------------------------------


def test_http_statuses() -> None:
    async def body(s: Sandbox, url: str) -> None:
        async with aiohttp.ClientSession() as session:

            async def post(path: str, data: bytes) -> tuple[int, str]:
                async with session.post(url + path, data=data) as answer:
                    return answer.status, await answer.text()

            for path in ("/info", "/exchange"):
                for bad in (b"", b"{", b"null", b"[]", b"\xff\xfe", b'{"type":1}', b"[" * 9000):
                    assert await post(path, bad) == (422, UNPROCESSABLE)
                assert (await post(path, b" " * (2 * 1024 * 1024)))[0] == 413
            assert (await post("/nothing", b"{}"))[0] == 404
            status, text = await post("/info", b'{"type":"allMids","dex":null}')
            assert (status, json.loads(text)["ETH"]) == (200, "2500.0")
            async with session.get(url + "/info") as answer:
                assert answer.status == 405

    with_server(body)


def test_an_inner_failure_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: Any) -> Any:
        raise RuntimeError("secret")

    async def body(s: Sandbox, url: str) -> None:
        monkeypatch.setattr("seawall.venues.hyperliquid.server.answer_info", fail)
        async with (
            aiohttp.ClientSession() as session,
            session.post(url + "/info", data=b'{"type":"meta"}') as answer,
        ):
            assert (answer.status, await answer.text()) == (503, "Service Unavailable")

    with_server(body)


# -- the protocol --------------------------------------------------------------------------------


def test_ping_and_errors() -> None:
    async def body(s: Sandbox, c: Client) -> None:
        await c.send({"method": "ping"})
        assert await c.read() == ("pong", None)
        for bad in ("nonsense", "[]", "{}", '{"method":"subscribe"}', '{"method":5}', "\u0000",
                    '{"method":"post","id":"x","request":{}}', "[" * 5000):  # fmt: skip
            await c.send(bad)
            channel, text = await c.read()
            assert channel == "error"
            assert text.startswith("Error parsing JSON into valid websocket request")
        for wrong in ({"type": "nothing"}, {"type": "l2Book"}, {"type": "l2Book", "coin": "NO"},
                      {"type": "userFills", "user": "0x1"}, {"type": "allMids", "dex": "x"},
                      {"type": "candle", "coin": "ETH", "interval": "7m"}):  # fmt: skip
            await c.send({"method": "subscribe", "subscription": wrong})
            channel, text = await c.read()
            assert channel == "error"
            assert text.startswith("Invalid subscription {")
        mids = {"type": "allMids"}
        await c.subscribe("allMids")
        await c.until("allMids")
        await c.send({"method": "subscribe", "subscription": {**mids, "dex": None}})
        assert (await c.until("error")).startswith("Already subscribed: {")
        await c.send({"method": "unsubscribe", "subscription": mids})
        assert (await c.until("subscriptionResponse"))["method"] == "unsubscribe"
        await c.send({"method": "unsubscribe", "subscription": mids})
        assert (await c.until("error")).startswith("Already unsubscribed: {")

    with_client(body)


def test_posts() -> None:
    async def body(s: Sandbox, c: Client) -> None:
        async def post(kind: str, payload: Any) -> Any:
            request = {"type": kind, "payload": payload}
            await c.send({"method": "post", "id": 7, "request": request})
            data = await c.until("post")
            assert data["id"] == 7
            return data["response"]

        mids = s.ask("allMids")
        assert await post("info", {"type": "allMids"}) == {
            "type": "info",
            "payload": {"type": "allMids", "data": mids},
        }
        for kind, payload in (("info", {"type": "no"}), ("info", None), ("action", {}), ("x", {})):
            assert await post(kind, payload) == {"type": "error", "payload": UNPROCESSABLE}

    with_client(body)


# -- what is told --------------------------------------------------------------------------------


def test_every_subscription_is_taken() -> None:
    async def body(s: Sandbox, c: Client) -> None:
        await s.trade(ALICE, BOB, ETH, 250_000, 1000)
        for kind, channel in CHANNELS.items():
            for user in (ALICE, NOBODY):
                fields = {"coin": "ETH", "user": user, "interval": "1m"}
                wanted = {name: fields[name] for name in channel.of.split()}
                if user == NOBODY and "user" not in wanted:
                    continue
                await c.subscribe(kind, **wanted)
        silent = {"notification", "outcomeMetaUpdates", "userEvents", "orderUpdates"}
        while not set(CHANNELS) - silent <= set(c.got):
            await c.read()
        await s.trade(BOB, ALICE, ETH, 250_100, 1000)
        assert (await c.until("trades"))[0]["px"] == "2501.0"

    with_client(body)


def test_fills_orders_and_trades_at_once() -> None:
    async def body(s: Sandbox, c: Client) -> None:
        for kind in ("userFills", "orderUpdates", "userEvents", "userHistoricalOrders"):
            await c.subscribe(kind, user=ALICE)
        await c.subscribe("trades", coin="ETH")
        assert c.got["userFills"] == [{"user": ALICE, "fills": [], "isSnapshot": True}]
        await s.place(ALICE, ETH, Side.BUY, 250_000, 1000, client_id=3)
        (update,) = await c.until("orderUpdates")
        assert update["status"] == "open"
        assert update["order"]["cloid"] == f"0x{3:032x}"
        await s.place(BOB, ETH, Side.SELL, 250_000, 400)
        trades = await c.until("trades")
        assert trades == s.ask("recentTrades", coin="ETH")
        fills = s.ask("userFills", user=ALICE)
        assert c.got["userFills"][-1] == {"user": ALICE, "fills": fills}
        assert c.got["user"][-1] == {"fills": fills}
        assert fills[0]["cloid"] == f"0x{3:032x}"
        (update,) = c.got["orderUpdates"][-1]
        assert (update["status"], update["order"]["sz"]) == ("open", "0.06")
        row = s.row(ALICE)
        await s.do(lambda now: CancelAll(now, row))
        (update,) = await c.until("orderUpdates")
        assert update["status"] == "canceled"
        await s.place(ALICE, ETH, Side.BUY, 250_000, 1)
        (update,) = await c.until("orderUpdates")
        assert update["status"] == "minTradeNtlRejected"
        assert update["order"]["oid"] == s.ask("historicalOrders", user=ALICE)[0]["order"]["oid"]

    with_client(body)


def test_what_the_first_message_shows_is_not_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused order arrives once, although the pump still waits with it for a builder's fee."""
    monkeypatch.setattr(hub, "FEE_PATIENCE_S", PATIENCE_S)

    async def body(s: Sandbox, c: Client) -> None:
        await c.subscribe("orderUpdates", user=ALICE)
        unsettled, token = s.host.directory.unsettled, object()
        unsettled.add(token)
        await s.place(ALICE, ETH, Side.BUY, 250_000, 1)
        await c.subscribe("userHistoricalOrders", user=ALICE)
        unsettled.discard(token)
        (first,) = (await c.until("userHistoricalOrders"))["orderHistory"]
        await s.place(ALICE, ETH, Side.BUY, 240_000, 1)
        (second,) = (await c.until("userHistoricalOrders"))["orderHistory"]
        assert first["status"] == second["status"] == "minTradeNtlRejected"
        assert first["order"]["oid"] != second["order"]["oid"]
        updates = [entry["order"]["oid"] for data in c.got["orderUpdates"] for entry in data]
        assert len(updates) == len(set(updates))

    with_client(body)


def test_a_refused_replacement_is_no_lost_order() -> None:
    """The replacement cannot pay its first fill: that is a rejection and not a cancellation."""

    async def body(s: Sandbox, c: Client) -> None:
        await s.open(NOBODY, 1_000_000)
        await s.place(NOBODY, ETH, Side.SELL, 252_000, 10_000_000)
        await s.place(ALICE, ETH, Side.BUY, 240_000, 1_000)
        await c.subscribe("userEvents", user=ALICE)
        await c.subscribe("orderUpdates", user=ALICE)
        row, old = s.row(ALICE), s.ask("openOrders", user=ALICE)[0]["oid"]
        await s.do(lambda now: ModifyOrder(now, row, ETH, old, Side.BUY, 252_000, 7_930_000))
        updates = await c.until("orderUpdates")
        assert [entry["status"] for entry in updates] == ["canceled", "perpMarginRejected"]
        await s.place(ALICE, ETH, Side.BUY, 252_000, 1_000)
        await c.until("user")
        assert [name for event in c.got["user"] for name in event] == ["fills"]

    with_client(body)


def test_money_funding_and_twaps() -> None:
    async def body(s: Sandbox, c: Client) -> None:
        await s.trade(ALICE, BOB, ETH, 250_000, 100_000)
        for kind in ("userFundings", "userNonFundingLedgerUpdates", "userTwapHistory"):
            await c.subscribe(kind, user=ALICE)
        await c.subscribe("userEvents", user=ALICE)
        await s.withdraw(ALICE, 11)
        told = await c.until("userNonFundingLedgerUpdates")
        while told.get("isSnapshot"):
            told = await c.until("userNonFundingLedgerUpdates")
        assert told["nonFundingLedgerUpdates"][0]["delta"]["usdc"] == "10.0"
        await s.advance(3_700_000)
        paid = await c.until("userFundings")
        assert paid["fundings"][0]["usdc"] == "-0.3125"
        assert "isSnapshot" not in paid
        assert (await c.until("user"))["funding"]["coin"] == "ETH"
        twap = {
            "twap_id": 1, "address": ALICE, "account": s.row(ALICE), "market": ETH, "side": 0,
            "size": 1000, "minutes": 5, "slices": 11, "created_ms": s.host.now_ms(),
        }  # fmt: skip
        await s.note("twap", **twap)
        await s.place(ALICE, ETH, Side.BUY, 240_000, 1000)
        entry = (await c.until("userTwapHistory"))["history"][0]
        assert (entry["twapId"], entry["status"]) == (1, {"status": "activated"})

    with_client(body)


def test_a_liquidation_is_told_to_its_user() -> None:
    async def body(s: Sandbox, c: Client) -> None:
        row = s.row(ALICE)
        await s.do(lambda now: SetLeverage(now, row, ETH, 25, MarginMode.ISOLATED))
        await s.trade(ALICE, BOB, ETH, 250_000, 300_000, taker=ALICE)
        await s.place(BOB, ETH, Side.BUY, 244_000, 1_000_000)
        await s.place(BOB, ETH, Side.SELL, 244_200, 1_000_000)
        await c.subscribe("userEvents", user=ALICE)
        await c.subscribe("userNonFundingLedgerUpdates", user=ALICE)
        await s.do(lambda now: SetOraclePrice(now, ETH, 244_000))
        while not any("liquidation" in event for event in c.got.get("user", ())):
            await c.read()
        event = c.got["user"][-1]["liquidation"]
        assert event["liquidated_user"] == ALICE
        while c.got["userNonFundingLedgerUpdates"][-1].get("isSnapshot"):
            await c.read()
        ledger = c.got["userNonFundingLedgerUpdates"][-1]["nonFundingLedgerUpdates"]
        assert ledger == s.ask("userNonFundingLedgerUpdates", user=ALICE)[-1:]
        assert ledger[0]["delta"]["liquidatedNtlPos"] == event["liquidated_ntl_pos"]

    with_client(body)


def test_a_liquidation_that_takes_no_more_is_not_sent_again() -> None:
    """Two commands of one moment: the second finds the bucket as it is, and an empty book."""

    async def body(s: Sandbox, c: Client) -> None:
        await s.trade(ALICE, BOB, ETH, 250_000, 4_000_000, taker=ALICE)
        await s.place(BOB, ETH, Side.BUY, 229_000, 10_000)
        await c.subscribe("userEvents", user=ALICE)
        await c.subscribe("userNonFundingLedgerUpdates", user=ALICE)
        await s.do(
            lambda now: SetOraclePrice(now, ETH, 229_000, 229_000),
            lambda now: SetOraclePrice(now, BTC, 1_000_000),
        )
        await s.do(lambda now: Deposit(now, s.row(ALICE), 1))
        told = []
        while not told or told[-1]["delta"]["type"] != "deposit":
            data = await c.until("userNonFundingLedgerUpdates")
            told += [] if data.get("isSnapshot") else data["nonFundingLedgerUpdates"]
        assert [entry["delta"]["type"] for entry in told] == ["liquidation", "deposit"]
        assert len([event for event in c.got["user"] if "liquidation" in event]) == 1

    with_client(body)


def test_books_keep_their_pace_and_bests_only_change() -> None:
    async def body(s: Sandbox) -> None:
        now = 0.0
        applied = 0

        def count(_: object) -> None:
            nonlocal applied
            applied += 1

        hub = Hub(s.venue, Pace(book=20.0), lambda: now)
        reader = Reader(lambda: pytest.fail("too slow"))
        hub.start()
        s.host.listen(count)
        books: list[tuple[float, Any]] = []
        bests: list[Any] = []
        hub.subscribe(reader, Topic("l2Book", ETH))
        hub.subscribe(reader, Topic("bbo", ETH))
        for step in range(61):
            if step:
                now += 1.0
                before = applied
                # One order is the best, the others only change the levels below it.
                level = 0 if step == 1 else 1 + step % 19
                await s.place(BOB, ETH, Side.BUY, 249_000 - 10 * level, 1000)
                while applied == before or not hub.is_idle:
                    await asyncio.sleep(0)
            while len(reader.outbox):
                message = json.loads(await reader.outbox.take())
                if message["channel"] == "bbo":
                    bests.append(message["data"]["bbo"][0])
                else:
                    books.append((now, message["data"]["levels"][0]))
        await hub.stop()
        assert [time for time, _ in books] == [0.0, 20.0, 40.0, 60.0]
        assert [len(bids) for _, bids in books] == [0, 20, 20, 20]
        assert [best and best["px"] for best in bests] == [None, "2490.0"]

    with_sandbox(body)


def test_states_follow_the_mark() -> None:
    async def body(s: Sandbox, c: Client) -> None:
        await s.trade(ALICE, BOB, ETH, 250_000, 10_000)
        await c.subscribe("clearinghouseState", user=ALICE)
        await c.subscribe("activeAssetCtx", coin="ETH")
        await c.subscribe("openOrders", user=ALICE)
        await c.until("openOrders")
        await s.do(lambda now: SetOraclePrice(now, ETH, 260_000))
        assert (await c.until("activeAssetCtx"))["ctx"]["oraclePx"] == "2600.0"
        if len(c.got["clearinghouseState"]) < 2:
            await c.until("clearinghouseState")
        state = c.got["clearinghouseState"][-1]["clearinghouseState"]
        told, asked = dict(state), s.ask("clearinghouseState", user=ALICE)
        assert told.pop("time") <= asked.pop("time")
        assert told == asked
        assert len(c.got["openOrders"]) == 1

    with_client(body)


# -- slow readers --------------------------------------------------------------------------------


def test_an_outbox_replaces_and_is_bounded() -> None:
    async def body() -> None:
        box = Outbox(max_messages=3, max_bytes=100)
        assert box.offer(b"a")
        assert box.offer(b"book 1", "book")
        assert box.offer(b"b")
        assert box.offer(b"book 2", "book")
        assert not box.offer(b"c")
        assert len(box) == 3
        assert [await box.take() for _ in range(3)] == [b"a", b"book 2", b"b"]
        assert not box.offer(b"x" * 101)
        waiting = asyncio.create_task(box.take())
        await asyncio.sleep(0)
        assert box.offer(b"late")
        assert await waiting == b"late"

    asyncio.run(body())


def test_a_slow_reader_costs_a_bounded_outbox_and_then_its_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outbox.Outbox.__init__, "__defaults__", (50, 64 * 1024))
    stuck: list[Outbox] = []
    really_run = hub.Sender.run

    async def run(sender: hub.Sender, idle_seconds: float) -> None:
        """The first connection's socket takes nothing any more."""
        if stuck:
            await really_run(sender, idle_seconds)
        stuck.append(sender._outbox)
        await asyncio.Event().wait()

    monkeypatch.setattr(hub.Sender, "run", run)

    async def body(s: Sandbox, url: str) -> None:
        async with aiohttp.ClientSession() as session:
            slow = await session.ws_connect(url + "/ws")
            await slow.receive_str()
            for kind in ("userFills", "openOrders", "clearinghouseState"):
                subscription = {"type": kind, "user": ALICE}
                await slow.send_json({"method": "subscribe", "subscription": subscription})
            await until(lambda: stuck and len(stuck[0]) >= 6)
            quick = await session.ws_connect(url + "/ws")
            await quick.receive_str()
            closing = asyncio.ensure_future(slow.receive(timeout=PATIENCE_S))
            while not closing.done():
                await s.trade(ALICE, BOB, ETH, 250_000, 1000)
                assert len(stuck[0]) <= 50
            await quick.send_str('{"method":"ping"}')
            assert json.loads(await quick.receive_str(timeout=PATIENCE_S)) == {"channel": "pong"}
            closed = await closing
            assert closed.type == aiohttp.WSMsgType.CLOSE
            assert closed.data == aiohttp.WSCloseCode.TRY_AGAIN_LATER
            await quick.close()

    with_server(body, FAST)


class _Recorded:
    """What was done with a socket, in order."""

    def __init__(self) -> None:
        self.done: list[str] = []

    async def send_frame(self, body: bytes, _kind: Any) -> None:
        self.done.append(body.decode())

    async def close(self, **_: Any) -> None:
        self.done.append("closed")


def test_a_connection_whose_posts_are_answered_is_not_idle() -> None:
    async def body() -> None:
        recorded: Any = _Recorded()
        sender = hub.Sender(recorded, Outbox())
        sending = asyncio.ensure_future(sender.run(0.0))
        for _ in range(50):  # an idle time ends in each pass of the loop
            await sender.answer(b"answer")
            await asyncio.sleep(0)
        assert recorded.done == ["answer"] * 50
        await sending
        assert recorded.done[50:] == ["closed"]

    asyncio.run(body())


def test_candles_that_passed_quickly_are_all_told() -> None:
    async def body(s: Sandbox, c: Client) -> None:
        await c.subscribe("candle", coin="ETH", interval="1m")
        for price in (250_000, 251_000, 252_000):
            await s.trade(ALICE, BOB, ETH, price, 1000)
            await s.advance(60_000)
        while not c.got.get("candle") or c.got["candle"][-1]["c"] != "2520.0":
            await c.read()
        asked = {"coin": "ETH", "interval": "1m", "startTime": 0}
        final = {row["t"]: row for row in c.got["candle"]}
        assert [row["c"] for row in final.values()][-1] == "2520.0"
        await s.trade(ALICE, BOB, ETH, 253_000, 1000)
        await s.advance(60_000)
        await s.trade(ALICE, BOB, ETH, 254_000, 1000)
        while c.got["candle"][-1]["c"] != "2540.0":
            await c.read()
        final = {row["t"]: row for row in c.got["candle"]}
        assert list(final.values())[-3:] == s.ask("candleSnapshot", req=asked)[-3:]

    with_client(body, Pace(book=0.3))


# -- the official client -------------------------------------------------------------------------


def test_the_official_client_reads_and_subscribes() -> None:
    user_kinds = (
        "userEvents userFills orderUpdates userFundings userNonFundingLedgerUpdates webData2"
    )

    async def body(s: Sandbox, url: str) -> None:
        got: dict[str, list[Any]] = {}

        def keep(message: Any) -> None:
            got.setdefault(message["channel"], []).append(message["data"])

        def begin() -> Any:
            info = Info(url)
            for kind in user_kinds.split():
                info.subscribe({"type": kind, "user": ALICE}, keep)
            for kind in ("l2Book", "trades", "bbo", "activeAssetCtx"):
                info.subscribe({"type": kind, "coin": "ETH"}, keep)
            info.subscribe({"type": "candle", "coin": "ETH", "interval": "1m"}, keep)
            info.subscribe({"type": "allMids"}, keep)
            assert info.name_to_asset("ETH") == ETH
            assert info.user_state(ALICE)["marginSummary"]["accountValue"] == "100000.0"
            assert info.l2_snapshot("ETH")["levels"] == [[], []]
            return info

        info = await asyncio.to_thread(begin)
        try:
            await until(lambda: "allMids" in got and "webData2" in got)
            await s.trade(ALICE, BOB, ETH, 250_000, 10_000)
            await s.advance(3_700_000)
            wanted = set(user_kinds.split()) - {"userEvents"} | {"user", "l2Book", "trades", "bbo"}
            wanted |= {"activeAssetCtx", "candle", "allMids"}
            await until(lambda: wanted <= set(got) and len(got["userFundings"]) > 1)
            assert got["userFundings"][-1]["fundings"][0]["usdc"] == "-0.03125"
        finally:
            await asyncio.to_thread(info.disconnect_websocket)

    with_server(body, FAST)
