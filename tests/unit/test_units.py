"""Decimal text to integers and back, exactly or not at all."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seawall.domain.units import UnitError, from_units, money_text, to_units


@given(st.integers(-(2**62), 2**62), st.integers(0, 12))
def test_there_and_back(units: int, decimals: int) -> None:
    text = from_units(units, decimals)
    assert to_units(text, decimals) == units
    assert Fraction(text) == Fraction(units, 10**decimals)


@given(st.integers(-(10**15), 10**15), st.integers(0, 6))
def test_text_is_the_shortest(units: int, decimals: int) -> None:
    text = from_units(units, decimals)
    assert not (("." in text) and text.endswith(("0", ".")))
    assert not text.startswith("+")


@pytest.mark.parametrize(
    ("text", "decimals", "units"),
    [
        ("1.25", 2, 125),
        ("1.250", 2, 125),
        (" 7 ", 0, 7),
        ("-0.5", 1, -5),
        (".5", 1, 5),
        ("5.", 0, 5),
        ("-0.0", 6, 0),
        ("1e3", 0, 1000),
        ("1.5E-3", 4, 15),
        ("25e-1", 1, 25),
        ("0e99", 0, 0),
    ],
)
def test_accepted(text: str, decimals: int, units: int) -> None:
    assert to_units(text, decimals) == units


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", ".", "-", "+1", "1,000", "1_000", "0x10", "NaN", "nan", "Infinity", "-inf"),
        *("1.2.3", "1e", "1e1000", "--1", "1 2", "1" * 65),
    ],
)
def test_not_a_number(text: str) -> None:
    with pytest.raises(UnitError, match="is not a decimal number"):
        to_units(text, 6)


@pytest.mark.parametrize("value", [1, 1.5, None, True, b"1"])
def test_only_text_is_read(value: object) -> None:
    with pytest.raises(UnitError, match="is not a decimal number"):
        to_units(value, 6)  # type: ignore[arg-type]


@pytest.mark.parametrize(("text", "decimals"), [("0.1", 0), ("1.0000001", 6), ("1e-7", 6)])
def test_digits_that_do_not_fit(text: str, decimals: int) -> None:
    with pytest.raises(UnitError, match=f"has more than {decimals} decimals"):
        to_units(text, decimals)


@pytest.mark.parametrize("text", ["1e300", "9223372036854775808", "-9223372036854775808", "1e41"])
def test_too_large(text: str) -> None:
    with pytest.raises(UnitError, match="is too large; the limit is"):
        to_units(text, 0)


def test_limit_is_allowed() -> None:
    assert to_units("12.34", 2, 1234) == 1234
    with pytest.raises(UnitError, match=r"12\.35 is too large; the limit is 12\.34"):
        to_units("12.35", 2, 1234)


def test_money() -> None:
    assert money_text(-1_500_000) == "-1.5"
    assert money_text(0) == "0"
