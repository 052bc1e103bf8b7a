"""One account along one given path: the simulation itself, with recorded prices.

For checks against the machine, and where the prices are given. They become recorded
returns, turned so that the first path of the simulation begins at the first of them.
"""

import numpy as np

from seawall.lab.arrays import Floats
from seawall.lab.paths.kernels.simulate import simulate_chunk
from seawall.lab.paths.kernels.task import Bootstrap, FundingRate, Outcomes, PathAccount, PathTask

SEED = 0
MARK = 1e-6


def replay(
    account: PathAccount, prices: Floats, step_ms: int, rates: Floats | None = None
) -> Outcomes:
    """The outcome of one path, as that of a simulation of one path.

    ``prices``: (steps, m) USD, without the account's own starting prices. ``rates``: (m,) hourly
    funding rates, paid by longs; None: no funding.
    """
    returns = np.diff(np.log(np.vstack([account.price, prices])), axis=0)
    turned = np.roll(returns, _first_row(account, len(prices)), axis=0)
    return simulate_chunk(_task(account, turned, len(prices), step_ms, rates), 0)


def _task(
    account: PathAccount, returns: Floats, steps: int, step_ms: int, rates: Floats | None = None
) -> PathTask:
    markets = len(account.price)
    hourly = np.zeros(markets) if rates is None else np.asarray(rates, np.float64)
    return PathTask(
        account=account,
        model=Bootstrap(returns=returns, block_steps=len(returns)),
        funding=FundingRate(rate=hourly, mean=hourly, std=np.zeros(markets)),
        steps=steps,
        step_seconds=step_ms / 1000,
        paths=1,
        seed=SEED,
    )


def _first_row(account: PathAccount, rows: int) -> int:
    """The row of so many with which the first path of every simulation with this seed begins.

    Every row is marked by a return of its own, and the price tells which it was.
    """
    marks = np.repeat(MARK * np.arange(rows)[:, None], len(account.price), axis=1)
    outcome = simulate_chunk(_task(account, marks, 1, 1000), 0)
    return round(float(np.log(outcome.final_price[0, 0] / account.price[0])) / MARK)
