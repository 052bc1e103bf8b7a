"""Guards that are killed with signal 9 at random moments: is any step done twice, or lost?

    python -m tests.conformance.hyperliquid.killed_guard --kills 200 --seed 1

Each round opens a position, lets the mark fall so far that a step fires, and kills the guard some
times; the next process goes on with the same journal. In the rounds of one kind the step closes
half and a stop follows the size; in those of the other it closes everything in slices that rest,
and is killed while they do and while others trade with them. Moments are: a decision is in the
journal, its order has arrived, or any. In between, requests or answers are lost, and a process sees
margins that differ from its own from its start to its end.

Judged are, by what the venue shows: the position never grew and ends at its size (no step twice,
none lost), no client id has two orders, every order only reduces, and nothing arrived while figures
differed. Guards are forked from a process that has imported all of it, each from the same state.
"""

import argparse
import asyncio
import multiprocessing
import os
import random
import re
import tempfile
import time
from collections import Counter
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from tests.conformance.hyperliquid.between import Between, standing_between
from tests.conformance.hyperliquid.running import Venue, started
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conformance.hyperliquid.trader import Maker, Trader

COIN, PRICE, FALLEN = "ETH", 2000.0, 1985.0
SIZE = 70
THIN = 2_000.0
"""USD on each level of the book in which slices rest."""
HEAD = """
name = "killed"
[account]
risk_capital = 10_000
[[stop]]
name = "s"
distance = "60%"
clearance = "0.1%"
slippage = "0.5%"
"""
HALF = """
[[step]]
name = "half"
action = "close"
trigger = "30%"
rearm = "5%"
share = "50%"
verify_after = "1h"
"""
SLICES = """
[[step]]
name = "out"
action = "flatten"
trigger = "30%"
rearm = "5%"
verify_after = "1h"
execution = "slices"
[[execution]]
name = "slices"
style = "iceberg"
slice = 20_000
interval = "200ms"
escalate_after = "10h"
urgent_above = "99%"
"""
POLICIES = {"half": HEAD + HALF, "slices": HEAD + SLICES}
_MAINTENANCE = re.compile(r'("crossMaintenanceMarginUsed":\s*")([0-9.]+)')


def differing(text: str) -> str:
    """An answer whose maintenance margin is half as much again, more than a policy tolerates."""
    return _MAINTENANCE.sub(lambda found: f"{found[1]}{float(found[2]) * 1.5:.6f}", text)


async def guard(url: str, address: str, journal_path: Path, kind: str) -> None:
    """Guard an account until this process ends. The key is in ``AGENT_KEY``."""
    from seawall.guard.journal import Journal
    from seawall.guard.loop import Guard
    from seawall.guard.observe import Observer
    from seawall.guard.policy_file import parse_policy
    from seawall.venues.registry import gateway_of

    gateway = gateway_of("hyperliquid")
    network = gateway.network(url=url)
    reader = gateway.reader(network, address, [COIN])
    writer = gateway.writer(network, address, "env:AGENT_KEY")
    observer = Observer("hyperliquid", reader, [COIN])
    policy = parse_policy(POLICIES[kind])
    guarding = Guard(policy, reader, observer, Journal(journal_path), writer)
    await asyncio.gather(reader.run(), guarding.run())


def run_guard(url: str, address: str, journal: Path, kind: str, key: str) -> None:
    """A process of its own; the key is in its environment alone."""
    os.environ["AGENT_KEY"] = key
    asyncio.run(guard(url, address, journal, kind))


GUARDS = multiprocessing.get_context("forkserver")
GUARDS.set_forkserver_preload(["tests.conformance.hyperliquid.guard_ready"])


class Round:
    """One account and its guards. ``counts``: kills, and what was under way when they came."""

    kind: ClassVar[str]
    left: ClassVar[int]
    """The size at the end."""
    notional: ClassVar[float]
    """USD on each level of the book after the fall."""

    def __init__(
        self, venue: Venue, between: Between, maker: "Maker", trader: "Trader", folder: Path,
        chance: random.Random,
    ) -> None:  # fmt: skip
        self.venue, self.between, self.maker, self.trader = venue, between, maker, trader
        self.journal = folder / "guard.journal"
        self.chance = chance
        self.counts: Counter[str] = Counter()
        self.first_action = len(between.actions)
        _, self._key = trader.exchange.approve_agent()

    # -- what the venue and the journal show -------------------------------------------------------

    def size(self) -> Decimal:
        position = self.trader.position(COIN)
        return Decimal(0) if position is None else Decimal(position["szi"])

    def stops(self) -> list[Decimal]:
        orders = self.trader.info.frontend_open_orders(self.trader.address)
        return [Decimal(each["sz"]) for each in orders if each["isTrigger"]]

    def slices(self) -> list[dict[str, Any]]:
        """Orders to sell that rest without a trigger."""
        orders = self.trader.info.frontend_open_orders(self.trader.address)
        return [each for each in orders if not each["isTrigger"]]

    def written(self) -> bytes:
        return self.journal.read_bytes() if self.journal.exists() else b""

    def is_done(self) -> bool:
        stops = [Decimal(self.left)] if self.left else []
        return self.size() == self.left and self.stops() == stops and not self.slices()

    def trade(self) -> None:
        """What others do meanwhile."""

    # -- processes ---------------------------------------------------------------------------------

    @contextmanager
    def guarding(self) -> "Iterator[None]":
        """A guard that is killed at the end."""
        words = (self.between.url, self.trader.address, self.journal, self.kind, self._key)
        process = GUARDS.Process(target=run_guard, args=words, daemon=True)
        process.start()
        try:
            yield
            assert process.is_alive(), "the guard has ended by itself"
        finally:
            process.kill()
            process.join()

    def kill_once(self) -> None:
        """Start a guard and kill it at a moment that chance says."""
        moment = self.chance.choice(("written", "written", "arrived", "any", "differs"))
        pause_s = self.chance.choice((0, 0, 0.003, 0.02, 0.3))
        self.between.shown = differing if moment == "differs" else str
        self.between.lost = int(self.chance.random() < 0.1)
        self.between.unanswered = int(self.chance.random() < 0.1)
        before, arrived = self.written(), len(self.between.actions)
        with self.guarding():
            # The first decision of a process is always written.
            wait_until(lambda: len(self.written()) > len(before))
            if moment == "written":
                orders = before.count(b"place_order") + self.chance.randint(1, 2)
                self._wait(lambda: self.written().count(b"place_order") >= orders)
            elif moment == "arrived":
                self._wait(lambda: len(self.between.actions) > arrived)
            elif self.chance.random() < 0.5:
                self.trade()
            time.sleep(pause_s)
        self.counts["kills"] += 1
        if moment == "differs":
            sent = self.between.actions[arrived:]
            assert not sent, f"sent while figures differ: {sent}"
            self.counts["differs"] += 1
        self.between.shown, self.between.lost, self.between.unanswered = str, 0, 0
        self.counts["under way"] += not self.is_done()
        self.counts["panic live"] += bool(self.slices())

    def _wait(self, is_there: Any) -> None:
        """Until something is there, or there is nothing left to come."""
        looks = 0

        def ends() -> bool:
            nonlocal looks
            looks += 1
            if looks % 100 == 0:
                self.trade()
            return bool(is_there() or (looks % 100 == 0 and self.is_done()))

        wait_until(ends)

    def _is_over(self) -> bool:
        """Whether nothing is left to come; where something is, others trade."""
        if self.is_done():
            return True
        self.trade()
        return False

    def play(self, kills: int) -> "Counter[str]":
        """What happened in a round. Raises AssertionError for what must not be."""
        self.venue.settle(COIN, PRICE, self.maker)
        self.trader.exchange.market_open(COIN, True, float(SIZE))
        self.venue.settle(COIN, FALLEN, self.maker, notional=self.notional)
        for _ in range(kills):
            self.kill_once()
        with self.guarding():
            wait_until(self._is_over)
            # Prices go on, the stop may be moved with them, and nothing else comes after it.
            self.venue.settle(COIN, FALLEN + 1, self.maker)
            wait_until(self.is_done)
        self.judge()
        return self.counts

    def judge(self) -> None:
        """Raises AssertionError for what must not be."""
        fills = self.trader.fills()
        bought = sum(Decimal(each["sz"]) for each in fills if each["side"] == "B")
        sold = sum(Decimal(each["sz"]) for each in fills if each["side"] == "A")
        assert (bought, sold) == (SIZE, SIZE - self.left), fills
        orders = self.trader.info.historical_orders(self.trader.address)
        ids = {(each["order"]["cloid"], each["order"]["oid"]) for each in orders}
        twice = [name for name, times in Counter(name for name, _ in ids).items()
                 if name is not None and times > 1]  # fmt: skip
        assert not twice, f"two orders of one id: {twice}"
        for action in self.between.actions[self.first_action :]:
            assert action["type"] in ("order", "cancelByCloid"), action
            assert all(each["r"] for each in action.get("orders", ())), action
        self.counts["orders"] += len(ids)


class Half(Round):
    """The step closes half at market; a stop of the whole size rests, and is replaced."""

    kind, left, notional = "half", SIZE // 2, 2_000_000.0


class Slices(Round):
    """The step closes all in slices that rest; a taker buys some of them."""

    kind, left, notional = "slices", 0, THIN
    taker: "Trader"

    def trade(self) -> None:
        # Those of the maker that lie before the slice are taken with it.
        size = self.chance.choice((2.5, 6.0, 13.0))
        limit = {"limit": {"tif": "Ioc"}}
        self.taker.exchange.order(COIN, True, size, round(FALLEN * 1.0005, 1), limit)
        self.maker.quote(COIN, FALLEN, notional=THIN)


def play(
    venue: Venue, maker: "Maker", traders: "tuple[Trader, Trader]", folder: Path, kills: int,
    seed: int,
) -> "Counter[str]":  # fmt: skip
    """One round: of a seed that is even the step closes half, else all in slices.

    ``traders``: who is guarded, and who trades with the guard's orders.
    """
    kind = Slices if seed % 2 else Half
    with standing_between(venue) as between:
        made = kind(venue, between, maker, traders[0], folder, random.Random(seed))
        if isinstance(made, Slices):
            made.taker = traders[1]
        return made.play(kills)


def main() -> None:
    import eth_account

    from tests.conformance.hyperliquid.trader import Maker, Trader

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options: Any = parser.parse_args()
    rounds, total = 0, Counter[str]()
    with started("--speed", "1") as venue:
        maker, taker = (Maker(venue.url, key) for _, key in venue.users[8:10])
        for each in (maker, taker):
            venue.control.fund(each.address, 200_000_000)
        while total["kills"] < options.kills:
            account = eth_account.Account.create()
            venue.control.fund(account.address, 10_000)
            traders = Trader(venue.url, account.key.hex()), taker
            with tempfile.TemporaryDirectory() as folder:
                total += play(venue, maker, traders, Path(folder), 5, options.seed + rounds)
            for each in traders:
                each.go_flat()
            rounds += 1
            print(
                f"{total['kills']} kills in {rounds} rounds, {total['under way']} before the end, "
                f"{total['panic live']} while a slice rested, {total['differs']} while figures "
                f"differed, {total['orders']} orders: no step twice, none lost, no position "
                "increased, nothing sent while figures differed",
                flush=True,
            )


if __name__ == "__main__":
    main()
