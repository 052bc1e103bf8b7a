"""A market of block rules in plain units: price x size is micro-USD, as in every account file."""

from collections.abc import Sequence
from fractions import Fraction

from msgspec import structs

from seawall.domain.instrument import BlockTerms, Instrument
from seawall.domain.units import MAX_PRICE, MONEY_DECIMALS

ROOM_ABOVE = 100
"""A path may go so many times as high as the present price."""


def in_plain_units(
    instrument: Instrument, price: Fraction, sizes: Sequence[Fraction], least_decimals: int = 0
) -> Instrument | None:
    """The market with its own margins in units of which these sizes, in coins, are whole numbers.

    ``price``: USD now. ``least_decimals``: that a size has. All markets then share one pool of
    collateral and one insurance fund. None where no decimals fit.
    """
    terms = instrument.block_terms
    if terms is None:
        return instrument
    step = Fraction(terms.size_step) / Fraction(10) ** instrument.size_decimals
    for decimals in range(least_decimals, MONEY_DECIMALS + 1):
        fits = price * ROOM_ABOVE * 10 ** (MONEY_DECIMALS - decimals) <= MAX_PRICE
        if fits and all((each * 10**decimals).denominator == 1 for each in (*sizes, step)):
            break
    else:
        return None
    return structs.replace(
        instrument,
        size_decimals=decimals,
        block_terms=BlockTerms(
            fractions=terms.fractions,
            size_step=max(1, int(step * 10**decimals)),
            default_funding_ppm=terms.default_funding_ppm,
            minimum_price_change_ppm=terms.minimum_price_change_ppm,
            oracle_decimals=MONEY_DECIMALS - decimals,
        ),
    )
