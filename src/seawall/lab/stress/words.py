"""Money, prices and moves of a stress test as a table shows them."""

from fractions import Fraction

from seawall.domain.units import MICRO, from_units
from seawall.lab.simulation.valuation import BucketValue, Valuation
from seawall.lab.stress.grid import Move, MoveKind
from seawall.lab.stress.reverse import Edge

NONE = "none"


def usd(micro: int) -> str:
    """``12,345`` or, below a thousand, ``345.67``."""
    amount = micro / MICRO
    return f"{amount:,.0f}" if abs(amount) >= 1000 else f"{amount:,.2f}"


def cents(micro: int) -> str:
    """``12,345.67``: for what must be exact."""
    return f"{micro / MICRO:,.2f}"


def percent(share: Fraction, decimals: int = 2) -> str:
    """``-7.69 %`` of a signed move; a rise to ten times the price and more in whole percent."""
    if abs(share) >= 10:
        return f"{float(100 * share):+,.0f} %"
    return f"{float(100 * share):+.{decimals}f} %"


def shock_text(size: Fraction) -> str:
    """``-20 %``: as it was asked for."""
    return f"{float(100 * size):+g} %"


def price_text(valuation: Valuation, market: int, units: int | None) -> str:
    if units is None:
        return NONE
    whole, dot, rest = from_units(units, valuation.instruments[market].price_decimals).partition(
        "."
    )
    return f"{int(whole):,}{dot}{rest}"


def size_text(valuation: Valuation, market: int, units: int) -> str:
    each = valuation.instruments[market]
    return f"{from_units(units, each.size_decimals)} {each.name}"


def ratio_text(value: BucketValue) -> str:
    """Maintenance margin over equity."""
    if value.ratio == float("inf"):
        return "no equity"
    return f"{100 * value.ratio:.0f} %"


def market_name(valuation: Valuation, market: int | None) -> str:
    return "" if market is None else valuation.instruments[market].name


def direction_text(edge: Edge) -> str:
    if edge.move.kind == MoveKind.AGAINST:
        return "against"
    return "down" if edge.direction < 0 else "up"


def move_text(move: Move, size: Fraction) -> str:
    """A move of a size as a phrase."""
    if move.kind == MoveKind.AGAINST:
        return f"{float(100 * abs(size)):g} % against every position"
    return f"{move.name} {shock_text(size)}"


def edge_text(edge: Edge, size: Fraction) -> str:
    """A found move as a phrase, to a hundredth of a percent."""
    if edge.move.kind == MoveKind.AGAINST:
        return f"{float(100 * abs(size)):.2f} % against every position"
    return f"{edge.move.name} {percent(size)}"
