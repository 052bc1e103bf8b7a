"""A volatility surface from a file of option quotes: parquet or CSV, one row a quote.

Columns, matched without regard to case; others are ignored:

* ``timestamp``, ``time`` or ``date``: of the snapshot; several may be in one file;
* ``currency``, ``market``, ``coin`` or ``symbol``: the underlying;
* ``strike``: USD; ``expiry_datetime`` or ``expiry``: as times are written;
* ``implied_volatility`` or ``volatility``: a fraction a year;
* ``futures_price`` or ``forward``: USD, of the expiry, with that quote; rows without are left out;
* ``index_price`` or ``index``: USD, optional: the price of the underlying then.

Between quotes the total variance (volatility² x time) is linear: over ln(K / F) within an expiry,
over time between expiries. Beyond the last strike, and outside the first and last expiry, the
volatility stays as it is there. A forward keeps its ratio to the index where the price has moved.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from msgspec import Struct

from seawall.domain.errors import InputError
from seawall.domain.option import YEAR_MS
from seawall.lab.arrays import Floats
from seawall.lab.files import no_file
from seawall.lab.market.candle_file import time_text, times_of
from seawall.lab.market.table_file import Table

_TIME = ("timestamp", "time", "date")
_MARKET = ("currency", "market", "coin", "symbol")
_EXPIRY = ("expiry_datetime", "expiry")
_VOLATILITY = ("implied_volatility", "volatility")
_FORWARD = ("futures_price", "forward")
_INDEX = ("index_price", "index")
_WANTED = {*_TIME, *_MARKET, "strike", *_EXPIRY, *_VOLATILITY, *_FORWARD, *_INDEX}
_MOST_AGE_MS = 7 * 86_400_000
"""A surface older than a week is of another market."""


class SurfaceError(InputError):
    """A file of quotes that cannot be used; the message says where and what would be right."""

    field = "surface"


class Quoted(NamedTuple):
    """What a surface says of a strike: implied volatility, a fraction a year, and forward, USD."""

    volatility: float
    forward: float


class Slice(Struct, frozen=True, kw_only=True, eq=False):
    """The quotes of one expiry. ``forward``, ``index``: USD, the latter NaN where none is stated.

    ``distances``: ln(K / F), rising; ``volatilities``: of each.
    """

    years: float
    forward: float
    index: float
    distances: Floats
    volatilities: Floats

    def volatility(self, distance: float) -> float:
        """At ln(K / F)."""
        return float(np.sqrt(np.interp(distance, self.distances, self.volatilities**2)))

    def growth(self, spot: float) -> float:
        """ln of the forward over the price."""
        return float(np.log(self.forward / (spot if np.isnan(self.index) else self.index)))


class Surface(Struct, frozen=True, kw_only=True, eq=False):
    """The quotes of one snapshot. ``slices``: by market, the nearest expiry first."""

    source: str
    time_ms: int
    slices: dict[str, tuple[Slice, ...]]

    def at(self, market: str, strike: float, years: float, spot: float) -> Quoted:
        """The quote of a strike and a time to expiry where the market is at ``spot``.

        Raises SurfaceError for a market without quotes.
        """
        found = self.slices.get(market)
        if not found:
            known = ", ".join(sorted(self.slices))
            raise SurfaceError(f"surface: {self.source}: no quotes of {market}; it has {known}")
        times = np.array([each.years for each in found])
        growths = [each.growth(spot) for each in found]
        forward = spot * float(np.exp(np.interp(years, [0.0, *times], [0.0, *growths])))
        distance = float(np.log(strike / forward))
        volatilities = np.array([each.volatility(distance) for each in found])
        # Linear in the variance so far; outside the expiries the nearest one's volatility.
        inside = float(np.clip(years, times[0], times[-1]))
        variance = float(np.interp(inside, times, volatilities**2 * times))
        return Quoted(float(np.sqrt(variance / inside)), forward)


def read_surface(path: Path, time_ms: int | None = None) -> Surface:
    """The last snapshot of a file, or the last at or before a moment. Raises SurfaceError."""
    if not path.is_file():
        raise SurfaceError(f"surface: {no_file(path)}")
    table = Table.read(path, SurfaceError, _WANTED)
    moments = times_of(table, table.first_of(*_TIME))
    if not len(moments):
        raise table.fail("no rows")
    usable = moments if time_ms is None else moments[moments <= time_ms]
    if not len(usable):
        raise table.fail(
            f"its first snapshot is of {time_text(int(moments.min()))}, after the time of the "
            f"account, {time_text(time_ms or 0)}"
        )
    moment = int(usable.max())
    if time_ms is not None and time_ms - moment > _MOST_AGE_MS:
        raise table.fail(
            f"its last snapshot before {time_text(time_ms)} is of {time_text(moment)}, more than a "
            "week older"
        )
    names = np.asarray(table.columns[table.first_of(*_MARKET)], dtype=object)
    strikes = table.numbers(table.first_of("strike"))
    volatilities = table.numbers(table.first_of(*_VOLATILITY), empty_allowed=True)
    expiries = times_of(table, table.first_of(*_EXPIRY))
    forwards = table.numbers(table.first_of(*_FORWARD), empty_allowed=True)
    index = _index(table, len(moments))
    for name, column in (("strike", strikes), ("forward", forwards)):
        table.check(name, column <= 0, lambda row, of=column: f"{of[row]} should be above 0")
    rows = (moments == moment) & (volatilities > 0) & (forwards > 0) & (expiries > moment)
    slices: dict[str, tuple[Slice, ...]] = {}
    for name in dict.fromkeys(names[rows].tolist()):
        own = rows & (names == name)
        found = []
        for expiry in np.unique(expiries[own]).tolist():
            of = own & (expiries == expiry)
            years = (expiry - moment) / YEAR_MS
            found.append(_slice(years, strikes[of], volatilities[of], forwards[of], index[of]))
        slices[str(name)] = tuple(found)
    if not slices:
        raise table.fail(f"no quote with a volatility at {time_text(moment)}")
    return Surface(source=str(path), time_ms=moment, slices=slices)


def _slice(
    years: float, strikes: Floats, volatilities: Floats, forwards: Floats, index: Floats
) -> Slice:
    """One expiry; a call and a put of the same strike count half each."""
    unique, places = np.unique(strikes, return_inverse=True)
    forward = float(np.median(forwards))
    return Slice(
        years=years,
        forward=forward,
        index=float(np.nanmedian(index)) if np.isfinite(index).any() else float("nan"),
        distances=np.log(unique / forward),
        volatilities=np.bincount(places, volatilities) / np.bincount(places),
    )


def _index(table: Table, count: int) -> Floats:
    """The price of the underlying beside each quote; NaN where none is stated."""
    name = next((each for each in _INDEX if each in table.columns), None)
    return np.full(count, np.nan) if name is None else table.numbers(name, empty_allowed=True)
