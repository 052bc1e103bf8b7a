"""Margin requirements of one position, from the rows of a state."""

from collections.abc import Callable, Mapping
from typing import Any

from seawall.engine.formulas.blocks.margin import position_initial, position_maintenance
from tests.conformance.dydx_vectors.wide import wide_markets

Case = Mapping[str, Any]


def margin_requirement(given: Case) -> Any:
    perpetual = {"id": 0, **given}
    state = wide_markets([perpetual])
    size, open_interest = given["size"], given["open_interest"]
    own_ppm = given.get("own_initial_ppm", 0)
    return {
        "initial": position_initial(state, 0, size, open_interest, own_ppm),
        "maintenance": position_maintenance(state, 0, size),
    }


GROUPS: dict[str, Callable[[Case], Any]] = {"margin_requirement": margin_requirement}
