"""Small accounts and tasks for the tests of the path kernel."""

from typing import Any

import numpy as np

from seawall.lab.paths.kernels.task import (
    Bootstrap,
    Diffusion,
    FundingRate,
    PathAccount,
    PathTask,
    StageRules,
)


def path_account(
    price: list[float],
    size: list[float],
    cash: list[float],
    bucket: list[int] | None = None,
    tiers: list[list[tuple[float, float, float]]] | None = None,
    **changes: Any,
) -> PathAccount:
    """Rules of stages; no fees, spread or impact unless said. One tier of 1 % by default."""
    markets = len(price)
    lines = tiers or [[(0.0, 0.01, 0.0)]] * markets
    most = max(len(each) for each in lines)
    padded = np.array([each + [(np.inf, 0.0, 0.0)] * (most - len(each)) for each in lines])
    given: dict[str, Any] = {
        "markets": [f"M{number}" for number in range(markets)],
        "buckets": [f"B{number}" for number in range(len(cash))],
        "price": np.array(price),
        "size": np.array(size),
        "lot": np.full(markets, 1e-9),
        "bucket": np.array(bucket or [0] * markets, np.int64),
        "cash": np.array(cash),
        "tiers": np.moveaxis(padded, -1, 0),
        "depth": np.full(markets, 1e6),
        "spread": np.zeros(markets),
        "impact": 0.0,
        "fee": np.zeros(markets),
        "rules": StageRules(),
    }
    return PathAccount(**given | changes)


def no_funding(markets: int) -> FundingRate:
    zero = np.zeros(markets)
    return FundingRate(rate=zero, mean=zero, std=zero)


def diffusion(markets: int, volatility: float = 0.8, **changes: Any) -> Diffusion:
    """Independent, without drift, unless said."""
    given: dict[str, Any] = {
        "drift": np.zeros(markets),
        "volatility": np.full(markets, volatility),
        "correlation": np.eye(markets),
    }
    return Diffusion(**given | changes)


def path_task(
    account: PathAccount, model: Diffusion | Bootstrap | None = None, **changes: Any
) -> PathTask:
    markets = len(account.price)
    given: dict[str, Any] = {
        "account": account,
        "model": model or diffusion(markets),
        "funding": no_funding(markets),
        "steps": 48,
        "step_seconds": 3600.0,
        "paths": 8192,
        "seed": 5,
    }
    return PathTask(**given | changes)
