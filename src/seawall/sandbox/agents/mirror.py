"""Agents that carry the book and the trades of a followed venue into ours.

* **Depth.** Makers show the followed levels, each at its price and with its size, the nearest
  ``NEAR_LEVELS`` exactly (within ``SIZE_SLACK``), those beyond within a tenth of their distance.
  What control adds to the price moves all levels by the same factor. A level worth less than the
  least order is shown as one. The makers' accounts are given the money that this takes.
* **Impact.** What clients took from the makers moves the makers' middle against them: by as many
  basis points as that amount reaches at the average density of the followed book, with a half-life
  of two minutes. What the makers hold only because of replayed trades does not count.
* **Trades.** Each followed trade is an immediate order of the same side and size in our book.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol

from seawall.domain.commands import Command, Deposit
from seawall.domain.enums import Side
from seawall.domain.units import MAX_SIZE, MICRO
from seawall.sandbox.agents.base import (
    BP,
    LEAST_ORDER_USD,
    AccountAgent,
    Outlook,
    Sight,
    Trading,
)
from seawall.sandbox.agents.makers import (
    LARGEST_SKEW,
    USED_TO_HALF_LIFE_MS,
    MakerDesk,
    Quote,
    quote_moves,
)
from seawall.sandbox.agents.takers import NoiseTaker, slippage_of
from seawall.venues.public_stream import Level, PublicTrade

INTERVAL_MS = 1_000
NEAR_LEVELS = 20
MOST_LEVELS = 60
SIZE_SLACK = 0.2
FAR_TOLERANCE = 0.1
MOST_AT_ONCE = 64
"""Orders of one look; more followed trades than that in a second are left out."""
TICK_SLACK = 1e-6
"""A price so little off a tick, by floats or the rest of an impact, is on it."""
LARGEST_SIDE_USD = 1e9
"""A side worth more is scaled down to it."""


class Followed(Protocol):
    """The followed venue, by market row. Prices are USD, sizes coins."""

    def middle(self, row: int) -> float:
        """The price that the levels are measured from."""
        ...

    def bids(self, row: int) -> Sequence[Level]: ...

    def asks(self, row: int) -> Sequence[Level]: ...

    def take_trades(self, row: int) -> Sequence[PublicTrade]:
        """Those since the last call."""
        ...


def _top_up(sight: Sight, account: int, stake_usd: float, held_usd: float) -> list[Command]:
    """Money that makes the equity the stake and all that is held, when much is missing."""
    wanted = int((stake_usd + abs(held_usd)) * MICRO)
    equity = sight.view.pool_equity(account)
    return [] if 2 * equity > wanted else [Deposit(sight.time_ms, account, wanted - equity)]


class MirrorDesk(MakerDesk):
    """The makers of one market, who show the followed book."""

    interval_ms = INTERVAL_MS

    def __init__(
        self, trading: Trading, makers: int, seed: str, followed: Followed, replayer: "Replayer"
    ) -> None:
        super().__init__(trading, makers, seed)
        self._followed = followed
        self._replayer = replayer
        self._turn = 0
        self.forget()

    def forget(self) -> None:
        super().forget()
        self._used_to_usd = 0.0
        self._looked_ms = 0

    def quotes(self, sight: Sight) -> list[Command]:
        row, view = self.trading.row, sight.view
        outlook = sight.outlooks[row]
        accounts = [maker.account for maker in self.makers]
        held = [view.position(account, row).signed_size for account in accounts]
        levels = {
            Side.BUY: self._followed.bids(row)[:MOST_LEVELS],
            Side.SELL: self._followed.asks(row)[:MOST_LEVELS],
        }
        worth = max(_worth(side) for side in levels.values())
        share = outlook.depth_left * min(1.0, LARGEST_SIDE_USD / max(worth, 1.0))
        deposits: list[Command] = []
        for maker, size in zip(self.makers, held, strict=True):
            usd = self.trading.usd_of(size, outlook.fair)
            stake_usd = max(maker.stake_usd, worth * share / len(accounts))
            deposits += _top_up(sight, maker.account, stake_usd, usd)
        orders = [order for account in accounts for order in view.orders(account, row)]
        scale = self._scale(sight, outlook, sum(held))
        # New orders are placed by one maker after the other.
        self._turn = (self._turn + 1) % len(accounts)
        leaving: list[Command] = []
        coming: list[Command] = []
        for side in (Side.BUY, Side.SELL):
            sign = 1 if side == Side.BUY else -1
            own = sorted((o for o in orders if o.side == side), key=lambda o: -sign * o.price)
            wanted = self._side(side, levels[side], scale, share, outlook.fair)
            away, nearer = quote_moves(
                sight.time_ms, self.trading, side, own, wanted, accounts[self._turn]
            )
            leaving += away
            coming += nearer
        return [*deposits, *leaving, *coming]

    def _scale(self, sight: Sight, outlook: Outlook, held: int) -> float:
        """Price units here per USD there: what control added, and what clients moved."""
        row = self.trading.row
        taken = held + sight.view.position(self._replayer.account, row).signed_size
        taken_usd = self.trading.usd_of(taken, outlook.fair)
        if not self._looked_ms:
            self._used_to_usd = taken_usd
        passed = max(0, sight.time_ms - self._looked_ms)
        self._looked_ms = sight.time_ms
        kept = 0.5 ** (passed / USED_TO_HALF_LIFE_MS)
        self._used_to_usd = taken_usd + (self._used_to_usd - taken_usd) * kept
        skew = (taken_usd - self._used_to_usd) / self._usd_per_bp() * BP
        skew = min(LARGEST_SKEW, max(-LARGEST_SKEW, skew))
        return outlook.fair / self._followed.middle(row) * (1.0 - skew)

    def _usd_per_bp(self) -> float:
        """The average density of the nearest levels of the followed book."""
        row = self.trading.row
        middle = self._followed.middle(row)
        usd = span_bp = 0.0
        for levels in (self._followed.bids(row), self._followed.asks(row)):
            near = levels[:NEAR_LEVELS]
            usd += _worth(near)
            span_bp += abs(near[-1][0] / middle - 1.0) / BP if near else 0.0
        return max(LEAST_ORDER_USD, usd / max(1.0, span_bp))

    def _side(
        self, side: Side, levels: Sequence[Level], scale: float, share: float, fair: float
    ) -> list[Quote]:
        """The quotes of a side, best first, one for each price; ``share``: of each level's size."""
        quotes: list[Quote] = []
        if not share:
            return quotes
        for place, (price, size) in enumerate(levels):
            slack = TICK_SLACK if side == Side.BUY else -TICK_SLACK
            tick = self.trading.tick(price * scale * (1 + slack), up=side == Side.SELL)
            least = self.trading.size_of(LEAST_ORDER_USD, tick)
            units = max(least, _size_units(self.trading, size * share))
            distance = abs(tick - fair)
            tolerance = 0.0 if place < NEAR_LEVELS else FAR_TOLERANCE * distance
            if quotes and quotes[-1].price == tick:
                units += quotes.pop().size
            quotes.append(Quote(tick, units, tolerance, 1 - SIZE_SLACK, 1 + SIZE_SLACK))
        return quotes


class Replayer(AccountAgent):
    """One account that trades what was traded on the followed venue."""

    interval_ms = INTERVAL_MS

    def __init__(self, trading: Trading, seed: str, followed: Followed) -> None:
        like = NoiseTaker(trading, seed)
        super().__init__(like.name, trading, seed, like.stake_usd)
        self._followed = followed

    @property
    def account(self) -> int:
        return self._account

    def act(self, sight: Sight) -> list[Command]:
        row = self.trading.row
        trades = self._followed.take_trades(row)
        fair = sight.outlooks[row].fair
        if not trades or not sight.view.is_open(row):
            return []
        scale = fair / self._followed.middle(row)
        held = sight.view.position(self._account, row).signed_size
        orders = []
        for side, price, coins in _orders(trades)[-MOST_AT_ONCE:]:
            size = _size_units(self.trading, coins)
            if self.trading.usd_of(size, price * scale) >= LEAST_ORDER_USD:
                signed = size if side == Side.BUY else -size
                slippage = slippage_of(self.trading)
                orders.append(
                    self.trading.take(sight.time_ms, self._account, signed, price * scale, slippage)
                )
        held_usd = self.trading.usd_of(held, fair)
        return [*_top_up(sight, self._account, self.stake_usd, held_usd), *orders]


def _worth(levels: Iterable[Level]) -> float:
    """USD."""
    return sum(price * size for price, size in levels)


def _size_units(trading: Trading, coins: float) -> int:
    return min(MAX_SIZE, round(coins * 10.0**trading.market.instrument.size_decimals))


def _orders(trades: Iterable[PublicTrade]) -> list[tuple[Side, float, float]]:
    """(side, last price, size) of the taker orders: fills of one ms and side are one order's."""
    found: list[tuple[Side, float, float]] = []
    last: tuple[int, Side] | None = None
    for trade in trades:
        size = trade.size
        if last == (trade.time_ms, trade.side):
            size += found.pop()[2]
        last = trade.time_ms, trade.side
        found.append((trade.side, trade.price, size))
    return found
