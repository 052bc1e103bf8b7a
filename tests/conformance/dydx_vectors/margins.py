"""Margin requirements of one position, from the rows of a state."""

from collections.abc import Callable, Mapping
from typing import Any

from seawall.engine.formulas.blocks.margin import position_initial, position_maintenance
from tests.conformance.dydx_vectors.wide import wide_markets

Case = Mapping[str, Any]


def margin_requirement(inputs: Case) -> Any:
    perpetual = {"id": 0, **inputs}
    state = wide_markets([perpetual])
    size, open_interest = inputs["base_quantums"], inputs["open_interest"]
    own_ppm = inputs.get("custom_imf_ppm", 0)
    return {
        "imr": position_initial(state, 0, size, open_interest, own_ppm),
        "mmr": position_maintenance(state, 0, size),
    }


GROUPS: dict[str, Callable[[Case], Any]] = {"margin_requirement": margin_requirement}
