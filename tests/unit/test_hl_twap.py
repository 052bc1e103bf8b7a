"""Time-weighted orders: what is taken, how slices come, and how they end, also after a restart."""

from typing import Any

import pytest

from seawall.domain.enums import Side
from seawall.venues.hyperliquid.exchange.twap import TwapRunner, executed
from tests.unit.hl_desk import BTC, ETH, Client, FakeDesk, l1_body, post, ready_desk

MINUTE = 60_000


@pytest.fixture
def desk() -> FakeDesk:
    made = ready_desk()
    maker = made.directory.row_of("0x" + "77" * 20)
    made.rest(maker, BTC, Side.SELL, 600_100, 100 * 10**5)
    return made


@pytest.fixture
def alice(desk) -> Client:
    return Client(desk)


def placing(size: str = "0.1", minutes: int = 5, buy: bool = True, **details: Any) -> Any:
    twap = {"a": BTC, "b": buy, "s": size, "r": False, "m": minutes, "t": False}
    action = {"type": "twapOrder", "twap": twap}
    return {**action, "details": {"t": None, "s": None, **details}} if details else action


def placed(alice: Client, *arguments: Any, **details: Any) -> int:
    answer = alice.l1(placing(*arguments, **details))
    assert answer["response"]["type"] == "twapOrder", answer
    found: int = answer["response"]["data"]["status"]["running"]["twapId"]
    return found


def run(desk: FakeDesk, runner: TwapRunner) -> int:
    """How many planners were due and done."""
    done = 0
    for planner in runner.due(desk.time_ms):
        desk.work(planner)
        done += 1
    return done


def test_slices_come_evenly(desk, alice):
    runner = TwapRunner(desk)
    twap = desk.directory.state.twaps[placed(alice)]
    assert (twap.slices, twap.interval_ms) == (11, 30_000)
    sizes = []
    for _ in range(11):
        assert run(desk, runner) == 1
        assert run(desk, runner) == 0 or twap.slices_sent == 11
        sizes.append(desk.position("alice", BTC))
        desk.advance(30_000)
    assert sizes == [10_000 * (k + 1) // 11 for k in range(11)]
    assert twap.status == "finished"
    assert twap.executed_size == 10_000
    assert twap.executed_notional == 10_000 * 600_100
    assert run(desk, runner) == 0


def test_missed_slices_are_caught_up_in_bounds(desk, alice):
    runner = TwapRunner(desk)
    placed(alice)
    desk.advance(4 * MINUTE)
    run(desk, runner)
    assert desk.position("alice", BTC) == 3 * 10_000 // 11
    for _ in range(5):
        desk.advance(30_000)
        run(desk, runner)
    # Two slices were left, each of at most three parts: what they could not do is not done.
    assert desk.position("alice", BTC) == 3 * (3 * 10_000 // 11)
    assert not desk.directory.running_twaps()


@pytest.mark.parametrize("same_runner", [True, False])
def test_a_restart_goes_on_where_it_was(desk, alice, same_runner):
    runner = TwapRunner(desk)
    twap_id = placed(alice)
    for _ in range(4):
        run(desk, runner)
        desk.advance(30_000)
    desk.directory.restore(desk.directory.snapshot())
    if not same_runner:
        runner.close()
    again = runner if same_runner else TwapRunner(desk)
    twap = desk.directory.state.twaps[twap_id]
    assert executed(desk.history, twap) == (10_000 * 4 // 11, (10_000 * 4 // 11) * 600_100)
    for _ in range(8):
        run(desk, again)
        desk.advance(30_000)
    assert desk.position("alice", BTC) == 10_000
    assert twap.status == "finished"


def test_cancel(desk, alice):
    runner = TwapRunner(desk)
    twap_id = placed(alice)
    run(desk, runner)
    gone = {"error": "TWAP was never placed, already canceled, or filled."}
    cancel = {"type": "twapCancel", "a": BTC, "t": twap_id}
    foreign = Client(desk, "bob").l1(cancel)
    assert foreign["response"] == {"type": "twapCancel", "data": {"status": gone}}
    assert alice.l1({**cancel, "a": ETH})["response"]["data"]["status"] == gone
    assert alice.l1(cancel)["response"] == {"type": "twapCancel", "data": {"status": "success"}}
    assert alice.l1(cancel)["response"]["data"]["status"] == gone
    desk.advance(MINUTE)
    assert run(desk, runner) == 0
    twap = desk.directory.state.twaps[twap_id]
    assert twap.status == "terminated"
    assert (twap.executed_size, twap.executed_notional) == (10_000 // 11, 10_000 // 11 * 600_100)


def test_triggers_and_stops(desk, alice):
    runner = TwapRunner(desk)
    twap = desk.directory.state.twaps[placed(alice, t={"p": "60500", "a": True}, s="61000")]
    assert twap.status == "waitingForTrigger"
    assert run(desk, runner) == 0
    mark(desk, 605_000)
    assert run(desk, runner) == 1
    assert run(desk, runner) == 1
    assert desk.position("alice", BTC) > 0
    mark(desk, 610_000)
    assert run(desk, runner) == 1
    assert twap.status == "stopped"


def mark(desk: FakeDesk, price: int) -> None:
    """The mark as such: the book of the maker stays where it is."""
    desk.engine.tables["markets"]["mark_price"][BTC] = price


@pytest.mark.parametrize(
    ("action", "text"),
    [
        (placing(minutes=1), "Invalid TWAP duration: 1 min(s)"),
        (placing(minutes=20_000), "Invalid TWAP duration: 20000 min(s)"),
        (placing("0.001"), "TWAP order value too small. Min is $100."),
        (placing("0.0000001"), "Order has invalid size."),
        (placing(s="1.55"), "Order has invalid price."),
    ],
)
def test_orders_that_are_not_taken(desk, alice, action, text):
    before = desk.directory.snapshot()
    answer = alice.l1(action)
    assert answer == {
        "status": "ok", "response": {"type": "twapOrder", "data": {"status": {"error": text}}},
    }  # fmt: skip
    assert desk.directory.snapshot() == before


def test_a_seller_without_position_sells_short_and_reducing_does_not(desk, alice):
    runner = TwapRunner(desk)
    placed(alice, buy=False)
    reducing = placing(buy=False)
    reducing["twap"]["r"] = True
    alice.l1(reducing)
    assert run(desk, runner) == 2
    assert desk.position("alice", BTC) == -(10_000 // 11)


def test_slices_use_ids_that_nobody_else_can(desk, alice):
    cloid = "0x7477617000000000" + "0" * 15 + "1"
    order = {
        "a": BTC, "b": True, "p": "59000", "s": "0.1", "r": False,
        "t": {"limit": {"tif": "Gtc"}}, "c": cloid,
    }  # fmt: skip
    action = {"type": "order", "orders": [order], "grouping": "na"}
    assert post(desk, l1_body(alice.key, action, alice.next_nonce()))[0] == 422
