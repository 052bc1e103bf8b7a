"""What the venue grants its clients: weights of requests, websockets, requests of an account."""

import asyncio
import json
from typing import Any

import aiohttp
import pytest
from msgspec import structs

from seawall.domain.units import DAY_MS
from seawall.venues.hyperliquid.directory.directory import VenueDirectory
from seawall.venues.hyperliquid.exchange import twap
from seawall.venues.hyperliquid.exchange.account import ZERO_ADDRESS
from seawall.venues.hyperliquid.limits import (
    OFF,
    VENUE,
    Clients,
    LastMinute,
    action_weight,
    answer_weight,
    info_weight,
)
from seawall.venues.hyperliquid.stream import connection
from seawall.venues.port import Refusal
from tests.unit.hl_desk import ADDRESSES, BTC, NOW, OK, Client, FakeDesk, wire
from tests.unit.hl_venue import ALICE, BOB, NOBODY, Sandbox, with_server
from tests.waiting import PATIENCE_S, eventually

ALICES = ADDRESSES["alice"]


class Seconds:
    """A clock by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


# -- over HTTP -----------------------------------------------------------------------------------


def test_a_minute_slides() -> None:
    clock = Seconds()
    window = LastMinute(clock)
    assert window.take(7, 10)
    clock.now += 30
    assert window.take(3, 10)
    assert not window.take(1, 10)
    clock.now += 29.9
    assert window.used() == 10
    clock.now += 0.1
    assert window.used() == 3
    assert window.take(7, 10)
    clock.now += 3600
    assert window.used() == 0


@pytest.mark.parametrize(
    ("request_", "weight"),
    [
        ({"type": "l2Book", "coin": "BTC"}, 2),
        ({"type": "allMids"}, 2),
        ({"type": "userRole", "user": ALICE}, 60),
        ({"type": "meta"}, 20),
        ({"type": "unheard of"}, 20),
        ({"type": 5}, 1),
        ([], 1),
        (None, 1),
    ],
)
def test_weights_of_questions(request_: Any, weight: int) -> None:
    assert info_weight(request_) == weight


def test_long_answers_weigh_more() -> None:
    assert answer_weight({"type": "userFills"}, [0] * 59) == 2
    assert answer_weight({"type": "candleSnapshot"}, [0] * 59) == 0
    assert answer_weight({"type": "candleSnapshot"}, [0] * 120) == 2
    assert answer_weight({"type": "openOrders"}, [0] * 500) == 0
    assert answer_weight({"type": "fundingHistory"}, None) == 0


@pytest.mark.parametrize(
    ("action", "weight", "reduces"),
    [
        ({"type": "order", "orders": [{"r": True}] * 39}, 1, True),
        ({"type": "order", "orders": [{"r": True}] * 79 + [{"r": False}]}, 3, False),
        ({"type": "order", "orders": []}, 1, False),
        ({"type": "order", "orders": [{"r": 1}]}, 1, False),
        ({"type": "order", "orders": 5}, 1, False),
        ({"type": "cancel", "cancels": [{}] * 40}, 2, True),
        ({"type": "batchModify", "modifies": [{}] * 40}, 2, False),
        ({"type": "usdSend"}, 1, False),
        ({"type": []}, 1, False),
        ("no action", 1, False),
    ],
)
def test_weights_of_actions(action: Any, weight: int, reduces: bool) -> None:
    assert action_weight({"action": action}) == (weight, reduces)


def test_an_ip_that_used_its_weight_may_still_reduce() -> None:
    clock = Seconds()
    clients = Clients(structs.replace(VENUE, weight=10, reducing_weight=2), clock)
    one, other = clients.of("127.0.0.1"), clients.of("127.0.0.2")
    assert one.may_request(clients.quotas, 10)
    assert not one.may_request(clients.quotas, 1)
    assert [one.may_request(clients.quotas, 1, reduces=True) for _ in range(3)] == [1, 1, 0]
    assert other.may_request(clients.quotas, 10)
    clock.now += 61
    assert clients.of("127.0.0.1").may_request(clients.quotas, 10)


def test_ips_without_use_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seawall.venues.hyperliquid.limits.MAX_REMEMBERED", 3)
    clock = Seconds()
    clients = Clients(VENUE, clock)
    connected = clients.of("10.0.0.1")
    connected.connections = 1
    assert clients.of("10.0.0.2").may_request(VENUE, 1200)
    clients.of("10.0.0.3")
    clients.of("10.0.0.4")
    assert not clients.of("10.0.0.2").may_request(VENUE, 1)
    clients.of("10.0.0.5")
    clients.of("10.0.0.6")
    assert clients.of("10.0.0.1") is connected


def test_questions_are_refused_with_429_and_null() -> None:
    clock = Seconds()

    async def body(s: Sandbox, url: str) -> None:
        async with aiohttp.ClientSession() as session:

            async def ask(data: Any, path: str = "/info") -> tuple[int, str]:
                async with session.post(url + path, data=data) as answer:
                    return answer.status, await answer.text()

            book = json.dumps({"type": "l2Book", "coin": "ETH"})
            assert [(await ask(book))[0] for _ in range(5)] == [200] * 5
            assert await ask(book) == (429, "null")
            assert await ask("not json") == (429, "null")
            assert await ask("{}", "/exchange") == (429, "null")
            cancel = json.dumps({"action": {"type": "cancel", "cancels": []}})
            assert (await ask(cancel, "/exchange"))[0] == 422
            clock.now += 60
            assert (await ask("not json"))[0] == 422
            assert (await ask(book))[0] == 200

    quotas = structs.replace(VENUE, weight=10, reducing_weight=1)
    with_server(body, quotas=quotas, clock=clock)


def test_a_long_answer_is_charged_after_it_was_given() -> None:
    async def body(s: Sandbox, url: str) -> None:
        for _ in range(21):
            await s.trade(ALICE, BOB, 1, 250_000, 1000)
        async with aiohttp.ClientSession() as session:

            async def fills() -> int:
                async with session.post(
                    url + "/info", json={"type": "userFills", "user": ALICE}
                ) as a:
                    return a.status

            assert [await fills(), await fills()] == [200, 429]

    with_server(body, quotas=structs.replace(VENUE, weight=40), clock=Seconds())


# -- websockets ----------------------------------------------------------------------------------

Socket = aiohttp.ClientWebSocketResponse


async def connected(session: aiohttp.ClientSession, url: str) -> Socket:
    socket = await session.ws_connect(url + "/ws")
    assert await socket.receive_str(timeout=PATIENCE_S) == connection.GREETING
    return socket


async def told(socket: Socket, channel: str) -> Any:
    """The data of the next message of a channel."""
    while True:
        message = json.loads(await socket.receive_str(timeout=PATIENCE_S))
        if message["channel"] == channel:
            return message.get("data")


async def subscribe(socket: Socket, kind: str, method: str = "subscribe", **fields: Any) -> None:
    await socket.send_json({"method": method, "subscription": {"type": kind, **fields}})


def test_connections_of_an_ip_are_limited() -> None:
    clock = Seconds()

    async def body(s: Sandbox, url: str) -> None:
        async with aiohttp.ClientSession() as session:
            sockets = [await connected(session, url) for _ in range(2)]
            with pytest.raises(aiohttp.WSServerHandshakeError, match="429"):
                await connected(session, url)
            await sockets[0].close()
            # The server has to notice that another one ended.
            last = await eventually(lambda: admitted(session, url))
            await last.close()
            await sockets[1].close()
            # Three were opened within this minute.
            with pytest.raises(aiohttp.WSServerHandshakeError, match="429"):
                await connected(session, url)
            clock.now += 60
            await (await connected(session, url)).close()

    async def admitted(session: aiohttp.ClientSession, url: str) -> Socket | None:
        try:
            return await connected(session, url)
        except aiohttp.WSServerHandshakeError:
            return None

    quotas = structs.replace(VENUE, connections=2, new_connections=3)
    with_server(body, quotas=quotas, clock=clock)


def test_subscriptions_and_users_are_counted_over_all_connections_of_an_ip() -> None:
    async def body(s: Sandbox, url: str) -> None:
        async with aiohttp.ClientSession() as session:
            one, two = await connected(session, url), await connected(session, url)
            await subscribe(one, "userFills", user=ALICE)
            await subscribe(one, "orderUpdates", user=ALICE)
            await subscribe(one, "userFills", user=BOB)
            for _ in range(3):
                await told(one, "subscriptionResponse")
            await subscribe(two, "userFills", user=NOBODY)
            assert await told(two, "error") == "Cannot track more than 2 total users."
            await subscribe(two, "bbo", coin="ETH")
            await told(two, "subscriptionResponse")
            await subscribe(two, "bbo", coin="BTC")
            assert await told(two, "error") == "Cannot subscribe to more than 4 channels."
            await subscribe(one, "userFills", "unsubscribe", user=BOB)
            await told(one, "subscriptionResponse")
            await subscribe(two, "userFills", user=NOBODY)
            await told(two, "subscriptionResponse")
            # What a connection had is free again when it has gone.
            await one.close()

            answer = "error"
            while answer == "error":
                await subscribe(two, "bbo", coin="BTC")
                answer = json.loads(await two.receive_str(timeout=PATIENCE_S))["channel"]

    with_server(body, quotas=structs.replace(VENUE, subscriptions=4, users=2))


def test_messages_of_an_ip_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "PAUSE_S", 0.0)
    clock = Seconds()

    async def body(s: Sandbox, url: str) -> None:
        async with aiohttp.ClientSession() as session:
            socket = await connected(session, url)
            for _ in range(3):
                await socket.send_json({"method": "ping"})
            await told(socket, "pong")
            await told(socket, "pong")
            assert await told(socket, "error") == "Cannot send more than 2 messages per minute."
            clock.now += 60
            await socket.send_json({"method": "ping"})
            await told(socket, "pong")

    with_server(body, quotas=structs.replace(VENUE, messages=2), clock=clock)


def test_posts_in_flight_are_limited() -> None:
    async def body(s: Sandbox, url: str) -> None:
        async with aiohttp.ClientSession() as session:
            socket = await connected(session, url)
            post = {"type": "info", "payload": {"type": "allMids"}}
            await socket.send_json({"method": "post", "id": 7, "request": post})
            assert await told(socket, "error") == "too many pending post requests id=7"

    with_server(body, quotas=structs.replace(VENUE, posts=0))


def test_a_connection_that_is_told_nothing_is_closed() -> None:
    async def body(s: Sandbox, url: str) -> None:
        async with aiohttp.ClientSession() as session:
            socket = await connected(session, url)
            ended = await socket.receive(timeout=PATIENCE_S)
            assert ended.type == aiohttp.WSMsgType.CLOSE
            assert (ended.data, ended.extra) == (1000, "Inactive")

    with_server(body, quotas=structs.replace(VENUE, idle_seconds=0.01))


# -- requests of an account ----------------------------------------------------------------------


@pytest.fixture
def desk() -> FakeDesk:
    desk = FakeDesk()
    desk.price(BTC, 500_000)
    desk.fund(ALICES, 10_000)
    return desk


@pytest.fixture
def alice(desk: FakeDesk) -> Client:
    return Client(desk)


def use(desk: FakeDesk, requests: int) -> None:
    desk.directory.state.holders[ALICES].requests = requests


def order(count: int = 1) -> dict[str, Any]:
    return {
        "type": "order",
        "orders": [wire(BTC, True, "40000", "0.001")] * count,
        "grouping": "na",
    }


CANCEL = {"type": "cancel", "cancels": [{"a": 0, "o": 1}]}
SPENT = (
    "Too many cumulative requests sent (10001 > 10000) for cumulative volume traded $0. "
    "Place taker orders to free up 1 request per USDC traded."
)


def test_a_spent_account_sends_one_request_in_ten_seconds(desk: FakeDesk, alice: Client) -> None:
    assert alice.l1(order(2))["status"] == "ok"
    assert desk.directory.state.holders[ALICES].requests == 2
    use(desk, 9_999)
    assert alice.l1(order())["status"] == "ok"
    desk.time_ms += 9_999
    for _ in range(3):
        assert alice.l1(order()) == {"status": "err", "response": SPENT}
    desk.time_ms += 1
    assert alice.l1(order())["status"] == "ok"
    refused = alice.l1(order())
    assert refused["response"].startswith("Too many cumulative requests sent (10002 > 10000)")
    desk.time_ms += 10_000
    assert alice.l1(order(2))["status"] == "err"


def test_a_spent_account_may_cancel(desk: FakeDesk, alice: Client) -> None:
    use(desk, 19_999)
    assert alice.l1(order())["status"] == "ok"  # the first in ten seconds
    assert alice.l1(CANCEL)["status"] == "err"
    use(desk, 19_999)
    assert alice.l1(CANCEL)["status"] == "ok"
    assert alice.l1(CANCEL)["response"].startswith(
        "Too many cumulative requests sent (20001 > 20000)"
    )


def test_volume_and_reserved_weight_grant_requests(desk: FakeDesk, alice: Client) -> None:
    desk.directory.state.holders[ALICES].last_request_ms = NOW
    row = desk.directory.row_of(ALICES)
    desk.engine.tables["accounts"]["day_taker_volume"][row] = 1_500_000
    use(desk, 10_001)
    refused = alice.l1(order())
    assert "(10002 > 10001) for cumulative volume traded $1.5." in refused["response"]
    desk.directory.state.holders[ALICES].reserved_requests = 1
    assert alice.l1(order())["status"] == "ok"


def test_a_request_that_comes_too_late_costs_five(desk: FakeDesk, alice: Client) -> None:
    late = alice.l1(order(2), expires=NOW - 1)
    assert late == {"status": "err", "response": "Action already expired"}
    assert desk.directory.state.holders[ALICES].requests == 10
    assert desk.engine.tables["control"]["orders_live"][0] == 0


def test_without_quotas_an_account_sends_what_it_likes(desk: FakeDesk, alice: Client) -> None:
    use(desk, 10**6)
    assert alice.l1(order())["status"] == "ok"
    assert alice.l1(order())["status"] == "err"
    alice.quotas = OFF
    assert [alice.l1(order())["status"] for _ in range(2)] == ["ok", "ok"]


# -- agents, builders, new addresses -------------------------------------------------------------


def approve(name: str, address: str) -> dict[str, Any]:
    return {"type": "approveAgent", "agentAddress": address, "agentName": name}


ONE, TWO = "0x" + "51" * 20, "0x" + "52" * 20
USED = {"status": "err", "response": "Extra agent already used."}


@pytest.mark.parametrize("how", ["replaced", "removed", "expired"])
def test_an_agent_is_never_armed_again(desk: FakeDesk, alice: Client, how: str) -> None:
    assert alice.message(approve("bot", ONE)) == OK
    if how == "expired":
        desk.time_ms += 181 * DAY_MS
        alice.nonce = desk.time_ms
    else:
        assert alice.message(approve("bot", TWO if how == "replaced" else ZERO_ADDRESS)) == OK
    assert alice.message(approve("bot", ONE)) == USED
    assert alice.message(approve("another", ONE)) == USED
    restored = VenueDirectory()
    restored.restore(desk.directory.snapshot())
    with pytest.raises(Refusal, match="already used"):
        restored.check_agent(ALICES, ONE, "third", desk.time_ms)


def approval(builder: int, rate: str = "0.1%") -> dict[str, Any]:
    return {"type": "approveBuilderFee", "maxFeeRate": rate, "builder": f"0x{builder:040x}"}


def test_ten_builders_may_be_approved_for_a_tenth_of_a_percent(alice: Client) -> None:
    refused = alice.message(approval(1, "0.101%"))
    assert refused == {"status": "err", "response": "Builder fee is too high. Max is 0.1%."}
    assert [alice.message(approval(n)) for n in range(1, 11)] == [OK] * 10
    assert alice.message(approval(11))["response"] == "Too many approved builders."
    assert alice.message(approval(10, "0.05%")) == OK
    assert alice.message(approval(3, "0%")) == OK
    assert alice.message(approval(11)) == OK


def cash(desk: FakeDesk, address: str) -> int:
    return int(desk.engine.tables["accounts"]["cash"][desk.directory.row_of(address)])


def test_the_first_money_to_an_address_costs_a_dollar_once(desk: FakeDesk, alice: Client) -> None:
    def send(amount: str) -> Any:
        return alice.message({"type": "usdSend", "destination": NOBODY, "amount": amount})

    short = {"status": "err", "response": "Insufficient balance for withdrawal"}
    assert send("9999.000001") == short
    assert desk.directory.holder(NOBODY) is None
    assert send("100") == OK
    assert (cash(desk, ALICES), cash(desk, NOBODY)) == (9_899_000_000, 100_000_000)
    assert send("100") == OK
    assert (cash(desk, ALICES), cash(desk, NOBODY)) == (9_799_000_000, 200_000_000)


def test_requests_are_reserved_for_money(desk: FakeDesk, alice: Client) -> None:
    assert alice.l1({"type": "reserveRequestWeight", "weight": 2000}) == OK
    assert cash(desk, ALICES) == 9_999_000_000
    assert desk.directory.state.holders[ALICES].reserved_requests == 2000
    refused = alice.l1({"type": "reserveRequestWeight", "weight": 2 * 10**7})
    assert refused == {"status": "err", "response": "Insufficient balance for withdrawal"}
    assert desk.directory.state.holders[ALICES].reserved_requests == 2000


def test_clients_leave_account_rows_to_an_operator() -> None:
    desk = FakeDesk()
    directory, engine = desk.directory, desk.engine
    rows = len(engine.tables["accounts"])
    while directory.next_row < rows - rows // 64:
        desk.fund(f"0x{directory.next_row:040x}", 1)
    with pytest.raises(Refusal, match="Too many accounts"):
        directory.new_account(engine, NOW, ONE)
    with pytest.raises(Refusal, match="Too many accounts"):
        directory.new_spot_row(engine, NOW, ALICES)
    assert directory.new_account(engine, NOW, ONE, by_client=False)[2] == rows - 1


def test_time_weighted_orders_are_limited_and_served_in_turn(
    desk: FakeDesk, alice: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(twap, "MOST_RUNNING", 5)
    monkeypatch.setattr(twap, "MOST_A_PASS", 2)
    wire_ = {"a": 0, "b": True, "s": "0.01", "r": False, "m": 30, "t": False}
    answers = [alice.l1({"type": "twapOrder", "twap": wire_}) for _ in range(6)]
    last = {"type": "twapOrder", "data": {"status": {"error": "Too many open TWAP orders"}}}
    assert answers[5] == {"status": "ok", "response": last}
    runner = twap.TwapRunner(desk)
    served = []
    for _ in range(5):
        before = len(desk.records)
        asyncio.run(runner.run(desk.time_ms))
        served.append([body["twap_id"] for kind, body in desk.records[before:]])
    ids = [each["response"]["data"]["status"]["running"]["twapId"] for each in answers[:5]]
    assert served == [ids[:2], ids[2:4], ids[4:], [], []]
    ended = {"type": "twapCancel", "a": 0, "t": ids[0]}
    assert alice.l1(ended)["response"]["data"]["status"] == "success"
    assert alice.l1({"type": "twapOrder", "twap": wire_})["response"]["data"]["status"]["running"]
