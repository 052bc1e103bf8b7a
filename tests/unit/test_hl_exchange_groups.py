"""Requests whose plans are made together, before any of their commands takes effect."""

import asyncio
import json
from typing import Any

import pytest

from seawall.domain.units import MICRO
from seawall.venues.hyperliquid.exchange.handle import handle_exchange
from seawall.venues.hyperliquid.instruments import builder_instrument
from seawall.venues.port import Done, Plan, Planner, Refusal
from tests.unit.hl_desk import (
    ADDRESSES,
    BTC,
    INSTRUMENTS,
    KEYS,
    NOW,
    OK,
    Client,
    FakeDesk,
    l1_body,
    ready_desk,
    signed_body,
    wire,
)

STRANGER, OTHER = "0x" + "5e" * 20, "0x" + "6e" * 20


class Group:
    """A desk's stand-in that holds work back until it has so much of it."""

    def __init__(self, desk: FakeDesk, size: int) -> None:
        self.desk = desk
        self.size = size
        self.waiting: list[tuple[Planner, asyncio.Future[Done]]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.desk, name)

    async def submit(
        self, planner: Planner, alone: bool = False, uses_reserve: bool = False
    ) -> Done:
        answer: asyncio.Future[Done] = asyncio.get_running_loop().create_future()
        self.waiting.append((planner, answer))
        if len(self.waiting) == self.size:
            self.flush()
        return await answer

    def flush(self) -> None:
        plans: list[tuple[Plan, asyncio.Future[Done]]] = []
        for planner, answer in self.waiting:
            try:
                plan = planner(self.desk.time_ms)
            except Refusal as refusal:
                answer.set_exception(refusal)
                continue
            for record in plan.records:
                self.desk.directory.apply(record, self.desk.time_ms)
            plans.append((plan, answer))
        for plan, answer in plans:
            commands = Plan(plan.commands)
            answer.set_result(self.desk.work(lambda time_ms, commands=commands: commands))


@pytest.fixture
def desk() -> FakeDesk:
    return ready_desk()


def together(desk: FakeDesk, *bodies: Any) -> list[Any]:
    """The answers of requests that end up in one group."""

    async def run() -> list[Any]:
        group: Any = Group(desk, len(bodies))
        raw = [json.dumps(body).encode() for body in bodies]
        return await asyncio.gather(*(handle_exchange(group, body) for body in raw))

    return [answer for _, answer in asyncio.run(run())]


def message(name: str, action: dict[str, Any], nonce: int) -> dict[str, Any]:
    field = "time" if action["type"] in ("usdSend", "spotSend", "withdraw3") else "nonce"
    return signed_body(KEYS[name], {**action, field: nonce}, nonce)


def total(desk: FakeDesk) -> int:
    return int(desk.engine.tables["accounts"]["cash"].sum())


def test_money_is_spent_once(desk):
    before = total(desk)
    spot = {"type": "usdClassTransfer", "amount": "100000", "toPerp": False}
    send = {"type": "usdSend", "destination": STRANGER, "amount": "100000"}
    answers = together(desk, message("alice", spot, NOW), message("alice", send, NOW + 1))
    assert answers[0] == OK
    assert answers[1] == {"status": "err", "response": "Insufficient balance for withdrawal"}
    assert total(desk) == before
    assert desk.directory.spot_balance(desk.engine, ADDRESSES["alice"]) == 100_000 * MICRO
    assert desk.cash(desk.directory.row_of(STRANGER)) == 0


def test_a_nonce_counts_once(desk):
    body = l1_body(KEYS["alice"], {"type": "noop"}, NOW)
    answers = together(desk, body, body)
    assert answers == [
        OK,
        {"status": "err", "response": f"Invalid nonce: duplicate nonce {NOW}"},
    ]


def test_new_rows_meet_their_accounts(desk):
    sends = [
        message(name, {"type": "usdSend", "destination": to, "amount": amount}, NOW)
        for name, to, amount in (("alice", STRANGER, "1"), ("bob", OTHER, "2"))
    ]
    spot = message("alice", {"type": "usdClassTransfer", "amount": "3", "toPerp": False}, NOW + 1)
    sub = l1_body(KEYS["bob"], {"type": "createSubAccount", "name": "one"}, NOW + 1)
    answers = together(desk, sends[0], spot, sub, sends[1])
    assert [answer["status"] for answer in answers] == ["ok"] * 4
    directory = desk.directory
    assert desk.cash(directory.row_of(STRANGER)) == 1 * MICRO
    assert desk.cash(directory.row_of(OTHER)) == 2 * MICRO
    assert directory.spot_balance(desk.engine, ADDRESSES["alice"]) == 3 * MICRO
    row = directory.row_of(answers[2]["response"]["data"])
    parents = desk.engine.tables["accounts"]["parent"]
    assert int(parents[row]) == directory.row_of(ADDRESSES["bob"])
    assert directory.next_row == int(desk.engine.tables["control"]["accounts_used"][0])


def test_one_stranger_is_made_once(desk):
    sends = [
        message(name, {"type": "usdSend", "destination": STRANGER, "amount": "5"}, NOW)
        for name in ("alice", "bob")
    ]
    assert together(desk, *sends) == [OK, OK]
    assert desk.cash(desk.directory.row_of(STRANGER)) == 10 * MICRO


def test_orders_answer_their_own_senders(desk):
    action = {"type": "order", "orders": [wire(BTC, True, "60010", "0.6")], "grouping": "na"}
    answers = together(
        desk, *(l1_body(KEYS[name], action, NOW) for name in ("alice", "bob", "carol"))
    )
    first, second = (answer["response"]["data"]["statuses"][0] for answer in answers[:2])
    assert first["filled"]["totalSz"] == "0.6"
    assert set(second) == {"resting"}
    assert answers[2]["status"] == "err"


def test_leaving_a_unified_account_and_using_a_dex_at_once() -> None:
    """The side of a dex is not there yet when the second is planned: it is refused, not lost."""
    gold = builder_instrument("xyz:GOLD", "3000")
    assert gold is not None
    desk = FakeDesk([*INSTRUMENTS, gold])
    desk.advance(0)
    desk.fund(ADDRESSES["alice"], 1_000)
    alice = Client(desk)
    assert alice.l1({"type": "agentSetAbstraction", "abstraction": "u"}) == OK
    send = {
        "type": "sendAsset", "destination": ADDRESSES["alice"], "sourceDex": "xyz",
        "destinationDex": "", "token": "USDC", "amount": "5", "fromSubAccount": "",
        "signatureChainId": "0x66eee", "hyperliquidChain": "Testnet", "nonce": NOW + 7,
    }  # fmt: skip
    leave = {"type": "agentSetAbstraction", "abstraction": "i"}
    left, sent = together(
        desk, l1_body(KEYS["alice"], leave, NOW + 6), signed_body(KEYS["alice"], send, NOW + 7)
    )
    assert left == OK
    assert sent == {"status": "err", "response": "Insufficient balance for token transfer"}
    assert desk.cash(desk.directory.row_of(ADDRESSES["alice"])) == 1_000 * MICRO


def test_becoming_unified_and_moving_money_at_once(desk):
    """What is planned after the switch knows of it, although the machine has yet to switch."""
    spot = {"type": "usdClassTransfer", "amount": "3", "toPerp": False}
    assert together(desk, message("alice", spot, NOW)) == [OK]
    unify = l1_body(KEYS["alice"], {"type": "agentSetAbstraction", "abstraction": "u"}, NOW + 1)
    send = {"type": "usdSend", "destination": ADDRESSES["bob"], "amount": "10"}
    answers = together(
        desk, unify, message("alice", spot, NOW + 2), message("alice", send, NOW + 3)
    )
    refused = {"status": "err", "response": "Action disabled when unified account is active"}
    assert answers == [OK, refused, OK]
    assert desk.directory.spot_balance(desk.engine, ADDRESSES["alice"]) == 0
    assert desk.cash(desk.directory.row_of(ADDRESSES["alice"])) == 99_990 * MICRO
