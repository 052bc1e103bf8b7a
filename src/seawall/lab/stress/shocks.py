"""Sizes of shocks, as people write them."""

from collections.abc import Iterable
from fractions import Fraction

from seawall.domain.errors import InputError
from seawall.domain.quantities import Amount, percent_move

DEFAULT_SHOCKS = ("5", "10", "15", "20", "30")
"""Percent, each down and up."""
MOST_SHOCKS = 40


def shock_sizes(shocks: Iterable[Amount]) -> tuple[Fraction, ...]:
    """Signed fractions, each once; without a sign a size stands for both. Raises InputError."""
    found: list[Fraction] = []
    for given in shocks:
        for each in given.split(",") if isinstance(given, str) else [given]:
            sign, size = percent_move("shocks", each)
            if not sign and size >= 1:
                expected = "less than 100 % down, which leaves no price"
                raise InputError.of("", "shocks", each, expected)
            found += [sign * size] if sign else [-size, size]
    sizes = tuple(dict.fromkeys(found))
    if len(sizes) > MOST_SHOCKS:
        raise InputError.of("", "shocks", f"{len(sizes)} sizes", f"at most {MOST_SHOCKS}")
    return sizes
