"""Guards that are killed with signal 9 at random moments: what the rounds of all venues share.

Each round opens a position, lets its price fall so far that a step fires, and kills the guard some
times; the next process goes on with the same journal. Moments are: a decision is in the journal,
what it sends has arrived, or any. In between, requests or answers are lost, a request arrives only
after the one that follows it, and a process sees figures that differ from its own from its start to
its end. Guards are forked from a process that has imported all of it, each from the same state.
"""

import argparse
import asyncio
import multiprocessing
import os
import random
import tempfile
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from tests.conformance.between import Between
from tests.waiting import wait_until

KEY = "GUARD_KEY"
FAULTS, FAULT = ("lost", "late", "unanswered"), 0.3
"""What a network does to an action, and how often each is done to the first one or two of a step in
a process."""
SEEN = 30
"""So many answers and messages later a guard has looked at its account several times."""
_SENDING = (b'"place_order"', b'"add_margin"')


class Guarded(NamedTuple):
    """An account and what guards it. ``venue``: its name; ``policy``: its text."""

    venue: str
    address: str
    key: str
    market: str
    policy: str


async def guard(url: str, guarded: Guarded, journal: Path) -> None:
    """Guard an account until this process ends. The key is in ``KEY``."""
    from seawall.guard.journal import Journal
    from seawall.guard.loop import Guard
    from seawall.guard.observe import Observer
    from seawall.guard.policy_file import parse_policy
    from seawall.venues.registry import gateway_of

    gateway = gateway_of(guarded.venue)
    network = gateway.network(url=url)
    reader = gateway.reader(network, guarded.address, [guarded.market])
    writer = gateway.writer(network, guarded.address, f"env:{KEY}")
    observer = Observer(guarded.venue, reader, [guarded.market])
    policy = parse_policy(guarded.policy)
    guarding = Guard(policy, reader, observer, Journal(journal), writer)
    await asyncio.gather(reader.run(), guarding.run())


def run_guard(url: str, guarded: Guarded, journal: Path) -> None:
    """A process of its own; the key is in its environment alone."""
    os.environ[KEY] = guarded.key
    asyncio.run(guard(url, guarded, journal))


_GUARDS = multiprocessing.get_context("forkserver")
_GUARDS.set_forkserver_preload(["tests.conformance.guard_ready"])


def guard_process(url: str, guarded: Guarded, journal: Path) -> Any:
    """A process that guards; it is not started."""
    return _GUARDS.Process(target=run_guard, args=(url, guarded, journal), daemon=True)


class Round(ABC):
    """One account and its guards. ``counts``: kills, and what was under way when they came."""

    policy: ClassVar[str]

    def __init__(
        self, between: Between, guarded: Guarded, folder: Path, chance: random.Random
    ) -> None:
        self.between, self.guarded, self.chance = between, guarded, chance
        self.journal = folder / "guard.journal"
        self.counts: Counter[str] = Counter()
        between.struck = self.is_of_step

    # -- what a venue says -------------------------------------------------------------------------

    @staticmethod
    @abstractmethod
    def differing(text: str) -> str:
        """An answer whose figures are further from ours than a policy tolerates."""

    @staticmethod
    @abstractmethod
    def is_of_step(action: Any) -> bool:
        """Whether it is an action of a step: to these the network does something."""

    @abstractmethod
    def begin(self) -> None:
        """Open the position, and let its price fall."""

    @abstractmethod
    def is_done(self) -> bool:
        """Whether all is as it must be at the end."""

    def is_resting(self) -> bool:
        """Whether an order of the step rests."""
        return False

    @abstractmethod
    def trade(self) -> None:
        """What others do meanwhile."""

    @abstractmethod
    def go_on(self) -> None:
        """What happens once it is done, while the last guard runs."""

    @abstractmethod
    def judge(self) -> None:
        """Raises AssertionError for what must not be."""

    # -- processes ---------------------------------------------------------------------------------

    def written(self) -> bytes:
        return self.journal.read_bytes() if self.journal.exists() else b""

    @contextmanager
    def guarding(self) -> Iterator[None]:
        """A guard that is killed at the end."""
        process = guard_process(self.between.url, self.guarded, self.journal)
        process.start()
        try:
            yield
            assert process.is_alive(), "the guard has ended by itself"
        finally:
            process.kill()
            process.join()

    @contextmanager
    def faults(self) -> Iterator[None]:
        """What a network does meanwhile, by chance."""
        found = [each for each in FAULTS if self.chance.random() < FAULT]
        times = {each: self.chance.randint(1, 2) for each in found}
        for each in found:
            setattr(self.between, each, times[each])
        yield
        for each in found:
            self.counts[each] += times[each] - getattr(self.between, each)
            setattr(self.between, each, 0)

    def kill_once(self) -> None:
        """Start a guard and kill it at a moment that chance says."""
        between, chance = self.between, self.chance
        moment = chance.choice(("written", "written", "arrived", "any", "differs"))
        pause_s = chance.choice((0, 0, 0.003, 0.02, 0.3))
        between.shown = self.differing if moment == "differs" else str
        before, arrived = self.written(), len(between.actions)
        with self.faults(), self.guarding():
            # The first decision of a process is always written.
            wait_until(lambda: len(self.written()) > len(before))
            if moment == "written":
                sent = _sent(before) + chance.randint(1, 2)
                self._wait(lambda: _sent(self.written()) >= sent)
            elif moment == "differs":
                # It has heard of everything again, and would have asked before it sends.
                told = between.told
                wait_until(lambda: between.told > told + SEEN)
            elif moment == "arrived":
                self._wait(lambda: len(between.actions) > arrived)
            elif chance.random() < 0.5:
                self.trade()
            time.sleep(pause_s)
        self.counts["kills"] += 1
        if moment == "differs":
            came = between.actions[arrived:]
            assert not came, f"sent while figures differ: {came}"
            self.counts["differs"] += 1
        between.shown = str
        self.counts["under way"] += not self.is_done()
        self.counts["resting"] += self.is_resting()

    def _wait(self, is_there: Callable[[], bool]) -> None:
        """Until something is there, or there is nothing left to come."""
        looks = 0

        def ends() -> bool:
            nonlocal looks
            looks += 1
            if looks % 100 == 0:
                self.trade()
            return is_there() or (looks % 100 == 0 and self.is_done())

        wait_until(ends)

    def _is_over(self) -> bool:
        """Whether nothing is left to come; where something is, others trade."""
        if self.is_done():
            return True
        self.trade()
        return False

    def play(self, kills: int) -> Counter[str]:
        """What happened in a round. Raises AssertionError for what must not be."""
        self.begin()
        for _ in range(kills):
            self.kill_once()
        with self.faults(), self.guarding():
            wait_until(self._is_over)
            self.between.pass_on()
            self.go_on()
            wait_until(self.is_done)
        self.judge()
        return self.counts


def _sent(journal: bytes) -> int:
    """How often something to be sent stands in a journal."""
    return sum(journal.count(each) for each in _SENDING)


def options_of(about: str) -> Any:
    """``kills`` and ``seed`` of a command line."""
    parser = argparse.ArgumentParser(description=about.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def repeat(kills: int, seed: int, play: Callable[[Path, int, int], Counter[str]]) -> None:
    """Play rounds (folder, kills, seed) until there were so many kills, and print the figures."""
    rounds, total = 0, Counter[str]()
    while total["kills"] < kills:
        with tempfile.TemporaryDirectory() as folder:
            try:
                total += play(Path(folder), 5, seed + rounds)
            except AssertionError as error:
                error.add_note(f"the round is that of --seed {seed + rounds}")
                raise
        rounds += 1
        print(
            f"{total['kills']} kills in {rounds} rounds, {total['under way']} before the end, "
            f"{total['resting']} while an order of the step rested, {total['differs']} while "
            f"figures differed; {total['orders']} orders, {total['transfers']} transfers; "
            f"{total['lost']} requests lost, {total['late']} late, {total['unanswered']} "
            "unanswered: no step twice, none lost, no position increased, nothing sent while "
            "figures differed",
            flush=True,
        )
