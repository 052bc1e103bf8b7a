"""What a value is: how it is read, its exact text for programs, and its number for tables.

This is the only place that formats money, prices, percent and durations. A kind gives a value three
forms, so that a terminal, a JSON object, a parquet file and a chart cannot disagree: ``text`` for
people, ``exact`` for JSON, ``number`` for columns of numbers. None stays None in every form.
"""

import math
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

from msgspec import Struct

from seawall.domain.units import MICRO, fraction_text, money_text

Number = int | float | Fraction | Decimal
MINUS = "-"
"""ASCII, so that a copied number is a number."""


def usd(amount: Number) -> str:
    """``12,345``, or ``345.67`` below a thousand, of an amount in USD."""
    value = float(amount)
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:z,.2f}"


def money(micro: int) -> str:
    """The same of micro-USD."""
    return usd(Fraction(micro, MICRO))


def cents(micro: int) -> str:
    """``12,345.67`` of micro-USD, for what must be read exactly."""
    return f"{Decimal(int(micro)).scaleb(-6):z,.2f}"


def whole(value: Number) -> str:
    """``12,345``: rounded to the whole."""
    return f"{float(value):,.0f}"


def short_figure(value: float) -> str:
    """``7.14``, ``5``, ``12,345``: three figures at most, thousands whole."""
    return f"{value:,.3g}" if abs(value) < 1000 else whole(value)


def short_usd(amount: Number) -> str:
    """Three figures and a letter: ``$1.25M``, ``-$340k``, ``$95.5``."""
    value = float(amount)
    size, sign = abs(value), MINUS if value < 0 else ""
    for unit, letter in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        # What rounds up to the unit is written in it: $1M, not $1000k.
        if size >= 0.9995 * unit:
            return f"{sign}${_plain_three(size / unit)}{letter}"
    return f"{sign}${_plain_three(size)}" if _plain_three(size) != "0" else "$0"


def price(value: Decimal | str) -> str:
    """``104,999.5``: thousands separated, every decimal kept."""
    whole, dot, rest = f"{value:f}".partition(".") if isinstance(value, Decimal) else (
        str(value).partition(".")
    )  # fmt: skip
    sign = MINUS if whole.startswith("-") else ""
    return f"{sign}{int(whole.lstrip('-')):,}{dot}{rest}"


def percent(share: Number, decimals: int = 2, *, signed: bool = False) -> str:
    """``7.69 %`` of a fraction; ten times and more in whole percent."""
    sign = "+" if signed else ""
    figure = float(100 * share)
    return f"{figure:{sign}z,.{0 if abs(figure) >= 1000 else decimals}f} %"


_LEAST_PERCENT = 1e-6
NONE_NEAR = "none near"
_NEAR = 10
"""A boundary beyond ten times the price: no such move is worth a figure."""


def distance(share: Number) -> str:
    """``7.69 %`` of a fraction, or ``none near`` beyond ten times the price."""
    return percent(share) if abs(float(share)) <= _NEAR else NONE_NEAR


def short_percent(share: Number, *, signed: bool = False) -> str:
    """``-20 %``, ``7.5 %``: as it was asked for."""
    return f"{float(100 * share):{'+' if signed else ''}g} %"


def typed_percent(share: Number) -> str:
    """``500%``: as an option takes it."""
    return f"{float(100 * share):g}%"


def probability(share: Number) -> str:
    """``26.0 %``, ``7.14 %``, ``0.0384 %``: three figures, whatever the size.

    What is not 0 or 100 % is not written so: ``below 0.000001 %``, ``99.97 %``.
    """
    figure = float(100 * share)
    left = 100 - figure
    if 0 < abs(figure) < _LEAST_PERCENT / 2:
        return f"below {_LEAST_PERCENT:.6f} %" if figure > 0 else f"above -{_LEAST_PERCENT:.6f} %"
    if not 0 < left <= 0.05:
        return f"{three_figures(figure)} %"
    if left < _LEAST_PERCENT / 2:
        return f"above {100 - _LEAST_PERCENT:.6f} %"
    return f"{figure:.{min(6, -math.floor(math.log10(left)))}f} %"


def three_figures(value: float) -> str:
    """``26.0``, ``7.14``, ``0.0384``: figures that stand below each other; no small one is 0."""
    if value == 0 or abs(value) >= 99.95:
        return f"{value:,.0f}"
    return f"{value:#.3g}" if abs(value) >= 1e-4 else f"{value:.6f}"


def times(value: Number) -> str:
    """``0.53x``, ``12.5x``, ``1,111x``: a leverage."""
    figure = float(value)
    return f"{figure:,.0f}x" if abs(figure) >= 1000 else f"{figure:.3g}x"


def duration(seconds: Number) -> str:
    """``45 s``, ``12 min``, ``3.5 h``, ``2.1 d``: in the unit that suits it."""
    value = float(seconds)
    if value < 120:
        return f"{value:.3g} s"
    if value < 7_200:
        return f"{value / 60:.0f} min"
    return f"{value / 3_600:.1f} h" if value < 172_800 else f"{value / 86_400:.1f} d"


def long_duration(seconds: Number) -> str:
    """``7 days``, ``12 hours``, ``45 minutes``: for sentences."""
    value = float(seconds)
    if value >= 172_800:
        return f"{value / 86_400:.3g} days"
    return f"{value / 3_600:.3g} hours" if value >= 3_600 else f"{value / 60:.3g} minutes"


def clock(time_ms: int) -> str:
    """``2025-10-10 21:14:05`` (UTC) of milliseconds since 1970."""
    import datetime

    moment = datetime.datetime.fromtimestamp(time_ms / 1000, datetime.UTC)
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def exact_clock(time_ms: int) -> str:
    """The same with milliseconds where there are any."""
    return clock(time_ms - time_ms % 1000) + (f".{time_ms % 1000:03d}" if time_ms % 1000 else "")


def leverage(value: Number) -> str:
    """``17.92x``: four figures, so that it can be asked for again."""
    return f"{float(value):.4g}x"


def ratio(value: float) -> str:
    """Maintenance margin over equity: ``87 %``."""
    return f"{100 * value:.0f} %" if math.isfinite(value) else "no equity"


def _plain_three(value: float) -> str:
    if value >= 99.95:
        return f"{value:.0f}"
    text = f"{value:.1f}" if value >= 9.995 else f"{value:.2f}"
    return text.rstrip("0").rstrip(".")


class Kind(Struct, frozen=True, kw_only=True):
    """What the values of a column are. ``unit``: of ``number`` and ``exact``, empty for none.

    ``is_number``: aligned right, and never folded or cut. ``arrow``: the Arrow type of a column.
    """

    name: str
    text: Callable[[Any], str]
    exact: Callable[[Any], Any]
    number: Callable[[Any], Any]
    unit: str = ""
    is_number: bool = True
    arrow: str = "double"


def _finite(value: Any) -> float | None:
    """JSON has no infinity: such a value is absent."""
    return float(value) if math.isfinite(value) else None


def _numeric(name: str, unit: str, text: Callable[[Any], str], times: float = 1.0) -> Kind:
    """A number whose exact form is the same number, ``times`` the value."""

    def scaled(value: Any) -> float:
        # A fraction is scaled before it is rounded: a tenth is 10 percent, not 10.000000000000002.
        return float(value) if times == 1.0 else float(round(times) * value)

    return Kind(
        name=name, unit=unit, text=text, number=scaled, exact=lambda v: _finite(scaled(v))
    )  # fmt: skip


def _micro_usd(name: str, text: Callable[[int], str]) -> Kind:
    """Integer micro-USD, however it is read."""
    return Kind(
        name=name, unit="USD", text=text, exact=money_text, number=lambda v: int(v) / MICRO
    )  # fmt: skip


TEXT = Kind(name="text", text=str, exact=str, number=str, is_number=False, arrow="string")
VALUE = Kind(name="value", text=str, exact=str, number=str, arrow="string")
"""Text that stands below other numbers."""
NAMES = Kind(
    name="names", text=", ".join, exact=list, number=list, is_number=False, arrow="list<string>"
)
"""A sequence of names."""
FLAG = Kind(
    name="flag", text=lambda v: "yes" if v else "no", exact=bool, number=bool, is_number=False,
    arrow="bool",
)  # fmt: skip
COUNT = Kind(name="count", text=lambda v: f"{v:,}", exact=int, number=int, arrow="int64")
BYTES = Kind(name="bytes", unit="B", text=lambda v: f"{v:,}", exact=int, number=int, arrow="int64")
MONEY = _micro_usd("money", money)
"""Integer micro-USD."""
EXACT_MONEY = _micro_usd("exact money", lambda v: price(money_text(v)))
"""Integer micro-USD, read to the last digit."""
CENTS = _micro_usd("cents", cents)
"""Integer micro-USD, read to the cent."""
DECIMAL = Kind(
    name="decimal", text=lambda v: price(fraction_text(v)), exact=fraction_text, number=float
)
"""A Fraction, read to the last digit."""
EXACT_SHARE = Kind(
    name="exact share", text=lambda v: f"{fraction_text(100 * v)} %", exact=fraction_text,
    number=float,
)  # fmt: skip
"""A Fraction that is a share; the number is the fraction."""
EXACT_PERCENT = Kind(
    name="exact percent", unit="%", text=percent, exact=lambda v: fraction_text(100 * v),
    number=lambda v: float(100 * v),
)  # fmt: skip
"""A Fraction that is a share; the number is in percent."""
DISTANCE = Kind(
    name="distance", unit="%", text=distance, exact=EXACT_PERCENT.exact, number=EXACT_PERCENT.number
)
"""A Fraction: how far a price may move until a boundary."""
USD = _numeric("usd", "USD", usd)
"""USD as a float, as simulations in floats give them."""
SHORT_USD = _numeric("short usd", "USD", short_usd)
"""USD as a float, read as ``$1.25M``."""
PRICE = Kind(name="price", unit="USD", text=price, exact=str, number=float)
"""A Decimal (or its text)."""
AVERAGE_PRICE = Kind(
    name="average price", unit="USD", text=lambda v: f"{float(v):,.6g}",
    exact=lambda v: round(float(v), 6), number=float,
)  # fmt: skip
"""A price as a float, finer than the market's own prices."""
SIZE = Kind(name="size", text=lambda v: f"{v}", exact=str, number=float)
"""A Decimal (or its text), in coins."""
RATE = _numeric("rate", "", probability)
"""A signed fraction, often small, such as of funding or fees."""
NUMBER = _numeric("number", "", lambda v: f"{float(v):g}")
FIGURE = _numeric("figure", "", lambda v: three_figures(float(v)))
"""A number of three figures."""
TIMES = _numeric("times", "x", times)
"""Leverage."""
RATIO = _numeric("ratio", "", ratio)
"""Maintenance margin over equity; liquidation begins above 1."""
PROBABILITY = _numeric("probability", "", probability)
"""A fraction from 0 to 1, as an estimate gives it."""
SHARE = _numeric("share", "", percent)
"""A fraction; the number is the fraction."""
PERCENT = _numeric("percent", "%", percent, times=100)
"""A fraction; the number is in percent."""
MOVE = _numeric("move", "%", lambda v: percent(v, signed=True), times=100)
"""A signed change of a price, as a fraction; the number is in percent."""
SHOCK = _numeric("shock", "%", lambda v: short_percent(v, signed=True), times=100)
"""A change as it was asked for."""
BASIS_POINTS = _numeric("basis points", "bp", lambda v: f"{float(v):,.2f}")
FINE_BASIS_POINTS = _numeric(
    "fine basis points", "bp", lambda v: f"{float(v):,.{3 if abs(v) < 1 else 2}f}"
)
"""The best spreads are hundredths of a basis point."""
SECONDS = _numeric("seconds", "s", duration)
MINUTES = _numeric("minutes", "min", lambda v: duration(60 * v))
HOURS = _numeric("hours", "h", lambda v: duration(3600 * v))
TIME = Kind(name="time", unit="ms", text=clock, exact=int, number=int, arrow="timestamp[ms, UTC]")
"""Milliseconds since 1970, UTC."""


def price_of(decimals: int) -> Kind:
    """A price in USD as a fraction or float, read to the decimals of its market."""
    return _numeric("price", "USD", lambda v: f"{float(v):,.{max(0, decimals)}f}")


def interval(kind: Kind) -> Kind:
    """Of pairs (low, high) of a kind: ``3.1 to 4.9 %``."""

    def text(pair: Any) -> str:
        low, high = (kind.text(each) for each in pair)
        unit = " %" if low.endswith(" %") and high.endswith(" %") else ""
        return f"{low.removesuffix(unit)} to {high}"

    return Kind(
        name=f"interval of {kind.name}",
        unit=kind.unit,
        text=text,
        exact=lambda pair: [kind.exact(each) for each in pair],
        number=lambda pair: [kind.number(each) for each in pair],
        arrow="list<double>",
    )
