"""Market makers: the standing book of one market, quoted from several accounts.

* **Ladder.** Each maker carries an equal part of the profile's depth, one order for each step of
  its curve, a little off the others' prices. The first order is half the spread away.
* **Inventory.** What a maker has bought lately moves its middle down: one side's 50 bp of depth
  moves it by 50 bp. It gets used to what it holds (half of it every two minutes), and keeps a
  twentieth of the move for as long as it holds it. It quotes no more on a side that is full.
* **Withdrawal.** ``depth_left`` of the outlook shrinks sizes, ``spread_factor`` widens the spread.
* **Economy.** An order that is near enough to where it should be stays. What must move is
  modified; orders that go away from the middle go first, so that none trades with the stale
  quotes of the next maker.
"""

from collections.abc import Sequence
from random import Random
from typing import NamedTuple

from seawall.domain.commands import CancelOrder, Command
from seawall.domain.enums import Side
from seawall.sandbox.agents.base import (
    BP,
    LEAST_ORDER_USD,
    Agent,
    Outlook,
    Sight,
    Trading,
    refill,
)
from seawall.sandbox.agents.view import OwnOrder

INTERVAL_MS = 3_000
LARGEST_SKEW = 0.05
USED_TO_HALF_LIFE_MS = 120_000
LASTING_SKEW = 0.05
FULL_AT = 4.0
"""A maker is full when it holds so many times its own 50 bp of depth."""
NEAR_ENOUGH = 0.25
"""An order stays within this share of its distance from the middle."""
SIZE_LEFT = 0.4
SIZE_OVER = 2.5


class Quote(NamedTuple):
    """An order with a price within ``tolerance`` of this one and a size between ``least`` and
    ``most`` times this one serves it."""

    price: int
    size: int
    tolerance: float
    least: float = SIZE_LEFT
    most: float = SIZE_OVER


class Maker:
    """One account's ladder in one market."""

    def __init__(self, trading: Trading, parts: int, random: Random) -> None:
        self.trading = trading
        self.account = -1
        self._random = random
        self.forget()
        profile = trading.market.profile
        self.depth_50bp = profile.depth_usd(50) / parts
        self.stake_usd = max(50_000.0, profile.depth[-1][1] / parts)
        self._half_spread = profile.spread_bp / 2
        self._ladder: list[tuple[float, float]] = []
        before_bp, before_usd = 0.0, 0.0
        for bp, usd in profile.depth:
            place = (before_bp + bp) / 2 * random.uniform(0.9, 1.1)
            self._ladder.append((place, (usd - before_usd) / parts))
            before_bp, before_usd = bp, usd

    def forget(self) -> None:
        """Whatever it holds when it looks next, it is used to."""
        self._used_to = 0.0
        self._looked_ms = 0

    def _middle(self, sight: Sight, outlook: Outlook, held: int) -> float:
        held_usd = self.trading.usd_of(held, outlook.fair)
        if not self._looked_ms:
            self._used_to = held_usd
        passed = max(0, sight.time_ms - self._looked_ms)
        self._looked_ms = sight.time_ms
        kept = 0.5 ** (passed / USED_TO_HALF_LIFE_MS)
        self._used_to = held_usd + (self._used_to - held_usd) * kept
        news = held_usd - self._used_to + LASTING_SKEW * held_usd
        shown = max(self.depth_50bp * outlook.depth_left, LEAST_ORDER_USD)
        skew = min(LARGEST_SKEW, max(-LARGEST_SKEW, news / shown * 50 * BP))
        return outlook.fair * (1.0 - skew)

    def _side(self, side: Side, middle: float, outlook: Outlook) -> list[Quote]:
        quotes = []
        least = self._half_spread * outlook.spread_factor
        for number, (bp, usd) in enumerate(self._ladder):
            away = least if number == 0 else max(bp, least)
            sign = -1 if side == Side.BUY else 1
            price = self.trading.tick(middle * (1 + sign * away * BP), up=side == Side.SELL)
            worth = usd * outlook.depth_left * self._random.uniform(0.75, 1.25)
            size = self.trading.size_of(worth, price)
            if size:
                quotes.append(Quote(price, size, middle * away * BP * NEAR_ENOUGH))
        return quotes

    def requote(self, sight: Sight) -> tuple[list[Command], list[Command]]:
        """(what goes away from the middle, what comes nearer) to have the book as it should be."""
        outlook = sight.outlooks[self.trading.row]
        held = sight.view.position(self.account, self.trading.row).signed_size
        middle = self._middle(sight, outlook, held)
        own = sight.view.orders(self.account, self.trading.row)
        full = FULL_AT * self.depth_50bp
        held_usd = self.trading.usd_of(held, outlook.fair)
        leaving: list[Command] = []
        coming: list[Command] = []
        for side in (Side.BUY, Side.SELL):
            sign = 1 if side == Side.BUY else -1
            wanted = [] if sign * held_usd > full else self._side(side, middle, outlook)
            orders = sorted((o for o in own if o.side == side), key=lambda o: -sign * o.price)
            away, nearer = quote_moves(
                sight.time_ms, self.trading, side, orders, wanted, self.account
            )
            leaving += away
            coming += nearer
        return leaving, coming


def quote_moves(
    time_ms: int,
    trading: Trading,
    side: Side,
    orders: Sequence[OwnOrder],
    wanted: Sequence[Quote],
    account: int,
) -> tuple[list[Command], list[Command]]:
    """What makes ``orders`` (best first) into ``wanted`` (best first): (what goes away from the
    middle, what comes nearer). ``account`` places what is new."""
    leaving: list[Command] = []
    coming: list[Command] = []
    spare, missing = unmatched(orders, wanted, sign=1 if side == Side.BUY else -1)
    for order, quote in zip(spare, missing, strict=False):
        farther = quote.price < order.price if side == Side.BUY else quote.price > order.price
        moved = trading.move(time_ms, order, side, quote.price, quote.size)
        (leaving if farther else coming).extend(moved)
    leaving += [
        CancelOrder(time_ms, order.account, trading.row, order.order_id)
        for order in spare[len(missing) :]
    ]
    coming += [
        trading.rest(time_ms, account, side, quote.price, quote.size)
        for quote in missing[len(spare) :]
    ]
    return leaving, coming


def unmatched(
    orders: Sequence[OwnOrder], wanted: Sequence[Quote], *, sign: int
) -> tuple[list[OwnOrder], list[Quote]]:
    """The orders that serve no quote and the quotes without an order; both lists best first."""
    spare: list[OwnOrder] = []
    missing: list[Quote] = []
    i = j = 0
    while i < len(orders) and j < len(wanted):
        order, quote = orders[i], wanted[j]
        least, most = quote.size * quote.least, quote.size * quote.most
        right_size = least <= order.remaining_size <= most
        serves = right_size and not order.ends_soon
        if abs(order.price - quote.price) <= quote.tolerance and serves:
            i += 1
            j += 1
        elif sign * (order.price - quote.price) >= 0:
            spare.append(order)
            i += 1
        else:
            missing.append(quote)
            j += 1
    return [*spare, *orders[i:]], [*missing, *wanted[j:]]


class MakerDesk(Agent):
    """All makers of one market: an agent that requotes for all of them at once."""

    interval_ms = INTERVAL_MS

    def __init__(self, trading: Trading, makers: int, seed: str) -> None:
        self.name = f"makers {trading.market.name}"
        self.trading = trading
        self.makers = [
            Maker(trading, makers, Random(f"{seed}/{self.name}/{number}"))
            for number in range(makers)
        ]

    def needed_accounts(self) -> Sequence[tuple[str, float]]:
        return [(f"{self.name} {n}", maker.stake_usd) for n, maker in enumerate(self.makers)]

    def use_accounts(self, accounts: Sequence[int]) -> None:
        for maker, account in zip(self.makers, accounts, strict=True):
            maker.account = account

    def forget(self) -> None:
        for maker in self.makers:
            maker.forget()

    def act(self, sight: Sight) -> list[Command]:
        return self.quotes(sight) if sight.view.is_open(self.trading.row) else []

    def quotes(self, sight: Sight) -> list[Command]:
        """What makes the book as it should be, whether or not the market is open yet."""
        deposits: list[Command] = []
        leaving: list[Command] = []
        coming: list[Command] = []
        for maker in self.makers:
            deposits += refill(sight, maker.account, maker.stake_usd, 2)
            away, nearer = maker.requote(sight)
            leaving += away
            coming += nearer
        return [*deposits, *leaving, *coming]
