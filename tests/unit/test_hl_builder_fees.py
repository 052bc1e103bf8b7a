"""Builder fees: what a fill pays, when it cannot, and what is remembered of it."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest

from seawall.domain.commands import CancelAll, Withdraw
from seawall.domain.enums import Side
from seawall.domain.events import CROSS_POOL
from seawall.engine.account_view import account_margins
from seawall.sandbox.clock import Clock
from seawall.sandbox.host import Host, HostOptions
from seawall.venues.hyperliquid.directory.builders import KEPT_FEES, BuilderFees
from seawall.venues.hyperliquid.directory.directory import VenueDirectory
from seawall.venues.hyperliquid.exchange import builder_fees
from seawall.venues.hyperliquid.exchange.account import split_agent_name
from seawall.venues.hyperliquid.exchange.builder_fees import FeeRunner
from seawall.venues.hyperliquid.exchange.handle import handle_exchange
from seawall.venues.hyperliquid.info.ledger import net_deposits
from seawall.venues.hyperliquid.stream import hub
from seawall.venues.port import Record, Refusal
from seawall.venues.rulebook_file import load_rulebook
from tests.unit.hl_desk import ADDRESSES, KEYS, NOW, Client, FakeDesk, l1_body, wire
from tests.unit.hl_venue import (
    ALICE,
    BOB,
    BTC,
    LIMITS,
    Sandbox,
    instruments,
    with_sandbox,
    with_server,
)
from tests.waiting import PATIENCE_S

BUILDER = "0x" + "bd" * 20
USER = ADDRESSES["alice"]
TENTH = 10_000
"""0.1 BTC in size units."""


class Trading:
    """A user who signs, in a sandbox where Bob makes the market."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.s = sandbox
        self.fees: FeeRunner | None = None
        self._nonce = NOW

    async def start(self) -> None:
        await self.s.open(USER)
        await self.s.note("builder", address=USER, builder=BUILDER, rate=10)
        self.fees = FeeRunner(self.s.host)

    async def order(self, *wires: dict[str, Any], fee: int = 10, grouping: str = "na") -> list[Any]:
        self._nonce = max(self._nonce, self.s.host.now_ms()) + 1
        order = {"type": "order", "orders": list(wires), "grouping": grouping}
        action = {**order, "builder": {"b": BUILDER, "f": fee}}
        body = json.dumps(l1_body(KEYS["alice"], action, self._nonce)).encode()
        status, answer = await handle_exchange(self.s.host, body)
        assert status == 200, answer
        assert isinstance(answer, dict), answer
        assert answer["status"] == "ok", answer
        found: list[Any] = answer["response"]["data"]["statuses"]
        return found

    async def settle(self) -> None:
        assert self.fees is not None
        assert await self.fees.settle_due()

    @property
    def state(self) -> BuilderFees:
        found: BuilderFees = self.s.host.directory.state.builder_fees
        return found

    def fills(self) -> list[Any]:
        found: list[Any] = self.s.ask("userFills", user=USER)
        return found

    def cash(self, address: str) -> int:
        return int(self.s.host.engine.tables["accounts"]["cash"][self.s.row(address)])


def trading(test: Callable[[Trading], Awaitable[None]]) -> None:
    async def body(sandbox: Sandbox) -> None:
        sandbox.clock.reset(max(NOW, sandbox.host.now_ms()))
        made = Trading(sandbox)
        await made.start()
        await test(made)

    with_sandbox(body)


def test_a_taker_pays_with_the_answer() -> None:
    async def body(t: Trading) -> None:
        await t.s.place(BOB, BTC, Side.SELL, 1_000_000, TENTH)
        (status,) = await t.order(wire(BTC, True, "100000", "0.1", "Ioc"))
        assert status["filled"]["totalSz"] == "0.1"
        (fill,) = t.fills()
        assert Decimal(fill["builderFee"]) == 1
        assert Decimal(fill["fee"]) == Decimal("4.5") + 1
        assert t.cash(BUILDER) == 1_000_000
        # The entry of the position is part of the cash.
        assert t.cash(USER) == 90_000_000_000 - 4_500_000 - 1_000_000
        assert not t.state.orders
        assert not t.s.host.directory.unsettled

    trading(body)


def test_the_ledger_does_not_tell_of_it_again() -> None:
    async def body(t: Trading) -> None:
        await t.s.place(BOB, BTC, Side.SELL, 1_000_000, TENTH)
        await t.order(wire(BTC, True, "100000", "0.1", "Ioc"))
        lines = t.s.ask("userNonFundingLedgerUpdates", user=USER, startTime=0)
        assert [line["delta"]["type"] for line in lines] == ["deposit"]
        assert net_deposits(t.s.venue, USER) == 100_000_000_000
        (line,) = t.s.ask("userNonFundingLedgerUpdates", user=BUILDER, startTime=0)
        assert (line["delta"]["type"], line["delta"]["usdc"]) == ("internalTransfer", "1.0")

    trading(body)


def test_a_maker_pays_for_every_fill_until_the_order_ends() -> None:
    async def body(t: Trading) -> None:
        (status,) = await t.order(wire(BTC, True, "99000", "0.1"))
        order_id = status["resting"]["oid"]
        assert list(t.state.orders) == [order_id]
        await t.s.place(BOB, BTC, Side.SELL, 990_000, TENTH // 4)
        await t.settle()
        assert t.cash(BUILDER) == 247_500
        assert order_id in t.state.orders
        await t.s.place(BOB, BTC, Side.SELL, 990_000, TENTH)
        await t.settle()
        assert t.cash(BUILDER) == 990_000
        assert [fill["builderFee"] for fill in t.fills()] == ["0.7425", "0.2475"]
        (joined,) = t.s.ask("userFills", user=USER, aggregateByTime=True)
        assert joined["builderFee"] == "0.99"
        assert not t.state.orders
        await t.settle()
        assert t.cash(BUILDER) == 990_000

    trading(body)


def test_a_partly_filled_order_pays_once_for_each_part() -> None:
    async def body(t: Trading) -> None:
        await t.s.place(BOB, BTC, Side.SELL, 1_000_000, TENTH // 2)
        await t.order(wire(BTC, True, "100000", "0.1"))
        assert t.cash(BUILDER) == 500_000
        await t.s.place(BOB, BTC, Side.SELL, 1_000_000, TENTH)
        await t.settle()
        assert t.cash(BUILDER) == 1_000_000
        assert len(t.fills()) == 2

    trading(body)


def test_a_cancelled_order_is_forgotten() -> None:
    async def body(t: Trading) -> None:
        await t.order(wire(BTC, True, "90000", "0.1"), wire(BTC, True, "91000", "0.1"))
        assert len(t.state.orders) == 2
        row = t.s.row(USER)
        await t.s.do(lambda now: CancelAll(now, row))
        await t.settle()
        assert not t.state.orders
        assert not t.s.host.directory.unsettled
        assert t.s.row(BUILDER) == -1

    trading(body)


def test_waiting_orders_are_remembered() -> None:
    async def body(t: Trading) -> None:
        trigger = {"isMarket": True, "triggerPx": "90000", "tpsl": "sl"}
        parent = wire(BTC, True, "99000", "0.1")
        child = wire(BTC, False, "80000", "0.1", reduce=True, trigger=trigger)
        await t.order(parent, child, grouping="normalTpsl")
        assert len(t.state.orders) == 2

    trading(body)


def test_no_fee_is_no_work() -> None:
    async def body(t: Trading) -> None:
        await t.s.place(BOB, BTC, Side.SELL, 1_000_000, TENTH)
        await t.order(wire(BTC, True, "100000", "0.05", "Ioc"), fee=0)
        await t.order(wire(BTC, True, "99000", "0.05"), fee=0)
        assert not t.state.orders
        assert "builderFee" not in t.fills()[0]
        assert t.s.row(BUILDER) == -1

    trading(body)


def test_what_cannot_be_withdrawn_is_not_charged() -> None:
    async def body(t: Trading) -> None:
        (status,) = await t.order(wire(BTC, True, "100000", "0.05"))
        row = t.s.row(USER)
        free = account_margins(t.s.host.engine, row)[-1].free
        await t.s.do(lambda now: Withdraw(now, row, free))
        await t.s.place(BOB, BTC, Side.SELL, 1_000_000, TENTH // 2)
        await t.settle()
        (fill,) = t.fills()
        assert fill["oid"] == status["resting"]["oid"]
        assert "builderFee" not in fill
        assert t.s.row(BUILDER) == -1
        assert not t.state.orders
        assert not t.state.paid

    trading(body)


def test_a_builder_has_no_fee_for_himself() -> None:
    async def body(t: Trading) -> None:
        await t.s.note("builder", address=USER, builder=USER, rate=10)
        await t.s.place(BOB, BTC, Side.SELL, 1_000_000, TENTH)
        order = {"type": "order", "orders": [wire(BTC, True, "100000", "0.1", "Ioc")]}
        action = {**order, "grouping": "na", "builder": {"b": USER, "f": 10}}
        body = json.dumps(l1_body(KEYS["alice"], action, t.s.host.now_ms() + 1)).encode()
        assert (await handle_exchange(t.s.host, body))[0] == 200
        assert "builderFee" not in t.fills()[0]

    trading(body)


def test_a_revert_takes_fees_back() -> None:
    async def body(t: Trading) -> None:
        await t.order(wire(BTC, True, "99000", "0.1"))
        await t.s.host.save_point("before")
        await t.s.place(BOB, BTC, Side.SELL, 990_000, TENTH)
        await t.settle()
        assert t.cash(BUILDER) == 990_000
        await t.s.host.revert("before")
        assert t.s.row(BUILDER) == -1
        assert len(t.state.orders) == 1
        assert not t.state.paid
        await t.s.place(BOB, BTC, Side.SELL, 990_000, TENTH // 2)
        await t.settle()
        assert t.cash(BUILDER) == 495_000

    trading(body)


def test_a_fill_that_nobody_settled_is_settled_after_a_restart(tmp_path: Path) -> None:
    def opened(clock: Clock) -> Host:
        return Host.open(
            tmp_path / "venue", load_rulebook("hyperliquid"), instruments(), LIMITS,
            VenueDirectory, clock, HostOptions(tick_ms=0),
        )  # fmt: skip

    async def before(sandbox: Sandbox) -> None:
        await sandbox.start()
        made = Trading(sandbox)
        await made.start()
        await made.order(wire(BTC, True, "99000", "0.1"))
        await sandbox.place(BOB, BTC, Side.SELL, 990_000, TENTH // 2)
        await sandbox.host.stop()

    async def after(sandbox: Sandbox) -> None:
        await sandbox.host.start()
        made = Trading(sandbox)
        made.fees = FeeRunner(sandbox.host)
        await made.settle()
        assert made.cash(BUILDER) == 495_000
        assert [fill["builderFee"] for fill in made.fills()] == ["0.495"]
        await sandbox.host.stop()

    for step in (before, after):
        sandbox = Sandbox()
        sandbox.clock = Clock(0, NOW)
        sandbox.host = opened(sandbox.clock)
        sandbox.venue = type(sandbox.venue)(sandbox.host)
        asyncio.run(asyncio.wait_for(step(sandbox), PATIENCE_S))


def test_a_payment_that_the_machine_refuses_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    async def body(t: Trading) -> None:
        (status,) = await t.order(wire(BTC, True, "100000", "0.05"))
        row = t.s.row(USER)
        free = account_margins(t.s.host.engine, row)[-1].free
        await t.s.do(lambda now: Withdraw(now, row, free))
        await t.s.place(BOB, BTC, Side.SELL, 1_000_000, TENTH // 2)
        rich = {CROSS_POOL: SimpleNamespace(free=10**12)}
        monkeypatch.setattr(builder_fees, "account_margins", lambda engine, row: rich)
        await t.settle()
        (fill,) = t.fills()
        assert fill["oid"] == status["resting"]["oid"]
        assert "builderFee" not in fill
        assert t.cash(BUILDER) == 0
        assert not any(paid.by_trade or paid.moves for paid in t.state.paid.values())
        assert not t.state.orders

    trading(body)


def test_a_busy_host_only_postpones_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async def body(t: Trading) -> None:
        real = t.s.host.submit
        refused: list[Any] = []

        async def submit(planner: Any, alone: bool = False, uses_reserve: bool = False) -> Any:
            if alone and len(refused) < 2:
                refused.append(planner)
                raise Refusal("busy")
            return await real(planner, alone)

        monkeypatch.setattr(t.s.host, "submit", submit)
        await t.s.place(BOB, BTC, Side.SELL, 1_000_000, TENTH // 2)
        await t.order(wire(BTC, True, "100000", "0.1"))
        assert t.cash(BUILDER) == 500_000
        refused.clear()
        await t.s.place(BOB, BTC, Side.SELL, 1_000_000, TENTH // 2)
        assert t.fees is not None
        tries = [await t.fees.settle_due() for _ in range(3)]
        assert tries == [False, False, True]
        assert t.cash(BUILDER) == 1_000_000
        assert not t.s.host.directory.unsettled

    trading(body)


def test_streams_and_the_server_settle_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "FEE_PATIENCE_S", PATIENCE_S)

    async def body(s: Sandbox, url: str) -> None:
        s.clock.reset(max(NOW, s.host.now_ms()))
        t = Trading(s)
        await s.open(USER)
        await s.note("builder", address=USER, builder=BUILDER, rate=10)
        async with aiohttp.ClientSession() as session, session.ws_connect(url + "/ws") as socket:

            async def told() -> Any:
                while True:
                    message = json.loads(await socket.receive_str(timeout=PATIENCE_S))
                    if message.get("channel") == "userFills" and message["data"]["fills"]:
                        return message["data"]["fills"]

            subscription = {"type": "userFills", "user": USER}
            await socket.receive_str(timeout=PATIENCE_S)
            await socket.send_json({"method": "subscribe", "subscription": subscription})
            await socket.receive_str(timeout=PATIENCE_S)
            await s.place(BOB, BTC, Side.SELL, 1_000_000, TENTH // 2)
            await t.order(wire(BTC, True, "100000", "0.1"))
            assert [fill["builderFee"] for fill in await told()] == ["0.5"]
            await s.place(BOB, BTC, Side.SELL, 1_000_000, TENTH // 4)
            assert [fill["builderFee"] for fill in await told()] == ["0.25"]
            assert t.cash(BUILDER) == 750_000
            assert len(t.state.orders) == 1

    with_server(body)


def test_the_record_keeps_the_newest_and_can_be_undone() -> None:
    directory = VenueDirectory()
    body = {"account": 7, "builder": BUILDER, "tenths": 10, "open": [], "ended": [], "settled": 0}
    for trade in range(1, KEPT_FEES + 3):
        paid = {**body, "paid": [[trade, 5]], "recipient": 9}
        directory.apply(Record("builder_fees", paid), NOW + trade)
    copy = VenueDirectory()
    copy.restore(directory.snapshot())
    fees = copy.state.builder_fees
    assert fees == directory.state.builder_fees
    assert len(fees.paid[7].by_trade) == len(fees.paid[7].moves) == KEPT_FEES
    assert (fees.of_trade(7, 2), fees.of_trade(7, 3), fees.of_trade(8, 3)) == (0, 5, 0)
    assert fees.is_fee(7, NOW + 3, 9, 5)
    assert not fees.is_fee(7, NOW + 3, 9, 6)
    undone = {**body, "paid": [[3, 5]], "settled_ms": NOW + 3}
    copy.apply(Record("builder_unpaid", undone), NOW + 9)
    assert fees.of_trade(7, 3) == 0
    assert not fees.is_fee(7, NOW + 3, 9, 5)


@pytest.mark.parametrize("bad", ["a\x00", "\n", "a\n", "\x7fb", "a\x85"])
def test_names_have_no_control_characters(bad: str) -> None:
    desk = FakeDesk()
    desk.advance(0)
    desk.fund(USER, 1000)
    alice = Client(desk)
    for action in (
        {"type": "createSubAccount", "name": bad},
        {"type": "subAccountModify", "subAccountUser": ALICE, "name": bad},
        {"type": "setReferrer", "code": bad},
        {"type": "registerReferrer", "code": bad},
    ):
        body = json.dumps(l1_body(alice.key, action, alice.next_nonce())).encode()
        assert asyncio.run(handle_exchange(desk, body))[0] == 422
    with pytest.raises(Exception, match=r"Invalid agent name\."):
        split_agent_name(bad)
    assert split_agent_name("bücher 東京") == ("bücher 東京", None)
