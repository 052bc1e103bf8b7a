"""The world outside as the venue sees it: prices with shocks, an oracle that may be late,
perpetuals elsewhere that may trade at a premium, and how much depth makers show.

Times are ms of the venue's clock, prices floats in USD until they leave as price units.
"""

import math
from collections import deque
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple, Protocol

from seawall.domain.mark_steps import MARK_MS
from seawall.sandbox.agents.base import Outlook
from seawall.sandbox.feeds import PriceSource
from seawall.sandbox.markets import OpenMarket

RETURN_WINDOW_MS = 60_000
HALF_DEPTH_RETURN = 0.005
LEAST_DEPTH = 0.02
WIDEST_SPREAD = 20.0
"""Makers leave when prices move: with r the move of the last minute, they show
1 / (1 + (r / 0.5 %)^2) of the calm depth, not below 2 %; the spread is divided by it, up
to 20 times. The floor is the fall of depth reported for 2025-10-10; the shape is assumed."""
LONGEST_LAG_MS = 3_600_000
PREMIUM_SWING = 0.00004
"""Largest calm premium of perpetuals elsewhere: it wanders so far up and down."""
PREMIUM_PERIOD_MS = 1_800_000
STEEP = 0.001
"""A shock that moves a price by this share from mark to mark is steep."""


class Elsewhere(Protocol):
    """Perpetuals of another venue, by market row, where there is one to look at."""

    def mid_premium(self, row: int) -> float:
        """How far its middle is above the spot price, a share."""
        ...

    def mark_premium(self, row: int) -> float:
        """How far its mark is above the spot price, a share."""
        ...

    def is_stale(self, row: int) -> bool:
        """Whether its prices are too old to report."""
        ...


class OracleMode(StrEnum):
    LIVE = "live"
    FROZEN = "frozen"
    """The same price is reported again and again."""
    LATE = "late"
    """Each report is some time old."""
    SILENT = "silent"
    """Nothing is reported: the mark stands still as well."""


class Report(NamedTuple):
    """Oracle price and price of perpetuals elsewhere, price units."""

    oracle_price: int
    outside_price: int


class Shock(NamedTuple):
    """A move by ``factor`` over ``ramp_ms``, held, and then the share ``rebound`` of it undone."""

    row: int
    start_ms: int
    factor: float
    ramp_ms: int = 0
    hold_ms: int = 0
    rebound: float = 0.0
    rebound_ms: int = 0

    @property
    def end_ms(self) -> int:
        return self.start_ms + self.ramp_ms + self.hold_ms + self.rebound_ms

    def factor_at(self, now_ms: int) -> float:
        passed = now_ms - self.start_ms
        if passed < 0:
            return 1.0
        if passed < self.ramp_ms:
            return float(self.factor ** (passed / self.ramp_ms))
        passed -= self.ramp_ms + self.hold_ms
        if passed < 0 or not self.rebound:
            return self.factor
        share = min(1.0, passed / self.rebound_ms) if self.rebound_ms else 1.0
        # The undone share is one of the price, not of its logarithm: half of -20 % is +10 points.
        return self.factor + (1.0 - self.factor) * self.rebound * share

    def is_steep(self, now_ms: int) -> bool:
        """Whether it moves the price fast just now."""
        moved = self.factor_at(now_ms + MARK_MS) / self.factor_at(now_ms)
        return abs(math.log(moved)) > STEEP


class Condition(NamedTuple):
    """What control has set on a market; ``withdrawn`` and ``premium`` are shares."""

    oracle: OracleMode
    lag_seconds: float
    withdrawn: float
    premium: float


class _Market:
    def __init__(self, market: OpenMarket) -> None:
        self.market = market
        self.spot = market.to_usd(market.start_price)
        self.perpetual = self.perpetual_mark = self.spot
        self.oracle_mode = OracleMode.LIVE
        self.frozen_spot = self.spot
        self.lag_ms = 0
        self.withdrawn = 0.0
        self.premium = 0.0
        self.premium_until_ms = 0
        self.past: deque[tuple[int, float]] = deque()

    def remember(self, now_ms: int) -> None:
        """Keep the spot price for as long as a late oracle may report it."""
        if self.past and now_ms <= self.past[-1][0]:
            self.past[-1] = (self.past[-1][0], self.spot)
        else:
            self.past.append((now_ms, self.spot))
        while len(self.past) > 1 and self.past[1][0] <= now_ms - LONGEST_LAG_MS:
            self.past.popleft()

    def spot_at(self, time_ms: int) -> float:
        """The spot price some time ago, or the oldest known."""
        found = self.spot
        for at, price in reversed(self.past):
            found = price
            if at <= time_ms:
                break
        return found


class World:
    """All markets; ``look`` first, then ask.

    ``swing``: the largest calm premium of perpetuals elsewhere; 0 where prices should be exact.
    ``elsewhere``: where they are known.
    """

    def __init__(
        self,
        markets: Sequence[OpenMarket],
        source: PriceSource,
        swing: float = PREMIUM_SWING,
        elsewhere: Elsewhere | None = None,
    ) -> None:
        self._swing = swing
        self._elsewhere = elsewhere
        self.markets = tuple(markets)
        self.source = source
        self._states = [_Market(market) for market in markets]
        self._shocks: list[Shock] = []
        self._now = 0
        self._until_mark: float = math.inf

    def begin(self, now_ms: int, prices: Sequence[float]) -> None:
        """Go on from these spot prices; what was set on the markets is forgotten."""
        self.source.begin(now_ms, prices)
        self._states = [_Market(market) for market in self.markets]
        self._shocks.clear()
        self._now = 0
        self._until_mark = math.inf
        self.look(now_ms)

    @property
    def now_ms(self) -> int:
        """The time of the last ``look``: what is set now begins then."""
        return self._now

    @property
    def shocks(self) -> Sequence[Shock]:
        return self._shocks

    @property
    def is_steep(self) -> bool:
        """Whether a shock moves prices fast just now."""
        return any(shock.is_steep(self._now) for shock in self._shocks)

    def marked(self) -> None:
        """The prices of the last ``look`` were published."""
        self._until_mark = MARK_MS

    def look(self, now_ms: int) -> None:
        """Learn the prices of this time.

        Where marks come late, as with a fast clock, shocks wait for them: none goes on by more than
        ``MARK_MS`` from one mark to the next.
        """
        passed = now_ms - self._now
        late = max(0, passed - self._until_mark)
        self._until_mark -= passed - late
        if late:
            put_off = int(late)
            self._shocks = [s._replace(start_ms=s.start_ms + put_off) for s in self._shocks]
        self._now = now_ms
        prices = self.source.prices(now_ms)
        for state, price in zip(self._states, prices, strict=True):
            state.spot = price
        for shock in list(self._shocks):
            factor = shock.factor_at(now_ms)
            self._states[shock.row].spot *= factor
            if now_ms >= shock.end_ms:
                self._shocks.remove(shock)
                self.source.move(shock.row, factor)
        for row, state in enumerate(self._states):
            premium = self._premium(row)
            mid = mark = 0.0
            if self._elsewhere is not None:
                mid, mark = self._elsewhere.mid_premium(row), self._elsewhere.mark_premium(row)
            state.perpetual = state.spot * (1.0 + premium + mid)
            state.perpetual_mark = state.spot * (1.0 + premium + mark)
            state.remember(now_ms)

    def _premium(self, row: int) -> float:
        wander = math.sin(2 * math.pi * self._now / PREMIUM_PERIOD_MS + row)
        return self._swing * wander + self.condition(row).premium

    # -- what it is asked --------------------------------------------------------------------------

    def spot_usd(self, row: int) -> float:
        return self._states[row].spot

    def report(self, row: int) -> Report | None:
        """What the oracle says now; None while it is silent or has only stale prices."""
        state = self._states[row]
        if state.oracle_mode == OracleMode.SILENT or self.is_stale(row):
            return None
        spot = state.spot
        if state.oracle_mode == OracleMode.FROZEN:
            spot = state.frozen_spot
        elif state.oracle_mode == OracleMode.LATE:
            spot = state.spot_at(self._now - state.lag_ms)
        return Report(state.market.to_oracle(spot), state.market.to_oracle(state.perpetual_mark))

    def is_stale(self, row: int) -> bool:
        """Whether the prices of a market come from a venue that has fallen silent."""
        return self._elsewhere is not None and self._elsewhere.is_stale(row)

    def outlook(self, row: int) -> Outlook:
        state = self._states[row]
        before = state.spot_at(self._now - RETURN_WINDOW_MS)
        # The book of another venue has its makers' withdrawal in it.
        moved = abs(state.spot / before - 1.0) if self._elsewhere is None else 0.0
        depth_left = max(LEAST_DEPTH, 1.0 / (1.0 + (moved / HALF_DEPTH_RETURN) ** 2))
        return Outlook(
            state.market.to_units(state.perpetual),
            depth_left * (1.0 - state.withdrawn),
            min(WIDEST_SPREAD, 1.0 / depth_left),
        )

    def outlooks(self) -> tuple[Outlook, ...]:
        return tuple(self.outlook(row) for row in range(len(self._states)))

    def condition(self, row: int) -> Condition:
        """What control has set on a market."""
        state = self._states[row]
        is_late = state.oracle_mode == OracleMode.LATE
        lag_seconds = state.lag_ms / 1000 if is_late else 0.0
        premium = state.premium if self._now < state.premium_until_ms else 0.0
        return Condition(state.oracle_mode, lag_seconds, state.withdrawn, premium)

    # -- what control sets -------------------------------------------------------------------------

    def set_price(self, row: int, usd: float) -> None:
        """The spot price is this now; shocks of the market are over."""
        self._shocks = [shock for shock in self._shocks if shock.row != row]
        source = self.source.prices(self._now)[row]
        self.source.move(row, usd / source)
        self.look(self._now)

    def add_shock(self, shock: Shock) -> None:
        self._shocks.append(shock)
        self.look(self._now)

    def set_oracle(self, row: int, mode: OracleMode, lag_ms: int = 0) -> None:
        state = self._states[row]
        if mode == OracleMode.FROZEN and state.oracle_mode != OracleMode.FROZEN:
            late = state.oracle_mode == OracleMode.LATE
            state.frozen_spot = state.spot_at(self._now - state.lag_ms) if late else state.spot
        state.oracle_mode, state.lag_ms = mode, lag_ms

    def withdraw(self, row: int, share: float) -> None:
        self._states[row].withdrawn = share

    def set_premium(self, row: int, premium: float, until_ms: int) -> None:
        state = self._states[row]
        state.premium, state.premium_until_ms = premium, until_ms
        self.look(self._now)
