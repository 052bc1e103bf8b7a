"""One market of an account as sizing and carry use it: rules, price, fees, funding, a book."""

from fractions import Fraction
from typing import NamedTuple

from seawall.accounts.account import Account
from seawall.domain import quantities
from seawall.domain.errors import InputError
from seawall.domain.instrument import Instrument
from seawall.domain.quantities import Amount
from seawall.domain.units import FUNDING_ONE, MAX_PRICE, MICRO, from_units
from seawall.lab.market.book import Book, ladder_book
from seawall.lab.market.liquidity import Depth, default_depth
from seawall.lab.size.defaults import default_funding
from seawall.lab.size.fees import FeeRates, fee_rates

SIDES = ("long", "short")
MOST_FUNDING = 0.04


class TradedMarket(NamedTuple):
    """A market under the rules, in plain units. ``listed``: as its venue lists it, whose leverage
    says how liquid it is. ``price``: now, price units."""

    account: Account
    instrument: Instrument
    listed: Instrument
    price: int

    @property
    def name(self) -> str:
        return self.instrument.name

    @property
    def price_text(self) -> str:
        """The price now, USD."""
        return from_units(self.price, self.instrument.price_decimals)

    @property
    def rules(self) -> str:
        """By which rules, for a report."""
        return f"rules of {self.account.rulebook.name} as of {self.account.rulebook.as_of}"

    def fees(self, volume: Amount, maker_share: Amount | None = None) -> FeeRates:
        """The rates of the tier of a volume (USD in the fee window of the rules).

        ``maker_share``: its part of all maker volume of the venue.
        """
        expected = "USD of 0 or more, such as 6000000"
        traded = quantities.number(
            "fee_volume", volume, least=0, most=10**11, expected=expected, percent=False
        )
        part = Fraction(0)
        if maker_share is not None:
            part = quantities.share("maker_share", maker_share, example="1%")
        return fee_rates(self.account.rulebook, int(traded * MICRO), int(part * 10**6))

    def funding_rate(self, rate: Amount | None) -> int:
        """The rate of an hour that longs pay, 1e-12: as given, else the venue's, else the usual."""
        if rate is not None:
            found = funding_of(rate)
        elif self.name in self.account.funding:
            found = Fraction(repr(self.account.funding[self.name]))
        else:
            found = default_funding(self.account.rulebook)
        return round(found * FUNDING_ONE)

    def ladder(self, usd_within_50bp: float | None = None) -> tuple[Book, Depth]:
        """An assumed book around the price, and its depth."""
        depth = default_depth(self.listed)
        if usd_within_50bp is not None:
            depth = Depth(usd_within_50bp, depth.spread_bp)
        price = self.price / 10**self.instrument.price_decimals
        return ladder_book(self.instrument, depth, price), depth


def traded_market(account: Account, name: str, price: Amount | None = None) -> TradedMarket:
    """A market of the account. ``price``: USD, the account's if None. Raises InputError."""
    index = account.market(name)
    instrument, units = account.instruments[index], account.prices[index]
    if price is not None:
        expected = f"a price that {name} can have, such as {account.price_texts[name]}"
        exact = quantities.number(
            "price", price, least=0, most=MAX_PRICE, expected=expected, percent=False
        )
        units = round(exact * 10**instrument.price_decimals)
        if not 1 <= units <= MAX_PRICE:
            raise InputError.of("", "price", price, expected)
    return TradedMarket(account, instrument, account.listed[name], units)


def funding_of(rate: Amount, field: str = "funding") -> Fraction:
    """A funding rate of an hour as a fraction. Raises InputError."""
    return quantities.rate(field, rate, most=MOST_FUNDING, example="0.0000125")
