"""The next leg of a time-weighted order, from the rows of a state."""

from collections.abc import Callable, Mapping
from typing import Any

from seawall.domain.enums import Side
from seawall.engine.formulas.blocks.twap import leg_good_til, next_leg
from tests.conformance.dydx_vectors.rules import SECOND_MS
from tests.conformance.dydx_vectors.wide import NO_MARKET, wide_markets

Case = Mapping[str, Any]

LEG_FLAGS = 256
"""How the venue marks the id of a leg."""
SLOT = 0


def twap_suborder(given: Case) -> Any:
    """The oracle's price is given in subticks, so both exponents of the market are the same."""
    pair = given["book"]
    exponent, step = pair["order_price_exponent"], pair["order_price_step"]
    perpetual = {
        **NO_MARKET,
        "id": pair["id"],
        "price": given["oracle_order_price"],
        "price_exponent": exponent - 6,
    }
    state = wide_markets([perpetual], [pair])
    state.set("control", 0, clock_ms=given["block_time"] * SECOND_MS)
    state.set(
        "orders",
        SLOT,
        market=state.market_of[pair["id"]],
        side=Side[given["side"]],
        price=given["order_price"] // step,
        original_size=given["amount"],
        remaining_size=given["remaining_amount"],
    )
    state.set(
        "block_orders",
        SLOT,
        legs_left=given["remaining_legs"],
        legs_total=given["duration"] // given["interval"],
        tolerance_ppm=given["price_tolerance_ppm"],
    )
    size, ticks = next_leg(state, SLOT)
    return {
        "amount": size,
        "order_price": ticks * step,
        "good_til_block_time": leg_good_til(state) // SECOND_MS,
        "order_flags": LEG_FLAGS,
    }


GROUPS: dict[str, Callable[[Case], Any]] = {"twap_leg": twap_suborder}
