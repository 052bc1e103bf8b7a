"""What a client may use: orders by block, open orders by equity, requests and messages by time."""

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from seawall.venues.dydx.limits import BlockCounts, BlockLimit, Rate, Window, points_of
from tests.conformance.dydx.quiet import PRICE, Quiet, quiet_venue
from tests.conformance.dydx.signer import LONG_TERM, SHORT_TERM, Signer
from tests.waiting import PATIENCE_S, Elapsed


async def _placed(venue: Quiet, signer: Signer, client_id: int, number: int = 0) -> Any:
    """What the node says to a long-term order."""
    order = signer.order(client_id, LONG_TERM, 1, PRICE - 90, 1, venue.now_s + 900, number)
    answer = await venue.broadcast(signer.signed(order))
    signer.sequence = venue.venue.host.directory.holder(signer.address).sequence
    return answer


def test_orders_of_the_state_are_limited_by_block_for_each_owner() -> None:
    async def main() -> None:
        async with quiet_venue(quotas=True) as venue:
            signer, other = venue.signer(0), venue.signer(1)
            for turn in range(10):
                assert [(await _placed(venue, signer, 2 * turn + n))["code"] for n in (0, 1)] == [
                    0, 0,
                ]  # fmt: skip
                if turn == 0:
                    third = await _placed(venue, signer, 99)
                    assert (third["codespace"], third["code"]) == ("clob", 5001)
                    assert third["log"] == (
                        "Rate of 3 exceeds configured block rate limit of {NumBlocks:1 Limit:2} "
                        f"for MaxStatefulOrdersPerNBlocks and {signer.address}: "
                        "Block rate limit exceeded"
                    )
                    assert (await _placed(venue, other, 1))["code"] == 0
                await venue.blocks()
                if turn == 8:
                    # The attempt that was refused counts too: 19 of 20.
                    assert (await _placed(venue, signer, 98))["code"] == 0
                    assert (await _placed(venue, signer, 97))["code"] == 5001
                    break
            # A cancel of them is not counted, and neither is a short-term order.
            cancel = signer.cancel(0, LONG_TERM, venue.now_s + 990)
            await venue.taken(signer, cancel)
            short = signer.order(1, SHORT_TERM, 1, PRICE - 90, 1, venue.height + 9)
            await venue.taken(signer, short)
            await venue.blocks(100)
            assert (await _placed(venue, signer, 96))["code"] == 0

    asyncio.run(main())


def test_what_comes_after_its_last_block_is_not_counted() -> None:
    """The chain looks at that before it counts."""

    async def main() -> None:
        async with quiet_venue(quotas=True) as venue:
            signer = venue.signer(0)
            for number in range(3):
                order = signer.order(number, LONG_TERM, 1, PRICE - 90, 1, venue.now_s + 900)
                late = await venue.broadcast(signer.signed(order, timeout_height=1))
                assert (late["codespace"], late["code"]) == ("sdk", 30)
            assert [(await _placed(venue, signer, n))["code"] for n in (4, 5, 6)] == [0, 0, 5001]

    asyncio.run(main())


def test_attempts_are_counted_over_each_number_of_blocks() -> None:
    counts = BlockCounts("Some", [BlockLimit(5, 6), BlockLimit(1, 4)])
    assert [counts.refusal("a", 10, points) for points in (2, 2)] == [None, None]
    assert counts.refusal("a", 10, 1) == (
        "Rate of 5 exceeds configured block rate limit of {NumBlocks:1 Limit:4} for Some and a"
    )
    assert counts.refusal("b", 10, 4) is None
    assert counts.refusal("a", 11, 1) is None
    assert "Rate of 7" in (counts.refusal("a", 14, 1) or "")
    assert counts.refusal("a", 15, 1) is None  # those of block 10 are out
    assert counts.refusal("a", 3, 4) is None  # back to a save point


def test_open_orders_of_the_state_are_limited_by_equity() -> None:
    async def main() -> None:
        async with quiet_venue() as venue:
            signer = venue.signer(0)
            await venue.taken(signer, signer.transfer(3, 150_000_000))
            codes = [(await _placed(venue, signer, n, number=3))["code"] for n in range(21)]
            assert codes == [0] * 20 + [10001]
            last = await _placed(venue, signer, 21, number=3)
            assert last["codespace"] == "clob"
            assert last["log"].endswith(
                "Subaccount cannot open more orders due to equity tier limit."
            )
            # More equity, more orders; and short-term orders are not counted.
            short = signer.order(1, SHORT_TERM, 1, PRICE - 90, 1, venue.height + 9, number=3)
            await venue.taken(signer, short)
            await venue.taken(signer, signer.transfer(3, 900_000_000))
            assert (await _placed(venue, signer, 22, number=3))["code"] == 0

    asyncio.run(main())


def test_requests_of_the_indexer_are_limited_by_address() -> None:
    async def main() -> None:
        async with quiet_venue(quotas=True) as venue:
            url = venue.venue.urls["indexer"] + "/v4/height"
            left: list[int] = []
            while not left or left[-1] > 0:
                async with venue.session.get(url) as answer:
                    assert answer.status == 200
                    assert answer.headers["RateLimit-Limit"] == "100"
                    assert int(answer.headers["RateLimit-Reset"]) > 1_700_000_000_000
                    left.append(int(answer.headers["RateLimit-Remaining"]))
            assert left[0] == 99
            # A window may have ended meanwhile on a slow machine, so it is used up once more.
            async with venue.session.get(url) as answer:
                if answer.status == 429:
                    assert await answer.json() == {"errors": [{"msg": "Too many requests"}]}
                    assert 0 < int(answer.headers["Retry-After"]) <= 10_000
                    assert answer.headers["RateLimit-Remaining"] == "0"
                else:
                    assert answer.headers["RateLimit-Remaining"] == "99"
            # The node is not the indexer.
            async with venue.session.get(venue.venue.urls["rpc"] + "/status") as answer:
                assert "RateLimit-Limit" not in answer.headers

    asyncio.run(main())


def test_without_quotas_nothing_is_counted() -> None:
    async def main() -> None:
        async with quiet_venue() as venue:
            signer = venue.signer(0)
            codes = [(await _placed(venue, signer, n))["code"] for n in range(25)]
            assert set(codes) == {0}
            for _ in range(120):
                async with venue.session.get(venue.venue.urls["indexer"] + "/v4/time") as answer:
                    assert answer.status == 200
                    assert "RateLimit-Limit" not in answer.headers

    asyncio.run(main())


def test_a_window_begins_anew() -> None:
    clock = Elapsed()
    window = Window(Rate(2, 10.0), lambda: clock.ns / 1e9)
    assert [window.take() for _ in range(3)] == [True, True, False]
    clock.pass_seconds(9.5)
    assert not window.take()
    assert (window.left, window.milliseconds_left) == (0, 500)
    clock.pass_seconds(0.5)
    assert window.take()
    assert (window.left, window.milliseconds_left) == (1, 10_000)


@pytest.mark.parametrize(
    ("query", "points"),
    [({}, 1), ({"page": "1"}, 1), ({"page": "3"}, 3), ({"page": "11", "limit": "50"}, 1),
     ({"page": "101", "limit": "50"}, 6), ({"page": "x"}, 1)],
)  # fmt: skip
def test_a_far_page_costs_more(query: dict[str, str], points: int) -> None:
    assert points_of(query) == points


OFTEN: list[tuple[str, int, str]] = [
    ('{"type":"ping"}', 5, "Too many ping messages. Please reconnect and try again."),
    ("nonsense", 2, "Too many invalid messages. Please reconnect and try again."),
    (
        '{"type":"subscribe","channel":"v4_orderbook","id":"BTC-USD"}', 2,
        "Too many subscribe attempts for channel v4_orderbook-BTC-USD. Please  reconnect and try "
        "again.",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("text", "count", "why"), OFTEN)
def test_a_client_that_asks_too_often_loses_its_connection(text: str, count: int, why: str) -> None:
    async def main() -> None:
        async with (
            quiet_venue(quotas=True) as venue,
            venue.session.ws_connect(venue.venue.urls["socket"]) as socket,
        ):
            assert json.loads(await socket.receive_str(timeout=PATIENCE_S))["type"] == "connected"
            said: list[str] = []
            closed = None
            # Until one window holds them all, however slow the machine.
            while closed is None:
                for _ in range(count + 1):
                    await socket.send_str(text)
                for _ in range(count + 1):
                    message = await socket.receive(timeout=PATIENCE_S)
                    if message.type is aiohttp.WSMsgType.TEXT:
                        said.append(json.loads(message.data).get("message", ""))
                    else:
                        closed = message
                        break
                if why in said and closed is None:
                    closed = await socket.receive(timeout=PATIENCE_S)
            assert said[-1] == why
            assert (closed.type, closed.data) == (aiohttp.WSMsgType.CLOSE, 1008)
            assert closed.extra == '{"message":"Rate limited"}'

    asyncio.run(main())
