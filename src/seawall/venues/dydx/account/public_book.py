"""Books of this venue: its indexer's answer to ``orderbooks``, from a file or from the API.

The indexer's book is put together from messages of a node and may be crossed for a moment. Orders
that cross are taken to meet: the smaller of the two best levels leaves the other [assumed].
"""

from collections.abc import Mapping, Sequence
from urllib.parse import quote

import msgspec
from msgspec import Struct

from seawall.venues.book_levels import BookLevels
from seawall.venues.dydx.account.state import ticker_of
from seawall.venues.numbers import plain_number
from seawall.venues.public_api import NotFound, PublicApi
from seawall.venues.raw_json import VenueDataError, decode


class Level(Struct):
    price: str
    size: str


class _Answer(Struct):
    bids: list[Level]
    asks: list[Level]


class _First(Struct):
    bids: list[msgspec.Raw] = []
    asks: list[msgspec.Raw] = []


def levels_of(document: Mapping[str, msgspec.Raw], raw: bytes) -> BookLevels | None:
    """The book that an answer holds; None for one of another shape.

    ``document``: ``raw`` by its keys. Raises VenueDataError for one of this shape with a mistake.
    """
    if not {"bids", "asks"} <= set(document):
        return None
    first = decode(_First, raw)
    if not any(bytes(level).lstrip()[:1] == b"{" for level in [*first.bids[:1], *first.asks[:1]]):
        return None
    answer = decode(_Answer, raw)
    bids, asks = uncrossed(_side("bids", answer.bids), _side("asks", answer.asks))
    return BookLevels(None, None, bids, asks)


def _side(path: str, levels: Sequence[Level]) -> list[tuple[float, float]]:
    return [
        (
            plain_number(f"{path}[{row}].price", each.price, signed=False),
            plain_number(f"{path}[{row}].size", each.size, signed=False),
        )
        for row, each in enumerate(levels)
    ]


def uncrossed(
    bids: Sequence[tuple[float, float]], asks: Sequence[tuple[float, float]]
) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """Both sides, best first, without what crosses."""
    left = (list(bids), list(asks))
    while left[0] and left[1] and left[0][0][0] >= left[1][0][0]:
        met = min(left[0][0][1], left[1][0][1])
        for side in left:
            price, size = side.pop(0)
            if size > met:
                side.insert(0, (price, size - met))
    return left


def live_levels(api: PublicApi, coin: str) -> BookLevels:
    """The book of a coin, or of a ticker, now. Raises VenueDataError."""
    ticker = ticker_of(coin)
    try:
        raw = api.get(f"/v4/orderbooks/perpetualMarket/{quote(ticker, safe='')}")
    except NotFound:
        raise VenueDataError(f"the venue has no market {ticker!r}") from None
    found = levels_of(decode(dict[str, msgspec.Raw], raw, "orderbook"), raw)
    if found is None:
        answer = decode(_Answer, raw)
        found = BookLevels(None, None, _side("bids", answer.bids), _side("asks", answer.asks))
    return found
