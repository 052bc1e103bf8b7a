"""Funding rates over the holding time: constant, going back to a mean, or recorded."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
from msgspec import Struct

from seawall.domain.units import FUNDING_ONE, HOUR_MS
from seawall.lab.market.candle_file import PathError, time_text
from seawall.lab.size.advice import HOURS_PER_YEAR
from seawall.lab.size.candles import rows_of_market
from seawall.lab.size.exit import HOURS_PER_DAY
from seawall.report import kinds

LATE_SHARE = 60
"""A payment may be one part in so many of an interval late."""
LARGEST_GAP = 3.0
"""A hole in a recorded series of more than so many usual intervals is noted."""


class FundingPath(Struct, frozen=True, kw_only=True):
    """n settlements. ``hours``: since the entry, ascending; ``rates``: 1e-12 of the notional that
    longs pay at each. ``words``: what the path is."""

    hours: Sequence[float]
    rates: Sequence[int]
    words: str
    notes: Sequence[str] = ()

    @property
    def mean_hourly(self) -> float:
        """Fraction of notional an hour."""
        return sum(self.rates) / FUNDING_ONE / self.hours[-1]

    def scaled(self, factor: Fraction) -> "FundingPath":
        """All rates times a factor, rounded to 1e-12."""
        rates = [round(each * factor) for each in self.rates]
        return FundingPath(hours=self.hours, rates=rates, words=f"{float(factor):g} times")

    def flipped(self, share: Fraction) -> "FundingPath":
        """The sign turned from this share of the settlements on."""
        first = int(len(self.rates) * share)
        rates = [each if k < first else -each for k, each in enumerate(self.rates)]
        return FundingPath(hours=self.hours, rates=rates, words="flips")


def constant_path(rate: int, settlements: int, hours_each: Fraction) -> FundingPath:
    """``rate``: 1e-12 for each settlement."""
    hours = [float(hours_each * k) for k in range(1, settlements + 1)]
    a_year = rate / FUNDING_ONE / float(hours_each) * HOURS_PER_YEAR
    return FundingPath(
        hours=hours,
        rates=[rate] * settlements,
        words=f"constant, {kinds.percent(a_year, signed=True)} a year",
    )


def reverting_path(
    rate: int, mean: int, half_life_hours: float, settlements: int, hours_each: Fraction
) -> FundingPath:
    """From ``rate`` now to ``mean``: mean + (rate - mean) 2^(-t / half life), rounded to 1e-12."""
    hours = np.arange(1, settlements + 1) * float(hours_each)
    rates = np.rint(mean + (rate - mean) * 0.5 ** (hours / half_life_hours)).astype(np.int64)
    return FundingPath(
        hours=hours.tolist(),
        rates=rates.tolist(),
        words=f"from {kinds.percent(rate / FUNDING_ONE, 6)} back to "
        f"{kinds.percent(mean / FUNDING_ONE, 6)} a settlement, half of the way every "
        f"{half_life_hours:g} h",
    )


def recorded_path(
    path: Path, market: str, from_ms: int | None = None, days: float | None = None
) -> FundingPath:
    """The recorded settlements of a market: from a time on, or the last ones, for so many days.

    Without a time and days all of them. Raises PathError.
    """
    rows = rows_of_market(path, market)
    if rows.funding is None:
        raise PathError(f"{path}: {market}: no column funding_rate")
    known = ~np.isnan(rows.funding)
    times, rates = rows.times_ms[known], rows.funding[known]
    if len(times) < 2:
        raise PathError(f"{path}: {market}: should have two settlements or more")
    interval = int(np.median(np.diff(times)))
    # Payments are stamped a moment after the hour to which they belong.
    late = interval // LATE_SHARE
    first, last = int(times[0]) - interval if from_ms is None else from_ms, int(times[-1])
    if days is not None:
        lasting = round(days * HOURS_PER_DAY * HOUR_MS)
        first = last - lasting if from_ms is None else from_ms
        last = first + lasting
    chosen = (times > first + late) & (times <= last + late)
    if not chosen.any():
        raise PathError(
            f"{path}: {market}: nothing is paid from {time_text(first)} on; it has "
            f"{time_text(int(times[0]))} to {time_text(int(times[-1]))}"
        )
    times, rates = times[chosen], rates[chosen]
    start = int(times[0]) - interval
    notes = []
    largest = int(np.diff(times).max()) if len(times) > 1 else interval
    if largest > LARGEST_GAP * interval:
        notes.append(
            f"{path}: {market}: {kinds.duration(largest / 1000)} between two settlements that "
            f"are usually {kinds.duration(interval / 1000)} apart: nothing is paid in between."
        )
    if days is not None and times[-1] - start < lasting - interval:
        covered = kinds.duration((times[-1] - start) / 1000)
        notes.append(f"{path}: {market}: has {covered} of the {days:g} days asked for.")
    hours = ((times - start) / HOUR_MS).tolist()
    return FundingPath(
        hours=hours,
        rates=[round(Fraction(repr(float(each))) * FUNDING_ONE) for each in rates],
        words=f"recorded in {path.name}, {time_text(int(times[0]))} to {time_text(int(times[-1]))}",
        notes=notes,
    )
