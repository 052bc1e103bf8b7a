"""Ways to leave a position: at once, in equal parts over a time (TWAP), or as a share of what
trades anyway (POV); what each costs, and what the price may do meanwhile.

An order of a part walks the book from the first order that is there. What earlier parts took comes
back while the next one waits: of what is missing, half after each ``refill`` seconds. So the part q
that finds u missing costs C(u + q) - C(u), with C what a size costs at once (``exit``), and leaves
(u + q) 2^(-wait / refill) missing. That is the book of Obizhaeva and Wang, "Optimal trading
strategy and supply/demand dynamics" (2013), with the shape of this one.

The price meanwhile walks at random and is no cost on average. With n parts, a wait of w years and a
volatility of s a year, the average price of all parts has the standard deviation

    s sqrt(w (n - 1)(2 n - 1) / (6 n))

which is s sqrt(T / 3) for many parts over the time T. Cost plus 1.645 of it is what one exit in
twenty costs or more: the trade-off between the two is that of Almgren and Chriss, "Optimal
execution of portfolio transactions" (2001).
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import ceil, sqrt

from msgspec import Struct

from seawall.lab.size.advice import HOURS_PER_YEAR, Advice, SizeTask
from seawall.lab.size.exit import BookSide, exit_hours

INTERVAL_S = 30
"""Between two parts, unless that makes more than ``MOST_PARTS``: as venues' own TWAP orders do."""
MOST_PARTS = 240
TWAP_MINUTES = (5, 30, 120, 480)
PARTICIPATIONS = (Fraction(1, 100), Fraction(5, 100), Fraction(1, 4))
"""Shares of the volume, beside the one that is asked about."""
LONGEST_HOURS = 7 * 24
ONE_IN_TWENTY = 1.6448536269514722
"""Standard deviations of a normal that are passed with a probability of 5 %."""
BP = 10_000


class Course(Struct, frozen=True, kw_only=True):
    """A way to leave. ``wait_s``: between two of its ``parts``; ``largest``: size units of one."""

    name: str
    hours: float
    parts: int
    wait_s: float
    largest: int


class ExitRow(Struct, frozen=True, kw_only=True):
    """What a course costs in bp of the value at the middle.

    ``calm``, ``stressed``: slippage in either book. ``risk``: standard deviation of the average
    price. ``is_beyond``: whether part of an order was beyond the end of the stressed book.
    """

    course: Course
    calm: float
    stressed: float
    risk: float
    is_beyond: bool

    @property
    def calm_bad(self) -> float:
        """What one exit in twenty costs or more, in the calm book."""
        return self.calm + ONE_IN_TWENTY * self.risk

    @property
    def stressed_bad(self) -> float:
        """The same in the stressed book, at the same volatility."""
        return self.stressed + ONE_IN_TWENTY * self.risk


class Exits(Struct, frozen=True, kw_only=True):
    """Ways to leave ``size`` units: the advised ones and what is held along."""

    size: int
    rows: Sequence[ExitRow]

    def best(self, bad: str) -> ExitRow:
        """The row whose one exit in twenty costs the least: by ``calm_bad`` or ``stressed_bad``."""
        return min(self.rows, key=lambda row: float(getattr(row, bad)))


def exits_of(task: SizeTask, advice: Advice) -> Exits | None:
    """Ways to leave the advised size. None where nothing is to be traded."""
    if not advice.size:
        return None
    size = task.trade.held_along + advice.size
    ways = [Course(name="at once", hours=0.0, parts=1, wait_s=0.0, largest=size)]
    # One order is at once, whatever it is called.
    ways += [each for each in _in_parts(task, size) if each.parts > 1]
    return Exits(size=size, rows=[_row(task, each, size) for each in ways])


def _in_parts(task: SizeTask, size: int) -> Iterator[Course]:
    for minutes in TWAP_MINUTES:
        words = f"TWAP, {minutes} min" if minutes < 120 else f"TWAP, {minutes // 60} h"
        yield course(words, Fraction(minutes, 60), size, task.step)
    notional = Fraction(size * task.trade.entry_price)
    for share in sorted({*PARTICIPATIONS, task.participation}):
        hours = exit_hours(notional, task.volume, share)
        if hours <= LONGEST_HOURS:
            yield course(f"POV, {float(100 * share):g} % of volume", hours, size, task.step)


def course(name: str, hours: Fraction, size: int, step: int = 1) -> Course:
    """Equal parts of whole lots over a time, the first at once and none after its end."""
    seconds = 3600 * hours
    parts = max(1, min(MOST_PARTS, int(seconds / INTERVAL_S), size // step))
    largest = -(-size // parts // step) * step
    parts = ceil(Fraction(size, largest))
    return Course(
        name=name, hours=float(hours), parts=parts, wait_s=float(seconds / parts), largest=largest
    )


def _row(task: SizeTask, way: Course, size: int) -> ExitRow:
    value = size * float(task.calm_exit.middle)
    stressed = task.trade.exit_book
    refill = float(task.refill_s)
    calm_cost, _ = shortfall(task.calm_exit, way, size, refill)
    stressed_cost, is_beyond = shortfall(stressed, way, size, refill / float(stressed.depth))
    years = way.wait_s / 3600 / HOURS_PER_YEAR
    parts = way.parts
    spread = task.odds.volatility * sqrt(years * (parts - 1) * (2 * parts - 1) / (6 * parts))
    return ExitRow(
        course=way,
        calm=BP * calm_cost / value,
        stressed=BP * stressed_cost / value,
        risk=BP * spread,
        is_beyond=is_beyond,
    )


def shortfall(side: BookSide, way: Course, size: int, refill_s: float) -> tuple[int, bool]:
    """Micro-USD lost against the middle by a course, and whether an order left the book."""
    kept = 0.5 ** (way.wait_s / refill_s)
    cost, missing, left, is_beyond = 0, 0, size, False
    while left:
        part = min(way.largest, left)
        taken = side.exit(missing + part)
        before = side.exit(missing).shortfall if missing else 0
        cost += taken.shortfall - before
        is_beyond = is_beyond or taken.is_beyond
        left -= part
        missing = ceil((missing + part) * kept)
    return cost, is_beyond
