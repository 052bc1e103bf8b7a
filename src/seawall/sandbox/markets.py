"""The markets of a sandbox: which ones, at what price they begin, how liquid they are.

Prices are of the order at which such contracts have stood, most rounded from one recorded frame,
those at the end from trades of 2025-10-27; they only decide where a new sandbox begins.
``NAME=PRICE`` begins elsewhere; a number or ``all`` in place of names takes the first ones of the
list here.
"""

import math
from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from seawall.domain.errors import SeawallError
from seawall.domain.instrument import Instrument
from seawall.domain.units import MAX_ORACLE_PRICE, MAX_PRICE, UnitError, fraction_text, to_units
from seawall.sandbox.agents.profiles import Profile, profiles

ALL = "all"
DEFAULT_MARKETS = ("BTC", "ETH", "SOL", "HYPE", "DOGE", "LINK")

START_PRICES = {
    "BTC": "77500",
    "ETH": "2120",
    "SOL": "86",
    "HYPE": "62.7",
    "DOGE": "0.103",
    "LINK": "9.5",
    "ZEC": "673",
    "NEAR": "2.7",
    "TON": "1.95",
    "SUI": "1.05",
    "XRP": "1.36",
    "ONDO": "0.436",
    "WLD": "0.303",
    "FARTCOIN": "0.184",
    "LTC": "53",
    "BNB": "673",
    "AAVE": "86.7",
    "PAXG": "4560",
    "PUMP": "0.0018",
    "ADA": "0.246",
    "ENA": "0.1005",
    "CRV": "0.227",
    "AVAX": "9.3",
    "UNI": "3.36",
    "ARB": "0.109",
    "TRX": "0.374",
    "BCH": "349",
    "JUP": "0.203",
    "kPEPE": "0.00363",
    "TRUMP": "2.09",
    "DOT": "1.28",
    "APT": "0.976",
    "kBONK": "0.00612",
    "kSHIB": "0.00562",
    "XPL": "0.36",
    "PENGU": "0.0223",
    "VIRTUAL": "1.47",
    "MET": "0.521",
    "MON": "0.0652",
    "IP": "5.35",
    "PURR": "0.138",
    "WIF": "0.562",
    "LDO": "0.962",
}
"""The default markets, then the others by what was traded in a day."""
PROFILE_OF = {
    "BTC": "deep",
    "ETH": "large",
    "SOL": "middle",
    "HYPE": "middle",
    "ZEC": "middle",
    "NEAR": "middle",
    "XRP": "middle",
    "BNB": "middle",
    "DOGE": "small",
    "TON": "small",
    "SUI": "small",
    "ONDO": "small",
    "WLD": "small",
    "FARTCOIN": "small",
    "LTC": "small",
}
"""Other markets are thin."""


class MarketChoiceError(SeawallError):
    """A market that the sandbox cannot open; the message says which are known."""


class OpenMarket(Struct, frozen=True):
    """A market that the sandbox opens. ``start_price`` in price units."""

    row: int
    instrument: Instrument
    start_price: int
    profile_name: str

    @property
    def name(self) -> str:
        return self.instrument.name

    @property
    def profile(self) -> Profile:
        return profiles()[self.profile_name]

    def to_usd(self, units: float) -> float:
        """USD of an order price."""
        unit = self.instrument.price_unit
        return units * unit.numerator / unit.denominator

    def to_units(self, usd: float) -> float:
        """USD as an order price, not rounded to a whole one."""
        unit = self.instrument.price_unit
        return usd * unit.denominator / unit.numerator

    def oracle_usd(self, units: int) -> float:
        """USD of an oracle price, or of a mark."""
        unit = self.instrument.oracle_unit
        return units * unit.numerator / unit.denominator

    def to_oracle(self, usd: float) -> int:
        """USD as an oracle price, the nearest one."""
        unit = self.instrument.oracle_unit
        most = MAX_PRICE if self.instrument.block_terms is None else MAX_ORACLE_PRICE
        return min(most, max(1, round(min(usd * unit.denominator / unit.numerator, most))))

    def price_text(self, units: int) -> str:
        """An order price in USD, exactly."""
        return fraction_text(units * self.instrument.price_unit)

    def oracle_text(self, units: int) -> str:
        """An oracle price in USD, exactly."""
        return fraction_text(units * self.instrument.oracle_unit)


def coin_of(name: str) -> str:
    """The coin of a market that is named by it, or by it and what it is quoted in."""
    return name.partition("-")[0]


def _no_other(name: str, price: str) -> Instrument | None:
    """For callers without builders' markets."""
    return None


def expand_markets(wanted: Sequence[str], shipped: Mapping[str, Instrument]) -> tuple[str, ...]:
    """The names that a number or ``all`` stands for; any other texts as they are.

    Raises MarketChoiceError.
    """
    if len(wanted) != 1 or not (wanted[0] == ALL or wanted[0].isdecimal()):
        return tuple(wanted)
    by_coin = {coin_of(name): name for name in shipped}
    names = [by_coin[coin] for coin in START_PRICES if coin in by_coin]
    count = len(names) if wanted[0] == ALL else int(wanted[0])
    if not 1 <= count <= len(names):
        raise MarketChoiceError(f"{count} markets were asked for; there are 1 to {len(names)}")
    return tuple(names[:count])


def choose_markets(
    wanted: Sequence[str],
    shipped: Mapping[str, Instrument],
    of_builders: Callable[[str, str], Instrument | None] = _no_other,
) -> tuple[OpenMarket, ...]:
    """Markets for texts like ``BTC`` or ``BTC=60000``; the default ones for none.

    ``of_builders``: other markets by name and price. They come after the venue's own, which are
    margin group 0. Raises MarketChoiceError.
    """
    chosen: dict[str, tuple[Instrument, int]] = {}
    by_coin = {coin_of(name): name for name in shipped}
    for text in wanted or [by_coin[coin] for coin in DEFAULT_MARKETS if coin in by_coin]:
        name, _, price = text.partition("=")
        name = name if name in shipped else by_coin.get(name, name)
        instrument = shipped.get(name) or of_builders(name, price)
        if instrument is None:
            raise MarketChoiceError(f"unknown market {name!r}; known are {', '.join(shipped)}")
        if name in chosen:
            raise MarketChoiceError(f"{name} is asked for twice")
        if not price and coin_of(name) not in START_PRICES:
            raise MarketChoiceError(f"{name} needs a price to begin at: {name}=PRICE")
        start = price_units(name, price or START_PRICES[coin_of(name)], instrument)
        chosen[name] = instrument, start
    if all(instrument.group for instrument, _ in chosen.values()):
        raise MarketChoiceError(
            f"{', '.join(chosen)}: at least one market must be the venue's own, such as BTC"
        )
    ordered = sorted(chosen.values(), key=lambda each: bool(each[0].group))
    return tuple(
        OpenMarket(row, instrument, start, PROFILE_OF.get(coin_of(instrument.name), "thin"))
        for row, (instrument, start) in enumerate(ordered)
    )


def price_units(field: str, text: str, instrument: Instrument) -> int:
    """A price in USD as price units. Raises MarketChoiceError naming ``field``."""
    example = START_PRICES.get(coin_of(instrument.name), "1.5")
    unit = instrument.price_unit
    try:
        fine = to_units(text, len(str(unit.denominator)) - 1, MAX_PRICE * unit.numerator)
        units = fine // unit.numerator
    except UnitError as error:
        raise MarketChoiceError(f"{field}: {error}; a price is a number like {example}") from None
    if units <= 0:
        raise MarketChoiceError(f"{field}: {text} is not above 0; a price is like {example}")
    return units


def to_tick(units: float, figures: int, price_decimals: int, *, up: bool) -> int:
    """The next valid price: at most so many significant figures (0: all), whole USD always."""
    whole = math.ceil(units) if up else math.floor(units)
    whole = min(MAX_PRICE, max(1, whole))
    if not figures:
        return whole
    tick: int = 10 ** min(price_decimals, max(0, len(str(whole)) - figures))
    rounded = -(-whole // tick) * tick if up else whole // tick * tick
    return rounded if 0 < rounded <= MAX_PRICE else whole
