"""A file of candles as the prices of a running venue."""

from collections.abc import Sequence
from pathlib import Path

from seawall.lab.market.candle_file import read_candle_file
from seawall.lab.market.market_path import market_of_symbol, read_market_path
from seawall.sandbox.feeds import RecordedPath
from seawall.sandbox.markets import DEFAULT_MARKETS


def recorded_feed(file: Path, markets: Sequence[str] = ()) -> RecordedPath:
    """The prices of the markets; without names, of the usual markets that the file has.

    Raises PathError.
    """
    symbols = [rows.name for rows in read_candle_file(file)]
    found = [market_of_symbol(each, DEFAULT_MARKETS) for each in symbols]
    wanted = list(markets) or [name for name in DEFAULT_MARKETS if name in found] or ["BTC"]
    path = read_market_path([file], wanted)
    prices = {name: [float(price) for price in path.oracle[name]] for name in wanted}
    return RecordedPath(file.name, [int(time) for time in path.times_ms], prices)
