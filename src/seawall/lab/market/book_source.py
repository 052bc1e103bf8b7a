"""An order book from where it is: a file, a running venue, a public API."""

from pathlib import Path

from seawall.lab.market.book import Book, BookError, checked_book
from seawall.lab.market.book_file import known_market, read_book_file
from seawall.venues.public_api import PublicApi
from seawall.venues.raw_json import VenueDataError
from seawall.venues.registry import DEFAULT_VENUE, VENUES


def read_book(
    source: str,
    market: str | None,
    *,
    at_time: str | None = None,
    venue: str = DEFAULT_VENUE,
) -> Book:
    """The book of ``market`` (a coin) from a file, a base URL, or the API of a venue by its name.

    ``at_time``: a moment of a recorded file (ISO, UTC); without it, its last. ``venue``: whose API
    a URL is. None as ``market``: the one that a file is about. Raises InputError.
    """
    is_file = Path(source).is_file()
    if not is_file and (source in VENUES or "://" in source):
        if at_time is not None:
            raise BookError(f"--at-time: {at_time}: belongs to a recorded file; {source} is live")
        return _live(source, market, source if source in VENUES else venue)
    moment = None
    if at_time is not None:
        from seawall.lab.market.market_path import parse_time

        moment = parse_time(at_time, "--at-time")
    return read_book_file(Path(source), market, moment)


def _live(source: str, market: str | None, venue: str) -> Book:
    if market is None:
        raise BookError(f"{source}: which market? a running venue has many; name one")
    try:
        api = PublicApi(VENUES[venue].public_base if source == venue else source)
    except VenueDataError as error:
        raise BookError(f"{error}") from None
    where = f"{market} at {api.base}"
    try:
        levels = VENUES[venue].fetch_book(api, market)
    except VenueDataError as error:
        raise BookError(f"{error}" if api.base in str(error) else f"{where}: {error}") from None
    return checked_book(
        where, known_market(where, market, levels.market), levels.time_ms, levels.bids, levels.asks
    )
