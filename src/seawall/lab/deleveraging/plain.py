"""Totals and figures of policies as plain values, for the whole-market commands."""

from collections.abc import Sequence
from typing import Any

from msgspec.structs import asdict

from seawall.lab.deleveraging.comparison import Total, WaveOutcome, totals


def plain_totals(results: Sequence[WaveOutcome]) -> dict[str, Any]:
    """All waves together, by policy; empty without waves."""
    return {each.policy.key: _plain_total(each) for each in (totals(results) if results else ())}


def policy_frame(results: Sequence[WaveOutcome]) -> dict[str, Any]:
    """One row a wave and policy; there is at least one."""
    lines = [
        {"wave": each.wave.name, "policy": line.policy.key, **_figures(line.measures)}
        for each in results
        for line in each.outcomes
    ]
    return {name: [line[name] for line in lines] for name in lines[0]}


def _plain_total(total: Total) -> dict[str, Any]:
    found = asdict(total)
    found["policy"] = total.policy.name
    return found | {"closes": total.policy.closes, "overshoot": total.overshoot}


def _figures(measured: Any) -> dict[str, Any]:
    return asdict(measured) | {"overshoot": measured.overshoot, "unmet": measured.unmet}
