"""Vetting a sandbox that runs here: its agents in calm, through a shock, and after it.

The venue is the one that ``seawall up`` starts, in this process, in memory, with a clock that only
this moves. The same seed gives the same figures.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from msgspec import structs

from seawall.accounts.markets import shipped_markets
from seawall.domain.commands import Deposit
from seawall.domain.enums import FillFlag
from seawall.domain.errors import InputError
from seawall.domain.events import OrderFilled
from seawall.domain.rulebook import AnyRulebook, Rulebook
from seawall.domain.units import FUNDING_ONE, HOUR_MS, MICRO
from seawall.engine.book_view import book_rows
from seawall.engine.layout import Limits
from seawall.engine.market_view import market_view
from seawall.lab.arrays import Floats
from seawall.lab.vet.live import LiveBook, live_tape
from seawall.lab.vet.tape import Charges, Tape, TradeRow, Watch
from seawall.sandbox.accounts import open_account, seed_phrase
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
    with asyncio.Runner() as runner:
        sandbox = _Sandbox(runner.run, watch, rules, market)
        try:
            runner.run(sandbox.open())
            tape = live_tape(sandbox, watch, sandbox, progress=progress)
        finally:
            runner.run(sandbox.host.stop())
    note = (
        f"The agents' book and flow are those of the profile {market.profile_name!r}: "
        f"{market.profile.source}. How makers step back in a storm is assumed (see "
        "docs/venue/sandbox.md): these figures are of the sandbox, not of a real venue."
    )
    return structs.replace(tape, notes=(note,), seed=watch.seed)


class _Sandbox:
    """A market of a venue in this process, as a feed and as its control."""

    source = "a sandbox with its agents, run here"

    def __init__(
        self, run: Callable[[Any], Any], watch: Watch, rules: Rulebook, market: OpenMarket
    ) -> None:
        self._run, self._opened = run, market
        self.charges: Charges = watch.charges
        self._phrase = seed_phrase(watch.seed)
        self._wire = wire_of(DEFAULT_VENUE)
        names = self._wire.make_directory
        clock, options = Clock(0, START_MS), HostOptions(tick_ms=0)
        self.host = Host.open(None, rules, [market.instrument], LIMITS, names, clock, options)
        self._agents = AgentGroup([market], rules.order.maximum_significant_figures, watch.seed)
        self._world = World([market], SyntheticSource([market], watch.seed))
        self._market = LivingMarket(self.host, self._world, self._agents)
        self._trades: list[TradeRow] = []
        self._settlements_an_hour = HOUR_MS / rules.funding.settlement_ms

    async def open(self) -> None:
        """Accounts of the agents, first prices, first quotes, and the time to get used to them."""
        await self.host.start()
        backstop = Deposit(self.host.now_ms(), BACKSTOP, BACKSTOP_USD * MICRO)
        await self.host.submit(lambda now: Plan([backstop]))
        needed = self._agents.needed_accounts()
        rows = [
            await open_account(self.host, self._wire.agent_address(self._phrase, name), usd, name)
            for name, usd in needed
        ]
        self._agents.use_accounts(dict(zip([name for name, _ in needed], rows, strict=True)))
        await self._market.open()
        await self._market.advance(WARM_UP_MS, STEP_MS)
        self.host.listen(self._heard)

    def book(self) -> LiveBook:
        bids, asks = (self._floats(side) for side in book_rows(self.host.engine, 0, LEVELS))
        return LiveBook(self.host.now_ms(), bids, asks, max(len(bids), len(asks)) < LEVELS)

    def trades(self) -> list[TradeRow]:
        new, self._trades = self._trades, []
        return new

    def funding(self) -> float:
        rate = market_view(self.host.engine, 0).funding_rate / FUNDING_ONE
        return rate * self._settlements_an_hour

    def stands_still(self) -> bool:
        return True

    def advance(self, seconds: float) -> None:
        self._run(self._market.advance(round(seconds * 1000), STEP_MS))

    def shock(self, market: str, move: float, ramp_s: float, withdrawn: float) -> None:
        def change() -> None:
            self._world.add_shock(Shock(0, self._world.now_ms, 1.0 + move, round(ramp_s * 1000)))
            if withdrawn:
                self._world.withdraw(0, withdrawn)

        self._run(self._market.change(change))

    def give_back(self, market: str) -> None:
        self._run(self._market.change(lambda: self._world.withdraw(0, 0.0)))

    def _floats(self, side: np.ndarray) -> Floats:
        instrument = self._opened.instrument
        scale = 10.0**instrument.price_decimals, 10.0**instrument.size_decimals
        return np.column_stack([side["price"] / scale[0], side["total_size"] / scale[1]])

    def _heard(self, applied: Sequence[Applied]) -> None:
        instrument = self._opened.instrument
        for each in applied:
            for event in each.events:
                if isinstance(event, OrderFilled) and event.flags & FillFlag.TAKER:
                    self._trades.append(
                        (
                            each.time_ms,
                            event.price / 10**instrument.price_decimals,
                            event.size / 10**instrument.size_decimals,
                            1 if event.flags & FillFlag.BUYER else -1,
                        )
                    )
