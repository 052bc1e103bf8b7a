"""What keeps a sandbox alive: prices are published, agents act, time passes.

One pass learns the prices of the world, lets the agents act whose turn it is, and
reports to the machine what the oracle says. With a clock that runs, passes follow each other about
once per second of the venue's time, and four times a second of real time where that is slower; with
a manual clock ``advance`` makes them. A report comes every ``MARK_MS`` of the venue's time.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from seawall.domain.commands import AdvanceTime, Command, SetMarketStatus, SetOraclePrice
from seawall.domain.enums import MarketStatus, Reason
from seawall.domain.events import CommandRejected
from seawall.domain.mark_steps import MARK_MS
from seawall.sandbox.agents.base import Agent, Sight
from seawall.sandbox.agents.group import AgentGroup
from seawall.sandbox.agents.view import MachineView
from seawall.sandbox.followed_feed import FollowedFeed
from seawall.sandbox.host import Host, HostStopped
from seawall.sandbox.world import World
from seawall.venues.port import Plan, Planner, Refusal

log = logging.getLogger(__name__)

PASS_MS = 1_000
SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 0.02, 0.25
MOST_PASSES = 900
"""Passes of one ``advance``: a longer stretch of time has longer passes."""


class LivingMarket:
    """Drives world and agents against one host. ``agents``: None for empty books; ``feed``: a
    connection to another venue that runs meanwhile."""

    def __init__(
        self,
        host: Host,
        world: World,
        agents: AgentGroup | None,
        feed: FollowedFeed | None = None,
    ) -> None:
        self.host = host
        self.world = world
        self.agents = agents
        self.feed = feed
        self.view = MachineView(host.engine)
        self._published_ms = 0
        self._lock = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """First prices and first quotes, so that there is a book before the first client.

        After a restart makers move first: what the first price liquidates does not meet quotes of
        the last run.
        """
        async with self._lock:
            await self._restrict()
            if self.view.oracle(0):
                await self._all_makers()
            await self._publish()
            if self.view.has_no_block:
                # Good-til times count from the last block.
                await self.host.submit(lambda now: Plan([AdvanceTime(now)]), uses_reserve=True)
            await self._all_makers()

    def start(self) -> None:
        """Passes from now on, as long as the clock runs."""
        if self.feed is not None:
            self.feed.start()
        self._task = asyncio.create_task(self._loop(), name="seawall-market")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self.feed is not None:
            await self.feed.stop()

    async def _loop(self) -> None:
        while True:
            clock = self.host.clock
            speed = clock.speed
            pause = PASS_MS / 1000 / speed if speed else LONGEST_PAUSE_S
            await asyncio.sleep(min(LONGEST_PAUSE_S, max(SHORTEST_PAUSE_S, pause)))
            if clock.manual or clock.paused:
                continue
            try:
                async with self._lock:
                    await self._pass()
            except Refusal as refusal:
                log.warning("the market waits: %s", refusal.reason)
            except HostStopped:
                return
            except Exception:
                # Whatever it was, clients would rather have a market that goes on.
                log.exception("a pass of the market failed")

    async def _pass(self) -> None:
        now = self.host.now_ms()
        self.world.look(now)
        await self._restrict()
        if self.agents is not None:
            await self._act(self.agents.due(now))
        if now >= self._published_ms + MARK_MS:
            await self._publish()

    async def _restrict(self) -> None:
        """Markets with stale prices take reduce-only orders only; with news they open again.

        Opening, the new quotes and the new price are one piece of work: none trades in between.
        """
        for market in self.world.markets:
            row, status = market.row, self.view.status(market.row)
            is_stale = self.world.is_stale(row)
            if is_stale and status == MarketStatus.OPEN:
                await self.host.submit(self._closing(row))
            elif not is_stale and status == MarketStatus.REDUCE_ONLY_ONLY:
                await self.host.submit(self._opening(row))

    def _status(self, time_ms: int, row: int, status: MarketStatus) -> SetMarketStatus:
        return SetMarketStatus(time_ms, row, status, self.view.open_interest_cap(row))

    def _closing(self, row: int) -> Planner:
        def plan(time_ms: int) -> Plan:
            return Plan([self._status(time_ms, row, MarketStatus.REDUCE_ONLY_ONLY)])

        return plan

    def _opening(self, row: int) -> Planner:
        def plan(time_ms: int) -> Plan:
            commands: list[Command] = [self._status(time_ms, row, MarketStatus.OPEN)]
            if self.agents is not None:
                sight = Sight(time_ms, self.view, self.world.outlooks())
                commands += self.agents.desks[row].quotes(sight)
            report = self.world.report(row)
            if report is not None:
                commands.append(SetOraclePrice(time_ms, row, *report))
            return Plan(commands)

        return plan

    async def _publish(self) -> None:
        def plan(time_ms: int) -> Plan:
            self._published_ms = time_ms
            self.world.look(time_ms)
            commands: list[Command] = []
            for row in range(len(self.world.markets)):
                report = self.world.report(row)
                if report is not None:
                    commands.append(SetOraclePrice(time_ms, row, *report))
            self.world.marked()
            return Plan(commands)

        await self.host.submit(plan, uses_reserve=True)

    async def _act(self, agents: list[Agent]) -> None:
        """One plan per agent, side by side: they share a wait for the disk."""
        await asyncio.gather(*(self.host.submit(self._planner(agent)) for agent in agents))

    def _planner(self, agent: Agent) -> Planner:
        def plan(time_ms: int) -> Plan:
            return Plan(agent.act(Sight(time_ms, self.view, self.world.outlooks())))

        return plan

    async def _all_makers(self) -> None:
        if self.agents is not None:
            await self._act(list(self.agents.desks))

    # -- what control does -----------------------------------------------------------------------

    async def change(self, make: Callable[[], Any]) -> None:
        """Change the world and show it at once: to makers, to the oracle, to makers again.

        Makers see other venues before the oracle reports; after a jump beyond the price band only
        their second try is accepted.
        """
        async with self._lock:
            self.world.look(self.host.now_ms())
            make()
            await self._all_makers()
            await self._publish()
            await self._all_makers()

    async def set_status(self, row: int, status: MarketStatus) -> Reason:
        """Change what a market takes; why it was refused, or NO_REASON."""
        async with self._lock:
            done = await self.host.submit(
                lambda now: Plan([self._status(now, row, status)]), uses_reserve=True
            )
        events = [event for applied in done.applied for event in applied.events]
        rejected = [event.reason for event in events if isinstance(event, CommandRejected)]
        return rejected[0] if rejected else Reason.NO_REASON

    async def advance(self, ms: int, step_ms: int = 0) -> int:
        """Let so much venue time pass, with prices and agents; the new time.

        ``step_ms``: the length of a pass; by default as fine as ``MOST_PASSES`` allow. While a
        shock moves prices fast, passes are as short as those of a running clock.
        """
        async with self._lock:
            step = max(step_ms or MARK_MS, -(-ms // MOST_PASSES), 1)
            left = ms
            while left > 0:
                length = min(PASS_MS if self.world.is_steep else step, left)
                due = self._published_ms + MARK_MS - self.host.now_ms()
                if 0 < due < length <= MARK_MS:
                    length = due
                await self.host.advance(length)
                left -= length
                await self._pass()
            return self.host.now_ms()

    async def save_point(self, name: str) -> int:
        async with self._lock:
            return await self.host.save_point(name)

    async def revert(self, name: str) -> int:
        """Back to a save point: the world goes on from the oracle prices of that moment."""
        async with self._lock:
            sequence = await self.host.revert(name)
            self.resume()
            await self._all_makers()
            return sequence

    def resume(self) -> None:
        """Go on from the machine's own prices, as after a restart or a revert."""
        self.view = MachineView(self.host.engine)
        self._published_ms = 0
        if self.agents is not None:
            self.agents.forget()
        markets = self.world.markets
        oracles = [self.view.oracle(market.row) for market in markets]
        if all(oracles):
            self.world.begin(
                self.host.now_ms(),
                [m.oracle_usd(units) for m, units in zip(markets, oracles, strict=True)],
            )
