"""Hostile clients beside an ordinary one: what it still gets, and how fast.

    python -m tests.conformance.hyperliquid.hostile [--no-quotas] [--rounds 60]

A venue with agents and its own clock, in a process of its own; attackers in another, from other
loopback addresses: a websocket with as many subscriptions as it gets (of 1,000), 1,100 requests
that are sent by half and sent anew when closed, 3,000 time-weighted orders of thirty accounts, an
account that has used up its requests and goes on, and accounts with as many resting orders as they
get. An ordinary client asks and trades before and meanwhile: the medians of both, and their ratio,
are printed. Then it closes its position by a reduce-only order, and control funds an address. The
exit status is 1 where a ratio is above 3, or either of the two fails. Needs a system on which all
of 127.0.0.0/8 is loopback.
"""

import argparse
import asyncio
import itertools
import json
import os
import statistics
import subprocess
import sys
import time
from typing import Any

import aiohttp

from tests.conformance.hyperliquid.running import ROOT, Venue, started
from tests.conformance.hyperliquid.signer import Signer, order_action

WORST_RATIO = 3.0
SUBSCRIPTIONS = 1000
HALF_SENT = 1100
TWAPS = 3000
TRADERS = 30
RESTING = 1000
COINS = ("BTC", "ETH", "SOL", "HYPE", "DOGE", "LINK")
INTERVALS = "1m 3m 5m 15m 30m 1h 2h 4h 8h 12h 1d 3d 1w 1M".split()
HALF = b"POST /info HTTP/1.1\r\nHost: x\r\nContent-Length: 90\r\n\r\n{"
PATIENCE_S = 240.0


def attacker_keys() -> list[str]:
    return [f"0x{0xA77AC + number:064x}" for number in range(TRADERS)]


class Account:
    """Signs and posts for one account, from one address."""

    def __init__(self, url: str, key: str, session: aiohttp.ClientSession) -> None:
        self.url, self.signer, self.session = url, Signer(key), session
        self._nonce = 0

    async def send(self, action: Any) -> Any:
        """The decoded answer; None for 429."""
        self._nonce = max(self._nonce + 1, time.time_ns() // 1_000_000)
        body = self.signer.request(action, self._nonce)
        async with self.session.post(f"{self.url}/exchange", json=body) as answer:
            return await answer.json(content_type=None)


def session_from(address: str) -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(local_addr=(address, 0), limit=0)
    return aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(PATIENCE_S))


# -- the attackers -------------------------------------------------------------------------------


def subscriptions(users: list[str]) -> list[dict[str, Any]]:
    """The heaviest things to subscribe to, of a few users; then of ever more."""
    found: list[dict[str, Any]] = []
    per_user = (
        "webData2 webData3 clearinghouseState openOrders userFills orderUpdates userEvents "
        "userFundings userNonFundingLedgerUpdates userHistoricalOrders userTwapHistory "
        "userTwapSliceFills twapStates spotState allDexsClearinghouseState"
    ).split()
    for user in users:
        found += [{"type": kind, "user": user} for kind in per_user]
        found += [{"type": "activeAssetData", "user": user, "coin": coin} for coin in COINS]
    for coin in COINS:
        found += [{"type": "candle", "coin": coin, "interval": each} for each in INTERVALS]
        found += [
            {"type": "l2Book", "coin": coin, "nSigFigs": figures, "fast": fast}
            for figures in (None, 2, 3, 4, 5)
            for fast in (False, True)
        ]
        found += [{"type": kind, "coin": coin} for kind in ("bbo", "trades", "activeAssetCtx")]
    for number in itertools.count():
        if len(found) >= SUBSCRIPTIONS:
            return found[:SUBSCRIPTIONS]
        user = "0x" + f"{number:040x}"
        found += [{"type": kind, "user": user} for kind in ("webData2", "clearinghouseState")]
    raise AssertionError


async def subscribe(url: str, ready: asyncio.Event) -> None:
    users = [Signer(key).address for key in attacker_keys()[:10]]
    async with session_from("127.0.0.2") as session, session.ws_connect(f"{url}/ws") as socket:
        for each in subscriptions(users):
            await socket.send_json({"method": "subscribe", "subscription": each})
        answered = 0
        async for message in socket:
            data = json.loads(message.data) if message.data.startswith("{") else {}
            if data.get("channel") in ("subscriptionResponse", "error"):
                answered += 1
                if answered >= SUBSCRIPTIONS:
                    ready.set()


async def send_half(port: int) -> None:
    """One request that is never complete, again and again."""
    while True:
        try:
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", port, local_addr=("127.0.0.6", 0)
            )
            writer.write(HALF)
            await reader.read()
            writer.close()
        except OSError:
            pass
        await asyncio.sleep(0.5)


async def place_twaps(accounts: list[Account], answers: dict[str, int]) -> None:
    async def place(number: int) -> None:
        twap = {"a": number % 6, "b": number % 2 == 0, "s": "0.0", "r": False, "m": 5, "t": False}
        twap["s"] = ("0.005", "0.1", "3", "10", "2000", "20")[number % 6]
        answer = await accounts[number % len(accounts)].send({"type": "twapOrder", "twap": twap})
        text = json.dumps(answer)
        name = "running" if "running" in text else text[:90]
        answers[name] = answers.get(name, 0) + 1

    for first in range(0, TWAPS, len(accounts)):
        await asyncio.gather(*(place(first + n) for n in range(len(accounts))))


async def exhaust(account: Account, ready: asyncio.Event) -> None:
    """Use up an account's requests with what cannot be placed, and go on."""
    bad = order_action(0, True, "1.23456789", "0.01")["orders"]
    for sent in itertools.count(1):
        answer = await account.send({"type": "order", "orders": bad * 500, "grouping": "na"})
        # Without quotas it is never refused.
        if answer is None or answer["status"] == "err" or sent > 20:
            ready.set()
            await asyncio.sleep(0.05)


async def rest(account: Account, ready: asyncio.Event) -> None:
    """As many resting orders as there may be, and then still more."""
    sent = 0
    while True:
        orders = [
            order_action(0, True, str(20_000 + (sent + n) % 9000), "0.001")["orders"][0]
            for n in range(100)
        ]
        await account.send({"type": "order", "orders": orders, "grouping": "na"})
        sent += 100
        if sent >= RESTING:
            ready.set()
            await asyncio.sleep(0.2)


async def attack(url: str) -> None:
    """Begin everything, say so, and go on until standard input ends."""
    os.nice(19)
    port = int(url.rpartition(":")[2])
    answers: dict[str, int] = {}
    sessions = {
        address: session_from(address) for address in ("127.0.0.3", "127.0.0.4", "127.0.0.5")
    }
    accounts = [
        Account(url, key, session)
        for key, session in zip(attacker_keys(), itertools.cycle(sessions.values()), strict=False)
    ]
    ready = [asyncio.Event() for _ in range(4)]
    work = [asyncio.ensure_future(send_half(port)) for _ in range(HALF_SENT)]
    work.append(asyncio.ensure_future(subscribe(url, ready[0])))
    work.append(asyncio.ensure_future(exhaust(accounts[0], ready[1])))
    work += [asyncio.ensure_future(rest(accounts[n], ready[n + 1])) for n in (1, 2)]
    await asyncio.wait_for(place_twaps(accounts, answers), PATIENCE_S)
    await asyncio.wait_for(asyncio.gather(*(each.wait() for each in ready)), PATIENCE_S)
    print(json.dumps(answers), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    for task in work:
        task.cancel()
    await asyncio.gather(*work, return_exceptions=True)
    for session in sessions.values():
        await session.close()


# -- the ordinary client -------------------------------------------------------------------------


class Ordinary:
    """One client that asks and trades; times in ms by kind of request."""

    def __init__(self, venue: Venue, session: aiohttp.ClientSession) -> None:
        address, key = venue.users[9]
        self.url, self.address, self.session = venue.url, address, session
        self.account = Account(venue.url, key, session)

    async def ask(self, **request: Any) -> Any:
        async with self.session.post(f"{self.url}/info", json=request) as answer:
            assert answer.status == 200, (request, answer.status)
            return await answer.json()

    async def market_order(self, buy: bool, reduce: bool = False) -> Any:
        book = await self.ask(type="l2Book", coin="BTC")
        worst = float(book["levels"][1 if buy else 0][0]["px"])
        price = str(round(worst * (1.05 if buy else 0.95)))
        order = order_action(0, buy, price, "0.01", "Ioc", reduce=reduce)
        return (await self.account.send(order))["response"]["data"]["statuses"][0]

    async def place_and_cancel(self) -> None:
        placed = await self.account.send(order_action(0, True, "30000", "0.001"))
        order_id = placed["response"]["data"]["statuses"][0]["resting"]["oid"]
        cancel = {"type": "cancel", "cancels": [{"a": 0, "o": order_id}]}
        answer = await self.account.send(cancel)
        assert answer["response"]["data"]["statuses"] == ["success"], answer

    async def medians(self, rounds: int) -> dict[str, float]:
        times: dict[str, list[float]] = {}
        for _ in range(rounds):
            for name, work in (
                ("book", lambda: self.ask(type="l2Book", coin="BTC")),
                ("state", lambda: self.ask(type="clearinghouseState", user=self.address)),
                ("order and cancel", self.place_and_cancel),
            ):
                begun = time.perf_counter()
                await work()
                times.setdefault(name, []).append((time.perf_counter() - begun) * 1000)
                await asyncio.sleep(0.02)
        return {name: statistics.median(found) for name, found in times.items()}


async def compare(venue: Venue, rounds: int) -> bool:
    """Print what the attack costs; whether that is little enough."""
    async with session_from("127.0.0.1") as session:
        client = Ordinary(venue, session)
        assert "filled" in await client.market_order(buy=True)
        before = await client.medians(rounds)
        attackers = subprocess.Popen(
            [sys.executable, "-m", "tests.conformance.hyperliquid.hostile", "--attack", venue.url],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"},
        )  # fmt: skip
        assert attackers.stdin is not None
        assert attackers.stdout is not None
        try:
            loop = asyncio.get_running_loop()
            line = await loop.run_in_executor(None, attackers.stdout.readline)
            if not line:
                raise RuntimeError("the attackers stopped")
            print("time-weighted orders:", line.strip())
            meanwhile = await client.medians(rounds)
            closed = await client.market_order(buy=False, reduce=True)
            await loop.run_in_executor(None, venue.control.fund, "0x" + "77" * 20, 5000)
        finally:
            attackers.stdin.close()
            attackers.wait(30)
    ratios = {name: meanwhile[name] / before[name] for name in before}
    for name, ratio in ratios.items():
        print(
            f"{name:18} p50 {before[name]:7.2f} ms, under attack {meanwhile[name]:7.2f} ms: "
            f"x{ratio:.2f}"
        )
    print("reduce-only close:", json.dumps(closed))
    print("control fund: done")
    print("complaints of the venue:", venue.complaints()[-2000:] or "none")
    return "filled" in closed and max(ratios.values()) <= WORST_RATIO


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--no-quotas", action="store_true")
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--attack", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.attack:
        asyncio.run(attack(arguments.attack))
        return
    options = ["--agents", "--feed", "synthetic", "--speed", "1"]
    with started(*options, *([] if arguments.no_quotas else ["--quotas"])) as venue:
        for key in attacker_keys():
            venue.control.fund(Signer(key).address, 200_000)
        sys.exit(0 if asyncio.run(compare(venue, arguments.rounds)) else 1)


if __name__ == "__main__":
    main()
