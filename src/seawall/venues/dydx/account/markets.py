"""The markets of an account answer: terms, oracle price and open interest, from the indexer's
answer to ``perpetualMarkets``."""

from collections.abc import Iterable
from fractions import Fraction

import msgspec
from msgspec import Struct

from seawall.domain.instrument import BlockTerms, Instrument
from seawall.venues.dydx.instruments import listed_markets
from seawall.venues.dydx.wire.decimals import exact_units
from seawall.venues.raw_json import VenueDataError, decode

_PPM = 1_000_000
_NEEDED = (
    "missing; the positions need the answer to perpetualMarkets (margin fractions, oracle prices, "
    "open interest): give it by --markets FILE, or put its 'markets' beside 'subaccount'"
)


class MarketState(Struct, frozen=True, kw_only=True):
    """One market now. ``oracle_price`` in 10^-``price_decimals`` USD, sizes in base quantums."""

    instrument: Instrument
    terms: BlockTerms
    oracle_price: int
    open_interest: int

    @property
    def name(self) -> str:
        return self.instrument.name

    @property
    def size_decimals(self) -> int:
        """Decimals of one base quantum."""
        return self.instrument.size_decimals

    @property
    def price_decimals(self) -> int:
        """Decimals of the oracle price."""
        return self.terms.oracle_decimals

    @property
    def is_isolated(self) -> bool:
        """Whether its collateral is its own."""
        return self.terms.own_pool

    @property
    def base_fraction(self) -> Fraction:
        """IMF: initial fraction without open interest."""
        return Fraction(self.terms.fractions.initial_ppm, _PPM)

    @property
    def maintenance_fraction(self) -> Fraction:
        """MMF, without rounding."""
        return self.base_fraction * Fraction(self.terms.fractions.maintenance_fraction_ppm, _PPM)

    def usd(self, price: int) -> Fraction:
        """USD of price units."""
        return Fraction(price) / Fraction(10) ** self.price_decimals


class _OpenInterest(Struct, rename="camel"):
    """The chain's own figure, and the indexer's sum over positions, which servers always have."""

    base_open_interest: str | int | None = None
    open_interest: str | int | None = None


def market_states(raw: bytes, tickers: Iterable[str]) -> dict[str, MarketState]:
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
        instrument = market.instrument
        path = f"markets.{instrument.name}"
        if market.oracle_price <= 0:
            raise VenueDataError(f"{path}.oraclePrice: no price above zero, which a position needs")
        assert instrument.block_terms is not None
        open_interest = _open_interest(path, bytes(held[instrument.name]), instrument)
        found[instrument.name] = MarketState(
            instrument=instrument,
            terms=instrument.block_terms,
            oracle_price=market.oracle_price,
            open_interest=open_interest,
        )
    return found


def _open_interest(path: str, raw: bytes, instrument: Instrument) -> int:
    """Base quantums. It must be there where the initial fraction grows with it."""
    told = decode(_OpenInterest, raw, path)
    for name, value in (
        ("baseOpenInterest", told.base_open_interest),
        ("openInterest", told.open_interest),
    ):
        if value is not None:
            units = exact_units(f"{path}.{name}", value, instrument.size_decimals)
            if units < 0:
                raise VenueDataError(f"{path}.{name}: {value!r} must not be negative")
            return units
    terms = instrument.block_terms
    if terms is not None and terms.fractions.open_interest_upper_cap:
        raise VenueDataError(
            f"{path}.baseOpenInterest: missing; the initial fraction grows with it up to "
            "openInterestUpperCap"
        )
    return 0
