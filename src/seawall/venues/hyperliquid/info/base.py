"""What every answer needs: the desk with what never changes computed, and the request's fields.

A request is the decoded JSON object; a field that is null counts as absent. What cannot be read
raises ``BadRequest``, which the venue answers as it answers JSON of the wrong shape.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from seawall.domain.errors import SeawallError
from seawall.domain.instrument import Instrument
from seawall.engine.engine import Engine
from seawall.venues.hyperliquid.directory.directory import VenueDirectory
from seawall.venues.hyperliquid.instruments import Assets, assets_of
from seawall.venues.hyperliquid.wire.values import WireError, parse_address
from seawall.venues.port import Desk, History

FOREVER_MS = 2**62

Request = Mapping[str, Any]


class BadRequest(SeawallError):
    """A request that is not of the shape its type needs."""


class DeskView:
    """A desk as the answers see it. Reads only."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.market_of = {market.name: row for row, market in enumerate(desk.instruments)}
        self.assets: Assets = assets_of(desk.instruments)

    @property
    def engine(self) -> Engine:
        engine: Engine = self.desk.engine
        return engine

    @property
    def tables(self) -> dict[str, Any]:
        return self.engine.tables

    @property
    def history(self) -> History:
        return self.desk.history

    @property
    def directory(self) -> VenueDirectory:
        directory: VenueDirectory = self.desk.directory
        return directory

    @property
    def instruments(self) -> Sequence[Instrument]:
        return self.desk.instruments

    def now_ms(self) -> int:
        return self.desk.now_ms()

    def dex_of(self, market: int) -> str:
        """The dex of a market; empty for the venue's own."""
        return self.desk.instruments[market].group

    def coin(self, market: int) -> str:
        return self.desk.instruments[market].name

    def size_decimals(self, market: int) -> int:
        return self.desk.instruments[market].size_decimals

    def row_of(self, address: str) -> int:
        """The machine's row of an address, or -1. A row the machine does not have yet is -1 too."""
        row = self.directory.row_of(address)
        return row if row < int(self.tables["control"]["accounts_used"][0]) else -1


def user_of(request: Request, field: str = "user") -> str:
    """A required address, lower-case. Raises BadRequest."""
    try:
        return parse_address(request.get(field))
    except WireError as error:
        raise BadRequest(f"{field}: {error}") from None


def text_of(request: Request, field: str) -> str:
    """Required text. Raises BadRequest."""
    value = request.get(field)
    if not isinstance(value, str) or len(value) > 128:
        raise BadRequest(f"{field} must be text")
    return value


def whole_of(request: Request, field: str, default: int | None = None) -> int:
    """A whole number from 0 on; absent or null is the default. Raises BadRequest."""
    value = request.get(field)
    if value is None and default is not None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= FOREVER_MS:
        raise BadRequest(f"{field} must be a whole number")
    return value


def flag_of(request: Request, field: str) -> bool:
    """A boolean; absent or null is false. Raises BadRequest."""
    value = request.get(field)
    if value is None:
        return False
    if not isinstance(value, bool):
        raise BadRequest(f"{field} must be true or false")
    return value


def span_of(request: Request, required: bool = False) -> tuple[int, int]:
    """(start, end) in ms, both included. Raises BadRequest."""
    start = whole_of(request, "startTime", None if required else 0)
    return start, whole_of(request, "endTime", FOREVER_MS)


def dex_of(venue: DeskView, request: Request) -> str:
    """The dex that is asked about, by default the venue's own. Raises BadRequest."""
    dex = request.get("dex")
    dex = "" if dex is None else dex
    if dex not in venue.assets.dexes:
        raise BadRequest("dex is unknown")
    return str(dex)
