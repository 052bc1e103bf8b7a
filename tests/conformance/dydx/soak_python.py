"""One client of the soak: the unmodified ``dydx-v4-client``, in its own environment.

    python soak_python.py ABOUT.json NUMBER

Each line on standard input is answered with one line of JSON. ``act N``: so many actions, what came
of them. ``compare``: where the client's own books, kept of what its socket told, differ from what
the venue says. It ends when standard input does.
"""

import asyncio
import json
import os
import random
import sys
import threading
import traceback
from collections import Counter
from contextlib import suppress
from typing import Any
from urllib.request import urlopen

from client import BUY, GTT, IOC, SELL, TICKER, Trader, Venue
from dydx_v4_client import OrderFlags
from dydx_v4_client.indexer.socket.websocket import IndexerSocket
from dydx_v4_client.node.message import subaccount

from tests.conformance.dydx.books import Books
from tests.waiting import eventually

USED_USD = 97_000
"""Of the 100,000 of subaccount 0: what is put aside."""


class Player:
    """A user that trades at random and keeps books of subaccount 0."""

    def __init__(self, trader: Trader, seed: int) -> None:
        self.trader = trader
        self.dice = random.Random(seed)
        self.books = Books(trader.address)
        self.resting: list[Any] = []
        self.subscribed = threading.Event()

    async def begin(self) -> None:
        def hear(socket: Any, message: dict[str, Any]) -> None:
            if message["type"] == "connected":
                socket.subaccounts.subscribe(self.trader.address, 0)
            contents = message.get("contents") or {}
            for fill in contents.get("fills", ()):
                self.books.fill(fill)
            if message["type"] == "channel_data" and "transfers" in contents:
                self.books.transfer(contents["transfers"])
            if message["type"] == "subscribed":
                self.subscribed.set()

        ears = IndexerSocket(self.trader.net.websocket_indexer, on_message=hear)
        threading.Thread(target=lambda: asyncio.run(ears.connect()), daemon=True).start()
        assert await asyncio.to_thread(self.subscribed.wait, 300)
        # What came before the subscription.
        found = await self.trader.indexer.account.get_subaccount_transfers(self.trader.address, 0)
        for transfer in found["transfers"]:
            self.books.transfer(transfer)
        # Little money and large positions, so that shocks liquidate it.
        await self.move(USED_USD * 10**6, out=True)

    async def price(self) -> float:
        found = await self.trader.indexer.markets.get_perpetual_markets(TICKER)
        return float(found["markets"][TICKER]["oraclePrice"])

    async def act(self) -> str:
        """One action; what it was."""
        trader, dice = self.trader, self.dice
        price, side = await self.price(), dice.choice((BUY, SELL))
        away = 1 if side == BUY else -1
        kind = dice.choices(("market", "limit", "long", "conditional", "money"), (5, 3, 2, 1, 2))[0]
        size = round(dice.uniform(0.01, 0.4), 3)
        if kind == "market":
            await trader.place(side, size, price * (1 + 0.01 * away), force=IOC)
        elif kind == "limit":
            await trader.place(side, size, price * (1 - 0.0005 * away))
        elif kind == "long":
            if len(self.resting) > 4:
                gone = self.resting.pop(0)
                until = await trader.now_s() + 5000
                answer = await trader.node.cancel_order(
                    trader.wallet, gone, good_til_block_time=until
                )
                # One that was filled or expired meanwhile is no order any more.
                assert answer.tx_response.code in (0, 3006), answer.tx_response.raw_log
            order = await trader.place(
                side, 0.01, price * (1 - 0.02 * away), flags=OrderFlags.LONG_TERM
            )
            self.resting.append(order)
        elif kind == "conditional":
            trigger = trader.market.calculate_subticks(price * (1 + 0.01 * away))
            await trader.place(
                side, 0.01, price * (1 + 0.02 * away), flags=OrderFlags.CONDITIONAL, force=GTT,
                condition_type=1, conditional_order_trigger_subticks=trigger,
            )  # fmt: skip
        else:
            await self.move(dice.randrange(1, 10**8), out=dice.random() < 0.5)
        return kind

    async def move(self, amount: int, out: bool) -> None:
        """Quantums from subaccount 0 to its child, or back."""
        own, child = (subaccount(self.trader.address, number) for number in (0, 128))
        ends = (own, child) if out else (child, own)
        answer = await self.trader.node.transfer(self.trader.wallet, *ends, 0, amount)
        assert answer.tx_response.code == 0, answer.tx_response.raw_log

    async def compare(self) -> list[str]:
        """What still differs once nothing moves any more and the socket has told everything."""
        trader, found = self.trader, ["not compared"]
        path = f"/v4/fundingPayments?address={trader.address}&subaccountNumber=0"

        async def agree() -> bool:
            nonlocal found
            with urlopen(trader.venue.url + path, timeout=300) as answer:  # the client has no call
                for payment in json.load(answer)["fundingPayments"]:
                    self.books.payment(payment)
            found = self.books.differences(await trader.account())
            return not found

        with suppress(AssertionError):
            await eventually(agree)
        return found


async def answered(player: Player, line: str) -> dict[str, Any]:
    word, *rest = line.split()
    if word == "compare":
        books = player.books
        counts = {"fills": len(books.fills), "transfers": len(books.transfers),
                  "payments": len(books.payments)}  # fmt: skip
        kinds = Counter(fill["type"] for fill in books.fills.values())
        return {"differences": await player.compare(), **counts, "kinds": kinds}
    done: Counter[str] = Counter()
    for _ in range(int(rest[0])):
        try:
            done[await player.act()] += 1
        except AssertionError as refusal:
            done[f"refused {str(refusal).split()[0]}"] += 1
    return {"done": done}


async def main() -> None:
    with open(sys.argv[1]) as file:
        venue = Venue(json.load(file))
    number = int(sys.argv[2])
    player = Player(await Trader(venue, number).connect(), number)
    await player.begin()
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        try:
            answer = await answered(player, line)
        except BaseException:
            answer = {"fault": traceback.format_exc()}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
    sys.stdout.flush()
    # The library's socket runs in a thread that never ends.
    os._exit(0)
