"""Margin fractions and how accounts stand, asked with bare numbers."""

from collections.abc import Callable, Mapping
from typing import Any

from seawall.domain.enums import Reason
from tests.scalar_formulas import ask

Case = Mapping[str, Any]


def _scaled_ppm(given: Case) -> int:
    ppm: int = ask(
        "scaled_initial_ppm",
        given["initial_margin_ppm"],
        given["open_interest_notional"],
        given["open_interest_lower_cap"],
        given["open_interest_upper_cap"],
    )
    return ppm


def oi_scaled_imf_ppm(given: Case) -> Any:
    return {"initial_ppm": _scaled_ppm(given)}


def initial_margin_quote(given: Case) -> Any:
    return {"initial": ask("initial_requirement", given["quote"], _scaled_ppm(given))}


def maintenance_margin_ppm(given: Case) -> Any:
    own, fraction = given["initial_margin_ppm"], given["maintenance_fraction_ppm"]
    return {"maintenance_ppm": ask("maintenance_ppm", own, fraction)}


def funding_clamp_ppm(given: Case) -> Any:
    own, fraction = given["initial_margin_ppm"], given["maintenance_fraction_ppm"]
    return {"bound_ppm": ask("clamp_bound_ppm", given["clamp_factor_ppm"], own, fraction)}


CHECKS = {
    "initial_collateralized": ("covers_initial", "initial"),
    "maintenance_collateralized": ("covers_maintenance", "maintenance"),
    "liquidatable": ("is_under_maintenance", "maintenance"),
}


def risk_checks(given: Case) -> Any:
    name, requirement = CHECKS[given["check"]]
    return {"result": ask(name, given["net"], given[requirement])}


def risk_compare(given: Case) -> Any:
    a, b = given["a"], given["b"]
    return {
        "result": ask("compare_standing", a["net"], a["maintenance"], b["net"], b["maintenance"])
    }


def state_transition(given: Case) -> Any:
    numbers = [
        given[state][part]
        for state in ("before", "after")
        for part in ("net", "initial", "maintenance")
    ]
    return {"result": Reason(ask("improvement_rejection", *numbers)).name}


GROUPS: dict[str, Callable[[Case], Any]] = {
    "scaled_initial_margin_ppm": oi_scaled_imf_ppm,
    "initial_margin_quote": initial_margin_quote,
    "maintenance_margin_ppm": maintenance_margin_ppm,
    "funding_clamp_ppm": funding_clamp_ppm,
    "risk_checks": risk_checks,
    "risk_compare": risk_compare,
    "state_transition": state_transition,
}
