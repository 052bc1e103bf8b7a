"""Margin fractions and how accounts stand, asked with bare numbers."""

from collections.abc import Callable, Mapping
from typing import Any

from seawall.domain.enums import Reason
from tests.scalar_formulas import ask

Case = Mapping[str, Any]

OUTCOMES = {
    Reason.NO_REASON: "Success",
    Reason.NEWLY_UNDERCOLLATERALIZED: "NewlyUndercollateralized",
    Reason.STILL_UNDERCOLLATERALIZED: "StillUndercollateralized",
}


def _scaled_ppm(inputs: Case) -> int:
    ppm: int = ask(
        "scaled_initial_ppm",
        inputs["initial_margin_ppm"],
        inputs["open_interest_notional"],
        inputs["open_interest_lower_cap"],
        inputs["open_interest_upper_cap"],
    )
    return ppm


def oi_scaled_imf_ppm(inputs: Case) -> Any:
    return {"imf_ppm": _scaled_ppm(inputs)}


def initial_margin_quote(inputs: Case) -> Any:
    return {"imr": ask("initial_requirement", inputs["quote_quantums"], _scaled_ppm(inputs))}


def maintenance_margin_ppm(inputs: Case) -> Any:
    own, fraction = inputs["initial_margin_ppm"], inputs["maintenance_fraction_ppm"]
    return {"mmf_ppm": ask("maintenance_ppm", own, fraction)}


def funding_clamp_ppm(inputs: Case) -> Any:
    own, fraction = inputs["initial_margin_ppm"], inputs["maintenance_fraction_ppm"]
    return {"bound_ppm": ask("clamp_bound_ppm", inputs["clamp_factor_ppm"], own, fraction)}


CHECKS = {
    "initial_collateralized": ("covers_initial", "imr"),
    "maintenance_collateralized": ("covers_maintenance", "mmr"),
    "liquidatable": ("is_under_maintenance", "mmr"),
}


def risk_checks(inputs: Case) -> Any:
    name, requirement = CHECKS[inputs["check"]]
    return {"result": ask(name, inputs["nc"], inputs[requirement])}


def risk_compare(inputs: Case) -> Any:
    a, b = inputs["a"], inputs["b"]
    return {"result": ask("compare_standing", a["nc"], a["mmr"], b["nc"], b["mmr"])}


def state_transition(inputs: Case) -> Any:
    numbers = [inputs[state][part] for state in ("cur", "new") for part in ("nc", "imr", "mmr")]
    return {"result": OUTCOMES[Reason(ask("improvement_rejection", *numbers))]}


GROUPS: dict[str, Callable[[Case], Any]] = {
    "oi_scaled_imf_ppm": oi_scaled_imf_ppm,
    "initial_margin_quote": initial_margin_quote,
    "maintenance_margin_ppm": maintenance_margin_ppm,
    "funding_clamp_ppm": funding_clamp_ppm,
    "risk_checks": risk_checks,
    "risk_compare": risk_compare,
    "state_transition": state_transition,
}
