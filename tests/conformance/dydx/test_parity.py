"""An order by wire is the order by command: the same commands, and the same events of them."""

import asyncio
from collections.abc import Callable
from typing import Any

from msgspec import structs

from seawall.domain.commands import (
    CancelByClientId,
    Command,
    PlaceOrder,
    PlaceTwapOrder,
    SetInitialFraction,
    Transfer,
    split_client_id,
)
from seawall.domain.enums import OrderFlag, Side, TimeInForce
from tests.conformance.dydx.quiet import PRICE, Quiet, quiet_venue
from tests.conformance.dydx.signer import CONDITIONAL, LONG_TERM, SHORT_TERM, STEP, TWAP, Signer

BUY, SELL = 1, 2
IOC, POST_ONLY = 1, 2
STOP, TAKE_PROFIT = 1, 2


def halves(client_id: int, flags: int) -> tuple[int, int]:
    """The machine's client id of an order of pair 0, as the wire's three numbers make it."""
    return split_client_id((1 << 16 | flags) << 32 | client_id)


Case = Callable[[Quiet, Signer, int, int], tuple[Any, list[Command]]]
"""The message and the commands that it stands for, of an account row at a time in ms."""


def _short(v: Quiet, s: Signer, row: int, t: int) -> tuple[Any, list[Command]]:
    command = PlaceOrder(
        t, row, 0, Side.SELL, PRICE + 10, 5 * STEP, TimeInForce.GOOD_TIL_CANCEL,
        OrderFlag.SHORT_TERM, 0, *halves(1, SHORT_TERM), v.height + 9,
    )  # fmt: skip
    return s.order(1, SHORT_TERM, SELL, PRICE + 10, 5, v.height + 9), [command]


def _immediate(v: Quiet, s: Signer, row: int, t: int) -> tuple[Any, list[Command]]:
    message = s.order(2, SHORT_TERM, BUY, PRICE + 50, 5, v.height + 9, time_in_force=IOC)
    command = PlaceOrder(
        t, row, 0, Side.BUY, PRICE + 50, 5 * STEP, TimeInForce.IMMEDIATE_OR_CANCEL,
        OrderFlag.SHORT_TERM, 0, *halves(2, SHORT_TERM), v.height + 9,
    )  # fmt: skip
    return message, [command]


def _post_only(v: Quiet, s: Signer, row: int, t: int) -> tuple[Any, list[Command]]:
    message = s.order(3, SHORT_TERM, BUY, PRICE - 50, 5, v.height + 9, time_in_force=POST_ONLY)
    command = PlaceOrder(
        t, row, 0, Side.BUY, PRICE - 50, 5 * STEP, TimeInForce.POST_ONLY, OrderFlag.SHORT_TERM, 0,
        *halves(3, SHORT_TERM), v.height + 9,
    )  # fmt: skip
    return message, [command]


def _replacement(v: Quiet, s: Signer, row: int, t: int) -> tuple[Any, list[Command]]:
    message = s.order(3, SHORT_TERM, BUY, PRICE - 60, 7, v.height + 11, time_in_force=POST_ONLY)
    command = PlaceOrder(
        t, row, 0, Side.BUY, PRICE - 60, 7 * STEP, TimeInForce.POST_ONLY, OrderFlag.SHORT_TERM, 0,
        *halves(3, SHORT_TERM), v.height + 11,
    )  # fmt: skip
    return message, [command]


def _long(v: Quiet, s: Signer, row: int, t: int) -> tuple[Any, list[Command]]:
    until = v.now_s + 60
    command = PlaceOrder(
        t, row, 0, Side.BUY, PRICE - 90, 5 * STEP, TimeInForce.GOOD_TIL_CANCEL,
        OrderFlag.LONG_TERM, 0, *halves(4, LONG_TERM), until * 1000,
    )  # fmt: skip
    return s.order(4, LONG_TERM, BUY, PRICE - 90, 5, until), [command]


def _conditional(v: Quiet, s: Signer, row: int, t: int) -> tuple[Any, list[Command]]:
    until = v.now_s + 60
    message = s.order(
        5, CONDITIONAL, SELL, PRICE - 500, 5, until, condition_type=STOP,
        conditional_order_trigger_subticks=(PRICE - 400) * 100_000, time_in_force=IOC,
        reduce_only=True,
    )  # fmt: skip
    command = PlaceOrder(
        t, row, 0, Side.SELL, PRICE - 500, 5 * STEP, TimeInForce.IMMEDIATE_OR_CANCEL,
        OrderFlag.TRIGGER | OrderFlag.REDUCE_ONLY, PRICE - 400, *halves(5, CONDITIONAL),
        until * 1000,
    )  # fmt: skip
    return message, [command]


def _take_profit(v: Quiet, s: Signer, row: int, t: int) -> tuple[Any, list[Command]]:
    until = v.now_s + 60
    message = s.order(
        6, CONDITIONAL, SELL, PRICE + 500, 5, until, condition_type=TAKE_PROFIT,
        conditional_order_trigger_subticks=(PRICE + 400) * 100_000,
    )  # fmt: skip
    command = PlaceOrder(
        t, row, 0, Side.SELL, PRICE + 500, 5 * STEP, TimeInForce.GOOD_TIL_CANCEL,
        OrderFlag.TRIGGER | OrderFlag.TAKE_PROFIT, PRICE + 400, *halves(6, CONDITIONAL),
        until * 1000,
    )  # fmt: skip
    return message, [command]


def _twap(v: Quiet, s: Signer, row: int, t: int) -> tuple[Any, list[Command]]:
    message = s.order(7, TWAP, BUY, 0, 100, v.now_s + 900, twap=(300, 60, 10_000))
    command = PlaceTwapOrder(
        t, row, 0, Side.BUY, 100 * STEP, 300_000, 60_000, 10_000, 0, OrderFlag.NO_FLAG,
        *halves(7, TWAP),
    )  # fmt: skip
    return message, [command]


def _cancel_long(v: Quiet, s: Signer, row: int, t: int) -> tuple[Any, list[Command]]:
    until = v.now_s + 90
    command = CancelByClientId(t, row, 0, *halves(4, LONG_TERM), until * 1000)
    return s.cancel(4, LONG_TERM, until), [command]


def _batch(v: Quiet, s: Signer, row: int, t: int) -> tuple[Any, list[Command]]:
    until = v.height + 20
    commands: list[Command] = [
        CancelByClientId(t, row, 0, *halves(number, SHORT_TERM), until) for number in (3, 8)
    ]
    return s.batch_cancel([3, 8], until), commands


def _leverage(v: Quiet, s: Signer, row: int, t: int) -> tuple[Any, list[Command]]:
    return s.leverage(100_000), [SetInitialFraction(t, row, 0, 100_000)]


def _transfer(v: Quiet, s: Signer, row: int, t: int) -> tuple[Any, list[Command]]:
    wallet = int(v.venue.host.directory.row_of(s.address))
    return s.withdraw(0, 5_000_000), [Transfer(t, row, wallet, 5_000_000)]


CASES: list[Case] = [
    _short, _immediate, _post_only, _replacement, _long, _conditional, _take_profit, _twap,
    _cancel_long, _batch, _leverage, _transfer,
]  # fmt: skip


def test_each_kind_gives_the_same_events_by_wire_as_by_command() -> None:
    async def main() -> None:
        async with quiet_venue() as venue:
            maker, signer = venue.signer(1), venue.signer(0)
            sell = maker.order(1, SHORT_TERM, SELL, PRICE + 50, 30, venue.height + 20)
            await venue.taken(maker, sell)
            for case in CASES:
                time_ms = venue.venue.host.now_ms()
                row = venue.row(signer)
                message, commands = case(venue, signer, row, time_ms)
                twin = venue.engine.fork()
                venue.applied.clear()
                await venue.taken(signer, message)
                expected = [twin.apply(command) for command in commands]
                assert [each.command for each in venue.applied] == commands, case.__name__
                events = [list(each.events) for each in venue.applied]
                assert events == expected, case.__name__
                assert any(events) or case is _cancel_long, case.__name__
                assert twin.state_hash() == venue.engine.state_hash(), case.__name__

    asyncio.run(main())


def test_two_orders_of_one_transaction_are_one_piece_of_work() -> None:
    async def main() -> None:
        async with quiet_venue() as venue:
            signer = venue.signer(0)
            until = venue.now_s + 60
            first = signer.order(1, LONG_TERM, BUY, PRICE - 90, 5, until)
            await venue.taken(signer, first)
            venue.applied.clear()
            again = signer.order(2, LONG_TERM, BUY, PRICE - 80, 5, until)
            await venue.taken(signer, signer.cancel(1, LONG_TERM, until + 1), again)
            kinds = [type(each.command) for each in venue.applied]
            assert kinds == [CancelByClientId, PlaceOrder]
            await venue.blocks()
            orders = await venue.get(f"/v4/orders?address={signer.address}&subaccountNumber=0")
            assert [(each["clientId"], each["status"]) for each in orders] == [
                ("2", "OPEN"), ("1", "CANCELED"),
            ]  # fmt: skip
            assert [await venue.get(f"/v4/orders/{each['id']}") for each in orders] == orders

    asyncio.run(main())


def test_a_tested_command_is_one_that_could_differ() -> None:
    assert structs.replace(Transfer(1, 2, 3, 4), amount=5) != Transfer(1, 2, 3, 4)
