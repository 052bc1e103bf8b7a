"""Prices that an account is valued at, in the units of its markets."""

import tomllib
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import cache
from pathlib import Path

from seawall.domain.errors import InputError
from seawall.domain.instrument import Instrument
from seawall.domain.units import MAX_PRICE, UnitError, from_units, to_units

Price = str | int | float | Decimal
"""USD; a float stands for its shortest decimal."""

_FINE_DECIMALS = 18
_HIGHEST_FINE = 10**33


def parsed_prices(texts: Sequence[str], instruments: Sequence[Instrument]) -> dict[str, str]:
    """Prices by market from texts such as ``BTC=117000``. Raises InputError."""
    found = {}
    for text in texts:
        name, equals, price = text.rpartition("=")
        if not equals:
            such = instruments[0].name if instruments else "BTC"
            raise InputError(f"--price: {text!r} should be MARKET=USD, such as {such}=100")
        found[name] = price
    return found


def exact_prices(
    prices: Mapping[str, Price], instruments: Sequence[Instrument], option: str = "--price"
) -> dict[str, int]:
    """Price units by market, of prices that the markets can have. Raises InputError."""
    known = {each.name: each for each in instruments}
    found = {}
    for name, price in prices.items():
        if name not in known:
            raise InputError(f"{option}: {name!r} is not one of the markets: {', '.join(known)}")
        text = f"{name}={price}"
        try:
            units = to_units(str(price), known[name].price_decimals, MAX_PRICE)
        except UnitError as error:
            raise InputError(f"{option}: {text!r}: {error}") from None
        if units <= 0:
            raise InputError(f"{option}: {text!r}: should be above 0")
        found[name] = units
    return found


def nearest_price(where: str, text: str, instrument: Instrument) -> int:
    """The price units nearest to a price: averages of fills and oracle prices are finer.

    Raises InputError.
    """
    try:
        fine = to_units(text, _FINE_DECIMALS, _HIGHEST_FINE)
    except UnitError as error:
        raise InputError(f"{where}: {error}") from None
    grain: int = 10 ** (_FINE_DECIMALS - instrument.price_decimals)
    units = (2 * fine + grain) // (2 * grain)
    if not 1 <= units <= MAX_PRICE:
        least, most = (from_units(each, instrument.price_decimals) for each in (1, MAX_PRICE))
        raise InputError(f"{where}: {text} should be {least} to {most} USD")
    return units


class SamplePrices(dict[str, str]):
    """USD by market, with where they come from."""

    source: str


@cache
def sample_prices() -> SamplePrices:
    """Prices for markets of which nothing else says one."""
    data = tomllib.loads(Path(__file__).with_name("prices.toml").read_text(encoding="utf-8"))
    found = SamplePrices(data["usd"])
    found.source = data["source"]
    return found
