"""Hostile clients at once, over real sockets: an ordinary one is still served."""

import asyncio
import contextlib

import aiohttp

from seawall.sandbox.venue import VenueOptions, running_venue
from tests.conformance.hyperliquid.hostile import (
    HALF,
    Account,
    attacker_keys,
    exhaust,
    order_action,
    subscriptions,
)
from tests.conformance.hyperliquid.signer import Signer
from tests.waiting import PATIENCE_S, until

OPTIONS = VenueOptions(markets=("BTC=60000", "ETH=2000"), speed=0, feed="manual", agents=False)
HALF_SENT = 300
MOST = 128


async def attacked() -> None:
    async with running_venue(OPTIONS) as venue, aiohttp.ClientSession() as session:
        venue.connections.most = MOST
        attackers = [Account(venue.url, key, session) for key in attacker_keys()[:2]]
        control = f"{venue.url}/control/fund"

        async def fund(address: str) -> int:
            async with session.post(control, json={"address": address, "amount": 50_000}) as answer:
                return answer.status

        assert [await fund(each.signer.address) for each in attackers] == [200, 200]
        halves = []
        for _ in range(HALF_SENT):
            _, writer = await asyncio.open_connection("127.0.0.1", venue.port)
            writer.write(HALF)
            halves.append(writer)
        await until(lambda: len(venue.connections) <= MOST)
        socket = await session.ws_connect(venue.websocket_url)
        for each in subscriptions([account.signer.address for account in attackers]):
            await socket.send_json({"method": "subscribe", "subscription": each})
        spent = asyncio.Event()
        hammering = asyncio.ensure_future(exhaust(attackers[0], spent))
        await asyncio.wait_for(spent.wait(), PATIENCE_S)
        question = {"type": "userRole", "user": venue.users[0].address}
        status = 200
        while status == 200:
            async with session.post(f"{venue.url}/info", json=question) as asked:
                status = asked.status
        # The IP has used up its weight and its connections; what must go on does.
        assert status == 429
        for _ in range(3):
            assert await fund("0x" + "77" * 20) == 200
        user = venue.users[0]
        ordinary = Account(venue.url, user.private_key, session)
        close = order_action(0, False, "59000", "0.01", "Ioc", reduce=True)
        answer = await ordinary.send(close)
        assert "would increase position" in str(answer), answer
        hammering.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await hammering
        await socket.close()
        for writer in halves:
            writer.close()
        assert Signer(user.private_key).address == user.address


def test_what_must_go_on_goes_on_under_attack() -> None:
    asyncio.run(asyncio.wait_for(attacked(), PATIENCE_S))
