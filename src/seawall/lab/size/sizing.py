"""How large a position may be when the trade is wrong, and at which leverage to hold it.

"Size like you're wrong": the price reaches the stop, the book there is a stressed one, fees are
paid both ways and funding went against the position all the time. All of it has to fit in a loss
budget. Every part never falls when a unit is added, so one search finds the largest size exactly,
in whole lots and whole micro-USD; each part is rounded up.

The book at the stop is taken to have the shape of the book now: the same coins at the same relative
distances from its middle.

Beside the budget stand more limits: the venue's initial margin; a liquidation price that lies
beyond the stop; and liquidity. A venue grants leverage so that maintenance margin (``share`` of
initial margin) pays for closing a position. Where closing costs the share c of the notional, in a
stressed book with fees, the leverage that liquidity allows is therefore share / c, whatever the
venue's tiers allow.

The trade is one more in an account (``Backing``). What the account holds on the same side of this
market leaves through the same book, and first: the trade is charged what it adds to the cost.
"""

from collections.abc import Callable
from fractions import Fraction
from math import ceil
from typing import NamedTuple

from msgspec import Struct

from seawall.domain.units import FUNDING_ONE, MAX_NOTIONAL, MAX_SIZE, RATE_ONE
from seawall.lab.size.exit import BookSide
from seawall.lab.size.margin import MarginRule


class Loss(Struct, frozen=True, kw_only=True):
    """What a wrong trade costs, micro-USD, each part rounded up; a fee is negative for a rebate."""

    stop: int
    entry_slippage: int
    exit_slippage: int
    entry_fee: int
    exit_fee: int
    funding: int

    @property
    def total(self) -> int:
        return (
            self.stop + self.entry_slippage + self.exit_slippage
            + self.entry_fee + self.exit_fee + self.funding
        )  # fmt: skip


class Trade(Struct, frozen=True, kw_only=True):
    """A trade before its size is known. Prices in price units.

    ``entry_book``: the calm side that is traded with on the way in, None for orders that rest and
    wait. ``exit_book``: the stressed side on the way out. Fee rates are 1e-9 of the value traded.
    ``funding_rate``: 1e-12 of the notional for each of ``settlements``, always paid. ``held``:
    signed size units that the bucket of the trade already has in this market.
    """

    is_long: bool
    entry_price: int
    stop_price: int
    entry_book: BookSide | None
    exit_book: BookSide
    entry_rate: int
    exit_rate: int
    funding_rate: int
    settlements: int
    held: int = 0

    @property
    def side(self) -> int:
        return 1 if self.is_long else -1

    @property
    def side_name(self) -> str:
        return "long" if self.is_long else "short"

    @property
    def stop_share(self) -> Fraction:
        """Distance of the stop as a share of the entry price."""
        return abs(Fraction(self.stop_price - self.entry_price, self.entry_price))

    @property
    def held_along(self) -> int:
        """Size units held on the side of the trade: they leave through the same orders."""
        return max(0, self.side * self.held)

    def total(self, size: int) -> int:
        """Signed size units in this market with ``size`` units of the trade."""
        return self.held + self.side * size


class Along(NamedTuple):
    """The bucket without the trade where its other positions moved along with this market.

    ``price``: of this market, price units. Micro-USD: ``equity`` of all that the bucket holds,
    ``others_maintenance`` of what is in other markets.
    """

    price: int
    equity: int
    others_maintenance: int


class Backing(Struct, frozen=True, kw_only=True):
    """What stands behind a trade at the prices of now, micro-USD.

    ``equity``: of the bucket that it joins. ``others_initial``, ``others_maintenance``: what the
    bucket's positions in other markets ask for, and what resting orders hold. ``free``: what an
    isolated bucket of its own may be given. ``along``: None without positions in other markets.
    """

    equity: int
    free: int
    others_initial: int = 0
    others_maintenance: int = 0
    along: Along | None = None

    @classmethod
    def alone(cls, equity: int) -> "Backing":
        """Money without any position."""
        return cls(equity=equity, free=equity)

    @property
    def unbound(self) -> int:
        """Equity that backs no position of another market."""
        return max(0, self.equity - self.others_initial)


def loss_at_stop(trade: Trade, size: int) -> Loss:
    """The cost of being wrong with ``size`` >= 1 units."""
    notional = size * trade.entry_price
    at_stop = size * trade.stop_price
    entry_slippage = 0
    if trade.entry_book is not None:
        bought = trade.entry_book.exit(size)
        entry_slippage = ceil(bought.shortfall * trade.entry_price / bought.middle)
    left = trade.exit_book.exit(trade.held_along + size)
    shortfall = left.shortfall
    if trade.held_along:
        shortfall -= trade.exit_book.exit(trade.held_along).shortfall
    exit_slippage = ceil(shortfall * trade.stop_price / left.middle)
    paid = notional + trade.side * entry_slippage
    received = at_stop - trade.side * exit_slippage
    return Loss(
        stop=abs(at_stop - notional),
        entry_slippage=entry_slippage,
        exit_slippage=exit_slippage,
        entry_fee=ceil(Fraction(paid * trade.entry_rate, RATE_ONE)),
        exit_fee=ceil(Fraction(received * trade.exit_rate, RATE_ONE)),
        funding=ceil(Fraction(notional * trade.funding_rate * trade.settlements, FUNDING_ONE)),
    )


def largest_that(holds: Callable[[int], bool], price: int, step: int = 1) -> int:
    """The largest multiple of ``step`` for which ``holds``, true up to some size; 0 for none.

    No size whose notional at ``price`` the machine cannot hold is tried.
    """
    low, high = 0, min(MAX_SIZE, MAX_NOTIONAL // price) // step + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle * step) else (low, middle)
    return low * step


def size_by_budget(trade: Trade, budget: int, step: int = 1) -> int:
    """The largest size whose loss at the stop is at most ``budget`` micro-USD; 0 for none."""
    return largest_that(
        lambda size: loss_at_stop(trade, size).total <= budget, trade.entry_price, step
    )


def size_by_initial_margin(rule: MarginRule, trade: Trade, backing: Backing, step: int = 1) -> int:
    """The largest size that the backing can open, costs paid, at the most leverage of its tier."""

    def fits(size: int) -> bool:
        notional = abs(trade.total(size)) * trade.entry_price
        loss = loss_at_stop(trade, size)
        left = backing.unbound - loss.entry_fee - loss.entry_slippage
        return rule.initial(notional, rule.most_leverage(notional)) <= left

    return largest_that(fits, trade.entry_price, step)


def margin_left(trade: Trade, margin: int, size: int) -> int:
    """What of a margin is left before the price moves: less entry fee, slippage and funding."""
    loss = loss_at_stop(trade, size)
    return margin - loss.entry_fee - loss.entry_slippage - loss.funding


def liquidation_price(rule: MarginRule, trade: Trade, size: int, margin: int) -> Fraction | None:
    """Price units where what has this margin behind it is liquidated once all costs are paid."""
    left = margin_left(trade, margin, size)
    return rule.liquidation_price(trade.total(size), trade.entry_price, left)


def is_beyond_stop(
    rule: MarginRule, trade: Trade, size: int, margin: int, clearance: Fraction
) -> bool:
    """Whether liquidation is at least (1 + clearance) x the stop's distance away.

    No price liquidates a bucket that owns enough, and none on the stop's side one that the trade
    only makes smaller.
    """
    left = margin_left(trade, margin, size)
    if left < rule.maintenance(abs(trade.total(size)) * trade.entry_price):
        return False
    if trade.side * trade.total(size) <= 0:
        return True
    price = liquidation_price(rule, trade, size, margin)
    if price is None:
        return True
    distance = trade.side * (trade.entry_price - price)
    return distance >= (1 + clearance) * abs(trade.stop_price - trade.entry_price)


def size_by_liquidation(
    rule: MarginRule, trade: Trade, backing: Backing, clearance: Fraction, step: int = 1
) -> int:
    """The largest size that the backing keeps from liquidation until well beyond the stop.

    Other positions stand still.
    """
    # Maintenance margin of other positions is equity that this one does not have.
    margin = backing.equity - backing.others_maintenance
    return largest_that(
        lambda size: is_beyond_stop(rule, trade, size, margin, clearance),
        trade.entry_price,
        step,
    )


def survives_along(rule: MarginRule, trade: Trade, size: int, backing: Backing) -> bool:
    """Whether the bucket keeps its maintenance margin where its other positions moved along."""
    if backing.along is None:
        return True
    price, equity, others = backing.along
    left = margin_left(trade, equity, size) + trade.side * size * (price - trade.entry_price)
    return left >= others + rule.maintenance(abs(trade.total(size)) * price)


def size_by_moving_along(rule: MarginRule, trade: Trade, backing: Backing, step: int = 1) -> int:
    """The largest size that survives well beyond the stop, other positions moving along."""
    return largest_that(
        lambda size: survives_along(rule, trade, size, backing), trade.entry_price, step
    )


def exit_cost_share(trade: Trade, size: int) -> Fraction:
    """c: closing the trade and what is held along it, through the exit book and with its fee.

    A share of the value at the middle.
    """
    share = trade.exit_book.exit(trade.held_along + size).share
    return share + (1 - trade.side * share) * Fraction(trade.exit_rate, RATE_ONE)


def liquidity_leverage(rule: MarginRule, trade: Trade, size: int) -> Fraction:
    """The leverage at which maintenance margin would just pay for closing: share / c."""
    return rule.maintenance_share / exit_cost_share(trade, size)


def size_by_liquidity(rule: MarginRule, trade: Trade, backing: Backing, step: int = 1) -> int:
    """The largest size whose notional over what backs it is at most what liquidity allows."""

    def fits(size: int) -> bool:
        notional = (trade.held_along + size) * trade.entry_price
        return notional <= backing.unbound * liquidity_leverage(rule, trade, size)

    return largest_that(fits, trade.entry_price, step)


def size_by_book(trade: Trade, step: int = 1) -> int:
    """The largest size that the exit book shows, beside what is held along."""
    return max(0, trade.exit_book.held - trade.held_along) // step * step


def best_setting(
    rule: MarginRule, trade: Trade, size: int, backing: Backing, clearance: Fraction, most: int
) -> int | None:
    """The highest whole leverage up to ``most`` of an isolated bucket that keeps clear of the stop.

    None where what is free cannot pay for its margin, or where the market already has a position,
    whose bucket the trade joins.
    """
    if trade.held:
        return None
    notional = size * trade.entry_price
    for leverage in range(most, 0, -1):
        margin = rule.initial(notional, leverage)
        if margin > backing.free:
            return None
        if is_beyond_stop(rule, trade, size, margin, clearance):
            return leverage
    return None
