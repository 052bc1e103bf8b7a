"""What many paths say, for programs: the JSON object and the columns of the parquet tables."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seawall.lab.paths.kernels.task import Floats
from seawall.lab.paths.leverage import LeveragePoint, Ruin
from seawall.lab.paths.setup import PathSetup
from seawall.lab.paths.survival import Estimate, Survival

MOST_LOSSES = 1_000_000
"""Paths of which the parquet table holds the losses."""


def plain_survival(survival: Survival) -> dict[str, Any]:
    """For programs; an interval is [value, low, high]."""
    loss = survival.loss
    return {
        "paths": survival.paths,
        "hours": survival.hours_in_all,
        "start_equity": survival.start_equity,
        "liquidated": list(survival.liquidated),
        "by_bucket": {
            name: list(each)
            for name, each in zip(survival.buckets, survival.by_bucket, strict=True)
        },
        "loss": {
            "mean": list(loss.mean),
            "quantiles": {f"{q:g}": list(each) for q, each in loss.quantiles},
            "expected_shortfall": {f"{q:g}": list(each) for q, each in loss.shortfalls},
            "worst": loss.worst,
            "probability": list(loss.probability_of_loss),
        },
        "median_hours": survival.median_hours,
        "funding": list(survival.funding),
        "cost": list(survival.cost),
        "taken": list(survival.taken),
        "taken_ever": list(survival.taken_ever),
    }


def plain_ruin(ruin: Ruin | None) -> dict[str, Any] | None:
    if ruin is None:
        return None
    return {
        "accepted": ruin.accepted,
        "leverage": ruin.leverage,
        "probability": None if ruin.point is None else list(ruin.point.survival.liquidated),
        "is_limit": ruin.is_limit,
        "too_much": ruin.above,
    }


def plain_setup(setup: PathSetup) -> dict[str, Any]:
    return {
        "paths": setup.paths,
        "steps": setup.steps,
        "step_seconds": setup.step_seconds,
        "antithetic": setup.antithetic,
        "markets": [setup.instruments[p.market].name for p in setup.plan.positions],
        "prices": dict(setup.prices),
    }


def survival_frames(
    survival: Survival, losses: Floats, first: NDArray[np.int64], step_seconds: float
) -> dict[str, dict[str, Any]]:
    """``losses`` and ``first``: (n,) of every path."""
    hours = np.where(first > 0, first * step_seconds / 3600, np.nan)
    return {
        "paths": {
            "path": np.arange(len(losses))[:MOST_LOSSES],
            "loss_usd": losses[:MOST_LOSSES],
            "liquidated_after_hours": hours[:MOST_LOSSES],
        },
        "time_to_liquidation": {"hours": list(survival.hours), **estimate_columns(survival.curve)},
    }


def curve_frame(curve: Sequence[LeveragePoint]) -> dict[str, Any]:
    return {
        "leverage": [point.leverage for point in curve],
        **estimate_columns([point.survival.liquidated for point in curve]),
    }


def estimate_columns(estimates: Sequence[Estimate]) -> Mapping[str, list[float]]:
    return {
        "share": [each.value for each in estimates],
        "low": [each.low for each in estimates],
        "high": [each.high for each in estimates],
    }
