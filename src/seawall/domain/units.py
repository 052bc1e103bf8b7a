"""Units of the machine and the exact way between decimal text and integers.

Money is an integer count of micro-USD. A price has ``price_decimals`` and a size has
``size_decimals`` of its market, whose sum is 6, so that price x size is micro-USD exactly.
"""

import re
from fractions import Fraction

from seawall.domain.errors import InputError

MICRO = 1_000_000
MONEY_DECIMALS = 6
RATE_ONE = 10**9
FUNDING_ONE = 10**12
PPM = 1_000_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000

MAX_PRICE = 2**30 - 1
"""The deepest price a ladder of five 64-way steps can hold."""
MAX_NOTIONAL = 10**16
"""10 billion USD: keeps notional x tier factor below 2^62."""
MAX_MONEY = 10**17
MAX_DEPOSITS = 2**61
"""Of one collateral, less withdrawals: leaves room in 64 bits for every sum of accounts."""
MAX_SIZE = 10**15
"""Of an order or a position, in the market's size units."""
MAX_BLOCK_RULES_SIZE = 10**17
"""The same under block rules, whose size units may be finer."""
MAX_ORACLE_PRICE = 10**17
"""Under block rules, where oracle prices have units of their own."""
MAX_STAKED = 10**17
MAX_TIME_MS = 2**46
NEVER = 2**62
"""A time, or a height of the chain of blocks, beyond every other."""

_DECIMAL = re.compile(r"-?(\d+)(\.\d*)?([eE][+-]?\d{1,3})?|-?\.\d+([eE][+-]?\d{1,3})?")


class UnitError(InputError):
    """A number that cannot be represented; the message says what would be right."""


def to_units(text: str, decimals: int, limit: int = 2**62) -> int:
    """``"1.25"`` with 2 decimals is 125. Exact: digits beyond ``decimals`` must be zero.

    Raises UnitError for text that is not a finite decimal number, for more decimals than
    allowed, and for magnitudes above ``limit``.
    """
    if not isinstance(text, str) or len(text) > 64 or not _DECIMAL.fullmatch(text.strip()):
        raise UnitError(f"{text!r} is not a decimal number")
    mantissa, _, exponent_text = text.strip().lower().partition("e")
    sign = -1 if mantissa.startswith("-") else 1
    whole, _, fraction = mantissa.lstrip("-").partition(".")
    exponent = int(exponent_text or "0") + decimals - len(fraction)
    digits = int((whole + fraction) or "0")
    if exponent > 40 and digits:
        raise UnitError(f"{text} is too large; the limit is {from_units(limit, decimals)}")
    if exponent >= 0:
        units = digits * int(10**exponent)
    else:
        units, remainder = divmod(digits, int(10**-exponent))
        if remainder:
            raise UnitError(f"{text} has more than {decimals} decimals")
    if units > limit:
        raise UnitError(f"{text} is too large; the limit is {from_units(limit, decimals)}")
    return sign * units


def from_units(units: int, decimals: int) -> str:
    """The shortest exact decimal text: 1250 with 3 decimals is ``"1.25"``."""
    sign = "-" if units < 0 else ""
    whole, fraction = divmod(abs(int(units)), 10**decimals)
    if not fraction:
        return f"{sign}{whole}"
    return f"{sign}{whole}.{fraction:0{decimals}d}".rstrip("0")


def money_text(micro: int) -> str:
    """Micro-USD as decimal text."""
    return from_units(micro, MONEY_DECIMALS)


def fraction_text(value: Fraction, most: int = 10) -> str:
    """Decimal text: exact where a fraction has a finite decimal, else rounded to ``most``."""
    rest, twos, fives = value.denominator, 0, 0
    while rest % 2 == 0:
        rest, twos = rest // 2, twos + 1
    while rest % 5 == 0:
        rest, fives = rest // 5, fives + 1
    decimals = max(twos, fives) if rest == 1 else most
    return from_units(round(value * 10**decimals), decimals)
