"""The markets of a sandbox: which ones, at what price they begin, how liquid they are.

Prices are of the order at which such contracts have stood, most rounded from one recorded frame;
they only decide where a new sandbox begins. ``NAME=PRICE`` begins elsewhere.
"""

import math
from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from seawall.domain.errors import SeawallError
from seawall.domain.instrument import Instrument
from seawall.domain.units import MAX_PRICE, UnitError, to_units
from seawall.sandbox.agents.profiles import Profile, profiles

DEFAULT_MARKETS = ("BTC", "ETH", "SOL", "HYPE", "DOGE", "LINK")

START_PRICES = {
    "BTC": "77500",
    "ETH": "2120",
    "SOL": "86",
    "BNB": "673",
    "HYPE": "62.7",
    "XRP": "1.36",
    "LTC": "53",
    "DOGE": "0.103",
    "AVAX": "9.3",
    "LINK": "9.5",
}
PROFILE_OF = {
    "BTC": "deep",
    "ETH": "large",
    "SOL": "middle",
    "BNB": "middle",
    "HYPE": "middle",
    "XRP": "middle",
    "DOGE": "small",
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
        return float(units) / 10.0**self.instrument.price_decimals

    def to_units(self, usd: float) -> float:
        return usd * 10.0**self.instrument.price_decimals


def _no_other(name: str, price: str) -> Instrument | None:
    """For callers without builders' markets."""
    return None


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
    for text in wanted or [name for name in DEFAULT_MARKETS if name in shipped]:
        name, _, price = text.partition("=")
        instrument = shipped.get(name) or of_builders(name, price)
        if instrument is None:
            raise MarketChoiceError(f"unknown market {name!r}; known are {', '.join(shipped)}")
        if name in chosen:
            raise MarketChoiceError(f"{name} is asked for twice")
        if not price and name not in START_PRICES:
            raise MarketChoiceError(f"{name} needs a price to begin at: {name}=PRICE")
        start = price_units(name, price or START_PRICES[name], instrument)
        chosen[name] = instrument, start
    if all(instrument.group for instrument, _ in chosen.values()):
        raise MarketChoiceError(
            f"{', '.join(chosen)}: at least one market must be the venue's own, such as BTC"
        )
    ordered = sorted(chosen.values(), key=lambda each: bool(each[0].group))
    return tuple(
        OpenMarket(row, instrument, start, PROFILE_OF.get(instrument.name, "thin"))
        for row, (instrument, start) in enumerate(ordered)
    )


def price_units(field: str, text: str, instrument: Instrument) -> int:
    """A price in USD as price units. Raises MarketChoiceError naming ``field``."""
    example = START_PRICES.get(instrument.name, "1.5")
    try:
        units = to_units(text, instrument.price_decimals, MAX_PRICE)
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
