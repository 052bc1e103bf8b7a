"""The indexer's socket: what a subscription brings, and clients that are malformed or too slow."""

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from seawall.venues import outbox
from seawall.venues.dydx.stream.connection import POLICY, Connection
from tests.conformance.dydx.quiet import PRICE, quiet_venue
from tests.conformance.dydx.signer import SHORT_TERM
from tests.waiting import PATIENCE_S


async def read(socket: Any) -> Any:
    return json.loads(await socket.receive_str(timeout=PATIENCE_S))


def test_an_order_reaches_its_subaccount_and_the_book() -> None:
    async def main() -> None:
        async with (
            quiet_venue() as venue,
            venue.session.ws_connect(venue.venue.urls["socket"]) as socket,
        ):
            signer = venue.signer(0)
            assert (await read(socket))["type"] == "connected"
            for channel, name in (
                ("v4_orderbook", "BTC-USD"), ("v4_subaccounts", f"{signer.address}/0"),
            ):  # fmt: skip
                await socket.send_json({"type": "subscribe", "channel": channel, "id": name})
                assert (await read(socket))["type"] == "subscribed"
            order = signer.order(1, SHORT_TERM, 1, PRICE - 100, 10, venue.height + 10)
            await venue.taken(signer, order)
            found = {each["channel"]: each for each in [await read(socket), await read(socket)]}
            assert found["v4_orderbook"]["contents"] == {"bids": [["59900", "0.001"]]}
            (shown,) = found["v4_subaccounts"]["contents"]["orders"]
            assert (shown["clientId"], shown["status"]) == ("1", "BEST_EFFORT_OPENED")

    asyncio.run(main())


ADDRESS = "dydx1ny4pclt0hzmarw0cxhf4ln5lus9ca2yy2nt770"
MALFORMED = [
    "nothing", "[]", "7", "[" * 60_000, '{"type":["subscribe"]}',
    '{"type":"subscribe","channel":["v4_markets"]}', '{"type":"subscribe","channel":{}}',
    '{"type":"subscribe","channel":"v4_orderbook","id":["BTC-USD"]}',
    *(
        json.dumps({"type": "subscribe", "channel": "v4_subaccounts", "id": f"{ADDRESS}/{number}"})
        for number in ("9" * 5000, "00", "\u0663", "128001", "-1")
    ),
]  # fmt: skip


def test_what_is_malformed_is_answered_with_an_error(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with (
            quiet_venue() as venue,
            venue.session.ws_connect(venue.venue.urls["socket"]) as socket,
        ):
            await read(socket)
            for text in MALFORMED:
                await socket.send_str(text)
                assert (await read(socket))["type"] == "error", text[:80]
            await socket.send_str("PING")
            assert await socket.receive_str(timeout=PATIENCE_S) == "PONG"

    asyncio.run(main())
    assert not [record for record in caplog.records if record.exc_info], caplog.text


def test_a_client_for_which_too_much_waits_loses_its_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outbox.Outbox.__init__, "__defaults__", (50, 64 * 1024))

    async def stuck(connection: Connection) -> None:
        """A writer whose socket takes nothing any more."""
        await asyncio.Event().wait()

    monkeypatch.setattr(Connection, "_write", stuck)

    async def main() -> None:
        async with (
            quiet_venue() as venue,
            venue.session.ws_connect(venue.venue.urls["socket"]) as socket,
        ):
            # It says nothing after these: what happens is what there is too much of.
            for channel in ("v4_block_height", "v4_markets"):
                await socket.send_json({"type": "subscribe", "channel": channel})
            closing = asyncio.ensure_future(socket.receive(timeout=PATIENCE_S))
            while not closing.done():
                await venue.blocks()
                # The pump, which joins what happened meanwhile, has its turn.
                await asyncio.sleep(0)
            closed = await closing
            assert (closed.type, closed.data) == (aiohttp.WSMsgType.CLOSE, POLICY)

    asyncio.run(main())


def test_a_client_that_is_too_slow_and_asks_too_much_is_closed_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The error has no room any more: a close that is under way is not replaced by another."""
    monkeypatch.setattr(outbox.Outbox.__init__, "__defaults__", (3, 64 * 1024))
    closings: list[Any] = []
    close = Connection._close

    async def stuck(connection: Connection) -> None:
        await asyncio.Event().wait()

    def noted(connection: Connection, closing: Any) -> None:
        closings.append(closing)
        close(connection, closing)

    monkeypatch.setattr(Connection, "_write", stuck)
    monkeypatch.setattr(Connection, "_close", noted)

    async def main() -> None:
        async with (
            quiet_venue(quotas=True) as venue,
            venue.session.ws_connect(venue.venue.urls["socket"]) as socket,
        ):
            # One message waits, and two errors have room; the third says that it is too much.
            for _ in range(3):
                await socket.send_str("nonsense")
            closed = await socket.receive(timeout=PATIENCE_S)
            assert (closed.type, closed.extra) == (aiohttp.WSMsgType.CLOSE, "too slow")
        assert len(closings) == 1

    asyncio.run(main())
