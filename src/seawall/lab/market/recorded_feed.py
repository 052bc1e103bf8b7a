"""A file of candles as the prices of a running venue."""

from collections.abc import Sequence
from pathlib import Path

from seawall.lab.market.candle_file import read_candle_file
from seawall.lab.market.market_path import (
    MarketPath,
    Window,
    market_of_symbol,
    parse_time,
    read_market_path,
)
from seawall.sandbox.feeds import RecordedPath
from seawall.sandbox.markets import DEFAULT_MARKETS


def recorded_feed(
    file: Path, markets: Sequence[str] = (), from_time: str | None = None
) -> RecordedPath:
    """The prices of the markets; without names, of the usual markets that the file has.

    ``from_time``: where the path begins; what the file has before it is the path's ``before``.
    Raises PathError.
    """
    symbols = [rows.name for rows in read_candle_file(file)]
    found = [market_of_symbol(each, DEFAULT_MARKETS) for each in symbols]
    wanted = list(markets) or [name for name in DEFAULT_MARKETS if name in found] or ["BTC"]
    if from_time is None:
        return _recorded(read_market_path([file], wanted))
    from_ms = parse_time(from_time, "--feed-from")
    before = _recorded(read_market_path([file], wanted, Window(to_ms=from_ms)))
    return _recorded(read_market_path([file], wanted, Window(from_ms=from_ms)), before)


def _recorded(path: MarketPath, before: RecordedPath | None = None) -> RecordedPath:
    prices = {name: [float(price) for price in found] for name, found in path.oracle.items()}
    return RecordedPath(path.name, [int(time) for time in path.times_ms], prices, before)
