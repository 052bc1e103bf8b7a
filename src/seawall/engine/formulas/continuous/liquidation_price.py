"""The mark price at which a position's bucket is liquidated, as an exact fraction.

For views only: plain Python integers without bound, never compiled. The machine itself compares
equity with maintenance margin at each mark and needs no such price.

Symbols: q signed size, s its sign, m mark, N = |q| m notional, E equity of the bucket (the cross
pool or the isolated bucket), O maintenance margin of the other positions of the bucket, and for
each tier t a rate r_t and a deduction D_t, so that maintenance is N r_t - D_t, continuous at the
bounds. The prices of all other markets are fixed. The published rule is

    p = m - s (E - O - M) / |q| / (1 - s r)

with r the rate of the tier *at p* and M the position's maintenance margin. A ledger counts in
whole micro-USD, so M is truncated, and prices that are printed from such an M agree to the last
digit only with it. A venue may print from the exact M instead (``truncates`` false, e = 0).

Both hold in one formulation. Let e in [0, 1) micro-USD be what truncation drops at today's
notional, and lower every tier by it: M_t(N) = N r_t - D_t - e. The tiers stay continuous and equal
today's truncated margin exactly. Find the tier that gives a p with |q| p inside it:

    p = m - s (E - O - M_t(N)) / |q| / (1 - s r_t)

When that is today's tier, M_t(N) is the truncated margin and this is the published rule. When it
is another, M_t(N) is that tier's formula at today's notional: the exact solve. Equity less
maintenance is continuous and strictly monotonic in p (r_t <= 1/2), so exactly one price fits.

With a share k of the maintenance margins (O and M_t) the same solve gives the price of another
boundary: k = 2/3 for a backstop, k = 0 for equity of zero.
"""

from fractions import Fraction
from math import lcm
from typing import NamedTuple

from seawall.domain.instrument import MarginTier
from seawall.domain.units import MONEY_DECIMALS

Ratio = tuple[int, int]
"""Numerator and positive denominator."""

LARGEST_PRICE = 10**15
"""USD. A solution above it is no price (a short in a bucket with far too much equity)."""


class MaintenanceTier(NamedTuple):
    """From ``lower_bound`` micro-USD on: (notional x numerator - deduction) / denominator."""

    lower_bound: int
    numerator: int
    denominator: int
    deduction: int


class BucketPosition(NamedTuple):
    """A position and what its bucket owns. Sizes in size units, money in micro-USD.

    ``notional`` is at the current mark; size decimals and ``price_decimals`` sum to 6, so the mark
    is notional / |size| price units. ``others_maintenance`` is the truncated maintenance margin of
    the bucket's other positions, 0 in an isolated bucket. ``equity`` may be finer than a micro-USD:
    a token's balance has decimals of its own. ``truncates``: whether the position's own maintenance
    margin is cut to whole micro-USD.
    """

    signed_size: int
    notional: int
    equity: int | Fraction
    others_maintenance: int
    tiers: tuple[MaintenanceTier, ...]
    price_decimals: int
    truncates: bool = True

    def liquidation(self) -> Ratio | None:
        """``liquidation_price`` of it."""
        return liquidation_price(self)

    def bankruptcy(self) -> Ratio | None:
        """``bankruptcy_price`` of it."""
        return bankruptcy_price(self)

    def initial(self, initial_margin: int, leverage: Fraction | int) -> Ratio | None:
        """Price units at which equity is the bucket's initial margin; None below or at zero.

        ``initial_margin``: of the whole bucket now. Equity E + q (p - m) meets the others' initial
        margin and |q| p / L. A long at leverage 1 needs as much more margin as it gains: no price
        changes what it lacks, None.
        """
        size, notional = self.signed_size, self.notional
        value = notional if size > 0 else -notional
        others = initial_margin - Fraction(notional, leverage)
        slope = size - Fraction(abs(size), leverage)
        if not slope:
            return None
        found = Fraction(value + others - self.equity, slope)
        return found.as_integer_ratio() if found > 0 else None


class Step(NamedTuple):
    """One step of a derivation: ``value`` in units of 10^-``decimals``."""

    name: str
    formula: str
    value: Ratio
    decimals: int


def maintenance_tiers(tiers: tuple[MarginTier, ...]) -> tuple[MaintenanceTier, ...]:
    """Rates 1 / (2 x maximum leverage) and the deductions that make them continuous.

    All tiers share one denominator, which makes every deduction an integer.
    """
    denominator = lcm(*(2 * tier.maximum_leverage for tier in tiers))
    lines: list[MaintenanceTier] = []
    deduction = 0
    before = denominator // (2 * tiers[0].maximum_leverage)
    for tier in tiers:
        numerator = denominator // (2 * tier.maximum_leverage)
        deduction += tier.lower_bound * (numerator - before)
        lines.append(MaintenanceTier(tier.lower_bound, numerator, denominator, deduction))
        before = numerator
    return tuple(lines)


def tier_index(tiers: tuple[MaintenanceTier, ...], notional: int) -> int:
    """The last tier whose lower bound the notional reaches."""
    return max(i for i, tier in enumerate(tiers) if i == 0 or tier.lower_bound <= notional)


def truncated_maintenance(tiers: tuple[MaintenanceTier, ...], notional: int) -> int:
    """Maintenance margin of a notional in micro-USD, truncated."""
    tier = tiers[tier_index(tiers, notional)]
    return (notional * tier.numerator - tier.deduction) // tier.denominator


def liquidation_price(position: BucketPosition) -> Ratio | None:
    """Where equity meets maintenance margin, in price units; None when no price does.

    Raises ValueError for an empty position.
    """
    return share_price(position, 1, 1)


def backstop_price(position: BucketPosition, numerator: int, denominator: int) -> Ratio | None:
    """Where equity meets that share of maintenance margin (the rulebook's backstop boundary)."""
    return share_price(position, numerator, denominator)


def bankruptcy_price(position: BucketPosition) -> Ratio | None:
    """Where the bucket's equity is zero."""
    return share_price(position, 0, 1)


def share_price(position: BucketPosition, numerator: int, denominator: int) -> Ratio | None:
    """Where equity meets ``numerator / denominator`` of the bucket's maintenance margin."""
    _, solution = _solve(position, numerator, denominator)
    return solution if _is_price(solution, position.price_decimals) else None


def equity_for_price(position: BucketPosition, price: Fraction) -> Fraction:
    """The equity in micro-USD with which ``price``, in price units, is the liquidation price.

    The equity of ``position`` itself is not read. Raises ValueError for an empty position.
    """
    _check_held(position)
    side = 1 if position.signed_size > 0 else -1
    then = abs(position.signed_size) * price
    index = max(i for i, tier in enumerate(position.tiers) if i == 0 or tier.lower_bound <= then)
    rate = Fraction(position.tiers[index].numerator, position.tiers[index].denominator)
    move = then - position.notional
    maintenance = Fraction(*_line_at(position, index)) + move * rate
    return position.others_maintenance + maintenance - side * move


def liquidation_price_steps(position: BucketPosition) -> tuple[Step, ...]:
    """The derivation of ``liquidation_price``, number by number.

    The last step is the solution even when it is no price (not above zero, or absurdly large);
    ask ``liquidation_price`` which it is.
    """
    size, notional = abs(position.signed_size), position.notional
    price_decimals = position.price_decimals
    size_decimals = MONEY_DECIMALS - price_decimals
    tiers = position.tiers
    now = tier_index(tiers, notional)
    then, solution = _solve(position, 1, 1)
    own = _reduced(*_line_at(position, now))
    formula = "M = trunc(N r - D)" if position.truncates else "M = N r - D"
    equity = position.equity.as_integer_ratio()
    steps = [
        Step("size", "|q|", (size, 1), size_decimals),
        Step("mark price", "m", (notional, size), price_decimals),
        Step("notional", "N = |q| m", (notional, 1), MONEY_DECIMALS),
        Step("equity of the bucket", "E", equity, MONEY_DECIMALS),
        Step("maintenance of the others", "O", (position.others_maintenance, 1), MONEY_DECIMALS),
        Step(f"own maintenance, tier {now + 1}", formula, own, MONEY_DECIMALS),
    ]
    line = own
    if then != now:
        line = _line_at(position, then)
        name = f"maintenance on the line of tier {then + 1}"
        steps.append(Step(name, "M = N r' - D' - e", line, MONEY_DECIMALS))
    rate = tiers[then]
    others = position.equity - position.others_maintenance
    available = (others - Fraction(*line)).as_integer_ratio()
    side = 1 if position.signed_size > 0 else -1
    factor = (rate.denominator - side * rate.numerator, rate.denominator)
    distance = (available[0] * factor[1], available[1] * factor[0] * size)
    steps += [
        Step("margin available", "A = E - O - M", available, MONEY_DECIMALS),
        Step("rate at the solution", "r", (rate.numerator, rate.denominator), 0),
        Step("distance", "A / |q| / (1 - s r)", distance, price_decimals),
        Step("liquidation price", "p = m - s x distance", solution, price_decimals),
    ]
    return tuple(steps)


def _solve(position: BucketPosition, share: int, whole: int) -> tuple[int, Ratio]:
    """(tier, price) of the one solution; that of the first tier when it is not above zero."""
    _check_held(position)
    size = position.signed_size
    side = 1 if size > 0 else -1
    first: Ratio | None = None
    for index, tier in enumerate(position.tiers):
        line, scale = _line_at(position, index)
        # q p - s N + E = k (O + M_t(N) + (|q| p - N) r_t), all of it times scale and whole
        rate = tier.numerator * (scale // tier.denominator)
        maintenance = position.others_maintenance * scale + line - position.notional * rate
        numerator = whole * scale * (side * position.notional - position.equity)
        numerator += share * maintenance
        denominator = whole * scale * size - share * abs(size) * rate
        solution = _reduced(numerator, denominator)
        if first is None:
            first = solution
        if solution[0] > 0 and _inside(position, index, solution):
            return index, solution
    assert first is not None
    return 0, first


def _check_held(position: BucketPosition) -> None:
    if not position.signed_size or position.notional <= 0:
        raise ValueError("an empty position has no liquidation price")


def _line_at(position: BucketPosition, index: int) -> Ratio:
    """M_t(N): the maintenance of tier ``index`` at today's notional, lowered by e."""
    now = position.tiers[tier_index(position.tiers, position.notional)]
    tier = position.tiers[index]
    scale = lcm(tier.denominator, now.denominator)
    dropped = 0
    if position.truncates:
        dropped = (position.notional * now.numerator - now.deduction) % now.denominator
    exact = (position.notional * tier.numerator - tier.deduction) * (scale // tier.denominator)
    return exact - dropped * (scale // now.denominator), scale


def _inside(position: BucketPosition, index: int, price: Ratio) -> bool:
    """Whether the notional at this price lies in the tier; the bounds belong to both sides."""
    notional = abs(position.signed_size) * price[0]
    tiers = position.tiers
    if notional < tiers[index].lower_bound * price[1]:
        return False
    return index + 1 == len(tiers) or notional <= tiers[index + 1].lower_bound * price[1]


def _reduced(numerator: int | Fraction, denominator: int) -> Ratio:
    return Fraction(numerator, denominator).as_integer_ratio()


def _is_price(price: Ratio, price_decimals: int) -> bool:
    largest: int = LARGEST_PRICE * 10**price_decimals
    return 0 < price[0] <= largest * price[1]
