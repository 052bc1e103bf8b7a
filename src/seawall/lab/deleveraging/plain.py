"""The comparison for programs: the JSON object and the tables of numbers."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from msgspec.structs import asdict

from seawall.lab.deleveraging.comparison import Total, WaveOutcome, totals
from seawall.lab.deleveraging.policies import Terms


def plain_comparison(
    results: Sequence[WaveOutcome], sums: Sequence[Total], terms: Terms
) -> dict[str, Any]:
    """All figures, by wave and policy; USD, shares of 1."""
    return {
        "terms": asdict(terms),
        "totals": {each.policy.key: _plain_total(each) for each in sums},
        "waves": [_plain_wave(each) for each in results],
    }


def plain_totals(results: Sequence[WaveOutcome]) -> dict[str, Any]:
    """All waves together, by policy; empty without waves."""
    return {each.policy.key: _plain_total(each) for each in (totals(results) if results else ())}


def comparison_frames(results: Sequence[WaveOutcome]) -> dict[str, dict[str, Any]]:
    """``policies``: one row a wave and policy. ``winners``: one a wave, policy and winner."""
    return {"policies": policy_frame(results), "winners": _winners(results)}


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


def _plain_wave(result: WaveOutcome) -> dict[str, Any]:
    wave = result.wave
    found: dict[str, Any] = {
        "name": wave.name,
        "winners": len(wave.winners),
        "closes": "long" if wave.closes_longs else "short",
        "size": wave.size,
        "mark_price": wave.mark_price,
        "close_price": wave.close_price,
        "later_price": wave.later_price,
        "needed": wave.needed,
        "policies": {each.policy.key: _figures(each.measures) for each in result.outcomes},
    }
    if wave.own is not None:
        found["you"] = {each.policy.key: asdict(each.own) for each in result.outcomes if each.own}
    return found


def _figures(measured: Any) -> dict[str, Any]:
    return asdict(measured) | {"overshoot": measured.overshoot, "unmet": measured.unmet}


def _winners(results: Sequence[WaveOutcome]) -> dict[str, Any]:
    wave, policy, winner, names = [], [], [], []
    for each in results:
        count = len(each.wave.winners)
        for line in each.outcomes:
            wave += [each.wave.name] * count
            policy += [line.policy.key] * count
            winner.append(np.arange(count))
            names += list(each.wave.winners.names or [""] * count)
    lines = [(each, line) for each in results for line in each.outcomes]
    return {
        "wave": wave,
        "policy": policy,
        "winner": np.concatenate(winner),
        "name": names,
        "haircut_usd": np.concatenate([line.haircut for _, line in lines]),
        "paid_usd": np.concatenate([line.taking.paid for _, line in lines]),
        "closed_size": np.concatenate([line.taking.closed for _, line in lines]),
        "profit_usd": np.concatenate([each.wave.profit for each, _ in lines]),
        "equity_usd": np.concatenate([each.wave.winners.equity for each, _ in lines]),
    }
