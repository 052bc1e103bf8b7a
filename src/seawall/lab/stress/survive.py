"""What would have to be added or closed to survive a given move.

**A deposit**: the least whole number of cents that lifts a bucket to its maintenance margin at the
moved prices. It goes to that bucket: to the account for the cross pool, as added margin to an
isolated position, as a transfer to a child account.

**A close before the move**: the least size of one position, or the least share of all positions of
the bucket, closed at the present price with the base taker fee, without slippage. Under rules with
isolated buckets a partial close takes its share of the bucket's cash along, as the venue does: what
is left stands exactly where it stood, so such a position is saved by margin or by closing all.
"""

from collections.abc import Callable, Sequence
from fractions import Fraction

from msgspec import Struct, structs

from seawall.accounts.valuation import Valuation, bisected
from seawall.domain.enums import MarginMode
from seawall.domain.events import group_of_pool, is_pool
from seawall.domain.holdings import Holdings, Position
from seawall.domain.rulebook import AnyRulebook, BlockRulebook
from seawall.domain.units import MICRO, PPM, RATE_ONE
from seawall.lab.simulation.names import bucket_name

CENT = MICRO // 100
SHARES = 10_000
"""A share of all positions is a whole number of hundredths of a percent."""
TRIALS = 64
"""Sizes looked at before bisecting: closing a hedge may help at first and then harm."""


class Closing(Struct, frozen=True, kw_only=True):
    """The least size of one position to close. ``size``: size units; ``of``: all of it."""

    bucket: int
    market: int
    size: int
    of: int

    @property
    def share(self) -> Fraction:
        return Fraction(self.size, self.of)


class Remedy(Struct, frozen=True, kw_only=True):
    """What saves one bucket from a move. Money in micro-USD.

    ``shortfall``: maintenance margin less equity at the moved prices. ``deposit``: whole cents.
    ``closings``: one alternative for each position whose closing alone is enough. ``share``: of
    every position of the bucket, in ``SHARES``; None where even closing all is not enough.
    """

    bucket: int
    shortfall: int
    deposit: int
    closings: tuple[Closing, ...]
    share: int | None

    @property
    def close_share(self) -> Fraction | None:
        return None if self.share is None else Fraction(self.share, SHARES)


def remedies(valuation: Valuation, prices: Sequence[int]) -> list[Remedy]:
    """One for each bucket that is liquidated at these prices (units). Raises ValuationError."""
    return [
        _remedy(valuation, prices, bucket, value.maintenance_margin - value.equity)
        for bucket, value in valuation.at(prices).items()
        if value.is_liquidatable
    ]


def with_closed(valuation: Valuation, market: int, size: int) -> Holdings:
    """The account after closing ``size`` units of a position at the present price."""
    return _closed(valuation, {market: size})


def with_share_closed(valuation: Valuation, bucket: int, share: int) -> Holdings:
    """The account after closing this many of ``SHARES`` of every position of a bucket."""
    sizes, markets = _sizes(valuation), valuation.buckets[bucket]
    # Each size is rounded up.
    return _closed(valuation, {each: -(-sizes[each] * share // SHARES) for each in markets})


def taker_fee(rulebook: AnyRulebook, notional: int) -> int:
    """Micro-USD at the base tier, truncated."""
    if isinstance(rulebook, BlockRulebook):
        return notional * rulebook.fee.tiers[0].taker_ppm // PPM
    return notional * rulebook.fee.tiers[0].taker_rate // RATE_ONE


def _remedy(valuation: Valuation, prices: Sequence[int], bucket: int, shortfall: int) -> Remedy:
    def survives(plan: Holdings) -> bool:
        changed = Valuation(plan, valuation.rulebook, valuation.instruments, valuation.prices)
        found = changed.at(prices)
        return bucket not in found or not found[bucket].is_liquidatable

    closings = []
    for market in valuation.buckets[bucket]:
        of = _sizes(valuation)[market]

        def helps(size: int, market: int = market) -> bool:
            return survives(with_closed(valuation, market, size))

        size = _least(helps, of)
        if size is not None:
            closings.append(Closing(bucket=bucket, market=market, size=size, of=of))
    return Remedy(
        bucket=bucket,
        shortfall=shortfall,
        deposit=-(-shortfall // CENT) * CENT,
        closings=tuple(closings),
        share=_least(lambda n: survives(with_share_closed(valuation, bucket, n)), SHARES),
    )


def _least(helps: Callable[[int], bool], most: int) -> int | None:
    """The least of 1, 2, ..., ``most`` that helps, where those that do are one interval."""
    trials = sorted({-(-most * part // TRIALS) for part in range(1, TRIALS + 1)})
    over = next((each for each in trials if helps(each)), None)
    if over is None:
        return None
    safe = 0 if over == trials[0] else trials[trials.index(over) - 1]
    return bisected(helps, safe, over)[1]


def _sizes(valuation: Valuation) -> dict[int, int]:
    """Size units of each position, unsigned, by market."""
    return {each.market: abs(each.signed_size) for each in valuation.plan.positions}


def _closed(valuation: Valuation, parts: dict[int, int]) -> Holdings:
    """The account whose cash and positions are those after the fills, as the engine books them.

    ``parts``: size units to close by market.
    """
    plan = valuation.plan
    positions = []
    for each in valuation.plan.positions:
        left: Position | None = each
        if size := parts.get(each.market, 0):
            left, change = _after_close(each, size, valuation)
            group = group_of_pool(valuation.placed.pools[each.market])
            plan = plan.with_money(group, change)
        if left is not None:
            positions.append(left)
    return structs.replace(plan, positions=tuple(positions))


def _after_close(
    position: Position, size: int, valuation: Valuation
) -> tuple[Position | None, int]:
    """What is left of a position, and by how much the plan's collateral changes, micro-USD."""
    of, side = abs(position.signed_size), 1 if position.signed_size > 0 else -1
    price = valuation.prices[position.market]
    proceeds = side * size * price - taker_fee(valuation.rulebook, size * price)
    entry = position.entry_notional * size // of
    change = proceeds - side * entry
    if valuation.in_blocks or position.mode == MarginMode.CROSS:
        margin = position.isolated_margin
        margin += change if position.mode == MarginMode.ISOLATED else 0
    else:
        cash = position.isolated_margin - side * position.entry_notional
        taken = abs(cash) * size // of
        margin = cash - (taken if cash >= 0 else -taken) + side * (position.entry_notional - entry)
    if size == of:
        return None, change
    left = structs.replace(
        position,
        signed_size=side * (of - size),
        entry_notional=position.entry_notional - entry,
        isolated_margin=margin,
    )
    return left, change


def deposit_words(valuation: Valuation, bucket: int) -> str:
    """What is done with a deposit, such as ``deposit to the account``."""
    if is_pool(bucket):
        several = sum(map(is_pool, valuation.buckets)) > 1
        return f"deposit to the {bucket_name(valuation, bucket) if several else 'account'}"
    name = valuation.instruments[bucket].name
    if valuation.in_blocks:
        return f"transfer to the {name} child account"
    return f"add margin to the isolated {name}"
