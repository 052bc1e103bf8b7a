"""Reading any account of this venue through its indexer, which needs no key.

``GET {base}/v4/addresses/{address}/parentSubaccountNumber/{number}`` says what a parent and its
children own, ``GET {base}/v4/perpetualMarkets`` the markets with margin fractions, oracle prices
and the next funding rate, a rate of one hour [documented: indexer API]. An account is an address,
which carries its own checksum (bech32), with the number of a subaccount after a slash; without one
it is 0, where front ends keep what is traded with cross margin.
"""

from collections.abc import Mapping

import msgspec
from msgspec import Struct

from seawall.venues.dydx.account.state import CHILDREN_OF_A_PARENT, LARGEST_NUMBER, coin_of
from seawall.venues.dydx.wire import bech32
from seawall.venues.numbers import plain_number
from seawall.venues.public_api import NotFound, PublicAnswers, PublicApi
from seawall.venues.raw_json import VenueDataError, decode

_PREFIX = f"{bech32.ADDRESS_PREFIX}1"


class _Market(Struct, rename="camel"):
    oracle_price: str | None = None
    next_funding_rate: str | None = None


class _Markets(Struct):
    markets: dict[str, _Market]


def parse_address(text: str) -> str | None:
    """``address/number``; None for text that does not begin like an address of this venue.

    Raises VenueDataError for one with a wrong checksum, or a number that no subaccount has.
    """
    if not text.lower().startswith(_PREFIX):
        return None
    address, slash, number = text.partition("/")
    try:
        prefix, data = bech32.decode(address)
    except bech32.Bech32Error as error:
        raise VenueDataError(f"no address: {error}") from None
    if prefix != bech32.ADDRESS_PREFIX or not 1 <= len(data) <= bech32.LONGEST_ADDRESS:
        raise VenueDataError(f"{address!r} is no address of an account")
    if not slash:
        number = "0"
    if not (number.isascii() and number.isdigit()) or int(number[:9]) > LARGEST_NUMBER:
        raise VenueDataError(
            f"{text!r}: the number after / should be that of a subaccount, 0 to {LARGEST_NUMBER}"
        )
    return f"{address.lower()}/{int(number)}"


def account_answers(api: PublicApi, address: str) -> PublicAnswers:
    """What the indexer says about ``address/number`` and all markets now. Raises VenueDataError."""
    owner, _, number = address.partition("/")
    kind = "parentSubaccountNumber" if int(number) < CHILDREN_OF_A_PARENT else "subaccountNumber"
    try:
        account = api.get(f"/v4/addresses/{owner}/{kind}/{number}")
    except NotFound:
        raise VenueDataError(
            f"{address} at {api.base}: has no positions: the venue knows no such subaccount"
        ) from None
    markets = api.get("/v4/perpetualMarkets")
    return PublicAnswers(account, markets, oracle_prices(markets), funding_rates(markets))


def oracle_prices(markets: bytes) -> dict[str, str]:
    """USD by coin, of the markets that have an oracle price. Raises VenueDataError."""
    found = {}
    for ticker, market in _listed(markets).items():
        text = market.oracle_price
        if text is not None and plain_number(f"markets.{ticker}.oraclePrice", text) > 0:
            found[coin_of(ticker)] = text
    return found


def funding_rates(markets: bytes) -> dict[str, float]:
    """What longs pay an hour, by coin, from an answer with ``markets``. Raises VenueDataError."""
    found = {}
    for ticker, market in _listed(markets).items():
        if market.next_funding_rate is not None:
            rate = plain_number(f"markets.{ticker}.nextFundingRate", market.next_funding_rate)
            found[coin_of(ticker)] = rate
    return found


def _listed(raw: bytes) -> Mapping[str, _Market]:
    document = decode(dict[str, msgspec.Raw], raw)
    return decode(_Markets, raw).markets if "markets" in document else {}
