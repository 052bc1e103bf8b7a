"""Quantities as people write them: ``-10%``, ``BTC=60000``, ``20x``, ``25000``.

The one reader of such texts for the command line, the library, the sandbox and its control. Each
function takes the name of the field that the value is for, passes a number through, and raises
InputError naming the field, the value and what would be right. Exact: decimals become fractions.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from pathlib import PurePath
from typing import Any, TypeVar

from seawall.domain.errors import InputError
from seawall.domain.units import MAX_MONEY, MICRO

Amount = str | int | float | Fraction | Decimal
PerMarket = Amount | Iterable[str] | Mapping[str, Amount]
"""One value for every market, or texts such as ``BTC=5``, or values by market."""
Value = TypeVar("Value")
_LONGEST = 40
ALL = ""
"""Stands for every market in ``assignments``."""


def number(
    field: str,
    value: Amount,
    *,
    least: float | Fraction,
    most: float | Fraction,
    expected: str,
    above: bool = False,
    percent: bool = True,
) -> Fraction:
    """The number from ``least`` (``above``: not itself) to ``most``.

    A text may hold blanks, ``_`` and ``,`` as separators, and (``percent``) end with ``%``, a
    hundredth of what is written.
    """
    found = _fraction(value, percent=percent)
    if found is None or found > most or found < least or (above and found == least):
        raise InputError.of("", field, _shown(value), expected)
    return found


def _fraction(value: Amount, *, percent: bool) -> Fraction | None:
    if isinstance(value, int | float | Fraction | Decimal):
        try:
            # A float means the decimal that it is printed as: 0.1 is a tenth.
            return Fraction(repr(value)) if isinstance(value, float) else Fraction(value)
        except (ValueError, OverflowError):
            return None
    bare = value.strip().replace("_", "").replace(",", "")
    is_percent = bare.endswith("%")
    if len(value) > _LONGEST or (is_percent and not percent):
        return None
    try:
        decimal = Decimal(bare.removesuffix("%").strip())
    except InvalidOperation:
        return None
    if not decimal.is_finite() or abs(decimal.adjusted()) > _LONGEST:
        return None
    return Fraction(decimal) / (100 if is_percent else 1)


def share(
    field: str, value: Amount, *, most: float = 1.0, least: float = 0.0, example: str = "2%"
) -> Fraction:
    """A fraction above ``least`` and up to ``most``: ``2%`` or ``0.02``."""
    expected = f"above {least * 100:g}% and at most {most * 100:g}%, such as {example}"
    return number(field, value, least=least, most=most, expected=expected, above=True)


def usd(field: str, value: Amount, *, may_be_none: bool = False) -> int:
    """Micro-USD of an amount above zero, or of none, cut to whole ones."""
    least, most = Fraction(0 if may_be_none else 1, MICRO), Fraction(MAX_MONEY, MICRO)
    expected = f"USD {'of 0 or more' if may_be_none else 'above 0'}, such as 25000"
    found = number(field, value, least=least, most=most, expected=expected, percent=False)
    return int(found * MICRO)


def usd_or_share(field: str, value: Amount, whole: int) -> int:
    """Micro-USD: an amount, or with ``%`` a share of ``whole``."""
    if isinstance(value, str) and value.strip().endswith("%"):
        return int(share(field, value) * whole)
    return usd(field, value)


def rate(field: str, value: Amount, *, most: float, example: str) -> Fraction:
    """A signed fraction such as 0.0000125, or with ``%``."""
    expected = f"a fraction from -{most:g} to {most:g}, such as {example}"
    return number(field, value, least=-most, most=most, expected=expected)


def percent_move(
    field: str, value: Amount, *, highest: int = 1000, example: str = "20, -20 or +7.5"
) -> tuple[int, Fraction]:
    """(sign, or 0 where none is written; size above 0) of a move of a price.

    A text is in percent, with or without ``%``; a number that is no text is a fraction.
    """
    expected = f"percent above 0 and up to {highest:,}, such as {example}"
    sign, size = 0, value
    if isinstance(value, str):
        bare = value.strip()
        sign = {"+": 1, "-": -1}.get(bare[:1], 0)
        size = bare.lstrip("+-").rstrip("%").strip() + "%"
        if bare[1:2] in ("+", "-"):
            raise InputError.of("", field, _shown(value), expected)
    elif value < 0:
        sign, size = -1, -value
    try:
        found = number(
            field, size, least=0, most=Fraction(highest, 100), expected=expected, above=True
        )
    except InputError:
        raise InputError.of("", field, _shown(value), expected) from None
    if sign < 0 and found >= 1:
        raise InputError.of("", field, _shown(value), "less than 100 % down, which leaves no price")
    return sign, found


def leverage(field: str, value: Amount, *, highest: float) -> Fraction:
    """A multiple above 0: ``20`` or ``20x``."""
    bare = value.strip().removesuffix("x") if isinstance(value, str) else value
    expected = f"a number above 0 and up to {highest:g}, such as 10"
    try:
        return number(
            field, bare, least=0, most=highest, expected=expected, above=True, percent=False
        )
    except InputError:
        raise InputError.of("", field, _shown(value), expected) from None


def choice(field: str, value: str, choices: Sequence[str]) -> str:
    """One of a few words."""
    if value not in choices:
        raise InputError.of("", field, _shown(value), " or ".join(choices))
    return value


def assignments(
    field: str,
    values: PerMarket,
    read: Callable[[str, Amount], Value],
) -> dict[str, Value]:
    """Values by market of ``BTC=5``; under ``ALL`` the one of a bare ``5``, for every market."""
    pairs = values.items() if isinstance(values, Mapping) else map(_assignment, several(values))
    return {name: read(field, value) for name, value in pairs}


def several(values: Any) -> tuple[Any, ...]:
    """The values, or the only one."""
    if isinstance(values, str | PurePath) or not isinstance(values, Iterable):
        return (values,)
    return tuple(values)


def for_markets(
    field: str, values: Mapping[str, Value], markets: Sequence[str]
) -> dict[str, Value]:
    """The value of each market that has one of its own or shares that of all."""
    for name in values:
        if name != ALL and name not in markets:
            raise InputError.of("", field, name, f"one of the markets: {', '.join(markets)}")
    shared = dict.fromkeys(markets, values[ALL]) if ALL in values else {}
    return shared | {name: values[name] for name in markets if name in values}


def _assignment(text: Amount) -> tuple[str, Amount]:
    if not isinstance(text, str):
        return ALL, text
    name, equals, value = text.rpartition("=")
    return (name.strip(), value) if equals else (ALL, value)


def _shown(value: Amount) -> Amount:
    return value[:_LONGEST] if isinstance(value, str) else value
