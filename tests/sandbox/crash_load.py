"""Kill a loaded venue again and again; nothing that was acknowledged may be lost or doubled.

    python -m tests.sandbox.crash_load --count 100

A child process runs a host under load from three clients that place, cancel and trade, and an
operator that saves points and goes back to them; it prints one line for each acknowledged answer.
Snapshots are taken and segments of the log begun all the time. The parent kills it with SIGKILL
after a random number of answers with fills, during a save or a revert, or while it still recovers;
it opens the folder, and compares what it finds with every line it ever read.
"""

import argparse
import asyncio
import json
import os
import random
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from seawall.domain.commands import CancelOrder
from seawall.domain.enums import Side
from seawall.domain.events import OrderAccepted, OrderCancelled, OrderFilled
from seawall.engine.codec import decode_commands
from seawall.engine.engine import Engine
from seawall.sandbox.history import KEPT_FILLS
from seawall.sandbox.host import HostOptions
from seawall.sandbox.storage import FolderOptions
from seawall.venues.port import Done, Record
from seawall.venues.rulebook_file import load_rulebook
from tests.sandbox.replay import rows_of
from tests.sandbox.venue import (
    BTC,
    LIMITS,
    MARKETS,
    PRICE,
    do,
    open_host,
    order,
    set_up,
)
from tests.waiting import PATIENCE_S

OPTIONS = HostOptions(
    tick_ms=0, snapshot_every=150, folder=FolderOptions(segment_bytes=100_000, hash_every=100)
)
CLIENTS = (5, 6, 7)
POINTS = ("a", "b")
LEAST_FILLS, MOST_FILLS = 20, 200
"""Answers with fills before a kill."""


# -- the child ----------------------------------------------------------------------------------


def _acknowledge(number: int, done: Done) -> None:
    """One line for an answer; written at once, since the process may die at any moment."""
    line: dict[str, Any] = {"n": number, "accepted": [], "cancelled": [], "fills": []}
    for applied in done.applied:
        for event in applied.events:
            if isinstance(event, OrderAccepted):
                line["accepted"].append(event.order_id)
            elif isinstance(event, OrderCancelled):
                line["cancelled"].append(event.order_id)
            elif isinstance(event, OrderFilled):
                line["fills"].append([event.sequence, event.account, event.order_id, event.size])
    os.write(1, json.dumps(line).encode() + b"\n")


async def _load(host: Any, account: int, seed: int, start: int) -> None:
    """Placements around one price, so that some trade; every fourth a cancel."""
    dice = random.Random(seed)
    resting: list[int] = []
    number = start
    while True:
        number += len(CLIENTS)
        record = Record("nonce", {"n": number})
        if resting and dice.random() < 0.3:
            gone = resting.pop(dice.randrange(len(resting)))
            done = await do(host, (CancelOrder, account, BTC, gone), records=(record,))
        else:
            side = dice.choice((Side.BUY, Side.SELL))
            price = PRICE + 10 * dice.randint(-5, 5)
            done = await do(host, order(account, side, price), records=(record,))
            resting += [
                event.order_id
                for event in done.applied[0].events
                if isinstance(event, OrderAccepted)
            ]
            del resting[:-100]
        _acknowledge(number, done)


async def _operate(host: Any, seed: int) -> None:
    """Save points and reverts, each announced before and acknowledged after."""
    dice = random.Random(seed)
    while True:
        for _ in range(dice.randint(100, 600)):
            await asyncio.sleep(0)
        name = dice.choice(POINTS)
        what = "revert" if name in host.save_points() and dice.random() < 0.25 else "save"
        os.write(1, json.dumps({"begins": what, "name": name}).encode() + b"\n")
        at = await (host.revert(name) if what == "revert" else host.save_point(name))
        os.write(1, json.dumps({"done": what, "name": name, "at": at}).encode() + b"\n")


async def _child(folder: Path) -> None:
    host = open_host(folder, options=OPTIONS)
    await host.start()
    if host.engine.sequence == 0:
        await set_up(host, accounts=len(CLIENTS))
    last = max((n for _, n, _ in host.directory.seen), default=0)
    last += -last % len(CLIENTS)
    os.write(1, b'{"ready": true}\n')
    seed = os.getpid()
    clients = [_load(host, row, seed + n, last + n) for n, row in enumerate(CLIENTS)]
    await asyncio.gather(*clients, _operate(host, seed))


# -- the parent ---------------------------------------------------------------------------------


class Ledger:
    """Everything that was acknowledged and, after reverts, still counts."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.accepted: set[int] = set()
        self.cancelled: set[int] = set()
        self.fills: list[tuple[int, ...]] = []
        self.points: dict[str, Any] = {}
        self.sequences: dict[str, int] = {}
        """Of the save points, as acknowledged."""
        self.begun: dict[str, str] = {}
        """A save or a revert that began and was not acknowledged."""
        self.counts = {"saves": 0, "reverts": 0, "acknowledged": 0, "killed in a save": 0,
                       "killed in a revert": 0}  # fmt: skip

    def add(self, line: dict[str, Any]) -> None:
        if "n" in line:
            self.counts["acknowledged"] += 1
            self.numbers.append(line["n"])
            self.accepted.update(line["accepted"])
            self.cancelled.update(line["cancelled"])
            self.fills.extend(tuple(fill) for fill in line["fills"])
        elif "begins" in line:
            self.begun = {"what": line["begins"], "name": line["name"]}
        elif "done" in line:
            self.begun = {}
            self.counts[f"{line['done']}s"] += 1
            if line["done"] == "save":
                self.points[line["name"]] = self.copied()
                self.sequences[line["name"]] = line["at"]
            else:
                self.go_back(line["name"])

    def copied(self) -> Any:
        return (
            list(self.numbers), set(self.accepted), set(self.cancelled), list(self.fills)
        )  # fmt: skip

    def go_back(self, name: str) -> None:
        numbers, accepted, cancelled, fills = self.points[name]
        self.numbers, self.accepted = list(numbers), set(accepted)
        self.cancelled, self.fills = set(cancelled), list(fills)


def run_and_kill(folder: Path, dice: random.Random, ledger: Ledger) -> None:
    """One life of the child: kill it after some answers with fills, or while it still starts."""
    command = [sys.executable, "-m", "tests.sandbox.crash_load", "--child", str(folder)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert child.stdout is not None
    os.set_blocking(child.stdout.fileno(), False)
    text = b""
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        early = bool(ledger.numbers) and dice.random() < 0.2
        wanted = dice.randint(LEAST_FILLS, MOST_FILLS)
        end = time.monotonic() + (dice.random() * 2 if early else 3 * PATIENCE_S)
        trades = 0
        while trades < wanted and time.monotonic() < end and child.poll() is None:
            if selector.select(0.01):
                text += child.stdout.read() or b""
                trades = text.count(b'"fills": [[')
    alive = child.poll() is None
    child.send_signal(signal.SIGKILL)
    child.wait()
    os.set_blocking(child.stdout.fileno(), True)
    text += child.stdout.read() or b""
    child.stdout.close()
    if not alive or not (early or trades >= wanted):
        raise AssertionError(f"the venue ended, or did not trade: {text[-500:]!r}")
    # A line that the kill cut short was not acknowledged.
    for line in text[: text.rfind(b"\n") + 1].splitlines():
        ledger.add(json.loads(line))


def replay(folder: Path) -> tuple[Engine, list[Any]]:
    """The log from its first command that counts, and every event."""
    engine = Engine.create(load_rulebook(), MARKETS, LIMITS)
    events: list[Any] = []
    for rows in rows_of(folder):
        for command in decode_commands(rows):
            events += engine.apply(command)
    return engine, events


def check(folder: Path, ledger: Ledger) -> dict[str, int]:
    """AssertionError if anything acknowledged is lost or doubled; counts of what was checked.

    A save or a revert that was not acknowledged may have happened or not.
    """
    begun = ledger.begun
    if begun:
        ledger.counts[f"killed in a {begun['what']}"] += 1
    host = open_host(folder, options=OPTIONS)
    try:
        assert set(ledger.points) <= set(host.save_points()), "an acknowledged save point was lost"
        if begun.get("what") == "revert" and not _holds(host, ledger):
            ledger.go_back(begun["name"])
        elif begun.get("what") == "save":
            place = host._storage._log.points.get(begun["name"])
            if place is not None and place.sequence != ledger.sequences.get(begun["name"]):
                ledger.points[begun["name"]] = ledger.copied()
                ledger.sequences[begun["name"]] = place.sequence
        ledger.begun = {}
        return _compared(folder, host, ledger)
    finally:
        host._storage.close()


def _holds(host: Any, ledger: Ledger) -> bool:
    numbers = {n for kind, n, _ in host.directory.seen if kind == "nonce"}
    return set(ledger.numbers) <= numbers


def _compared(folder: Path, host: Any, ledger: Ledger) -> dict[str, int]:
    history = host._storage.history
    engine, events = replay(folder)
    assert host.engine.state_hash() == engine.state_hash(), "restart differs from replay"
    numbers = [n for kind, n, _ in host.directory.seen if kind == "nonce"]
    assert len(numbers) == len(set(numbers)), "a record was doubled"
    assert set(ledger.numbers) <= set(numbers), "an acknowledged record was lost"
    accepted = [e.order_id for e in events if isinstance(e, OrderAccepted)]
    ended = [e.order_id for e in events if isinstance(e, OrderCancelled)]
    fills = [
        (e.sequence, e.account, e.order_id, e.size) for e in events if isinstance(e, OrderFilled)
    ]
    assert len(set(accepted)) == len(accepted), "an order was doubled"
    assert len(set(ended)) == len(ended), "a cancel was doubled"
    assert len(set(fills)) == len(fills), "a fill was doubled"
    assert ledger.accepted <= set(accepted), "an acknowledged order was lost"
    assert ledger.cancelled <= set(ended), "an acknowledged cancel was lost"
    assert set(ledger.fills) <= set(fills), "an acknowledged fill was lost"
    for account in CLIENTS:
        kept = [
            (fill.sequence, account, fill.order_id, fill.size)
            for fill in history.fills(account, limit=10**9)
        ]
        mine = [fill for fill in fills if fill[1] == account]
        assert len(kept) >= min(len(mine), KEPT_FILLS), "the history lacks fills"
        assert sorted(kept) == sorted(mine)[-len(kept) :], "the history's fills differ"
    open_ids = {int(row) for row in _open_orders(engine)}
    for order_id in list(ledger.accepted)[-200:]:
        found = next(filter(None, (history.order(row, order_id) for row in CLIENTS)), None)
        if found is not None:
            is_open = found.status == "open"
            assert is_open == (order_id in open_ids), "the history's order differs"
    return {
        "commands": engine.sequence,
        "orders": len(ledger.accepted),
        "cancels": len(ledger.cancelled),
        "fills": len(ledger.fills),
        "segments": len(list(folder.glob("log-*.swj"))),
        **ledger.counts,
    }


def _open_orders(engine: Engine) -> Any:
    orders = engine.tables["orders"]
    return orders["order_id"][orders["state"] == 1]


def crash_repeatedly(folder: Path, count: int, seed: int) -> dict[str, int]:
    """``count`` lives and deaths on one folder, checked after each."""
    dice = random.Random(seed)
    ledger = Ledger()
    counts: dict[str, int] = {}
    for _ in range(count):
        run_and_kill(folder, dice, ledger)
        counts = check(folder, ledger)
    assert counts["acknowledged"] > 0
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--child", type=Path)
    given = parser.parse_args()
    if given.child:
        asyncio.run(_child(given.child))
        return
    with tempfile.TemporaryDirectory() as folder:
        counts = crash_repeatedly(Path(folder), given.count, given.seed)
    print(f"{given.count} kills; " + ", ".join(f"{n} {name}" for name, n in counts.items()))


if __name__ == "__main__":
    main()
