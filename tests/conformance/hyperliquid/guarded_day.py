"""A day of a venue's time with four policies armed on four accounts, each guard a process.

    python -m tests.conformance.hyperliquid.guarded_day --minutes 24 --speed 60

The venue is a sandbox whose clock runs so many times faster, with makers and takers, prices that
move by chance and one fall in its middle; its streams state prices as often as ``--pace`` says,
seconds of this computer. Positions are opened by the official client, the policies are those of
``examples/guard``. Stated of each account: ticks (changes of a mark that reached the guard), how
many of them no decision saw because another came before, and how many came while it acted; looks,
orders, the journal, and the memory of the guard after a third of the day and at its end.

Ends with status 1 where a guard has ended, a tick is missed, memory grows by more than a twentieth
after the first third, a position ever grew, or an invariant of the venue is broken. Run as
``guard`` it is the process that guards.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.conformance.hyperliquid.running import ROOT, Venue, started
from tests.waiting import wait_until

if TYPE_CHECKING:
    from tests.conformance.hyperliquid.trader import Trader

MARKETS = ("BTC=60000", "ETH=2000", "SOL=150")
FALL, FALL_S = -0.04, 600
"""Of BTC, and over how many seconds of the venue's time."""
WARM = 1 / 3
MOST_GROWTH = 0.05
SAMPLE_S = 5.0
WARM_LOOKS = 30
SAY_S = 1.0


class Setting(NamedTuple):
    """A policy, the USD of its account, and positions: market, signed size, cross, leverage."""

    policy: str
    usd: float
    positions: tuple[tuple[str, float, bool, int], ...]


SETTINGS = (
    Setting("scalper", 10_000, (("SOL", 60.0, False, 3), ("ETH", -4.0, False, 3))),
    Setting("macro_book", 100_000, (("BTC", 1.5, True, 5), ("ETH", -45.0, True, 5))),
    Setting("hybrid", 50_000, (("BTC", 1.0, True, 5), ("SOL", 100.0, False, 3))),
    Setting("small", 5_000, (("ETH", 3.0, True, 3),)),
)


class Counts(NamedTuple):
    """What a guard says of itself. ``missed``: ticks that no decision saw, but for ``meanwhile``,
    those that came while orders were sent and answered. ``longest_ms``: from one look to the next,
    of this computer's time."""

    looks: int = 0
    ticks: int = 0
    missed: int = 0
    meanwhile: int = 0
    orders: int = 0
    longest_ms: int = 0
    trouble: str = ""


async def guard(url: str, address: str, policy: Path, journal: Path, said: Path) -> None:
    """Guard an account until this process ends, and say every second what was counted."""
    from seawall.guard.actions import Action, Alert, PlaceOrder
    from seawall.guard.journal import Journal
    from seawall.guard.loop import Guard
    from seawall.guard.observe import Observer
    from seawall.guard.policy_file import load_policy
    from seawall.venues.gateway_port import prices_of
    from seawall.venues.registry import gateway_of

    gateway = gateway_of("hyperliquid")
    network = gateway.network(url=url)
    reader = gateway.reader(network, address)
    writer = gateway.writer(network, address, "env:AGENT_KEY")
    known: dict[str, int] = {}
    counts, looked_at, said_at, acted = Counts(), 0.0, 0.0, True

    class Counting(Guard):
        async def look(self) -> tuple[Action, ...]:
            nonlocal counts, looked_at, said_at, acted
            state, at = self._reader.state(), time.monotonic()
            actions = await super().look()
            if state is None:
                return actions
            ticks = over = 0
            for market in state.prices:
                now = state.inputs[prices_of(market)].sequence
                passed = now - known.get(market, now - 1)
                ticks, over = ticks + passed, over + max(0, passed - 1)
                known[market] = now
            if counts.looks == WARM_LOOKS:
                # From here on it counts: the first looks load what the others have.
                counts = counts._replace(ticks=0, missed=0, meanwhile=0, longest_ms=0)
                looked_at, ticks, over = at, 0, 0
            counts = counts._replace(
                looks=counts.looks + 1,
                ticks=counts.ticks + ticks,
                missed=counts.missed + (0 if acted else over),
                meanwhile=counts.meanwhile + (over if acted else 0),
                orders=counts.orders + sum(isinstance(each, PlaceOrder) for each in actions),
                longest_ms=max(counts.longest_ms, round(1000 * (at - (looked_at or at)))),
                trouble=self._trouble,
            )
            acted = any(not isinstance(each, Alert) for each in actions)
            looked_at = at
            if at - said_at >= SAY_S:
                said_at = at
                new = said.with_suffix(".new")
                new.write_text(json.dumps(counts._asdict()))
                new.replace(said)
            return actions

    observer = Observer("hyperliquid", reader)
    guarding = Counting(load_policy(policy), reader, observer, Journal(journal), writer)
    await asyncio.gather(reader.run(), guarding.run())


class Guarded:
    """One account and its guard."""

    def __init__(self, venue: Venue, trader: "Trader", setting: Setting, folder: Path) -> None:
        self.venue, self.trader, self.setting = venue, trader, setting
        self.journal, self.said = folder / f"{setting.policy}.journal", folder / setting.policy
        self.resident: list[int] = []
        self.opened = 0
        _, self._key = trader.exchange.approve_agent()

    def open(self) -> None:
        """Open its positions."""
        for market, size, is_cross, leverage in self.setting.positions:
            self.trader.exchange.update_leverage(leverage, market, is_cross=is_cross)
            done = self.trader.exchange.market_open(market, size > 0, abs(size), slippage=0.02)
            assert "error" not in str(done), done
        self.opened = len(self.trader.fills())

    @contextmanager
    def guarding(self) -> "Iterator[subprocess.Popen[bytes]]":
        policy = ROOT / "examples" / "guard" / f"{self.setting.policy}.toml"
        words = [self.venue.url, self.trader.address, policy, self.journal, self.said]
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.conformance.hyperliquid.guarded_day", "guard",
             *map(str, words)],
            cwd=ROOT,
            env={
                **os.environ,
                "AGENT_KEY": self._key,
                "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}",
            },
        )  # fmt: skip
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def counts(self) -> Counts:
        try:
            return Counts(**json.loads(self.said.read_text()))
        except FileNotFoundError:
            return Counts()

    def grown(self) -> list[Any]:
        """Fills after the opening that did not reduce a position."""
        later = self.trader.fills()[: -self.opened or None]
        return [
            each for each in later
            if (Decimal(each["startPosition"]) > 0) == (each["side"] == "B")
        ]  # fmt: skip

    def row(self, minutes: float) -> str:
        counts, warm = self.counts(), self.resident[int(len(self.resident) * WARM) :]
        size = self.journal.stat().st_size
        return (
            f"{self.setting.policy:<11} ticks {counts.ticks}, missed {counts.missed} and "
            f"{counts.meanwhile} while it acted; looks {counts.looks}, longest pause "
            f"{counts.longest_ms} ms; orders {counts.orders}; "
            f"journal {size / 1e6:.2f} MB, {self.journal.read_bytes().count(10)} lines; "
            f"memory {warm[0] / 1e6:.1f} MB after {WARM * minutes:.1f} min, "
            f"{warm[-1] / 1e6:.1f} MB at the end"
        )

    def faults(self) -> list[str]:
        """What is wrong on any machine."""
        counts, name = self.counts(), self.setting.policy
        found = [f"{name}: no tick"] if not counts.ticks else []
        found += [f"{name}: {counts.trouble}"] if counts.trouble else []
        return found + [f"{name}: a position grew: {each}" for each in self.grown()]

    def slow(self) -> list[str]:
        """What a machine that is too slow, or too short a time, explains as well."""
        counts, warm = self.counts(), self.resident[int(len(self.resident) * WARM) :]
        name = self.setting.policy
        found = [f"{name}: {counts.missed} ticks missed"] if counts.missed else []
        if warm[-1] > warm[0] * (1 + MOST_GROWTH):
            found.append(f"{name}: memory has grown from {warm[0]} to {warm[-1]} bytes")
        return found


def resident_bytes(pid: int) -> int:
    """What a process holds in memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def settings(speed: float, pace: float) -> list[str]:
    """Those of the venue's process."""
    return [
        "--agents", "--feed", "synthetic", "--speed", str(speed), "--pace", str(pace),
        "--markets", *MARKETS,
    ]  # fmt: skip


def play(venue: Venue, folder: Path, minutes: float) -> tuple[list[Guarded], list[str]]:
    """The guarded accounts after a day, and what was wrong."""
    import eth_account

    from tests.conformance.hyperliquid.trader import Trader

    made = []
    for setting in SETTINGS:
        account = eth_account.Account.create()
        venue.control.fund(account.address, setting.usd)
        made.append(Guarded(venue, Trader(venue.url, account.key.hex()), setting, folder))
        made[-1].open()
    with ExitStack() as stack:
        processes = [stack.enter_context(each.guarding()) for each in made]
        # The day begins when all of them guard.
        wait_until(lambda: all(each.counts().looks > WARM_LOOKS for each in made))
        end = time.monotonic() + 60 * minutes
        fall_at = time.monotonic() + 30 * minutes
        while time.monotonic() < end:
            time.sleep(min(SAMPLE_S, 6 * minutes))
            for each, process in zip(made, processes, strict=True):
                if process.poll() is not None:
                    return made, [f"{each.setting.policy}: the guard has ended by itself"]
                each.resident.append(resident_bytes(process.pid))
            if time.monotonic() >= fall_at:
                fall_at = end
                venue.control.call("/shock", market="BTC", move=FALL, seconds=FALL_S)
        wait_until(lambda: all(each.counts().ticks for each in made))
    faults = [fault for each in made for fault in each.faults()]
    broken = venue.check()["broken"]
    return made, faults + ([f"invariant {broken} of the venue is broken"] if broken else [])


def main() -> None:
    if sys.argv[1:2] == ["guard"]:
        url, address, *paths = sys.argv[2:]
        asyncio.run(guard(url, address, *map(Path, paths)))
        return
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=24.0)
    parser.add_argument("--speed", type=float, default=60.0)
    parser.add_argument("--pace", type=float, default=0.25)
    options: Any = parser.parse_args()
    with (
        started(*settings(options.speed, options.pace)) as venue,
        tempfile.TemporaryDirectory() as folder,
    ):
        before_ms = venue.now_ms()
        made, faults = play(venue, Path(folder), options.minutes)
        faults += [fault for each in made for fault in each.slow()]
        hours = (venue.now_ms() - before_ms) / 3_600_000
        print(f"{hours:.1f} hours of the venue's time in {options.minutes:g} minutes")
        for each in made:
            print(each.row(options.minutes))
        for fault in faults:
            print(f"fault: {fault}")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
