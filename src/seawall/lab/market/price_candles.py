"""Candle files as joint returns of several markets, to fit a model to or to draw blocks from."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from msgspec import Struct

from seawall.domain.units import HOUR_MS
from seawall.lab.arrays import Floats, Mask
from seawall.lab.market.candle_file import PathError, SymbolRows, Times, usual_interval
from seawall.lab.market.market_path import POINTS_PER_CANDLE, points_of, rows_by_market
from seawall.lab.market.price_fit import LEAST_RETURNS, Returns

LONGEST_GRID = 5_000_000
"""Rows from the first candle to the last; more is a file with a wrong date in it."""


class Joint(Struct, frozen=True, kw_only=True):
    """n candles of m markets on one grid: ``prices`` is (n, m, 4), NaN where there is none.

    ``start_ms``: the open of the first candle. ``payments``: funding by market, times in ms and
    fractions of notional that longs paid then.
    """

    markets: Sequence[str]
    start_ms: int
    interval_ms: int
    prices: Floats
    payments: Mapping[str, tuple[Times, Floats]]
    source: str

    @property
    def rates(self) -> dict[str, tuple[Floats, float]]:
        """By market, payments in order and the hours between two of them."""
        return {
            market: (paid, float(np.median(np.diff(times))) / HOUR_MS)
            for market, (times, paid) in self.payments.items()
        }


def read_joint(files: Sequence[Path], markets: Sequence[str]) -> Joint:
    """The candles of those ``markets`` that the files have. Raises PathError."""
    candles: dict[str, SymbolRows] = {}
    payments: dict[str, tuple[Times, Floats]] = {}
    found, known = rows_by_market(files, markets)
    for market, each in found.items():
        for path, rows in each:
            if rows.prices is not None:
                if market in candles:
                    raise PathError(f"{path.name}: a second file of candles of {market}")
                candles[market] = rows
            if rows.funding is not None:
                paid = ~np.isnan(rows.funding)
                if paid.sum() >= 2:
                    payments[market] = rows.times_ms[paid], rows.funding[paid]
    names = ", ".join(path.name for path in files)
    if not candles:
        raise PathError(f"{names}: no candles of {', '.join(markets)}; found {known}")
    held = [market for market in markets if market in candles]
    start, interval, prices = _grid([candles[market] for market in held])
    return Joint(
        markets=tuple(held), start_ms=start, interval_ms=interval, prices=prices,
        payments=payments, source=names,
    )  # fmt: skip


def _grid(held: Sequence[SymbolRows]) -> tuple[int, int, Floats]:
    intervals = {rows.source: _interval(rows) for rows in held}
    interval = next(iter(intervals.values()))
    if len(set(intervals.values())) > 1:
        found = "; ".join(f"{name} {each / 1000:g} s" for name, each in intervals.items())
        raise PathError(f"candles of different lengths: {found}")
    start = min(int(rows.times_ms[0]) for rows in held)
    count = (max(int(rows.times_ms[-1]) for rows in held) - start) // interval + 1
    if count > LONGEST_GRID:
        raise PathError(f"{held[0].source}: {count:,} candles from first to last are too many")
    prices = np.full((count, len(held), 4), np.nan)
    for column, rows in enumerate(held):
        assert rows.prices is not None
        places = (rows.times_ms - start) // interval
        odd = (rows.times_ms - start) % interval
        if odd.any():
            raise PathError(f"{rows.source}: candles do not open on one grid of {interval} ms")
        prices[places, column] = rows.prices
    return start, interval, prices


def _interval(rows: SymbolRows) -> int:
    if len(rows.times_ms) < 2:
        raise PathError(f"{rows.source}: one candle; a model needs at least {LEAST_RETURNS}")
    return usual_interval(rows.times_ms)


def close_returns(joint: Joint) -> Returns:
    """From close to close; NaN over a hole."""
    closes = np.log(joint.prices[:, :, 3])
    return Returns(
        markets=joint.markets,
        step_seconds=joint.interval_ms / 1000,
        values=np.diff(closes, axis=0),
    )


class Recorded(Struct, frozen=True, kw_only=True):
    """n steps of m markets: ``returns`` (n, m) log returns; ``funding`` (n, m) what longs paid."""

    returns: Floats
    funding: Floats | None
    step_seconds: float


def recorded_steps(joint: Joint, markets: Sequence[str]) -> Recorded:
    """Four steps for every candle, through its four prices.

    Their order is that of ``market_path``. Candles that a market lacks, and those after them, are
    left out for all markets. Funding is there if all markets have it. Raises PathError for a market
    without candles.
    """
    missing = [market for market in markets if market not in joint.markets]
    if missing:
        raise PathError(
            f"{joint.source}: no candles of {', '.join(missing)}; blocks are drawn for all markets "
            "of the account together"
        )
    order = [joint.markets.index(market) for market in markets]
    prices = np.log(joint.prices[:, order])
    points = np.moveaxis(points_of(prices), -1, 1)
    steps = np.diff(points.reshape(-1, len(markets)), axis=0, prepend=np.nan)
    by_candle = steps.reshape(len(points), POINTS_PER_CANDLE, len(markets))
    whole: Mask = np.asarray(np.isfinite(by_candle).all(axis=(1, 2)))
    if whole.sum() < LEAST_RETURNS:
        raise PathError(
            f"{joint.source}: {int(whole.sum())} candles that all markets have; blocks need at "
            f"least {LEAST_RETURNS}"
        )
    return Recorded(
        returns=np.ascontiguousarray(by_candle[whole].reshape(-1, len(markets))),
        funding=_recorded_funding(joint, markets, whole),
        step_seconds=joint.interval_ms / 1000 / POINTS_PER_CANDLE,
    )


def _recorded_funding(joint: Joint, markets: Sequence[str], whole: Mask) -> Floats | None:
    """Payments on the first step of the candle in which they fell."""
    if any(market not in joint.payments for market in markets):
        return None
    paid = np.zeros((len(whole), POINTS_PER_CANDLE, len(markets)))
    for column, market in enumerate(markets):
        times, rates = joint.payments[market]
        rows = (times - joint.start_ms) // joint.interval_ms
        inside = (rows >= 0) & (rows < len(whole))
        np.add.at(paid[:, 0, column], rows[inside], rates[inside])
    return np.ascontiguousarray(paid[whole].reshape(-1, len(markets)))
