"""Numbers as ``seawall size`` and ``seawall carry`` are given them: exact, checked, named."""

from decimal import Decimal, InvalidOperation
from fractions import Fraction

from seawall.domain.errors import InputError
from seawall.domain.units import MAX_MONEY, MICRO

_LONGEST = 40


def number(
    option: str, text: str, least: float, most: float, wish: str, *, above: bool = False
) -> Fraction:
    """A decimal number from ``least`` (``above``: not itself) to ``most``, with ``%`` a hundredth
    of what is written. Raises InputError."""
    bare = text.strip().replace("_", "").replace(",", "")
    is_percent = bare.endswith("%")
    try:
        value = Decimal(bare.removesuffix("%"))
    except InvalidOperation:
        raise _wrong(option, text, wish) from None
    if not value.is_finite() or len(text) > _LONGEST or abs(value.adjusted()) > _LONGEST:
        raise _wrong(option, text, wish)
    found = Fraction(value) / (100 if is_percent else 1)
    if found > Fraction(most) or found < Fraction(least) or (above and found == Fraction(least)):
        raise _wrong(option, text, wish)
    return found


def share(option: str, text: str, most: float, example: str, *, least: float = 0.0) -> Fraction:
    """``2%`` or ``0.02``, above ``least`` and up to ``most``. Raises InputError."""
    wish = f"should be above {least * 100:g}% and at most {most * 100:g}%, such as {example}"
    return number(option, text, least, most, wish, above=True)


def plain(
    option: str, text: str, least: float, most: float, wish: str, *, above: bool = False
) -> Fraction:
    """As ``number``, of what is no share: without ``%``. Raises InputError."""
    if "%" in text:
        raise _wrong(option, text, wish)
    return number(option, text, least, most, wish, above=above)


def usd(option: str, text: str) -> int:
    """Micro-USD of an amount above zero, cut to whole ones. Raises InputError."""
    wish = "should be USD above 0, such as 25000"
    return int(plain(option, text, 1 / MICRO, MAX_MONEY / MICRO, wish) * MICRO)


def usd_or_share(option: str, text: str, whole: int) -> int:
    """Micro-USD: an amount, or with ``%`` a share of ``whole``. Raises InputError."""
    if not text.strip().endswith("%"):
        return usd(option, text)
    return int(share(option, text, 1.0, "2%") * whole)


def rate(option: str, text: str, most: float, example: str) -> Fraction:
    """A signed fraction such as 0.0000125, or with ``%``. Raises InputError."""
    wish = f"should be a fraction from -{most:g} to {most:g}, such as {example}"
    return number(option, text, -most, most, wish)


def choice(option: str, text: str, choices: tuple[str, ...]) -> str:
    """One of a few words. Raises InputError."""
    if text not in choices:
        raise _wrong(option, text, f"should be {' or '.join(choices)}")
    return text


def _wrong(option: str, text: str, wish: str) -> InputError:
    return InputError(f"{option}: {text[:_LONGEST]!r} {wish}")
