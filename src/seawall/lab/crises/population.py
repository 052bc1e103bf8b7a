"""The same population under every rulebook: one account a bucket, at leverage all rules allow.

An isolated position of a trader is an account of its own here, because that is what it is where
rules have no isolated mode. So liquidations can be compared account by account.
"""

from collections.abc import Sequence

import numpy as np
from msgspec import structs

from seawall.domain.holdings import Holdings
from seawall.domain.instrument import Instrument, MarginTier
from seawall.domain.units import MICRO
from seawall.lab.arrays import Integers
from seawall.lab.crises.crisis import Crisis
from seawall.lab.paths.variants import greatest_leverage
from seawall.lab.simulation.population import (
    Distribution,
    Population,
    draw_population,
    sizes_held,
)
from seawall.lab.simulation.setup import price_units


def draw_crisis_population(
    crisis: Crisis,
    markets: Sequence[Sequence[Instrument]],
    holdings: Holdings,
    accounts: int,
    seed: int,
) -> Population:
    """The other accounts when the crisis begins; ``accounts`` of the crowd are drawn, 0 for none.

    Longs equal shorts in every market, the account under study included. ``markets``: the
    instruments of each rulebook.
    """
    instruments = common_terms(markets)
    first = np.asarray([crisis.path.oracle[each.name][0] for each in instruments])
    prices = price_units(instruments, first)
    distribution = Distribution(
        accounts=accounts,
        long_share=crisis.facts.long_share,
        leverage_median=crisis.facts.leverage,
        leverage_sigma=crisis.facts.spread,
    )
    drawn = draw_population(
        distribution, instruments, prices, np.asarray(crisis.interest),
        sizes_held(holdings, len(prices)), seed,
    )  # fmt: skip
    return one_bucket_each(drawn, prices)


def common_terms(markets: Sequence[Sequence[Instrument]]) -> list[Instrument]:
    """The markets with the least leverage that any rulebook allows at each size."""
    found = []
    for same in zip(*markets, strict=True):
        tiers: list[MarginTier] = []
        for bound in sorted({tier.lower_bound for each in same for tier in each.tiers}):
            most = min(int(greatest_leverage(each, bound)) for each in same)
            if not tiers or most < tiers[-1].maximum_leverage:
                tiers.append(MarginTier(bound, most))
        found.append(structs.replace(same[0], tiers=tuple(tiers), block_terms=None))
    return found


def one_bucket_each(population: Population, prices: Integers) -> Population:
    """Every isolated position as an account of its own, with its margin as all it has."""
    apart = population.is_isolated
    owner = population.owner.copy()
    owner[apart] = population.accounts + np.arange(int(apart.sum()))
    kept, owner = np.unique(owner, return_inverse=True)
    of_bucket = population.owner[apart]
    value = np.abs(population.signed_size) * prices[population.market] / MICRO
    return structs.replace(
        population,
        owner=owner.astype(np.int64),
        leverage=np.concatenate([population.leverage, population.leverage[of_bucket]])[kept],
        notional=np.bincount(owner, value, len(kept)),
        is_hedger=np.concatenate([population.is_hedger, np.zeros(len(of_bucket), np.bool_)])[kept],
    )
