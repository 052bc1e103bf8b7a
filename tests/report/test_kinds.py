"""Every kind of value: what people read, the exact form in JSON, the number in a column."""

import json
import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seawall.report import kinds
from seawall.report.kinds import Kind
from seawall.report.sheet import Column

FORMS: list[tuple[str, Any, str, Any, Any]] = [
    # kind, value, text, exact, number
    ("TEXT", "BTC", "BTC", "BTC", "BTC"),
    ("NAMES", ("BTC", "ETH"), "BTC, ETH", ["BTC", "ETH"], ["BTC", "ETH"]),
    ("NAMES", (), "", [], []),
    ("FLAG", True, "yes", True, True),
    ("FLAG", 0, "no", False, False),
    ("COUNT", 12345, "12,345", 12345, 12345),
    ("BYTES", 670_720, "670,720", 670_720, 670_720),
    ("MONEY", 12_345_678_901, "12,346", "12345.678901", 12345.678901),
    ("MONEY", -345_670_000, "-345.67", "-345.67", -345.67),
    ("MONEY", -1, "0.00", "-0.000001", -0.000001),
    ("VALUE", "1,234.5", "1,234.5", "1,234.5", "1,234.5"),
    ("EXACT_MONEY", 1_581_250_001, "1,581.250001", "1581.250001", 1581.250001),
    ("DECIMAL", Fraction(-4001, 8), "-500.125", "-500.125", -500.125),
    ("EXACT_SHARE", Fraction(49, 125), "39.2 %", "0.392", 0.392),
    ("EXACT_PERCENT", Fraction(1, 3), "33.33 %", "33.3333333333", 100 / 3),
    ("DISTANCE", Fraction(1, 3), "33.33 %", "33.3333333333", 100 / 3),
    ("DISTANCE", Fraction(48_731_366, 100), "none near", "48731366", 48_731_366.0),
    ("AVERAGE_PRICE", 101_255.3367132, "101,255", 101_255.336713, 101_255.3367132),
    ("CENTS", 12_345_670_000, "12,345.67", "12345.67", 12345.67),
    ("CENTS", 9_007_199_254_740_993_000_000, "9,007,199,254,740,993.00", "9007199254740993",
     9007199254740993.0),
    ("USD", 999.994, "999.99", 999.994, 999.994),
    ("USD", -0.001, "0.00", -0.001, -0.001),
    ("SHORT_USD", -340_000.0, "-$340k", -340_000.0, -340_000.0),
    ("PRICE", Decimal("104999.50"), "104,999.50", "104999.50", 104999.5),
    ("PRICE", "0.000012", "0.000012", "0.000012", 0.000012),
    ("AVERAGE_PRICE", 104_999.56, "105,000", 104_999.56, 104_999.56),
    ("SIZE", Decimal("1.5"), "1.5", "1.5", 1.5),
    ("NUMBER", Fraction(67, 50), "1.34", 1.34, 1.34),
    ("FIGURE", 0.038412, "0.0384", 0.038412, 0.038412),
    ("TIMES", 20, "20x", 20.0, 20.0),
    ("RATIO", 0.874, "87 %", 0.874, 0.874),
    ("PROBABILITY", 0.0714, "7.14 %", 0.0714, 0.0714),
    ("PROBABILITY", 0.0, "0 %", 0.0, 0.0),
    ("PROBABILITY", 3.4e-12, "below 0.000001 %", 3.4e-12, 3.4e-12),
    ("PROBABILITY", 0.9994, "99.9 %", 0.9994, 0.9994),
    ("PROBABILITY", 0.99964, "99.96 %", 0.99964, 0.99964),
    ("PROBABILITY", 0.9999978, "99.9998 %", 0.9999978, 0.9999978),
    ("PROBABILITY", 1 - 1e-12, "above 99.999999 %", 1 - 1e-12, 1 - 1e-12),
    ("PROBABILITY", 1.0, "100 %", 1.0, 1.0),
    ("RATE", -1e-12, "above -0.000001 %", -1e-12, -1e-12),
    ("SHARE", 0.0769, "7.69 %", 0.0769, 0.0769),
    ("PERCENT", Fraction(1, 10), "10.00 %", 10.0, 10.0),
    ("MOVE", Fraction(-769, 10_000), "-7.69 %", -7.69, -7.69),
    ("MOVE", 12, "+1,200 %", 1200.0, 1200.0),
    ("SHOCK", Fraction(3, 40), "+7.5 %", 7.5, 7.5),
    ("BASIS_POINTS", 1234.5, "1,234.50", 1234.5, 1234.5),
    ("FINE_BASIS_POINTS", 0.1291, "0.129", 0.1291, 0.1291),
    ("RATE", 0.0000125, "0.00125 %", 0.0000125, 0.0000125),
    ("SECONDS", 90, "90 s", 90.0, 90.0),
    ("MINUTES", 21.8, "22 min", 21.8, 21.8),
    ("HOURS", 72, "3.0 d", 72.0, 72.0),
    ("TIME", 1_760_130_845_000, "2025-10-10 21:14:05", 1_760_130_845_000, 1_760_130_845_000),
]  # fmt: skip
FLOATS = (
    "USD SHORT_USD NUMBER FIGURE TIMES RATIO PROBABILITY SHARE PERCENT MOVE SHOCK BASIS_POINTS "
    "FINE_BASIS_POINTS RATE "
    "SECONDS MINUTES HOURS"
).split()


@pytest.mark.parametrize(("kind", "value", "text", "exact", "number"), FORMS)
def test_the_three_forms(kind: str, value: Any, text: str, exact: Any, number: Any) -> None:
    made: Kind = getattr(kinds, kind)
    assert made.text(value) == text
    assert made.exact(value) == exact
    assert type(made.exact(value)) is type(exact)
    same = pytest.approx(number) if isinstance(number, float) else number
    assert made.number(value) == same


def test_every_kind_is_in_the_table() -> None:
    known = {name for name, value in vars(kinds).items() if isinstance(value, Kind)}
    assert {each[0] for each in FORMS} == known


@pytest.mark.parametrize("kind", FLOATS)
@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_what_is_not_finite_is_absent_in_json(kind: str, value: float) -> None:
    made: Kind = getattr(kinds, kind)
    assert made.exact(value) is None
    assert not math.isfinite(made.number(value))
    assert made.text(value)


def test_a_ratio_without_equity_says_so() -> None:
    assert kinds.RATIO.text(math.inf) == "no equity"


@pytest.mark.parametrize("kind", sorted({each[0] for each in FORMS}))
def test_none_stays_none(kind: str) -> None:
    column = Column(name="x", kind=getattr(kinds, kind), none="never")
    row = {"x": None}
    assert (column.text(row), column.exact(row), column.number(row)) == ("never", None, None)


def test_intervals() -> None:
    pair = (0.031, 0.049)
    made = kinds.interval(kinds.PROBABILITY)
    assert made.text(pair) == "3.10 to 4.90 %"
    assert made.exact(pair) == made.number(pair) == [0.031, 0.049]
    assert kinds.interval(kinds.TIMES).text((1, 2.5)) == "1x to 2.5x"
    assert kinds.interval(kinds.USD).exact((0.0, math.inf)) == [0.0, None]


@given(st.integers(-(2**63), 2**63))
def test_money_in_json_is_exact(micro: int) -> None:
    for kind in (kinds.MONEY, kinds.CENTS):
        assert Decimal(kind.exact(micro)) == Decimal(micro).scaleb(-6)
        assert json.loads(json.dumps(kind.exact(micro))) == kind.exact(micro)
    assert "-0.00" not in (kinds.MONEY.text(micro), kinds.CENTS.text(micro))


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12))
def test_a_price_keeps_every_decimal(value: Decimal) -> None:
    text = kinds.PRICE.text(value)
    assert Decimal(text.replace(",", "")) == value
    assert text.replace(",", "").partition(".")[2] == f"{value:f}".partition(".")[2]
