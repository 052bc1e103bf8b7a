"""Orders of every kind, and what is done with one key: through the host, for test accounts only."""

from decimal import Decimal
from typing import Any

import pytest

from seawall.terminal import protocol
from tests.terminal.page import Page, with_page

KINDS: list[tuple[dict[str, Any], str]] = [
    ({"kind": "limit", "price": "49000"}, "resting"),
    ({"kind": "post_only", "price": "49000"}, "resting"),
    ({"kind": "post_only", "price": "51000"}, "refused"),
    ({"kind": "immediate", "price": "51000"}, "filled"),
    ({"kind": "immediate", "price": "49000"}, "refused"),
    ({"kind": "fill_or_kill", "price": "51000"}, "filled"),
    ({"kind": "market"}, "filled"),
    ({"kind": "market", "slippage": 0.1}, "filled"),
]
TRIGGERS: list[dict[str, Any]] = [
    {"kind": "stop_market", "trigger_price": "48000"},
    {"kind": "stop_limit", "trigger_price": "48000", "price": "47900"},
    {"kind": "take_market", "trigger_price": "52000"},
    {"kind": "take_limit", "trigger_price": "52000", "price": "52100"},
]


def test_every_order_kind() -> None:
    async def play(page: Page) -> None:
        for fields, status in KINDS:
            found = await page.place(market="BTC", side="buy", size="0.01", **fields)
            assert found.status == status, (fields, found)
            assert bool(found.reason) == (status == "refused")
        await page.account(lambda a: {o.kind for o in a.orders} == {"limit", "post_only"})
        for fields in TRIGGERS:
            found = await page.place(market="BTC", side="sell", size="0.01", **fields)
            assert found.status in ("waiting", "resting"), (fields, found)
        kinds = {fields["kind"] for fields in TRIGGERS}
        shown = await page.account(lambda a: kinds <= {o.kind for o in a.orders})
        stop = next(each for each in shown.orders if each.kind == "stop_market")
        assert (stop.trigger_price, stop.reduce_only, stop.is_orphaned) == ("48000", True, False)
        fills = (await page.surface(protocol.History, lambda h: len(h.fills) >= 4)).fills
        assert {each.side for each in fills} == {"buy"}
        assert any(each.kind == "filled" for each in page.notices)

    with_page(play)


def test_a_scale_and_a_bracket() -> None:
    async def play(page: Page) -> None:
        ticket = protocol.Ticket(
            "BTC", "buy", "scale", "0.05", price="48000", scale_to="49000", scale_count=5
        )
        placed = await page.ask(protocol.PlaceOrder(ticket), protocol.Placed)
        assert [each.status for each in placed.orders] == ["resting"] * 5
        shown = await page.account(lambda a: len(a.orders) == 5)
        assert [each.price for each in shown.orders] == [
            "49000",
            "48750",
            "48500",
            "48250",
            "48000",
        ]
        await page.ask(protocol.CancelAll(), protocol.Done)
        ticket = protocol.Ticket(
            "BTC", "buy", "market", "0.1", take_profit="55000", stop_loss="45000"
        )
        placed = await page.ask(protocol.PlaceOrder(ticket), protocol.Placed)
        assert [each.status for each in placed.orders] == ["filled", "waiting", "waiting"]
        shown = await page.account(lambda a: len(a.orders) == 2)
        assert {each.trigger_price for each in shown.orders} == {"55000", "45000"}

    with_page(play)


def test_positions_are_closed_reversed_and_secured() -> None:
    async def play(page: Page) -> None:
        await page.place(market="BTC", side="buy", kind="market", size="0.4")
        half = protocol.ClosePosition("BTC", 0.5)
        assert (await page.ask(half, protocol.Placed)).orders[0].filled == "0.2"
        early = await page.ask(protocol.StopToBreakEven("BTC"), protocol.Refused)
        assert "does not gain" in early.expected
        await page.control("price", market="BTC", price="52000")
        await page.ask(protocol.StopToBreakEven("BTC"), protocol.Placed)
        stop = (await page.account(lambda a: bool(a.orders))).orders[0]
        even = Decimal((await page.position("BTC")).break_even)
        assert Decimal(0) <= Decimal(stop.trigger_price or 0) - even < 10
        # A second one takes the place of the first.
        await page.ask(protocol.StopToBreakEven("BTC"), protocol.Placed)
        await page.account(lambda a: [o.id for o in a.orders] not in ([], [stop.id]))
        await page.ask(protocol.ReversePosition("BTC"), protocol.Placed)
        await page.account(lambda a: any(p.size == "-0.2" for p in a.positions))
        await page.ask(protocol.CloseAll(), protocol.Placed)
        closed = await page.settled()
        assert (closed.positions, closed.orders) == ((), ())
        assert (await page.ask(half, protocol.Refused)).field == "market"

    with_page(play)


def test_orders_are_moved_and_cancelled() -> None:
    async def play(page: Page) -> None:
        resting = await page.place(
            market="BTC", side="buy", kind="limit", size="0.1", price="49000"
        )
        moved = protocol.ModifyOrder(resting.id, price="48500", size="0.2")
        assert (await page.ask(moved, protocol.Placed)).orders[0].status == "resting"
        shown = await page.account(lambda a: [o.price for o in a.orders] == ["48500"])
        assert shown.orders[0].size == "0.2"
        await page.ask(protocol.CancelOrder(shown.orders[0].id), protocol.Done)
        assert (await page.settled()).orders == ()
        gone = await page.ask(protocol.CancelOrder(resting.id), protocol.Refused)
        assert gone.field == "order"

    with_page(play)


def test_orphaned_triggers_are_marked_and_cancelled_alone() -> None:
    async def play(page: Page) -> None:
        await page.place(market="BTC", side="buy", kind="market", size="0.1")
        await page.place(
            market="BTC", side="sell", kind="stop_market", size="0.1", trigger_price="45000"
        )
        await page.place(market="BTC", side="buy", kind="limit", size="0.1", price="49000")
        await page.ask(protocol.ClosePosition("BTC"), protocol.Placed)
        shown = await page.settled()
        assert not shown.positions
        orphans = [each.kind for each in shown.orders if each.is_orphaned]
        assert orphans == ["stop_market"]
        await page.ask(protocol.CancelAll(orphaned=True), protocol.Done)
        await page.account(lambda a: [o.kind for o in a.orders] == ["limit"])

    with_page(play)


def test_a_bracket_that_waits_for_its_fill_is_not_orphaned() -> None:
    async def play(page: Page) -> None:
        ticket = protocol.Ticket(
            "BTC", "buy", "limit", "0.1", price="49000", take_profit="55000", stop_loss="45000"
        )
        await page.ask(protocol.PlaceOrder(ticket), protocol.Placed)
        shown = await page.account(lambda a: len(a.orders) == 3)
        assert not any(each.is_orphaned for each in shown.orders)
        await page.ask(protocol.CancelAll(orphaned=True), protocol.Done)
        assert len((await page.settled()).orders) == 3

    with_page(play)


def test_leverage_mode_and_isolated_margin() -> None:
    async def play(page: Page) -> None:
        await page.ask(protocol.SetLeverage("BTC", 20, "isolated"), protocol.Done)
        await page.place(market="BTC", side="buy", kind="market", size="0.1")
        before = await page.position("BTC")
        assert (before.mode, before.leverage, before.bucket) == ("isolated", 20, "BTC")
        await page.ask(protocol.AdjustMargin("BTC", "100"), protocol.Done)
        after = await page.account(
            lambda a: (
                Decimal(a.positions[0].isolated_equity or 0)
                == Decimal(before.isolated_equity or 0) + 100
            )
        )
        assert Decimal(after.positions[0].liquidation_price or 0) < Decimal(
            before.liquidation_price or 0
        )
        bucket = next(each for each in after.buckets if each.is_isolated)
        assert bucket.boundaries is not None
        assert bucket.boundaries.maintenance == after.positions[0].liquidation_price
        too_much = await page.ask(protocol.AdjustMargin("BTC", "1000000"), protocol.Refused)
        assert too_much.field == "venue"

    with_page(play)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"kind": "limit", "size": "0.1"}, "price"),
        ({"kind": "limit", "size": "0.1", "price": "-1"}, "price"),
        ({"kind": "limit", "size": "0.1234567", "price": "49000"}, "size"),
        ({"kind": "market", "size": "0"}, "size"),
        ({"kind": "market", "size": "0.1", "slippage": 2}, "slippage"),
        ({"kind": "stop_market", "size": "0.1"}, "triggerPrice"),
        ({"kind": "scale", "size": "0.1", "price": "1", "scale_count": 1}, "scaleCount"),
        ({"kind": "market", "size": "0.1", "market": "NONE"}, "market"),
    ],
)  # fmt: skip
def test_a_wrong_ticket_is_refused_by_field(fields: dict[str, Any], field: str) -> None:
    async def play(page: Page) -> None:
        ticket = protocol.Ticket(**{"market": "BTC", "side": "buy", **fields})
        sequence = page.venue.host.engine.sequence
        refused = await page.ask(protocol.PlaceOrder(ticket), protocol.Refused)
        assert refused.field == field
        assert refused.expected
        assert page.venue.host.engine.sequence == sequence

    with_page(play)


def test_the_page_acts_for_no_account_but_the_test_accounts() -> None:
    async def play(page: Page) -> None:
        first = await page.surface(protocol.Snapshot, lambda _: True)
        agent = next(each for each in first.accounts if each.kind == "agent")
        await page.ask(protocol.Watch(account=agent.address), protocol.Done)
        for request in (
            protocol.PlaceOrder(protocol.Ticket("BTC", "buy", "market", "0.1")),
            protocol.CancelAll(),
            protocol.CloseAll(),
        ):
            assert (await page.ask(request, protocol.Refused)).field == "account"

    with_page(play)
