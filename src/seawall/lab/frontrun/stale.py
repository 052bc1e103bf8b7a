"""Trading with a pool at a price that is older than what a searcher knows.

The searcher knows the true price and what is published, at every time, and nothing of later ones.
It opens where that price differs from the one at which its order will be executed by more than
fees, spread, price impact and gas, in the size that gains most, and closes at the first newer price
that was read when every source knew what it knew. The pool is the other side of it all.
"""

import numpy as np
from msgspec import Struct, structs

from seawall.domain.units import PPM
from seawall.lab.arrays import Floats, Integers, Mask
from seawall.lab.frontrun.pool import Pool
from seawall.lab.keepers.gas import Gas
from seawall.lab.oracle.preset import Preset
from seawall.lab.oracle.publish import Published


class Trade(Struct, frozen=True, kw_only=True):
    """One position. Micro-USD; ``sent``, ``opened``, ``closed``: steps; prices in USD.

    ``move``: what the published prices give it; ``costs``: fees, spread and impact of both sides.
    """

    sent: int
    opened: int
    closed: int
    side: int
    notional: int
    entry: float
    exit: float
    move: int
    costs: int
    gas: int

    @property
    def profit(self) -> int:
        """Of the searcher."""
        return self.move - self.costs - self.gas


class Stale(Struct, frozen=True, kw_only=True):
    """All trades of one pool in one market. ``widest``: the largest known gap, as a share.

    ``stopping_ppm``: the fee at each side from which on no trade is worth it.
    """

    trades: tuple[Trade, ...]
    widest: float
    stopping_ppm: int

    @property
    def searcher(self) -> int:
        """Micro-USD that it gains."""
        return sum(each.profit for each in self.trades)

    @property
    def pool(self) -> int:
        """Micro-USD that those who own the pool gain; below zero where they lose."""
        return sum(each.costs - each.move for each in self.trades)

    @property
    def gas(self) -> int:
        """Micro-USD that the network gains."""
        return sum(each.gas for each in self.trades)

    @property
    def is_conserved(self) -> bool:
        """Whether all money adds up."""
        return self.searcher + self.pool + self.gas == 0


class Feed(Struct, frozen=True, kw_only=True, eq=False):
    """One market as a pool's oracle publishes it, at n times: USD, (n,).

    ``shown``: in force; ``read_ms``: when its source was read; ``expected``: what would be read at
    each time if the true price stood still from then on, after ``delay_ms`` of the pool.
    ``is_refused``: by the oracle's own limits for users. ``gas``: micro-USD of a transaction.
    ``lag_ms``: how late the latest source reads.
    """

    times_ms: Integers
    true: Floats
    shown: Floats
    read_ms: Integers
    expected: Floats
    is_refused: Mask
    gas: Integers
    lag_ms: int = 0


def feed_of(
    times_ms: Integers, true: Floats, published: Published, column: int, preset: Preset, pool: Pool,
    gas: Gas, gas_prices: Integers,
) -> Feed:  # fmt: skip
    """What a searcher sees of one market."""
    sources = len(preset.source_weights)
    lates = [preset.source_lag_ms * each // max(1, sources - 1) for each in range(sources)]
    # Of what is read after the delay, sources that are later than it have read already.
    read = [np.interp(times_ms - max(0, late - pool.delay_ms), times_ms, true) for late in lates]
    votes = np.repeat(np.stack(read), preset.source_weights, axis=0)
    costs = [gas.cost(pool.gas_units, each) for each in gas_prices.tolist()]
    return Feed(
        times_ms=times_ms, true=true, shown=published.prices[:, column],
        read_ms=published.observed_ms[:, column], expected=np.median(votes, axis=0),
        is_refused=published.user_refused, gas=np.asarray(costs, np.int64),
        lag_ms=preset.source_lag_ms,
    )  # fmt: skip


def stale_trades(feed: Feed, pool: Pool) -> Stale:
    """Every trade that a searcher makes with a pool."""
    gap = feed.true / _known(feed, pool) - 1.0
    notional = best_notional(np.abs(gap), pool)
    worth = _net(np.abs(gap), notional, pool) > 2 * feed.gas
    trades: list[Trade] = []
    step, count = 0, len(feed.times_ms)
    candidates = np.flatnonzero(worth)
    while True:
        place = int(np.searchsorted(candidates, step))
        if place == len(candidates):
            break
        sent = int(candidates[place])
        opened = _executed(feed, pool, sent)
        if opened is None or opened >= count - 1:
            break
        trade = _trade(feed, pool, sent, opened, int(notional[sent]), 1 if gap[sent] > 0 else -1)
        trades.append(trade)
        step = trade.closed + 1
    return Stale(
        trades=tuple(trades), widest=float(np.abs(gap).max()), stopping_ppm=_stopping(feed, pool)
    )


def best_notional(gap: Floats, pool: Pool) -> Integers:
    """Micro-USD that gain most at a known gap (a share): impact grows with the square of it."""
    edge = np.maximum(0.0, gap - 2 * (pool.fee_ppm + pool.spread_ppm) / PPM)
    most = np.full(len(gap), float(pool.most_micro_usd))
    if pool.scale_micro_usd:
        most = np.minimum(most, edge * pool.scale_micro_usd / 2)
    found: Integers = np.where(edge > 0, most, 0.0).astype(np.int64)
    return found


def side_cost(notional: int, pool: Pool) -> int:
    """Micro-USD of fee, spread and impact at one side, rounded up."""
    shares = -(-notional * (pool.fee_ppm + pool.spread_ppm) // PPM)
    if not pool.scale_micro_usd:
        return shares
    return shares + -(-notional * notional // (2 * pool.scale_micro_usd))


def _net(gap: Floats, notional: Integers, pool: Pool) -> Floats:
    """Micro-USD that are expected before gas."""
    costs = [2 * side_cost(each, pool) for each in notional.tolist()]
    found: Floats = notional * gap - np.asarray(costs, np.float64)
    return found


def _known(feed: Feed, pool: Pool) -> Floats:
    """The price at which a searcher expects its order of each time to be executed.

    The true one, so that there is nothing to gain, where the pool would refuse the order.
    """
    if pool.is_two_step:
        return feed.expected
    refused = feed.is_refused.copy()
    if pool.most_age_ms:
        refused |= feed.times_ms - feed.read_ms > pool.most_age_ms
    found: Floats = np.where(refused, feed.true, feed.shown)
    return found


def _executed(feed: Feed, pool: Pool, sent: int) -> int | None:
    """The step at which an order is executed; None where the path ends before."""
    if not pool.is_two_step:
        return sent
    return first_read(feed, sent, int(feed.times_ms[sent]) + pool.delay_ms)


def first_read(feed: Feed, step: int, time_ms: int) -> int | None:
    """The first step from ``step`` on whose price in force was read at ``time_ms`` or later."""
    place = max(step, int(np.searchsorted(feed.read_ms, time_ms)))
    return place if place < len(feed.times_ms) else None


def _trade(feed: Feed, pool: Pool, sent: int, opened: int, notional: int, side: int) -> Trade:
    """The position is closed at the first price that knows what the searcher knew."""
    last = len(feed.times_ms) - 1
    known = int(feed.times_ms[sent]) + feed.lag_ms
    if pool.is_two_step:
        newer = max(known, int(feed.times_ms[opened])) + pool.delay_ms
    else:
        newer = max(known, int(feed.read_ms[opened]) + 1)
    ends = first_read(feed, opened + 1, newer)
    closed = last if ends is None else ends
    entry, leaving = float(feed.shown[opened]), float(feed.shown[closed])
    return Trade(
        sent=sent, opened=opened, closed=closed, side=side, notional=notional, entry=entry,
        exit=leaving, move=round(side * notional * (leaving / entry - 1.0)),
        costs=2 * side_cost(notional, pool), gas=int(feed.gas[opened] + feed.gas[closed]),
    )  # fmt: skip


def _stopping(feed: Feed, pool: Pool) -> int:
    """The fee in ppm from which on no trade is worth it, at most all of the notional."""
    gap = np.abs(feed.true / _known(feed, pool) - 1.0)

    def is_quiet(fee: int) -> bool:
        dearer = structs.replace(pool, fee_ppm=fee)
        return not bool((_net(gap, best_notional(gap, dearer), dearer) > 2 * feed.gas).any())

    low, high = -1, PPM
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_quiet(middle) else (middle, high)
    return high
