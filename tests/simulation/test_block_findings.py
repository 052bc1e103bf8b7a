"""What the simulation of rules of blocks has found, each in the shortest form that shows it."""

import numpy as np

from seawall.domain.commands import (
    AdoptPosition,
    AdvanceTime,
    CreateAccount,
    Deposit,
    PlaceOrder,
    SetOraclePrice,
)
from seawall.domain.enums import MarginMode, OrderFlag, Reason, Side, TimeInForce
from seawall.domain.events import CommandRejected
from seawall.engine.engine import Engine
from tests.rulebooks import USD, shipped_blocks
from tests.simulation.block_worlds import BTC

START = 1_767_225_600_000
COIN = 10**10
ONE, OTHER, THIRD = 5, 6, 7


def machine(**overrides: str) -> Engine:
    """Three accounts of 10 000 USD and a price of 100 000 USD."""
    engine = Engine.create(
        shipped_blocks({k.replace("__", "."): v for k, v in overrides.items()}), [BTC]
    )
    engine.apply(AdvanceTime(START))
    engine.apply(SetOraclePrice(START, 0, 10**10))
    for account in (ONE, OTHER, THIRD):
        engine.apply(CreateAccount(START))
        engine.apply(Deposit(START, account, 10_000 * USD))
    return engine


def order(account: int, side: Side, time_in_force: TimeInForce, flags: OrderFlag) -> PlaceOrder:
    return PlaceOrder(START, account, 0, side, 100_000, COIN // 100, time_in_force, flags)


def test_a_refused_post_only_order_leaves_no_staged_update() -> None:
    engine = machine()
    short = OrderFlag.SHORT_TERM
    engine.apply(order(ONE, Side.BUY, TimeInForce.GOOD_TIL_CANCEL, short))
    before = engine.fork()
    events = engine.apply(order(OTHER, Side.SELL, TimeInForce.POST_ONLY, short))
    assert isinstance(events[0], CommandRejected)
    assert events[0].reason == Reason.POST_ONLY_WOULD_MATCH
    assert engine.tables["block_rules"]["updates_used"][0] == 0
    before.tables["control"]["sequence"] += 1
    assert np.array_equal(engine.buffer, before.buffer)


def test_gates_close_though_the_command_has_met_all_it_may() -> None:
    """The queue spends the command's only visit; the negative account is seen all the same."""
    engine = machine(order__fills_per_command="1")
    cross = MarginMode.CROSS
    engine.apply(AdoptPosition(START, ONE, 0, Side.BUY, COIN, 100_000 * USD, 1, cross))
    engine.apply(order(THIRD, Side.BUY, TimeInForce.GOOD_TIL_CANCEL, OrderFlag.LONG_TERM))
    engine.apply(SetOraclePrice(START, 0, 8 * 10**9))
    events = engine.apply(AdvanceTime(START + 1_000))
    gated = [event for event in events if type(event).__name__ == "TransfersGated"]
    assert [event.account for event in gated] == [ONE]
