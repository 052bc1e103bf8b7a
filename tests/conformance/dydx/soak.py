"""Five unmodified clients of three kinds on a living dYdX, for a long time.

    python -m tests.conformance.dydx.soak [--minutes 30] [--speed 10] [--actions 3] [--seed 1]

Two ``dydx-v4-client``, two ``ccxt`` and one ``@dydxprotocol/v4-client-js``, each in a process of
its own, trade beside the agents of the venue: market, limit, long-term and conditional orders,
cancels, transfers to other subaccounts. Prices are shocked, so that positions are liquidated. The
first client keeps its own books of what its socket told (``books.py``). Between rounds the clock is
stopped now and then: the books must be those of the venue to the last quantum, no rule of the
machine may be broken, and the memory of the venue must stay.

One line of JSON for each comparison; the exit status is 1 when something was wrong.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.conformance.dydx.test_client import CLIENT, JS_CLIENT
from tests.conformance.hyperliquid.clients.environments import node_with, python_with
from tests.conformance.hyperliquid.running import (
    ROOT,
    ControlError,
    Venue,
    faults_of_run,
    started,
)
from tests.waiting import PATIENCE_S

HERE = Path(__file__).parent
ROUNDS_PER_CHECK, ROUNDS_PER_SHOCK = 12, 4
POOR_USD, STAKE_USD = 500, 3_000
MOST_REFUSED = 0.4
"""Share of a client's actions: what is cancelled may be filled, and money may be lacking."""
SHOCKS = (
    {"move": -0.04, "seconds": 30, "holdSeconds": 20, "rebound": 1, "reboundSeconds": 60},
    {"move": 0.04, "seconds": 30, "holdSeconds": 20, "rebound": 1, "reboundSeconds": 60},
    {"move": -0.1, "instant": True, "holdSeconds": 20, "rebound": 1, "reboundSeconds": 60},
)


class Player:
    """A client in a process of its own, asked by lines."""

    def __init__(self, name: str, process: asyncio.subprocess.Process) -> None:
        self.name, self.process = name, process
        self.done: Counter[str] = Counter()

    async def ask(self, line: str) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{line}\n".encode())
        reading = self.process.stdout.readline()
        answer = await asyncio.wait_for(reading, 2 * PATIENCE_S)
        assert answer, f"{self.name} ended"
        found: dict[str, Any] = json.loads(answer)
        self.done.update(found.get("done", {}))
        return found

    async def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            await asyncio.wait_for(self.process.wait(), PATIENCE_S)
        except TimeoutError:
            self.process.kill()


def commands() -> list[tuple[str, Sequence[str], dict[str, str]]]:
    """(name, program, environment) of each client. Raises CannotInstall."""
    python = str(python_with(">=3.11,<3.14", CLIENT))
    modules = {"NODE_PATH": str(node_with(JS_CLIENT) / "node_modules")}
    official = (python, str(HERE / "soak_python.py"))
    library = (sys.executable, str(HERE / "soak_ccxt.py"))
    return [
        ("dydx-v4-client 1", official, {"PYTHONPATH": str(ROOT)}),
        ("dydx-v4-client 2", official, {"PYTHONPATH": str(ROOT)}),
        ("ccxt 1", library, {}),
        ("ccxt 2", library, {}),
        ("v4-client-js", ("node", str(HERE / "soak.cjs")), modules),
    ]


class Soak:
    """All clients on one venue. ``faults`` must be empty."""

    def __init__(self, venue: Venue, players: list[Player], actions: int) -> None:
        self.venue, self.players, self.actions = venue, players, actions
        self.faults: list[str] = []
        self.megabytes: list[float] = []
        self.books: dict[str, Any] = {}
        self.shocks = 0

    def fault(self, text: str) -> None:
        if len(self.faults) < 50:
            self.faults.append(text[:1500])

    async def control(self, path: str, **fields: Any) -> None:
        await asyncio.to_thread(lambda: self.venue.control.call(path, **fields))

    async def run(self, seconds: float, least_rounds: int) -> None:
        """For so long, and at least so many rounds; a comparison ends it."""
        end = time.monotonic() + seconds
        number = 0
        while number < least_rounds or time.monotonic() < end:
            number += 1
            await self.trade()
            if number % ROUNDS_PER_SHOCK == 0:
                await self.shock()
            if number % ROUNDS_PER_CHECK == 0:
                await self.check()
        await self.check()

    async def trade(self) -> None:
        line = f"act {self.actions}"
        answers = await asyncio.gather(*(player.ask(line) for player in self.players))
        for player, answer in zip(self.players, answers, strict=True):
            if "fault" in answer:
                self.fault(f"{player.name}: {answer['fault']}")

    async def shock(self) -> None:
        """Shock a price, after those that lost their money got some again."""
        shown = await asyncio.to_thread(self._equities)
        for address, equity in shown.items():
            if equity < POOR_USD:
                try:
                    await self.control("/fund", address=address, amount=STAKE_USD)
                except ControlError as refusal:
                    # No money moves for 50 blocks after an account was below zero.
                    if "transfers_blocked" not in str(refusal):
                        raise
        await self.control("/shock", market="BTC", **SHOCKS[self.shocks % len(SHOCKS)])
        self.shocks += 1

    def _equities(self) -> dict[str, float]:
        found = {}
        for user in self.venue.about["accounts"][: len(self.players)]:
            path = f"/v4/addresses/{user['address']}/subaccountNumber/0"
            with urllib.request.urlopen(self.venue.url + path, timeout=PATIENCE_S) as answer:
                found[user["address"]] = float(json.load(answer)["subaccount"]["equity"])
        return found

    async def check(self) -> None:
        """Nothing moves: the books are the venue's, and no rule of the machine is broken."""
        await self.control("/time/pause")
        self.books = await self.players[0].ask("compare")
        for text in self.books.get("differences", [self.books.get("fault")]):
            self.fault(f"books: {text}")
        broken = (await asyncio.to_thread(self.venue.check))["broken"]
        if broken:
            self.fault(f"broken invariant: {broken}")
        self.megabytes.append(round(self.venue.resident_bytes() / 1e6, 1))
        print(json.dumps(self.summary()), flush=True)
        await self.control("/time/resume")

    def summary(self) -> dict[str, Any]:
        return {
            "comparisons": len(self.megabytes), "megabytes": self.megabytes[-1],
            "shocks": self.shocks, "books": self.books,
            "clients": {player.name: dict(player.done) for player in self.players},
            "faults": len(self.faults),
        }  # fmt: skip

    def judge(self) -> None:
        """Faults of the run as a whole."""
        for text in faults_of_run(self.venue, self.megabytes):
            self.fault(text)
        for player in self.players:
            refused = sum(n for what, n in player.done.items() if what.startswith("refused"))
            if refused > MOST_REFUSED * player.done.total():
                self.fault(f"{player.name} was refused too often: {player.done}")


async def soak(venue: Venue, seconds: float, rounds: int, actions: int) -> Soak:
    with tempfile.NamedTemporaryFile("w", suffix=".json") as about:
        about.write(json.dumps(venue.about))
        about.flush()
        players = []
        for number, (name, program, environment) in enumerate(commands()):
            process = await asyncio.create_subprocess_exec(
                *program, about.name, str(number), stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE, env={**os.environ, **environment},
            )  # fmt: skip
            players.append(Player(name, process))
        made = Soak(venue, players, actions)
        try:
            await made.run(seconds, rounds)
        finally:
            await asyncio.gather(*(player.end() for player in players))
    made.judge()
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--speed", type=float, default=10)
    parser.add_argument("--actions", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    options = ("--venue", "dydx", "--speed", str(given.speed), "--seed", str(given.seed))
    with started(*options, "--agents", "--feed", "synthetic", "--markets", "BTC", "ETH") as venue:
        made = asyncio.run(soak(venue, 60 * given.minutes, 1, given.actions))
    print(json.dumps({"megabytes": made.megabytes, "faults": len(made.faults)}))
    for fault in made.faults:
        print("FAULT", fault)
    sys.exit(1 if made.faults else 0)


if __name__ == "__main__":
    main()
