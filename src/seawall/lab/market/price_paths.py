"""Which prices each market of a path follows, and of which venue: a sheet of every question."""

from collections.abc import Iterable
from typing import NamedTuple

from msgspec import Struct

from seawall.lab.market.market_path import MarketPath, PathKind
from seawall.report.kinds import MOVE
from seawall.report.sheet import Column, Sheet


class PricePath(Struct, frozen=True):
    """The prices of one market on a path. ``lowest``, ``highest``: moves from the first price."""

    market: str
    kind: PathKind
    source: str
    lowest: float
    highest: float
    beside: str


class _Row(NamedTuple):
    path: str
    of: PricePath


def price_paths(path: MarketPath) -> tuple[PricePath, ...]:
    """Each market of a path, in its order."""
    return tuple(
        PricePath(
            market,
            path.origins[market].kind,
            path.origins[market].source,
            float(prices.min() / prices[0] - 1.0),
            float(prices.max() / prices[0] - 1.0),
            path.origins[market].beside,
        )
        for market, prices in path.oracle.items()
    )


def price_path_sheet(paths: Iterable[tuple[str, Iterable[PricePath]]]) -> Sheet:
    """A row for each market of each path, by the path's name."""
    rows = [_Row(name, each) for name, found in paths for each in found]
    several = len({row.path for row in rows}) > 1
    return Sheet(
        name="price_paths",
        title="Which prices the markets follow",
        rows=rows,
        columns=[
            Column("path", on="everywhere" if several else "data"),
            Column("market", get="of.market"),
            Column("lowest", MOVE, "of.lowest"),
            Column("highest", MOVE, "of.highest", drop=1),
            Column("kind", get="of.kind", title="prices"),
            Column("source", get="of.source"),
            Column("beside", get="of.beside", title="elsewhere", drop=2),
        ],
    )
