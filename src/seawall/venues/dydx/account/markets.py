"""The markets of an account answer: terms, oracle price and open interest, from the indexer's
answer to ``perpetualMarkets``."""

from collections.abc import Iterable

import msgspec

from seawall.venues.dydx.instruments import ListedMarket, listed_markets
from seawall.venues.raw_json import VenueDataError, decode

_NEEDED = (
    "missing; the positions need the answer to perpetualMarkets (margin fractions, oracle prices, "
    "open interest): give it by --markets FILE, or put its 'markets' beside 'subaccount'"
)


def market_states(raw: bytes, tickers: Iterable[str]) -> dict[str, ListedMarket]:
    """The markets of an account by ticker, from a document with ``markets``; others are not read.

    A ticker that is not there is left out. Raises VenueDataError naming market and field, or what
    is needed where there are no market data.
    """
    wanted = list(tickers)
    if not wanted:
        return {}
    document = decode(dict[str, msgspec.Raw], raw)
    if "markets" not in document:
        raise VenueDataError(f"markets: {_NEEDED}")
    listed = decode(dict[str, msgspec.Raw], bytes(document["markets"]), "markets")
    held = {ticker: listed[ticker] for ticker in wanted if ticker in listed}
    found = {}
    for market in listed_markets(msgspec.json.encode({"markets": held})):
        path = f"markets.{market.name}"
        if market.oracle_price <= 0:
            raise VenueDataError(f"{path}.oraclePrice: no price above zero, which a position needs")
        if market.terms.fractions.open_interest_upper_cap and not market.has_open_interest:
            raise VenueDataError(
                f"{path}.baseOpenInterest: missing; the initial fraction grows with it up to "
                "openInterestUpperCap"
            )
        found[market.name] = market
    return found
