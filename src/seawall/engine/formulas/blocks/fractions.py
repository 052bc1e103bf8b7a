"""Margin as fractions of notional, in parts per million. Requirements are rounded up."""

from seawall.domain.units import PPM
from seawall.engine.compile import kernel
from seawall.engine.formulas.blocks.scaling import mul_ppm
from seawall.engine.formulas.shared.fixed_point import mul_div_floor


@kernel
def scaled_initial_ppm(
    initial_ppm: int, open_interest_notional: int, lower_cap: int, upper_cap: int
) -> int:
    """Initial fraction grown with open interest (micro-USD), rounded down.

    It grows linearly from ``initial_ppm`` at the lower cap to the whole notional at the upper
    cap; an upper cap of 0 switches that off.
    """
    if upper_cap == 0 or open_interest_notional <= lower_cap:
        return initial_ppm
    if open_interest_notional >= upper_cap:
        return PPM
    above = open_interest_notional - lower_cap
    return initial_ppm + mul_div_floor(PPM - initial_ppm, above, upper_cap - lower_cap)


@kernel
def initial_requirement(notional: int, ppm: int) -> int:
    """Micro-USD of initial margin of an unsigned notional, rounded up."""
    return mul_ppm(notional, ppm, 1)


@kernel
def maintenance_requirement(notional: int, initial_ppm: int, maintenance_fraction_ppm: int) -> int:
    """Micro-USD of maintenance margin of an unsigned notional, each product rounded up.

    ``initial_ppm`` is the market's own: neither open interest nor an account's choice counts.
    """
    return mul_ppm(mul_ppm(notional, initial_ppm, 1), maintenance_fraction_ppm, 1)


@kernel
def maintenance_ppm(initial_ppm: int, maintenance_fraction_ppm: int) -> int:
    """Maintenance margin fraction, rounded down: for bounds of funding only."""
    return mul_ppm(initial_ppm, maintenance_fraction_ppm, 0)


@kernel
def clamp_bound_ppm(factor_ppm: int, initial_ppm: int, maintenance_fraction_ppm: int) -> int:
    """Largest absolute funding rate: factor x (initial - maintenance fraction), rounded down."""
    gap = initial_ppm - maintenance_ppm(initial_ppm, maintenance_fraction_ppm)
    return mul_ppm(factor_ppm, gap, 0)
