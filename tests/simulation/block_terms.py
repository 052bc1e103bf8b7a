"""What sizes, fills and margins are worth under rules of blocks, in Python's integers.

Written from the rules and not from the machine: the auditor's own arithmetic.
"""

from fractions import Fraction

from seawall.domain.instrument import BlockTerms, Instrument
from seawall.domain.rulebook import BlockLiquidationPolicy
from tests.simulation.books import trunc

PPM = 10**6
MAX_TICKS = 2**30 - 1


def ceil_div(numerator: int, denominator: int) -> int:
    return -(-numerator // denominator)


def quote_split(size: int, entry: int, delta: int, quote: int) -> tuple[int, int]:
    """(entry after, closed profit) of a signed size bought for a signed quote."""
    opposite = size != 0 and (size > 0) != (delta > 0)
    closing = min(abs(delta), abs(size)) if opposite else 0
    if not closing:
        return entry + quote, 0
    share = trunc(quote * closing, abs(delta))
    left = trunc(entry * closing, abs(size))
    return entry - left + quote - share, -share - left


class Market:
    """One market's terms, with its present price and open interest."""

    def __init__(self, instrument: Instrument) -> None:
        assert instrument.block_terms is not None
        self.terms: BlockTerms = instrument.block_terms
        self.own_pool = self.terms.own_pool
        self.step = self.terms.size_step
        self.oracle = self.pending = self.index = self.status = 0
        self.longs = 0
        self.pool = self.fund = 0
        self.settled = self.outsiders = 0
        self.gate = 0
        self.charge, self.charge_from, self.charge_until = PPM, 0, 0
        self.samples: list[int] = []

    def value(self, size: int) -> int:
        """Micro-USD of a signed size at the oracle price, toward zero."""
        exponent = self.terms.value_exponent
        if exponent >= 0:
            return int(size * self.oracle * 10**exponent)
        return trunc(size * self.oracle, 10**-exponent)

    def unit(self) -> Fraction:
        """Micro-USD of one size unit at one tick."""
        return Fraction(10) ** self.terms.quote_exponent * self.terms.price_step

    def quote(self, size: int, ticks: int) -> int:
        exponent = self.terms.quote_exponent
        whole = size * ticks * self.terms.price_step
        return int(whole * 10**exponent) if exponent >= 0 else whole // int(10**-exponent)

    def oracle_quote(self, size: int) -> int:
        """Of a fill at the oracle price, rounded down to the unit that prices have steps of."""
        unit = self.unit() / self.terms.price_step
        subticks = int(self.oracle_ticks() * self.terms.price_step)
        return int(size * subticks * unit)

    def oracle_ticks(self) -> Fraction:
        exponent = self.terms.value_exponent - self.terms.quote_exponent
        return self.oracle * Fraction(10) ** exponent / self.terms.price_step

    def initial_ppm(self, longs: int) -> int:
        parts = self.terms.fractions
        lower, upper = parts.open_interest_lower_cap, parts.open_interest_upper_cap
        notional = self.value(longs)
        if upper == 0 or notional <= lower:
            return parts.initial_ppm
        if notional >= upper:
            return PPM
        grown = (PPM - parts.initial_ppm) * (notional - lower) // (upper - lower)
        return parts.initial_ppm + grown

    def initial(self, size: int, longs: int, own_ppm: int) -> int:
        return ceil_div(abs(self.value(size)) * max(own_ppm, self.initial_ppm(longs)), PPM)

    def maintenance(self, size: int) -> int:
        parts = self.terms.fractions
        full = ceil_div(abs(self.value(size)) * parts.initial_ppm, PPM)
        return ceil_div(full * parts.maintenance_fraction_ppm, PPM)

    def worth(self, money: int) -> int:
        """The size that is worth so many micro-USD, cut twice."""
        exponent = self.terms.value_exponent
        scaled = money * 10**-exponent if exponent < 0 else money // 10**exponent
        return int(scaled) // self.oracle

    def tick_delta(self, rate_ppm: int, tick_ms: int, period_ms: int) -> int:
        """How far a tick moves the index: a share of the price of one unit."""
        price = self.oracle * Fraction(10) ** self.terms.value_exponent
        exact = price * tick_ms * rate_ppm / period_ms
        return trunc(exact.numerator, exact.denominator)

    def rate_bound(self, clamp_ppm: int) -> int:
        parts = self.terms.fractions
        kept = parts.initial_ppm * parts.maintenance_fraction_ppm // PPM
        return clamp_ppm * (parts.initial_ppm - kept) // PPM


def improves(before: tuple[int, int, int], after: tuple[int, int, int]) -> bool:
    """Whether an account below initial margin got no worse: (net, initial, maintenance)."""
    net, _, kept = before
    new_net, _, new_kept = after
    if new_kept > kept:
        return False
    if new_kept == 0 or kept == 0:
        return new_kept == kept and new_net > net
    return Fraction(new_net, new_kept) >= Fraction(net, kept)


class LiquidationTerms:
    """What one liquidation order may do, fixed when it starts."""

    def __init__(
        self, policy: BlockLiquidationPolicy, market: Market, size: int, standing: tuple[int, ...]
    ) -> None:
        net, _, total = standing
        lost = max(Fraction(0), 1 - Fraction(net, total))
        lost = min(Fraction(1), lost * Fraction(policy.bankruptcy_adjustment_ppm, PPM))
        spread = lost * Fraction(policy.spread_to_maintenance_ppm, PPM) * market.maintenance(size)
        notional = abs(market.value(size))
        worse = -spread if size > 0 else spread
        self.limit = (notional + worse) / abs(size) / market.unit()
        self.is_long = size > 0
        least = min(policy.position_minimum, notional)
        most = max(least, notional * policy.position_portion_ppm // PPM)
        most = min(most, policy.account_notional)
        if notional <= most or abs(size) <= market.step:
            self.size = abs(size)
        else:
            part = market.worth(most) // market.step * market.step
            self.size = min(max(part, market.step), abs(size))

    def allows(self, ticks: int) -> bool:
        """Ticks are at least 1, at most the largest: a limit beyond that is the last one."""
        if self.is_long:
            return ticks >= self.limit or ticks == MAX_TICKS
        return ticks <= self.limit or ticks == 1
