"""Takers: noise with realistic sizes, arbitrage, trends, unwinding what was taken over."""

import math

from seawall.domain.commands import Command
from seawall.domain.enums import OrderFlag, Side
from seawall.sandbox.agents.base import BP, AccountAgent, Agent, Sight, Trading, refill

SLIPPAGE_SPREADS = 5.0
LEAST_SLIPPAGE = 0.002


def slippage_of(trading: Trading) -> float:
    return max(LEAST_SLIPPAGE, SLIPPAGE_SPREADS * trading.market.profile.spread_bp * BP)


class NoiseTaker(AccountAgent):
    """Many small traders of one market in one account.

    Orders arrive as a Poisson process at the profile's rate with its sizes. They buy and sell
    alike, but lean towards where the perpetual trades elsewhere, and back to a flat position.
    """

    interval_ms = 1_000
    AT_ONCE = 4
    """At most so many orders per look: after a gap in time most of the flow is lost."""
    LEAN = 0.35

    def __init__(self, trading: Trading, seed: str) -> None:
        self._next_ms = 0.0
        self._limit_usd = 5 * trading.market.profile.order_usd[-1][1]
        name = f"noise {trading.market.name}"
        super().__init__(name, trading, seed, stake_usd=2 * self._limit_usd)

    def forget(self) -> None:
        self._next_ms = 0.0

    def _arrivals(self, time_ms: int) -> int:
        rate = self.trading.market.profile.orders_per_second / 1000
        if not self._next_ms:
            self._next_ms = time_ms + self._random.expovariate(rate)
        count = 0
        while self._next_ms <= time_ms and count < self.AT_ONCE:
            self._next_ms += self._random.expovariate(rate)
            count += 1
        if self._next_ms <= time_ms:
            self._next_ms = time_ms + self._random.expovariate(rate)
        return count

    def act(self, sight: Sight) -> list[Command]:
        count = self._arrivals(sight.time_ms)
        if not count or not sight.view.is_open(self.trading.row):
            return []
        row, profile = self.trading.row, self.trading.market.profile
        middle = sight.view.middle(row)
        fair = sight.outlooks[row].fair
        if middle <= 0:
            return []
        held = sight.view.position(self._account, row).signed_size
        held_usd = self.trading.usd_of(held, middle)
        cheap = (fair / middle - 1.0) / ((profile.spread_bp + 2.0) * BP)
        lean = self.LEAN * math.tanh(cheap) - 0.5 * held_usd / self._limit_usd
        commands = refill(sight, self._account, self.stake_usd, 3)
        for _ in range(count):
            buys = self._random.random() < min(0.98, max(0.02, 0.5 + lean))
            size = self.trading.size_of(profile.draw_order_usd(self._random), middle)
            if size:
                signed = size if buys else -size
                commands.append(
                    self.trading.take(
                        sight.time_ms, self._account, signed, middle, slippage_of(self.trading)
                    )
                )
        return commands


class Arbitrageur(AccountAgent):
    """Trades against quotes that are far from where the perpetual trades elsewhere.

    While a price falls elsewhere it sells into the bids that makers have not moved yet, and where
    a book has fallen too far it buys. Its rules are those of the arbitrage of ``seawall cascade``.
    """

    interval_ms = 1_000
    LEAST_GAP = 0.003
    FULL_GAP = 0.01
    """Beyond the least one: where it trades ``SHARE`` per look."""
    SHARE = 0.02
    """Of the calm depth within 50 bp, of which it also holds at most one."""

    def __init__(self, trading: Trading, seed: str) -> None:
        self._depth_usd = trading.market.profile.depth_usd(50)
        super().__init__(f"arbitrage {trading.market.name}", trading, seed, self._depth_usd)

    def act(self, sight: Sight) -> list[Command]:
        row = self.trading.row
        fair = sight.outlooks[row].fair
        bid, ask = (sight.view.best(row, side) for side in (Side.BUY, Side.SELL))
        gap = max(0.0, bid / fair - 1.0) or -max(0.0, 1.0 - ask / fair if ask else 0.0)
        if abs(gap) <= self.LEAST_GAP or not sight.view.is_open(row):
            return []
        eager = min(1.0, (abs(gap) - self.LEAST_GAP) / self.FULL_GAP)
        held = sight.view.position(self._account, row).signed_size
        held_usd = self.trading.usd_of(held, fair)
        room = self._depth_usd + (held_usd if gap > 0 else -held_usd)
        size = self.trading.size_of(min(eager * self.SHARE * self._depth_usd, room), fair)
        if not size:
            return []
        signed = -size if gap > 0 else size
        return [
            *refill(sight, self._account, self.stake_usd, 3),
            self.trading.take(sight.time_ms, self._account, signed, fair, 0.0),
        ]


class TrendFollower(AccountAgent):
    """Holds a position in the direction of the difference of two averages of the middle."""

    interval_ms = 10_000
    FAST_MS = 60_000
    SLOW_MS = 600_000
    FULL_SIGNAL_BP = 40.0
    STEP = 0.25
    """It trades when its position is off by this share of the largest one."""

    def __init__(self, trading: Trading, seed: str) -> None:
        self._looked_ms = 0
        self._fast = self._slow = 0.0
        self._most_usd = 0.1 * trading.market.profile.depth_usd(25)
        super().__init__(f"trend {trading.market.name}", trading, seed, self._most_usd)
        # Not all follow a trend at the same moment.
        self._eager = self._random.uniform(0.7, 1.4)

    def forget(self) -> None:
        self._looked_ms = 0

    def _signal(self, time_ms: int, middle: float) -> float:
        if not self._looked_ms:
            self._fast = self._slow = middle
        passed = time_ms - self._looked_ms if self._looked_ms else 0
        self._looked_ms = time_ms
        self._fast += (middle - self._fast) * (1 - math.exp(-passed / self.FAST_MS))
        self._slow += (middle - self._slow) * (1 - math.exp(-passed / self.SLOW_MS))
        strength = (self._fast / self._slow - 1.0) / (self.FULL_SIGNAL_BP * BP) * self._eager
        return min(1.0, max(-1.0, strength))

    def act(self, sight: Sight) -> list[Command]:
        row = self.trading.row
        middle = sight.view.middle(row)
        if middle <= 0 or not sight.view.is_open(row):
            return []
        target = self._signal(sight.time_ms, middle) * self._most_usd
        held = sight.view.position(self._account, row).signed_size
        off = target - self.trading.usd_of(held, middle)
        if abs(off) < self.STEP * self._most_usd:
            return []
        size = self.trading.size_of(min(abs(off), 0.5 * self._most_usd), middle)
        if not size:
            return []
        signed = size if off > 0 else -size
        slippage = slippage_of(self.trading)
        return [
            *refill(sight, self._account, self.stake_usd, 3),
            self.trading.take(sight.time_ms, self._account, signed, middle, slippage),
        ]


class Unwinder(Agent):
    """Sells, little by little, what the venue's backstop took over from the liquidated."""

    interval_ms = 10_000
    SHARE = 0.1

    def __init__(self, trading: Trading, backstop: int) -> None:
        self.name = f"unwinder {trading.market.name}"
        self.trading = trading
        self._account = backstop

    def act(self, sight: Sight) -> list[Command]:
        row = self.trading.row
        held = sight.view.position(self._account, row).signed_size
        middle = sight.view.middle(row)
        if not held or middle <= 0 or not sight.view.is_open(row):
            return []
        most = self.trading.size_of(self.SHARE * self.trading.market.profile.depth_usd(10), middle)
        size = min(abs(held), most)
        signed = -size if held > 0 else size
        flags = OrderFlag.REDUCE_ONLY
        return [
            self.trading.take(
                sight.time_ms, self._account, signed, middle, slippage_of(self.trading), flags
            )
        ]
