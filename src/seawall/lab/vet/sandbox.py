"""Vetting a sandbox that runs here: its agents in calm, through a shock, and after it.

The venue is the one that ``seawall up`` starts, in this process, in memory, with a clock that only
this moves. The same seed gives the same figures.
"""

import asyncio
from collections.abc import Callable, Sequence

import numpy as np

from seawall.accounts.markets import shipped_markets
from seawall.domain.commands import Deposit
from seawall.domain.enums import FillFlag
from seawall.domain.errors import InputError
from seawall.domain.events import OrderFilled
from seawall.domain.rulebook import AnyRulebook, Rulebook
from seawall.domain.units import FUNDING_ONE, MICRO
from seawall.engine.book_view import book_rows
from seawall.engine.layout import Limits
from seawall.engine.market_view import market_view
from seawall.lab.vet.book import Floats
from seawall.lab.vet.tape import (
    AFTER,
    CALM,
    PHASES,
    STORM,
    Tape,
    TradeRow,
    Trades,
    Watch,
    mean_rates,
)
from seawall.sandbox.accounts import agent_address, open_account, seed_phrase
from seawall.sandbox.agents.group import BACKSTOP, AgentGroup
from seawall.sandbox.clock import Clock
from seawall.sandbox.feeds import SyntheticSource
from seawall.sandbox.host import Host, HostOptions
from seawall.sandbox.living_market import LivingMarket
from seawall.sandbox.markets import MarketChoiceError, OpenMarket, choose_markets
from seawall.sandbox.venue import BACKSTOP_USD
from seawall.sandbox.world import Shock, World
from seawall.venues.port import Applied, Plan
from seawall.venues.registry import DEFAULT_VENUE, wire_of

START_MS = 1_760_054_400_000
"""2025-10-10, midnight UTC; the figures do not depend on it."""
STEP_MS = 1_000
WARM_UP_MS = 60_000
"""Agents get used to the market before the first look."""
LEVELS = 512
LIMITS = Limits(accounts=256, positions=1024, orders=8192, levels=8192, nodes=16384)
HOUR_MS = 3_600_000
HIGHEST_SEED = 2**32 - 1


def sandbox_tape(watch: Watch, rules: AnyRulebook, progress: Callable[[float], None]) -> Tape:
    """Runs the venue. ``progress`` is called with the finished share. Raises InputError."""
    if not isinstance(rules, Rulebook):
        expected = "a rulebook that does not settle in blocks: no sandbox runs those yet"
        raise InputError.of("", "rulebook", rules.name, expected)
    if not 0 <= watch.seed <= HIGHEST_SEED:
        raise InputError.of("", "seed", watch.seed, f"0 to {HIGHEST_SEED}")
    try:
        (market,) = choose_markets((watch.market,), shipped_markets())
    except MarketChoiceError as error:
        raise InputError(f"--market: {error}") from None
    return asyncio.run(_Run(watch, rules, market, progress).tape())


class _Run:
    def __init__(
        self,
        watch: Watch,
        rules: Rulebook,
        market: OpenMarket,
        progress: Callable[[float], None],
    ) -> None:
        self.watch, self.opened = watch, market
        self._progress = progress
        directory = wire_of(DEFAULT_VENUE).make_directory()
        clock, options = Clock(0, START_MS), HostOptions(tick_ms=0)
        self.host = Host.open(None, rules, [market.instrument], LIMITS, directory, clock, options)
        self.agents = AgentGroup([market], rules.order.maximum_significant_figures, watch.seed)
        self.world = World([market], SyntheticSource([market], watch.seed))
        self.market = LivingMarket(self.host, self.world, self.agents)
        self.sampler = watch.sampler()
        self.trades: list[TradeRow] = []
        self.funding: dict[str, list[float]] = {}
        self._settlements_an_hour = HOUR_MS / rules.funding.settlement_ms

    async def tape(self) -> Tape:
        watch, length = self.watch, int(self.watch.seconds * 1000)
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
        return watch.tape(
            "a sandbox with its agents, run here",
            self.sampler,
            Trades.of(self.trades),
            end,
            phases={CALM: ((begin, shock),), STORM: ((shock, calmed),), AFTER: ((calmed, end),)},
            shock=watch.shock(shock),
            funding=mean_rates(self.funding),
            notes=[
                "The agents' book and flow are those of the profile "
                f"{self.opened.profile_name!r}: {self.opened.profile.source}. How makers step back "
                "in a storm is assumed (see docs/venue/sandbox.md): these figures are of the "
                "sandbox, not of a real venue.",
            ],
            seed=watch.seed,
        )

    async def _open(self) -> None:
        """Accounts of the agents, first prices, first quotes."""
        backstop = Deposit(self.host.now_ms(), BACKSTOP, BACKSTOP_USD * MICRO)
        await self.host.submit(lambda now: Plan([backstop]))
        phrase = seed_phrase(self.watch.seed)
        needed = self.agents.needed_accounts()
        rows = [
            await open_account(self.host, agent_address(phrase, name), usd, name)
            for name, usd in needed
        ]
        self.agents.use_accounts(dict(zip([name for name, _ in needed], rows, strict=True)))
        await self.market.open()

    def _shock(self) -> None:
        watch = self.watch
        ramp_ms = round(watch.ramp_s * 1000)
        self.world.add_shock(Shock(0, self.world.now_ms, 1.0 + (watch.move or 0.0), ramp_ms))
        if watch.withdrawn:
            self.world.withdraw(0, watch.withdrawn)

    async def _pass_time(self, length_ms: int, phase: str) -> None:
        """``phase``: empty while nothing is recorded."""
        for _ in range(length_ms // STEP_MS):
            await self.market.advance(STEP_MS, STEP_MS)
            if phase:
                self._look()
                rate = market_view(self.host.engine, 0).funding_rate / FUNDING_ONE
                self.funding.setdefault(phase, []).append(rate * self._settlements_an_hour)
        if phase:
            self._progress((PHASES.index(phase) + 1) / len(PHASES))

    def _look(self) -> None:
        bids, asks = book_rows(self.host.engine, 0, LEVELS)
        self.sampler.look(self.host.now_ms(), self._floats(bids), self._floats(asks))

    def _floats(self, side: np.ndarray) -> Floats:
        instrument = self.opened.instrument
        scale = 10.0**instrument.price_decimals, 10.0**instrument.size_decimals
        return np.column_stack([side["price"] / scale[0], side["total_size"] / scale[1]])

    def _heard(self, applied: Sequence[Applied]) -> None:
        instrument = self.opened.instrument
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
