"""Broken bytes for every port of a venue whose state must stay as it is.

    python -m tests.conformance.dydx.fuzz [COUNT] [SEED]

A quarter of the count goes to each of: transactions by JSON-RPC, gRPC calls, GET and POST.
Exit status 1 where anything answers with a fault of the server, or the state has changed.
"""

import asyncio
import random
import sys
from typing import Any

import grpc

from tests.conformance.dydx.quiet import PRICE, Quiet, quiet_venue
from tests.conformance.dydx.signer import LONG_TERM, SHORT_TERM

PATHS = (
    "/cosmos.tx.v1beta1.Service/BroadcastTx", "/cosmos.auth.v1beta1.Query/Account",
    "/dydxprotocol.subaccounts.Query/Subaccount", "/no.such.Service/Method",
)  # fmt: skip


def traces(venue: Quiet) -> tuple[str, bytes]:
    """Everything that a transaction could change; a refused command counts and does no more."""
    twin = venue.engine.fork()
    twin.tables["control"]["sequence"][0] = 0
    return twin.state_hash(), venue.venue.host.directory.snapshot()


def broken(chance: random.Random, raw: bytes) -> bytes:
    """A transaction with some of its bytes changed, gone or repeated."""
    data = bytearray(raw)
    for _ in range(chance.randint(1, 6)):
        place = chance.randrange(len(data))
        kind = chance.randrange(4)
        if kind == 0:
            data[place] = chance.randrange(256)
        elif kind == 1:
            del data[place : place + chance.randint(1, 8)]
        elif kind == 2:
            data[place:place] = chance.randbytes(chance.randint(1, 8))
        else:
            data[place:place] = data[: chance.randint(1, 40)]
        if not data:
            break
    return bytes(data)


async def attempt(venue: Quiet, calls: list[Any], number: int, raw: bytes) -> None:
    way = number % 4
    urls, session = venue.venue.urls, venue.session
    if way == 0:
        assert (await venue.broadcast(raw))["code"] != 0
        return
    if way == 1:
        call = calls[number // 4 % len(calls)](raw)
        # What cannot be parsed is INTERNAL to every server of this protocol.
        assert await call.code() in (
            grpc.StatusCode.OK, grpc.StatusCode.NOT_FOUND, grpc.StatusCode.UNIMPLEMENTED,
            grpc.StatusCode.INTERNAL,
        ), await call.details()  # fmt: skip
        return
    if way == 2:
        paths = ("/v4/orders", "/v4/fills", "/v4/addresses/x", "/abci_query", "/tx", "/faucet/x")
        url = urls["indexer"] + paths[number % len(paths)]
        text = raw[:40].decode("latin-1")
        query = {"address": text, "subaccountNumber": text, "hash": text, "data": text}
        async with session.get(url, params=query) as found:
            assert found.status < 500, await found.text()
        return
    url = urls["rpc"] + ("/", "/faucet/tokens", "/cosmos/tx/v1beta1/simulate")[number // 4 % 3]
    async with session.post(url, data=raw) as found:
        assert found.status < 500, await found.text()


async def fuzz(count: int, seed: int) -> None:
    """Send so many; raises AssertionError."""
    chance = random.Random(seed)
    async with quiet_venue() as venue:
        signer = venue.signer(0)
        until = venue.height + 10
        whole = [
            signer.signed(signer.order(1, SHORT_TERM, 1, PRICE, 10, until)),
            signer.signed(signer.order(1, LONG_TERM, 1, PRICE - 1000, 10, venue.now_s + 60)),
            signer.signed(signer.deposit(0, 9)),
            signer.signed(signer.batch_cancel([1, 2], until)),
            signer.signed(signer.leverage(50_000)),
        ]
        before = traces(venue)
        at = f"127.0.0.1:{venue.venue.ports['grpc']}"
        async with grpc.aio.insecure_channel(at) as channel:
            calls = [channel.unary_unary(path) for path in PATHS]
            for number in range(count):
                raw = broken(chance, chance.choice(whole))
                if raw not in whole:
                    await attempt(venue, calls, number, raw)
        assert traces(venue) == before


def main() -> None:
    given = [int(text) for text in sys.argv[1:3]]
    count, seed = [*given, *(20_000, 16)[len(given) :]]
    asyncio.run(fuzz(count, seed))
    print(f"{count} broken requests with seed {seed}: the state is as it was")


if __name__ == "__main__":
    main()
