"""Guards that are killed with signal 9 at random moments: is any step done twice, or lost?

    python -m tests.conformance.hyperliquid.killed_guard --kills 200 --seed 1

Each round opens a position, lets the mark fall so far that a step closes its half, and kills the
guard some times while it does that and while its stop is moved to the new size. The next process
goes on with the same journal. Afterwards half of the position must be left, with one stop of that
size, and the size must never have grown. Run as ``guard`` it is the process that is killed.
"""

import argparse
import asyncio
import os
import random
import subprocess
import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.conformance.hyperliquid.running import ROOT, Venue, started
from tests.waiting import PATIENCE_S, wait_until

if TYPE_CHECKING:
    from tests.conformance.hyperliquid.trader import Maker, Trader

COIN, PRICE, FALLEN = "ETH", 2000.0, 1985.0
SIZE = 70
POLICY = """
name = "killed"
[account]
risk_capital = 10_000
[[step]]
name = "half"
action = "close"
trigger = "30%"
rearm = "5%"
share = "50%"
verify_after = "1h"
[[stop]]
name = "s"
distance = "60%"
clearance = "0.1%"
slippage = "0.5%"
"""


async def guard(url: str, address: str, journal_path: Path) -> None:
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
    guarding = Guard(parse_policy(POLICY), reader, observer, Journal(journal_path), writer)
    await asyncio.gather(reader.run(), guarding.run())


class Round:
    """One account. ``sizes``: of its position, at each look."""

    def __init__(self, venue: Venue, trader: "Trader", folder: Path) -> None:
        self.venue, self.trader = venue, trader
        self.journal = folder / "guard.journal"
        self.sizes: list[Decimal] = []
        _, self._key = trader.exchange.approve_agent()

    def start(self) -> "subprocess.Popen[bytes]":
        arguments = ["guard", self.venue.url, self.trader.address, str(self.journal)]
        return subprocess.Popen(
            [sys.executable, "-m", "tests.conformance.hyperliquid.killed_guard", *arguments],
            cwd=ROOT,
            env={
                **os.environ,
                "AGENT_KEY": self._key,
                "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}",
            },
        )

    def orders(self) -> int:
        """How many orders the journal says were to be sent."""
        return self.journal.read_bytes().count(b"place_order") if self.journal.exists() else 0

    def size(self) -> Decimal:
        position = self.trader.position(COIN)
        self.sizes.append(Decimal(0) if position is None else Decimal(position["szi"]))
        return self.sizes[-1]

    def stops(self) -> list[Decimal]:
        orders = self.trader.info.frontend_open_orders(self.trader.address)
        return [Decimal(each["sz"]) for each in orders if each["isTrigger"]]

    def kill_after(self, orders: int, pause_s: float) -> None:
        """Start a guard and kill it once its journal has so many orders more, or all is done."""
        process, before = self.start(), self.orders()
        try:
            end = time.monotonic() + PATIENCE_S
            looks = 0
            while self.orders() < before + orders:
                assert process.poll() is None, "the guard has ended by itself"
                assert time.monotonic() < end
                time.sleep(0.002)
                looks += 1
                if looks % 500 == 0 and self.is_done():
                    break
            time.sleep(pause_s)
        finally:
            process.kill()
            process.wait()

    def is_done(self) -> bool:
        return self.size() == SIZE // 2 and self.stops() == [Decimal(SIZE // 2)]


def play(
    venue: Venue, maker: "Maker", trader: "Trader", folder: Path, kills: int, seed: int
) -> int:
    """The number of kills of one round. Raises AssertionError for what must not be."""
    chance = random.Random(seed)
    venue.settle(COIN, PRICE, maker)
    made = Round(venue, trader, folder)
    trader.exchange.market_open(COIN, True, float(SIZE))
    venue.settle(COIN, FALLEN, maker)
    for _ in range(kills):
        made.kill_after(chance.randint(1, 2), chance.choice((0, 0, 0.003, 0.02)))
    process = made.start()
    try:
        wait_until(made.is_done)
        # Prices go on, the stop may be moved with them, and nothing else comes after it.
        venue.settle(COIN, FALLEN + 1, maker)
        wait_until(made.is_done)
    finally:
        process.kill()
        process.wait()
    assert made.sizes == sorted(made.sizes, reverse=True), made.sizes
    fills = [each for each in trader.fills() if each["side"] == "A"]
    assert sum(Decimal(each["sz"]) for each in fills) == SIZE // 2, fills
    return kills


def main() -> None:
    if sys.argv[1:2] == ["guard"]:
        asyncio.run(guard(sys.argv[2], sys.argv[3], Path(sys.argv[4])))
        return
    import eth_account

    from tests.conformance.hyperliquid.trader import Maker, Trader

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options: Any = parser.parse_args()
    done = rounds = 0
    with started() as venue:
        maker = Maker(venue.url, venue.users[9][1])
        venue.control.fund(maker.address, 200_000_000)
        while done < options.kills:
            account = eth_account.Account.create()
            venue.control.fund(account.address, 10_000)
            trader = Trader(venue.url, account.key.hex())
            with tempfile.TemporaryDirectory() as folder:
                done += play(venue, maker, trader, Path(folder), 5, options.seed + rounds)
            trader.go_flat()
            rounds += 1
            print(f"{done} kills in {rounds} rounds: no step twice, none lost", flush=True)


if __name__ == "__main__":
    main()
