"""Writing to a venue over a real socket: what is sent, and what each way of failing is called."""

import asyncio
import inspect
import json
from collections.abc import Awaitable, Callable
from typing import Any

import eth_account
import pytest
from aiohttp import web
from hyperliquid.utils import signing as official

from seawall.domain.errors import InputError
from seawall.venues.gateway_port import (
    Accepted,
    Network,
    Outcome,
    ReduceOrder,
    Refused,
    Unknown,
    VenueWriter,
)
from seawall.venues.hyperliquid.gateway import writer as writer_module
from seawall.venues.hyperliquid.gateway.key import SigningKey
from seawall.venues.hyperliquid.gateway.networks import NETWORKS
from seawall.venues.hyperliquid.gateway.writer import Writer
from seawall.venues.hyperliquid.wire.signing import (
    action_hash,
    recover_connection,
    recover_user_signed,
)
from seawall.venues.hyperliquid.wire.values import on_tick

AGENT = SigningKey("0x" + "1" * 64)
OWNER = SigningKey("0x" + "2" * 64)
CLIENT_ID = "0x" + "5ea1" + "0" * 27 + "1"
EXPIRES_MS = 1_900_000_000_000
META = {
    "universe": [
        {"szDecimals": 5, "name": "BTC", "maxLeverage": 40},
        {"szDecimals": 0, "name": "DOGE", "maxLeverage": 10},
    ]
}
DEX_META = {"universe": [{"szDecimals": 4, "name": "xyz:GOLD", "maxLeverage": 20}]}
OK = {"status": "ok", "response": {"type": "default"}}
Act = Callable[[Writer], Awaitable[Any]]


def order(**changes: Any) -> ReduceOrder:
    fields = {
        "market": "BTC", "is_buy": False, "size": 125_000, "size_decimals": 5, "price": 1_000_001,
        "kind": "immediate", "client_id": CLIENT_ID, "expires_ms": EXPIRES_MS, **changes,
    }  # fmt: skip
    return ReduceOrder(**fields)


class Script:
    """The other side. ``answer``: JSON, bytes, or what is done with a request."""

    def __init__(self, answer: Any = OK, status: int = 200) -> None:
        self.answer, self.status = answer, status
        self.bodies: list[Any] = []
        self.asked: list[Any] = []

    async def info(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.asked.append(body)
        if body["type"] == "perpDexs":
            return web.json_response([None, {"name": "abc"}, {"name": "xyz"}])
        return web.json_response(DEX_META if body.get("dex") == "xyz" else META)

    async def exchange(self, request: web.Request) -> web.StreamResponse:
        self.bodies.append(await request.json())
        if callable(self.answer):
            answered: web.StreamResponse = await self.answer(request)
            return answered
        if isinstance(self.answer, bytes):
            return web.Response(body=self.answer, status=self.status)
        return web.json_response(self.answer, status=self.status)

    async def _play(self, act: Act, owner: SigningKey | None) -> Any:
        app = web.Application()
        app.router.add_post("/info", self.info)
        app.router.add_post("/exchange", self.exchange)
        runner = web.AppRunner(app, shutdown_timeout=0.01)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        writer = Writer(NETWORKS.of(url=url), OWNER.address, AGENT, owner, answer_s=self.answer_s)
        try:
            return await act(writer)
        finally:
            await writer.close()
            await runner.cleanup()

    answer_s = 60.0

    def play(self, act: Act, owner: SigningKey | None = None) -> Any:
        return asyncio.run(self._play(act, owner))

    def outcome(self) -> Outcome:
        found: Outcome = self.play(lambda writer: writer.place(order()))
        return found


def statuses(status: Any) -> Any:
    return {"status": "ok", "response": {"type": "order", "data": {"statuses": [status]}}}


def test_an_order_on_the_wire_is_signed_by_the_agent_and_reduces() -> None:
    script = Script(statuses({"resting": {"oid": 7}}))
    assert script.outcome() == Accepted("resting", 7)
    (body,) = script.bodies
    assert body["action"] == {
        "type": "order",
        "orders": [
            {
                "a": 0, "b": False, "p": "100001", "s": "1.25", "r": True,
                "t": {"limit": {"tif": "Ioc"}}, "c": CLIENT_ID,
            }
        ],
        "grouping": "na",
    }  # fmt: skip
    assert body["expiresAfter"] == EXPIRES_MS
    connection = action_hash(body["action"], body["nonce"], None, EXPIRES_MS)
    assert recover_connection("b", connection, body["signature"]) == AGENT.address


@pytest.mark.parametrize("is_mainnet", [False, True])
def test_signatures_are_those_of_the_official_client(is_mainnet: bool) -> None:
    wallet = eth_account.Account.from_key("0x" + "1" * 64)
    action = {"type": "cancelByCloid", "cancels": [{"asset": 3, "cloid": CLIENT_ID}]}
    expected = official.sign_l1_action(wallet, action, None, 17, EXPIRES_MS, is_mainnet)
    found = AGENT.sign(action, 17, EXPIRES_MS, "a" if is_mainnet else "b")
    assert [int(found[name], 16) for name in "rs"] == [int(expected[name], 16) for name in "rs"]
    assert found["v"] == expected["v"]


@pytest.mark.parametrize(
    ("changes", "kind", "price"),
    [
        ({"kind": "resting"}, {"limit": {"tif": "Gtc"}}, "100001"),
        ({"kind": "post_only"}, {"limit": {"tif": "Alo"}}, "100001"),
        (
            {"kind": "trigger", "trigger_price": 999_999},
            {"trigger": {"isMarket": True, "triggerPx": "100000", "tpsl": "sl"}},
            "100001",
        ),
        (
            {"kind": "trigger", "trigger_price": 999_999, "is_buy": True, "take_profit": True},
            {"trigger": {"isMarket": True, "triggerPx": "99999", "tpsl": "tp"}},
            "100000",
        ),
    ],
)
def test_kinds_of_orders(changes: Any, kind: Any, price: str) -> None:
    script = Script(statuses("waitingForTrigger"))
    assert script.play(lambda writer: writer.place(order(**changes))) == Accepted("resting")
    (sent,) = script.bodies[0]["action"]["orders"]
    assert (sent["t"], sent["p"], sent["r"]) == (kind, price, True)


@pytest.mark.parametrize(
    ("price", "size_decimals", "low", "high"),
    [
        (1_000_001, 5, 1_000_000, 1_000_010),  # 100,000.1 USD: whole USD always
        (999_999, 5, 999_990, 1_000_000),
        (123_456, 0, 123_450, 123_460),
        (12_345, 0, 12_345, 12_345),
        (12_345_678, 5, 12_345_670, 12_345_680),
    ],
)
def test_prices_are_rounded_to_what_the_venue_takes(
    price: int, size_decimals: int, low: int, high: int
) -> None:
    assert on_tick(price, size_decimals, up=False) == low
    assert on_tick(price, size_decimals, up=True) == high


def test_a_market_of_a_builders_dex_has_an_id_of_its_own() -> None:
    script = Script(statuses({"resting": {"oid": 7}}))

    async def act(writer: Writer) -> None:
        for _ in range(2):
            await writer.cancel("xyz:GOLD", CLIENT_ID, EXPIRES_MS)
        with pytest.raises(InputError, match="'SOL' should be a market"):
            await writer.cancel("SOL", CLIENT_ID, EXPIRES_MS)

    script.play(act)
    assert [each["action"]["cancels"] for each in script.bodies] == [
        [{"asset": 120_000, "cloid": CLIENT_ID}]
    ] * 2
    assert [each["type"] for each in script.asked] == ["perpDexs", "meta", "meta"]


@pytest.mark.parametrize(
    ("answer", "status", "expected"),
    [
        (statuses({"error": "Order has zero size."}), 200, Refused("Order has zero size.")),
        ({"status": "err", "response": "No such user."}, 200, Refused("No such user.")),
        (b"Failed to deserialize", 422, Refused("HTTP 422: Failed to deserialize")),
        (b"null", 429, Refused("HTTP 429: null")),
        (b"bad gateway", 502, Unknown("HTTP 502: bad gateway")),
        (b"<html>", 200, Unknown("the answer cannot be read: <html>")),
        (b"", 200, Unknown("the answer cannot be read: ")),
        ({"status": "maybe", "response": 1}, 200, None),
        (statuses({}), 200, None),
        ({"status": "ok", "response": {"type": "order", "data": {"statuses": []}}}, 200, None),
        (b"moved", 302, Unknown("HTTP 302: moved")),
    ],
)  # fmt: skip
def test_an_answer_has_one_meaning(answer: Any, status: int, expected: Outcome | None) -> None:
    script = Script(answer, status)
    found = script.outcome()
    assert found == expected if expected is not None else isinstance(found, Unknown)
    assert len(script.bodies) == 1


def test_a_timeout_after_sending_is_unknown_and_nothing_is_sent_again() -> None:
    held = asyncio.Event()

    async def never(request: web.Request) -> web.Response:
        await held.wait()
        return web.json_response(OK)

    script = Script(never)
    script.answer_s = 0.2
    assert script.outcome() == Unknown("no answer within 0.2 s")
    assert len(script.bodies) <= 1


def test_a_connection_lost_after_sending_is_unknown() -> None:
    async def hang_up(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.json_response(OK)

    script = Script(hang_up)
    found = script.outcome()
    assert isinstance(found, Unknown)
    assert found.reason.startswith("the connection was lost")
    assert len(script.bodies) == 1


def test_an_answer_that_ends_early_is_unknown() -> None:
    async def cut(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(json.dumps(OK).encode())
        assert request.transport is not None
        request.transport.abort()
        return response

    assert isinstance(Script(cut).outcome(), Unknown)


def test_what_could_not_be_sent_is_refused() -> None:
    async def act() -> tuple[Outcome, Outcome]:
        network = Network(name="sandbox", url="http://127.0.0.1:1", is_real=False)
        writer = Writer(network, OWNER.address, AGENT, OWNER)
        try:
            return await writer.place(order()), await writer.add_collateral(1)
        finally:
            await writer.close()

    for found in asyncio.run(act()):
        assert isinstance(found, Refused)
        assert not found.was_sent


def test_margin_is_only_added() -> None:
    script = Script()

    async def act(writer: Writer) -> list[Outcome]:
        for amount in (0, -1, 2**62):
            with pytest.raises(InputError, match="collateral is only added"):
                await writer.add_isolated_margin("DOGE", amount, EXPIRES_MS)
            with pytest.raises(InputError, match="collateral is only added"):
                await writer.add_collateral(amount)
        return [
            await writer.add_isolated_margin("DOGE", 2_500_000, EXPIRES_MS),
            await writer.add_collateral(1_500_000),
        ]

    assert script.play(act, OWNER) == [Accepted(), Accepted()]
    margin, transfer = (each["action"] for each in script.bodies)
    expected = {"type": "updateIsolatedMargin", "asset": 1, "isBuy": True, "ntli": 2_500_000}
    assert margin == expected
    assert (transfer["amount"], transfer["toPerp"]) == ("1.5", True)
    assert recover_user_signed(transfer, script.bodies[1]["signature"]) == OWNER.address


def test_an_agent_cannot_move_money_from_the_wallet() -> None:
    script = Script()
    found = script.play(lambda writer: writer.add_collateral(1))
    assert isinstance(found, Refused)
    assert not found.was_sent
    assert script.bodies == []
    with pytest.raises(InputError, match="should be that of"):
        Writer(NETWORKS.of(), OWNER.address, AGENT, AGENT)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"size": 0}, "size: 0 should be above 0"),
        ({"size": -5}, "size: -5 should be above 0"),
        ({"client_id": "1"}, "client_id: '1' should be 0x and 32"),
        ({"kind": "market"}, "kind: 'market' should be one of"),
        ({"kind": "trigger"}, "trigger_price: 0 should be above 0 for a trigger"),
        ({"trigger_price": 5}, "trigger_price: 5 should be above 0 for a trigger"),
        ({"price": 1, "is_buy": True}, None),
        ({"price": 0}, "price: 0 should be one that is a price"),
    ],
)
def test_orders_that_are_none_are_never_sent(changes: Any, error: str | None) -> None:
    script = Script(statuses({"resting": {"oid": 1}}))

    async def act(writer: Writer) -> None:
        if error is None:
            await writer.place(order(**changes))
            return
        with pytest.raises(InputError, match=error):
            await writer.place(order(**changes))

    script.play(act)
    assert len(script.bodies) == (error is None)


def test_no_method_of_a_writer_can_increase_anything() -> None:
    """What there is, by name; an order has no field that says whether it reduces."""
    methods = {
        "check", "place", "cancel", "cancel_other", "add_isolated_margin", "add_collateral",
        "close",
    }  # fmt: skip
    for each in (Writer, VenueWriter):
        found = {name for name in vars(each) if not name.startswith("_")}
        assert found == methods
    assert "reduce" not in " ".join(ReduceOrder.__struct_fields__)
    assert inspect.getsource(writer_module).count('"r"') == 1
