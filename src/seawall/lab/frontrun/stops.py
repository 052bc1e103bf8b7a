"""Stop-hunting: selling the book down to where stops stand, and buying what they sell.

The last price is where the searcher's own sale ends. Stops that follow the last price fire there
and meet the searcher's order. Stops that follow the venue's mark fire only if the mark comes along;
the engine's own mark says whether it does.
"""

from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct

from seawall.domain.enums import Side
from seawall.domain.holdings import OpenOrder
from seawall.engine.placement import PROTECTION_PERCENT
from seawall.lab.frontrun.scene import Level, Party, Played, Scene

GRAIN = 64
"""What others must have is found to this part of the quoted book."""
SLIVER = 100
"""A part of the order at the trigger that is enough to trade there."""


class Hunt(Struct, frozen=True, kw_only=True):
    """One stop. Micro-USD; ``size``, ``others``: size units that stops of the account and of others
    sell once the last price is at ``trigger`` (price units).

    ``first``: size units that the searcher sells to bring it there, None where the quoted book ends
    before. ``alone``: what comes of that if nothing fires; ``own``: if the account's stop does;
    ``all``: with those of others. ``needed``: size units of others from which on it pays, None
    where no such size was found. ``by_mark``: whether the stop fires where it follows the venue's
    mark.
    """

    market: int
    side: Side
    trigger: int
    size: int
    others: int
    is_assumed: bool
    first: int | None = None
    gas: int = 0
    alone: Played | None = None
    own: Played | None = None
    all: Played | None = None
    needed: int | None = None
    by_mark: bool = False

    def gain(self, played: Played | None) -> int:
        """Of the searcher, after gas; nothing where the book ends before."""
        return 0 if played is None else played.money[Party.SEARCHER] - self.gas

    @property
    def pays(self) -> bool:
        """Whether a searcher that knows all of these stops would do it."""
        return self.gain(self.all) > 0

    @property
    def pays_alone(self) -> bool:
        """Whether the account's own stop is enough."""
        return self.gain(self.own) > 0

    @property
    def runs(self) -> list[Played]:
        """What was played."""
        return [each for each in (self.alone, self.own, self.all) if each is not None]


def hunt(
    made: Callable[[int], Scene], order: OpenOrder, others: int, gas: int, *, is_assumed: bool
) -> Hunt:
    """What a searcher gains by reaching one stop of the account.

    ``made``: the scene in which others hold so many size units. ``gas``: micro-USD of its orders.
    """
    levels = made(0).levels
    quoted = sum(each.size for each in levels)
    scene = made(max(others, quoted))
    trigger, side = order.trigger_price, scene.side
    known = Hunt(
        market=order.market, side=side, trigger=trigger, size=order.size, others=others,
        is_assumed=is_assumed,
    )  # fmt: skip
    sign = -1 if side == Side.SELL else 1
    worst = scene.on_tick(trigger * (100 + sign * PROTECTION_PERCENT) // 100)

    def played(first: int, bid: int, own: int, crowd: int) -> Played:
        return scene.stops(first, bid, own + crowd, own, crowd, worst)

    tries = [(played(*each, order.size, others), each) for each in _tries(scene, trigger)]
    if not tries:
        return known
    best, (first, bid) = max(tries, key=lambda each: each[0].money[Party.SEARCHER])

    def pays(crowd: int) -> bool:
        return played(first, bid, order.size, crowd).money[Party.SEARCHER] > gas

    return Hunt(
        market=order.market, side=side, trigger=trigger, size=order.size, others=others,
        is_assumed=is_assumed, first=first, gas=gas,
        alone=played(first, 0, 0, 0), own=played(first, bid, order.size, 0), all=best,
        needed=_smallest(pays, quoted), by_mark=scene.fires(order, first),
    )  # fmt: skip


def _tries(scene: Scene, trigger: int) -> Iterator[tuple[int, int]]:
    """(size to sell, price of the order that rests): into the order at the trigger, or all of it.

    None where the last order of the book stands before the trigger.
    """
    place = reached(scene.levels, trigger, scene.side)
    if place is None:
        return
    before = sum(each.size for each in scene.levels[:place])
    here = scene.levels[place]
    yield before + -(-here.size // SLIVER), scene.just_before(here)
    if place + 1 < len(scene.levels):
        yield before + here.size, scene.just_before(scene.levels[place + 1])


def reached(levels: Sequence[Level], trigger: int, side: Side) -> int | None:
    """The first order of the book at the trigger or beyond."""
    for place, level in enumerate(levels):
        if level.price <= trigger if side == Side.SELL else level.price >= trigger:
            return place
    return None


def _smallest(pays: Callable[[int], bool], most: int) -> int | None:
    """The smallest size that does, to a part of ``most``; 0 where none is needed."""
    if pays(0):
        return 0
    if not pays(most):
        return None
    low, high = 0, most
    while high - low > max(1, most // GRAIN):
        middle = (low + high) // 2
        low, high = (low, middle) if pays(middle) else (middle, high)
    return high
