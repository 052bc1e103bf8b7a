"""One market of an account as sizing and carry use it: rules, price, fees, funding, a book."""

from fractions import Fraction
from typing import NamedTuple

from seawall.accounts.account import Account
from seawall.domain import quantities
from seawall.domain.errors import InputError
from seawall.domain.instrument import Instrument
from seawall.domain.quantities import Amount
from seawall.domain.rulebook import AnyRulebook, BlockRulebook, Rulebook
from seawall.domain.units import FUNDING_ONE, HOUR_MS, MAX_PRICE, MICRO, PPM, RATE_ONE, from_units
from seawall.lab.market.book import Book, ladder_book
from seawall.lab.market.liquidity import Depth, default_depth

SIDES = ("long", "short")
MOST_FUNDING = 0.04
MOST_TRADED = 10**11
"""USD in a fee window."""
RATE_PER_PPM = RATE_ONE // PPM
DEFAULT_TRADING = (
    (40, 1_770_000_000, 0.49),
    (25, 1_070_000_000, 0.73),
    (20, 90_000_000, 0.97),
    (10, 9_400_000, 1.28),
    (0, 1_800_000, 2.0),
)
"""Least maximum leverage, USD traded in a day, volatility a year, where nothing is said.

Volume and volatility follow the market's maximum leverage, because venues grant leverage by
liquidity. Their source: recorded hourly candles of 14 coins, 2024-09 to 2025-07 (40x: BTC; 25x:
ETH; 20x: SOL and XRP; 10x: eight coins from AVAX to kPEPE; less: WIF and PURR; see
docs/commands/size.md for the venue). Volume is the median day of the least traded coin of each
group, volatility the median of the group, from hourly returns.
"""

USUAL_FUNDING = Fraction(1, 80_000)
"""0.01 % per 8 hours, in an hour: the interest that most perpetuals pay when nothing pulls."""


class FeeRates(NamedTuple):
    """1e-9 of the value traded; a negative maker rate is a rebate. ``tier`` counts from 0."""

    taker: int
    maker: int
    tier: int


def fee_rates(rulebook: AnyRulebook, volume: int, maker_share_ppm: int = 0) -> FeeRates:
    """The rates of an account with ``volume`` (micro-USD) in the fee window of the rules.

    ``maker_share_ppm``: its part of all maker volume of the venue, which may earn a rebate.
    Discounts for staking and referral are left out.
    """
    if isinstance(rulebook, BlockRulebook):
        tier = 0
        for place, asked in enumerate(rulebook.fee.tiers):
            # The share of total volume is not known here; tiers that ask for one end the climb.
            if (
                volume < asked.volume
                or asked.total_share_ppm > 0
                or maker_share_ppm < asked.maker_share_ppm
            ):
                break
            tier = place
        found = rulebook.fee.tiers[tier]
        return FeeRates(found.taker_ppm * RATE_PER_PPM, found.maker_ppm * RATE_PER_PPM, tier)
    tiers = rulebook.fee.tiers
    tier = max(at for at, each in enumerate(tiers) if at == 0 or volume > each.volume_above)
    maker = tiers[tier].maker_rate
    for rebate in rulebook.fee.maker_rebates:
        if maker_share_ppm * RATE_PER_PPM > rebate.share_above:
            maker = rebate.maker_rate
    return FeeRates(tiers[tier].taker_rate, maker, tier)


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
    def lot(self) -> int:
        """The smallest step of a size, size units."""
        terms = self.instrument.block_terms
        return 1 if terms is None else terms.size_step

    @property
    def rules(self) -> str:
        """By which rules, for a report."""
        return f"rules of {self.account.rulebook.name} as of {self.account.rulebook.as_of}"

    def fees(self, volume: Amount, maker_share: Amount | None = None) -> FeeRates:
        """The rates of the tier of a volume (USD in the fee window of the rules).

        ``maker_share``: its part of all maker volume of the venue.
        """
        expected = f"USD from 0 to {MOST_TRADED:,}, such as 6000000"
        traded = quantities.number(
            "fee_volume", volume, least=0, most=MOST_TRADED, expected=expected, percent=False
        )
        part = Fraction(0)
        if maker_share is not None:
            part = quantities.share("maker_share", maker_share, example="1%")
        return fee_rates(self.account.rulebook, int(traded * MICRO), int(part * PPM))

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


def default_volume(listed: Instrument) -> Fraction:
    """USD traded in a day. ``listed``: the market as its venue lists it."""
    return Fraction(_row(listed)[1])


def default_volatility(listed: Instrument) -> float:
    """Standard deviation of a year's log return."""
    return _row(listed)[2]


def default_funding(rulebook: AnyRulebook) -> Fraction:
    """Fraction of notional an hour that longs pay: the interest of the rules, else the usual."""
    if isinstance(rulebook, Rulebook):
        policy = rulebook.funding
        hours = Fraction(policy.settlement_ms, HOUR_MS)
        return Fraction(policy.interest, FUNDING_ONE) / policy.intervals_per_period / hours
    return USUAL_FUNDING


def _row(listed: Instrument) -> tuple[int, int, float]:
    return next(row for row in DEFAULT_TRADING if listed.maximum_leverage >= row[0])
