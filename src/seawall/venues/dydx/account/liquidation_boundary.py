"""The prices at which a position's account is liquidated, filled and bankrupt.

For reports, not a step of the machine: exact fractions and whole price units, without bound.
The machine (``AccountMachine``) gives net collateral and requirements at any oracle price; here is
the algebra on them, and the search for the first price of the grid that liquidates.

Symbols: s signed size, p oracle price, e net collateral of the account, O maintenance requirement
of its other positions, MMF = IMF x MF maintenance fraction. Without rounding the account meets its
requirement at

    p' = (e - O - s p) / (|s| MMF - s)

Values are truncated and requirements rounded up to whole micro-USD, so the first price of the grid
that liquidates may lie beside p'. Let g be net collateral less maintenance. As the oracle price
rises by a unit, the notional rises by a whole number n of micro-USD and the requirement by at most
n (fractions are at most one, and rounding up twice does not change that). So g never falls for a
long and never rises for a short, and one search finds the boundary exactly.
"""

from fractions import Fraction
from typing import NamedTuple

from seawall.domain.rulebook import BlockLiquidationPolicy
from seawall.domain.units import MAX_PRICE, MONEY_DECIMALS, PPM
from seawall.engine.formulas.blocks.liquidation_price import LARGEST_PRICE, last_that
from seawall.venues.dydx.account.machine import AccountMachine, PositionReading, Standing
from seawall.venues.dydx.account.state import PositionState
from seawall.venues.dydx.instruments import ListedMarket

_LARGEST_VALUE = 2**60
"""Micro-USD up to which the machine values a position without saturation."""


class LiquidationBoundary(NamedTuple):
    """Where one market's price liquidates an account. Prices in the market's price units."""

    price: int | None
    """The first price that liquidates, coming from the safe side; None when none does, or all."""
    always: bool
    """Net collateral is below the requirement at every price of this market that leaves one."""
    exact: Fraction | None
    """The solution without rounding, above zero or not; None where there is none."""
    there: Standing | None
    """The account at ``price``."""
    beside: Standing | None
    """The account one unit to the safe side."""


def value_per_unit(position: PositionState) -> Fraction:
    """Micro-USD by which the unsigned value moves with one unit of the oracle price."""
    return abs(position.signed_size) * Fraction(10) ** position.market.terms.value_exponent


def unrounded_price(
    position: PositionState, standing: Standing, reading: PositionReading
) -> Fraction | None:
    """p', in price units."""
    value, side = value_per_unit(position), position.side
    others = standing.maintenance - reading.maintenance
    slope = value * (position.market.maintenance_fraction - side)
    if slope == 0:
        return None
    available = standing.net_collateral - others
    return (available - side * value * position.market.oracle_price) / slope


def liquidation_boundary(
    machine: AccountMachine, place: int, position: PositionState, reading: PositionReading
) -> LiquidationBoundary:
    """Where the oracle price of one market liquidates the subaccount at this place."""
    market, side = position.market, position.side

    def standing_at(price: int) -> Standing:
        with machine.at_price(market, price):
            return machine.standing(place)

    def falls_short(price: int) -> bool:
        found = standing_at(price)
        return found.net_collateral < found.maintenance

    def is_safe(price: int) -> bool:
        return not standing_at(price).is_liquidatable

    exact = unrounded_price(position, machine.standing(place), reading)
    guess = market.oracle_price if exact is None else int(exact)
    valued = _LARGEST_VALUE / value_per_unit(position)
    most = min(LARGEST_PRICE * 10**market.price_decimals, _LARGEST_VALUE, int(valued))
    # A long falls short at low prices, a short is safe at low prices.
    boundary = last_that(falls_short if side > 0 else is_safe, guess, most)
    price = boundary if side > 0 else boundary + 1
    if side < 0 and boundary == 0:
        return LiquidationBoundary(None, True, exact, None, None)
    if side > 0 and boundary == most:
        return LiquidationBoundary(None, True, exact, None, None)
    if not 1 <= price <= most or is_safe(price):
        return LiquidationBoundary(None, False, exact, None, None)
    return LiquidationBoundary(price, False, exact, standing_at(price), standing_at(price + side))


def lost_share(standing: Standing, policy: BlockLiquidationPolicy) -> Fraction:
    """ABR: the share of the maintenance requirement that is lost, adjusted, from 0 to 1."""
    lost = 1 - Fraction(standing.net_collateral, standing.maintenance)
    adjusted = lost * Fraction(policy.bankruptcy_adjustment_ppm, PPM)
    return min(max(adjusted, Fraction(0)), Fraction(1))


def fillable_price(position: PositionState, reading: PositionReading) -> Fraction | None:
    """The limit price of a liquidation in USD.

    None where the account has no requirement, and for prices that no book of the machine holds.
    """
    if not 0 < reading.fillable_ticks < MAX_PRICE:
        return None
    terms = position.market.terms
    subticks = reading.fillable_ticks * terms.price_step
    return _price(position.market, subticks * Fraction(10) ** terms.quote_exponent)


def bankruptcy_price(
    position: PositionState, standing: Standing, reading: PositionReading
) -> Fraction | None:
    """USD at which closing the position leaves nothing of its share of net collateral.

    None where no price above zero does, or the account has no requirement to share by.
    """
    if standing.maintenance <= 0:
        return None
    quote = Fraction(reading.bankruptcy_quote, position.signed_size)
    return _price(position.market, quote) if quote > 0 else None


def _price(market: ListedMarket, quote: Fraction) -> Fraction:
    """USD per coin of micro-USD per base quantum."""
    return quote * Fraction(10) ** (market.size_decimals - MONEY_DECIMALS)
