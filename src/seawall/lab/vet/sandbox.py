"""Vetting a sandbox that runs here: its agents in calm, through a shock, and after it.

The venue is the one that ``seawall up`` starts, in this process, in memory, with a clock that only
this moves. The same seed gives the same figures.
"""

import asyncio
from collections.abc import Callable, Sequence

import numpy as np
from msgspec import Struct

from seawall.domain.commands import Deposit
from seawall.domain.enums import FillFlag
from seawall.domain.events import OrderFilled
from seawall.domain.rulebook import Rulebook
from seawall.domain.units import FUNDING_ONE, MICRO
from seawall.engine.book_view import book_rows
from seawall.engine.layout import Limits
from seawall.engine.market_view import market_view
from seawall.lab.vet.book import Floats, Sampler
from seawall.lab.vet.tape import AFTER, CALM, STORM, Charges, Tape, Trades, walked_sizes
from seawall.sandbox.accounts import agent_address, open_account, seed_phrase
from seawall.sandbox.agents.group import BACKSTOP, AgentGroup
from seawall.sandbox.clock import Clock
from seawall.sandbox.feeds import SyntheticSource
from seawall.sandbox.host import Host, HostOptions
from seawall.sandbox.living_market import LivingMarket
from seawall.sandbox.markets import OpenMarket
from seawall.sandbox.venue import BACKSTOP_USD
from seawall.sandbox.world import Shock, World
from seawall.venues.port import Applied, Plan
from seawall.venues.registry import wire_of

START_MS = 1_760_054_400_000
"""2025-10-10, midnight UTC; the figures do not depend on it."""
STEP_MS = 1_000
WARM_UP_MS = 60_000
"""Agents get used to the market before the first look."""
LEVELS = 512
LIMITS = Limits(accounts=256, positions=1024, orders=8192, levels=8192, nodes=16384)
HOUR_MS = 3_600_000


class SandboxOptions(Struct, frozen=True, kw_only=True):
    """``seconds``: of venue time, of each phase. ``move``: of the shock, a fraction, over
    ``ramp_ms``. ``withdrawn``: the share of depth that makers take away during the storm."""

    market: OpenMarket
    rulebook: Rulebook
    venue: str
    sizes: tuple[float, ...]
    charges: Charges
    seconds: int = 300
    move: float = -0.1
    ramp_ms: int = 30_000
    withdrawn: float = 0.0
    seed: int = 1


def sandbox_tape(options: SandboxOptions, progress: Callable[[float], None] | None = None) -> Tape:
    """Runs the venue. ``progress`` is called with the finished share."""
    return asyncio.run(_Run(options, progress or _silent).tape())


def _silent(done: float) -> None:
    """Shows no progress."""


class _Run:
    def __init__(self, options: SandboxOptions, progress: Callable[[float], None]) -> None:
        self.options = options
        self._progress = progress
        market = options.market
        figures = options.rulebook.order.maximum_significant_figures
        directory = wire_of(options.venue).make_directory()
        self.host = Host.open(
            None,
            options.rulebook,
            [market.instrument],
            LIMITS,
            directory,
            Clock(0, START_MS),
            HostOptions(tick_ms=0),
        )
        self.agents = AgentGroup([market], figures, options.seed)
        self.world = World([market], SyntheticSource([market], options.seed))
        self.market = LivingMarket(self.host, self.world, self.agents)
        self.sampler = Sampler(walked_sizes(options.sizes))
        self.trades: list[tuple[int, float, float, int]] = []
        self.funding: dict[str, list[float]] = {}

    async def tape(self) -> Tape:
        options, length = self.options, self.options.seconds * 1000
        await self.host.start()
        try:
            await self._open()
            await self._pass_time(WARM_UP_MS, "")
            stop = self.host.listen(self._heard)
            begin = self.host.now_ms()
            self._look()
            await self._pass_time(length, CALM)
            shock = self.host.now_ms()
            await self.market.change(self._shock)
            self._look()
            await self._pass_time(length, STORM)
            calmed = self.host.now_ms()
            await self.market.change(lambda: self.world.withdraw(0, 0.0))
            self._look()
            await self._pass_time(length, AFTER)
            stop()
        finally:
            await self.host.stop()
        end = self.host.now_ms()
        withdrawal = f", makers without {options.withdrawn:.0%} of their depth"
        return Tape(
            market=options.market.name,
            source="a sandbox with its agents, run here",
            sizes=walked_sizes(options.sizes),
            shown=options.sizes,
            samples=self.sampler.samples(),
            trades=Trades.of(self.trades),
            end_ms=end,
            phases={CALM: ((begin, shock),), STORM: ((shock, calmed),), AFTER: ((calmed, end),)},
            charges=options.charges,
            shock=(
                shock,
                f"{options.move:+.1%} over {options.ramp_ms / 1000:g} s"
                + (withdrawal if options.withdrawn else ""),
            ),
            funding={name: float(np.mean(rates)) for name, rates in self.funding.items() if rates},
            notes=_about_agents(options),
            seed=options.seed,
        )

    async def _open(self) -> None:
        """Accounts of the agents, first prices, first quotes."""
        backstop = Deposit(self.host.now_ms(), BACKSTOP, BACKSTOP_USD * MICRO)
        await self.host.submit(lambda now: Plan([backstop]))
        phrase = seed_phrase(self.options.seed)
        needed = self.agents.needed_accounts()
        rows = [
            await open_account(self.host, agent_address(phrase, name), usd, name)
            for name, usd in needed
        ]
        self.agents.use_accounts(dict(zip([name for name, _ in needed], rows, strict=True)))
        await self.market.open()

    def _shock(self) -> None:
        options = self.options
        self.world.add_shock(Shock(0, self.world.now_ms, 1.0 + options.move, options.ramp_ms))
        if options.withdrawn:
            self.world.withdraw(0, options.withdrawn)

    async def _pass_time(self, length_ms: int, phase: str) -> None:
        """``phase``: empty while nothing is recorded."""
        for _ in range(length_ms // STEP_MS):
            await self.market.advance(STEP_MS, STEP_MS)
            if phase:
                self._look()
                rate = market_view(self.host.engine, 0).funding_rate / FUNDING_ONE
                per_hour = rate * HOUR_MS / self.options.rulebook.funding.settlement_ms
                self.funding.setdefault(phase, []).append(per_hour)
        phases = (CALM, STORM, AFTER)
        if phase:
            self._progress((phases.index(phase) + 1) / len(phases))

    def _look(self) -> None:
        bids, asks = book_rows(self.host.engine, 0, LEVELS)
        self.sampler.look(self.host.now_ms(), self._floats(bids), self._floats(asks))

    def _floats(self, side: np.ndarray) -> Floats:
        instrument = self.options.market.instrument
        scale = 10.0**instrument.price_decimals, 10.0**instrument.size_decimals
        return np.column_stack([side["price"] / scale[0], side["total_size"] / scale[1]])

    def _heard(self, applied: Sequence[Applied]) -> None:
        instrument = self.options.market.instrument
        for each in applied:
            for event in each.events:
                if isinstance(event, OrderFilled) and event.flags & FillFlag.TAKER:
                    self.trades.append(
                        (
                            each.time_ms,
                            event.price / 10**instrument.price_decimals,
                            event.size / 10**instrument.size_decimals,
                            1 if event.flags & FillFlag.BUYER else -1,
                        )
                    )


def _about_agents(options: SandboxOptions) -> tuple[str, ...]:
    return (
        f"The agents' book and flow are those of the profile {options.market.profile_name!r}: "
        f"{options.market.profile.source}. How makers step back in a storm is assumed (see "
        "docs/venue/sandbox.md): these figures are of the sandbox, not of a real venue.",
    )
