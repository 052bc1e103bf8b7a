"""Small markets for tests of cascades: two markets, a few hundred accounts, ten minutes."""

from typing import Any

import numpy as np

from seawall.accounts.markets import markets_under, shipped_markets
from seawall.domain.holdings import Holdings
from seawall.lab.cascade.setup import NO_HOLDINGS, MarketSetup
from seawall.lab.market.liquidity import Depth
from seawall.lab.simulation.assumptions import TradingAssumptions
from seawall.lab.simulation.population import Distribution
from seawall.lab.simulation.setup import Grid
from seawall.venues.rulebook_file import load_rulebook

START_MS = 1_700_000_000_000
NAMES = ("BTC", "SOL")
START = np.asarray([100_000.0, 200.0])
DEPTHS = (Depth(2e6, 1.0), Depth(1e6, 2.0))
OPEN_INTEREST = (200e6, 60e6)


def falling(fall: float, seconds: int = 600) -> Grid:
    """Calm for a tenth, then a steady fall by a share until the middle, then calm."""
    knots = np.asarray([0.0, 0.1, 0.5, 1.0]) * seconds
    shape = np.interp(np.arange(seconds), knots, [1.0, 1.0, 1.0 - fall, 1.0 - fall])
    prices = shape[:, None] * START
    return Grid(
        times_ms=START_MS + 1000 * np.arange(seconds, dtype=np.int64),
        oracle=prices, outside=prices, middle=prices, depth=np.ones_like(prices),
    )  # fmt: skip


def market(
    *,
    fall: float = 0.1,
    accounts: int = 600,
    depth: float = 1.0,
    rulebook: str = "hyperliquid",
    seconds: int = 600,
    plan: Holdings = NO_HOLDINGS,
    seed: int = 1,
    **assumptions: Any,
) -> MarketSetup:
    """``depth``: times the usual one."""
    book = load_rulebook(rulebook)
    shipped = shipped_markets()
    return MarketSetup(
        name="a fall",
        rulebook=book,
        instruments=tuple(markets_under(book, [shipped[name] for name in NAMES], shipped)),
        grid=falling(fall, seconds),
        plan=plan,
        depths=tuple(Depth(each.usd_within_50bp * depth, each.spread_bp) for each in DEPTHS),
        open_interest=OPEN_INTEREST,
        distribution=Distribution(accounts=accounts),
        assumptions=TradingAssumptions(seed=seed, **assumptions),
    )
