"""One market of an account as sizing and carry use it: rules, price, fees, funding, a book."""

from fractions import Fraction
from typing import NamedTuple

from seawall.accounts.account import Account
from seawall.domain import quantities
from seawall.domain.errors import InputError
from seawall.domain.instrument import Instrument
from seawall.domain.quantities import Amount
from seawall.domain.rulebook import BlockRulebook
from seawall.domain.units import FUNDING_ONE, MAX_PRICE, MICRO, PPM, from_units
from seawall.lab.market.assumption_sheets import Used
from seawall.lab.market.assumptions import Assume, Assumed, Assumptions, assumptions_of
from seawall.lab.market.book import Book, ladder_book
from seawall.lab.market.fees import FeeRates, fee_rates
from seawall.lab.market.liquidity import Depth, assumed_depth

SIDES = ("long", "short")
MOST_FUNDING = 0.04
MOST_TRADED = 10**11
"""USD in a fee window."""


class TradedMarket(NamedTuple):
    """A market under the rules, in plain units. ``listed``: as its venue lists it, whose leverage
    says how liquid it is. ``price``: now, price units."""

    account: Account
    instrument: Instrument
    listed: Instrument
    price: int
    assumed: Assumptions

    @property
    def name(self) -> str:
        return self.instrument.name

    @property
    def price_text(self) -> str:
        """The price now, USD."""
        return from_units(self.price, self.instrument.price_decimals)

    @property
    def size_step(self) -> int:
        """The smallest step of a size, size units."""
        in_blocks = isinstance(self.account.rulebook, BlockRulebook)
        return self.instrument.size_step(in_blocks=in_blocks)

    @property
    def rules(self) -> str:
        """By which rules, for a report."""
        return f"rules of {self.account.rulebook.name} as of {self.account.rulebook.as_of}"

    def assumption(self, field: str) -> Assumed:
        """What is assumed of this market."""
        return self.assumed.of(field, self.name, self.listed.maximum_leverage)

    def used(self, *fields: str) -> Used:
        """What a question about this market reads of the assumptions, fees too."""
        return Used(
            assumptions=self.assumed,
            leverages={self.name: self.listed.maximum_leverage},
            fields=fields,
            books=(self.account.rulebook,),
            rates_now=self.account.funding,
        )

    def fees(self, maker_share: Amount | None = None) -> FeeRates:
        """The rates of the tier of the volume that is assumed.

        ``maker_share``: its part of all maker volume of the venue.
        """
        volume = round(self.assumed.shared("fee_volume") * MICRO)
        part = Fraction(0)
        if maker_share is not None:
            part = quantities.share("maker_share", maker_share, example="1%")
        return fee_rates(self.account.rulebook, volume, int(part * PPM))

    def funding_rate(self, rate: Amount | None) -> int:
        """The rate of an hour that longs pay, 1e-12: as given, else the venue's, else assumed."""
        if rate is not None:
            found = funding_of(rate)
        elif self.name in self.account.funding:
            found = Fraction(repr(self.account.funding[self.name]))
        else:
            found = self.assumption("funding").value
        return round(found * FUNDING_ONE)

    def ladder(self) -> tuple[Book, Depth]:
        """An assumed book around the price, and its depth."""
        depth = assumed_depth(self.listed, self.assumed)
        price = self.price / 10**self.instrument.price_decimals
        return ladder_book(self.instrument, depth, price), depth


def traded_market(
    account: Account, name: str, price: Amount | None = None, assume: Assume = None
) -> TradedMarket:
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
    return TradedMarket(account, instrument, account.listed[name], units, assumptions_of(assume))


def with_fee_volume(assumed: Assumptions, volume: Amount | None) -> Assumptions:
    """The assumptions with USD traded in the fee window of the rules, if they are said."""
    if volume is None:
        return assumed
    expected = f"USD from 0 to {MOST_TRADED:,}, such as 6000000"
    traded = quantities.number(
        "fee_volume", volume, least=0, most=MOST_TRADED, expected=expected, percent=False
    )
    return assumed.given_shared({"fee_volume": float(traded)}, "--fee-volume")


def funding_of(rate: Amount, field: str = "funding") -> Fraction:
    """A funding rate of an hour as a fraction. Raises InputError."""
    return quantities.rate(field, rate, most=MOST_FUNDING, example="0.0000125")
